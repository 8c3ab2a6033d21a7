"""Bands of rows: they cover an image, and what works by bands gives what the whole gives."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from fit_images import planes_of

from gsic import bands, metrics, pixels
from gsic.bands import split_rows, take_pixels
from gsic.container import Mode
from gsic.encoders.gsic.complexity import Complexity
from gsic.fitting import placement
from gsic.gaussians import COVARIANCES
from gsic.profiles.gsic.dequantisation import make_color_transform

HEIGHT, WIDTH = 61, 47


@pytest.mark.parametrize("multiple", [1, 8])
@pytest.mark.parametrize(("height", "width"), [(1, 1), (61, 47), (100, 1), (3, 10**7)])
def test_bands_cover_the_rows_in_order(
    height: int, width: int, multiple: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bands, "BAND_PIXELS", 500)
    found = list(split_rows(height, width, multiple))
    assert [row for band in found for row in range(height)[band]] == list(range(height))
    assert all(band.start % multiple == 0 for band in found)
    assert all((band.stop - band.start) * width <= max(500, multiple * width) for band in found)


@pytest.mark.parametrize("mode", [Mode.L, Mode.RGB, Mode.RGB_AS_L, Mode.RGBA, Mode.RGBA_AS_LA])
def test_planes_are_made_of_the_rows_asked_for(mode: Mode) -> None:
    shape = pixels.shape_of_image(mode, WIDTH, HEIGHT)
    image = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    planes, whole = pixels.Planes(image, mode), pixels.to_planes(image, mode)
    assert planes.shape == whole.shape
    assert planes.size == whole.size
    for rows in (slice(None), slice(0, 1), slice(7, 40), slice(60, 99)):
        np.testing.assert_array_equal(planes[rows], whole[rows])


def place_first() -> np.ndarray:
    planes = planes_of(HEIGHT, WIDTH)
    rng = np.random.default_rng(0)
    rules = {"uniform": 0.2, "sigma": 0.6, "strength": 0.3}
    return placement.place_initial(planes, np.zeros(3), 90, COVARIANCES["log"], rng, **rules)


def place_more() -> np.ndarray:
    error = planes_of(HEIGHT, WIDTH) - np.float32(0.5)
    rules = {"blur_sigma": 0.9, "sigma": 0.5, "strength": 0.7}
    return placement.place_at_errors(error, 40, 80, COVARIANCES["log"], **rules)


def take_some() -> np.ndarray:
    rng = np.random.default_rng(1)
    rows, columns = rng.integers(0, HEIGHT, 50), rng.integers(0, WIDTH, 50)
    found = take_pixels(planes_of(HEIGHT, WIDTH), rows, columns)
    np.testing.assert_array_equal(found, planes_of(HEIGHT, WIDTH)[rows, columns])
    return found


def count_coefficients() -> np.ndarray:
    complexity = Complexity(planes_of(HEIGHT, WIDTH), np.zeros(3), make_color_transform(3))
    return np.array([complexity.count_gaussians(index) for index in range(0, 500, 50)])


def measure_psnr() -> np.ndarray:
    one, other = planes_of(HEIGHT, WIDTH), planes_of(HEIGHT, WIDTH, seed=1)
    as_bytes = (255 * one).astype(np.uint8), (255 * other).astype(np.uint8)
    # Sums of floats are rounded in another order.
    return np.array([metrics.psnr(*as_bytes), round(metrics.psnr(one, other), 9)])


@pytest.mark.parametrize(
    "work", [place_first, place_more, take_some, count_coefficients, measure_psnr]
)
def test_bands_change_no_bit(
    work: Callable[[], np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = work()
    monkeypatch.setattr(bands, "BAND_PIXELS", 5 * WIDTH)
    monkeypatch.setattr(placement, "_LINES", 7)
    np.testing.assert_array_equal(work(), whole)


def test_some_blocks_stand_for_their_neighbours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gsic.encoders.gsic.complexity._MOST_BLOCKS", 7)
    whole = count_coefficients()
    monkeypatch.setattr(bands, "BAND_PIXELS", 8 * WIDTH)
    np.testing.assert_array_equal(count_coefficients(), whole)
