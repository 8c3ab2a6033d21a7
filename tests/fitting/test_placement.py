"""Where Gaussians are placed: by gradient, evenly, and at maxima of the error."""

import math

import numpy as np
import pytest
from fit_images import planes_of

from gsic.arrays import Float32, Float64
from gsic.fitting.placement import (
    blur,
    compute_gradient_magnitude,
    find_spaced_maxima,
    place_at_errors,
    place_initial,
)
from gsic.gaussians import COVARIANCES

SHAPE_OFFSETS = [(1, 1), (1, 13), (17, 1), (2, 2), (32, 48)]


def placed(planes: Float32, count: int, seed: int = 0, covariance: str = "log") -> Float64:
    return place_initial(
        planes,
        planes.mean(axis=(0, 1), dtype=np.float64),
        count,
        COVARIANCES[covariance],
        np.random.default_rng(seed),
        uniform=0.2,
        sigma=0.6,
        strength=0.3,
    )


def added(error: Float32, count: int, total: int) -> Float64:
    return place_at_errors(
        error, count, total, COVARIANCES["log"], blur_sigma=0.35, sigma=0.5, strength=0.7
    )


def sigmas(rows: Float64, covariance: str = "log") -> Float64:
    return COVARIANCES[covariance].entries(rows[:, 2:5]).det ** 0.25


@pytest.mark.parametrize("covariance", COVARIANCES)
@pytest.mark.parametrize("count", [0, 1, 7, 300])
@pytest.mark.parametrize("shape", SHAPE_OFFSETS)
def test_the_first_lie_inside(shape: tuple[int, int], count: int, covariance: str) -> None:
    """Also when there are more of them than pixels."""
    rows = placed(planes_of(*shape), count, covariance=covariance)
    assert rows.shape == (count, 8)
    assert np.isfinite(rows).all()
    assert (rows[:, :2] >= 0).all()
    assert (rows[:, :2] <= [shape[1], shape[0]]).all()
    assert (sigmas(rows, covariance) > 0).all()


def test_the_seed_alone_decides() -> None:
    planes = planes_of(32, 48)
    np.testing.assert_array_equal(placed(planes, 50, 3), placed(planes, 50, 3))
    assert not np.array_equal(placed(planes, 50, 3), placed(planes, 50, 4))


def test_most_go_where_gradients_are() -> None:
    planes = np.full((40, 40, 1), 0.5, np.float32)
    planes[:, 20:, 0] += np.random.default_rng(0).uniform(-0.3, 0.3, (40, 20)).astype(np.float32)
    x = placed(planes, 400)[:, 0]
    # A fifth is spread evenly, half of which falls on the flat side.
    assert 0.07 < (x < 19).mean() < 0.15


def test_gaussians_are_smaller_where_they_are_dense() -> None:
    planes = np.full((40, 40, 1), 0.5, np.float32)
    planes[:, 20:, 0] += np.random.default_rng(0).uniform(-0.3, 0.3, (40, 20)).astype(np.float32)
    rows = placed(planes, 400)
    sigma, flat = sigmas(rows), rows[:, 0] < 19
    assert np.median(sigma[~flat]) < 0.6 * np.median(sigma[flat])


@pytest.mark.parametrize("count", [100, 10000])
def test_a_flat_image_is_covered_evenly(count: int) -> None:
    rows = placed(np.full((30, 30, 3), 0.25, np.float32), count)
    counts, _, _ = np.histogram2d(rows[:, 0], rows[:, 1], bins=2, range=[[0, 30], [0, 30]])
    assert np.abs(counts / count - 0.25).max() < 0.06
    # They begin with a share of the difference from the background: none.
    np.testing.assert_allclose(rows[:, 5:], 0.0, atol=1e-7)


def test_colours_begin_with_a_share_of_the_pixel() -> None:
    planes = planes_of(32, 48)
    rows = placed(planes, 60)
    pixel = planes[np.floor(rows[:, 1]).astype(int), np.floor(rows[:, 0]).astype(int)]
    background = planes.mean(axis=(0, 1), dtype=np.float64)
    np.testing.assert_allclose(rows[:, 5:], 0.3 * (pixel - background), atol=1e-6)


@pytest.mark.parametrize("shape", SHAPE_OFFSETS)
def test_gradients_of_any_shape(shape: tuple[int, int]) -> None:
    magnitude = compute_gradient_magnitude(planes_of(*shape))
    assert magnitude.shape == shape
    assert np.isfinite(magnitude).all()


def test_the_gradient_of_a_ramp_is_its_slope() -> None:
    y, x = np.mgrid[0:9, 0:9].astype(np.float32)
    ramp = np.stack((0.03 * x + 0.04 * y,) * 3, axis=2)
    np.testing.assert_allclose(compute_gradient_magnitude(ramp), 0.05, rtol=1e-4)


@pytest.mark.parametrize("deviation", [1.0, 1.7, 3.0, 8.0])
def test_the_blur_is_nearly_that_of_a_gaussian(deviation: float) -> None:
    distance = np.arange(-40, 41)
    impulse = np.zeros((81, 81), np.float32)
    impulse[40, 40] = 1.0
    response = blur(impulse, deviation).sum(axis=0, dtype=np.float64)
    # Widths of boxes are odd numbers of pixels.
    actual = math.sqrt((response * distance**2).sum())
    assert abs(actual - deviation) < 0.5
    expected = np.exp(-0.5 * (distance / actual) ** 2)
    expected /= expected.sum()
    assert np.abs(response - expected).max() < 0.1 * expected.max()
    across = blur(impulse, deviation)[40].astype(np.float64)
    np.testing.assert_allclose(across / across.sum(), response, atol=1e-6)


def boxed(plane: Float64, box: Float64) -> Float64:
    radius = len(box) // 2
    padded = np.pad(plane, [(radius, radius), (0, 0)], mode="edge")
    return np.stack([(padded[i : i + len(box)] * box[:, None]).sum(0) for i in range(len(plane))])


@pytest.mark.parametrize("deviation", [0.9, 2.0, 2.6])
def test_the_blur_is_three_boxes(deviation: float) -> None:
    plane = np.random.default_rng(0).random((19, 23)).astype(np.float32)
    radius = {0.9: 1, 2.0: 2, 2.6: 2}[deviation]
    box = np.full(2 * radius + 1, 1.0 / (2 * radius + 1))
    expected = plane.astype(np.float64)
    for axis in (0, 1):
        for _ in range(3):
            along = boxed(expected if axis == 0 else expected.T, box)
            expected = along if axis == 0 else along.T
    np.testing.assert_allclose(blur(plane, deviation), expected, atol=1e-5)


@pytest.mark.parametrize("deviation", [0.0, 0.2, 1.0, 50.0])
@pytest.mark.parametrize("shape", SHAPE_OFFSETS)
def test_a_flat_plane_stays_flat(shape: tuple[int, int], deviation: float) -> None:
    plane = np.full(shape, 0.3, np.float32)
    np.testing.assert_allclose(blur(plane, deviation), plane, rtol=1e-6)


def test_without_deviation_nothing_is_blur() -> None:
    plane = np.random.default_rng(0).random((9, 9)).astype(np.float32)
    np.testing.assert_array_equal(blur(plane, 0.1), plane)


@pytest.mark.parametrize("radius", [1.0, 2.5, 6.0])
def test_planted_maxima_are_found(radius: float) -> None:
    error = np.random.default_rng(0).uniform(0.0, 0.5, (50, 70)).astype(np.float32)
    # Each is apart from the others by more than the radius, at block borders and corners too.
    planted = [(0, 0), (49, 69), (8, 8), (17, 30), (30, 17), (31, 40), (12, 62)]
    for rank, (row, column) in enumerate(planted):
        error[row, column] = 2.0 - 0.1 * rank
    rows, columns = find_spaced_maxima(error, radius, len(planted))
    assert list(zip(rows.tolist(), columns.tolist(), strict=True)) == planted


def test_of_two_close_maxima_the_larger_comes_first() -> None:
    error = np.zeros((40, 40), np.float32)
    # On both sides of a border between blocks of 8.
    error[10, 15], error[10, 16], error[30, 30] = 1.0, 0.9, 0.1
    rows, columns = find_spaced_maxima(error, 8.0, 2)
    assert list(zip(rows.tolist(), columns.tolist(), strict=True)) == [(10, 15), (30, 30)]


def test_maxima_keep_their_distance() -> None:
    error = np.random.default_rng(3).random((60, 60)).astype(np.float32)
    rows, columns = find_spaced_maxima(error, 6.0, 25)
    assert len(rows) == 25
    square = (rows[:, None] - rows) ** 2 + (columns[:, None] - columns) ** 2
    assert square[~np.eye(25, dtype=bool)].min() >= 36


@pytest.mark.parametrize("radius", [0.1, 1.0, 3.0, 100.0])
@pytest.mark.parametrize("shape", SHAPE_OFFSETS)
def test_maxima_of_any_shape(shape: tuple[int, int], radius: float) -> None:
    error = np.random.default_rng(0).random(shape).astype(np.float32)
    rows, columns = find_spaced_maxima(error, radius, 1000)
    assert 1 <= len(rows) <= error.size
    assert len(set(zip(rows.tolist(), columns.tolist(), strict=True))) == len(rows)
    assert error[rows[0], columns[0]] == error.max()
    assert (rows < shape[0]).all()
    assert (columns < shape[1]).all()
    assert len(find_spaced_maxima(error, radius, 0)[0]) == 0


@pytest.mark.parametrize("shape", SHAPE_OFFSETS)
def test_later_ones_lie_inside(shape: tuple[int, int]) -> None:
    error = planes_of(*shape) - np.float32(0.5)
    rows = added(error, 40, 80)
    assert 1 <= len(rows) <= 40
    assert np.isfinite(rows).all()
    assert (rows[:, :2] > 0).all()
    assert (rows[:, :2] < [shape[1], shape[0]]).all()


def test_later_ones_go_to_the_largest_error_and_against_it() -> None:
    y, x = np.mgrid[0:48, 0:48]
    bump = np.exp(-((x - 30) ** 2 + (y - 11) ** 2) / 32).astype(np.float32)
    error = bump[..., None] * np.array([0.4, -0.2, 0.0], np.float32)
    (row,) = added(error, 1, 36)
    assert math.hypot(row[0] - 30.5, row[1] - 11.5) < 1.5
    assert row[5] < -0.1
    assert row[6] > 0.05
    assert row[7] == pytest.approx(0.0, abs=1e-9)
    assert sigmas(row[None])[0] == pytest.approx(0.5 * 48 / 6)
