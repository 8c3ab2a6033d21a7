"""Views of blended Gaussians at other scales and of regions."""

import numpy as np
import pytest
import two_dgs_scenes
from numpy.typing import NDArray

import gsic
from gsic import rendering
from gsic.options import Limits
from gsic.profiles.base import Scene

FILES = two_dgs_scenes.files()
DATA = max(FILES.values(), key=lambda data: gsic.info(data)["width"] * gsic.info(data)["height"])
WHOLE = gsic.decode(DATA)
HEIGHT, WIDTH = WHOLE.shape[:2]


def average(image: NDArray[np.uint8], times: int) -> NDArray[np.float64]:
    height, width = (side // times * times for side in image.shape[:2])
    blocks = image[:height, :width].astype(np.float64)
    shape = height // times, times, width // times, times, *image.shape[2:]
    return blocks.reshape(shape).mean(axis=(1, 3))


@pytest.mark.parametrize("times", [2, 3])
def test_a_smaller_view_is_the_mean_of_pixels(times: int) -> None:
    """It is exactly the mean where the sides are multiples, and nearly where they are rounded."""
    image = gsic.decode(DATA, scale=1 / times)
    assert image.shape[:2] == (max(1, round(HEIGHT / times)), max(1, round(WIDTH / times)))
    expected = average(WHOLE, times)
    rows, columns = np.minimum(image.shape[:2], expected.shape[:2])
    apart = np.abs(image[:rows, :columns] - expected[:rows, :columns])
    exact = HEIGHT % times == 0 and WIDTH % times == 0
    assert np.median(apart) <= (1.0 if exact else 8.0)


def test_a_larger_view_is_sampled_at_its_own_pixels() -> None:
    image = gsic.decode(DATA, scale=2.0)
    assert image.shape[:2] == (2 * HEIGHT, 2 * WIDTH)
    assert np.median(np.abs(average(image, 2) - WHOLE)) <= 8.0


@pytest.mark.parametrize("scale", [0.4, 1.0, 1.7])
def test_a_region_is_the_crop_bit_for_bit(scale: float) -> None:
    whole = gsic.decode(DATA, scale=scale)
    x, y, width, height = 2, 1, whole.shape[1] // 2, whole.shape[0] // 2
    part = gsic.decode(DATA, scale=scale, region=(x, y, width, height), threads=2)
    np.testing.assert_array_equal(part, whole[y : y + height, x : x + width])


@pytest.mark.parametrize(
    ("pitch", "expected"), [(0.5, 1), (1.0, 1), (1.1, 1), (1.5, 2), (2.0, 2), (2.05, 2), (7.9, 8)]
)
def test_samples_are_at_least_as_dense_as_the_image(pitch: float, expected: int) -> None:
    view = rendering.choose_view(1000, 800, 1 / pitch, None, Limits())
    one = np.ones(1)
    entries = (0 * one, one, one)
    blended = Scene(np.ones((1, 2)), entries, np.ones((1, 3)), one, 0 * one, np.zeros(3), one)  # type: ignore[arg-type]
    assert rendering.count_samples(view, blended) == (expected, expected)
    assert rendering.count_samples(view, blended._replace(opacity=None)) == (1, 1)
