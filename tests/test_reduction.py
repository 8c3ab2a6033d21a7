"""Means over the area of each output pixel."""

import numpy as np
import pytest

from gsic import reduction
from gsic_kernels.types import F32, Window

IMAGE = np.random.default_rng(0).random((96, 132, 3), np.float32)


def render(window: Window) -> F32:
    """Cut a window, which may reach beyond the image, from random pixels."""
    rows = np.arange(window.y, window.y + window.height).clip(0, len(IMAGE) - 1)
    columns = np.arange(window.x, window.x + window.width).clip(0, IMAGE.shape[1] - 1)
    return IMAGE[rows][:, columns]


def average(pitch: tuple[float, float], window: Window) -> F32:
    height, width, _ = IMAGE.shape
    return reduction.average_window(render, (width, height), pitch, window)


@pytest.mark.parametrize("times", [(1, 1), (2, 2), (3, 4), (12, 1), (132, 96)])
def test_at_whole_pitches_it_is_the_mean_of_blocks(times: tuple[int, int]) -> None:
    x, y = times
    width, height = 132 // x, 96 // y
    got = average((float(x), float(y)), Window(0, 0, width, height))
    blocks = IMAGE.astype(np.float64).reshape(height, y, width, x, 3)
    np.testing.assert_allclose(got, blocks.mean(axis=(1, 3)), atol=2e-6)
    assert got.dtype == np.float32


@pytest.mark.parametrize("size", [(131, 95), (100, 70), (53, 29), (3, 2), (1, 1)])
def test_at_any_pitch_it_is_the_integral_over_each_pixel(size: tuple[int, int]) -> None:
    width, height = size
    pitch = 132 / width, 96 / height
    got = average(pitch, Window(0, 0, width, height))
    # Pixels have area, so an integral up to an edge is linear between whole pixels.
    sums = np.zeros((97, 133, 3))
    sums[1:, 1:] = IMAGE.astype(np.float64).cumsum(axis=0).cumsum(axis=1)
    across, down = np.arange(width + 1) * pitch[0], np.arange(height + 1) * pitch[1]
    rows = np.stack(
        [np.interp(across, np.arange(133), s) for s in sums.transpose(0, 2, 1).reshape(-1, 133)]
    )
    rows = rows.reshape(97, 3, width + 1)
    both = np.stack(
        [np.interp(down, np.arange(97), s) for s in rows.transpose(1, 2, 0).reshape(-1, 97)]
    )
    both = both.reshape(3, width + 1, height + 1).transpose(2, 1, 0)
    area = pitch[0] * pitch[1]
    expected = np.diff(np.diff(both, axis=0), axis=1) / area
    np.testing.assert_allclose(got, expected, atol=2e-6)


@pytest.mark.parametrize("size", [(66, 48), (100, 70), (53, 29)])
@pytest.mark.parametrize("values", [1 << 24, 1000])
def test_a_window_equals_the_crop_bit_for_bit(
    size: tuple[int, int], values: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the image is averaged in several bands."""
    width, height = size
    pitch = 132 / width, 96 / height
    whole = average(pitch, Window(0, 0, width, height))
    monkeypatch.setattr(reduction, "_BAND_VALUES", values)
    rng = np.random.default_rng(1)
    for _ in range(12):
        x, y = int(rng.integers(0, width)), int(rng.integers(0, height))
        w, h = int(rng.integers(1, width - x + 1)), int(rng.integers(1, height - y + 1))
        part = average(pitch, Window(x, y, w, h))
        assert np.array_equal(part, whole[y : y + h, x : x + w])
