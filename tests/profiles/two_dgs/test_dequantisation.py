"""Integers to Gaussians in profile `2dgs`: what levels mean in pixels."""

import math

import numpy as np
import pytest

from gsic.profiles.two_dgs.dequantisation import (
    compute_cutoff,
    compute_entries,
    compute_means,
)
from gsic.profiles.two_dgs.symbols import (
    Grid,
)


def sigma(grid: Grid, shape: list[float]) -> np.ndarray:
    """The covariance matrix of one shape, px^2."""
    s12, s22, det = (float(value[0]) for value in compute_entries(grid, np.array([shape])))
    return np.array([[(det + s12 * s12) / s22, s12], [s12, s22]])


def test_positions_by_hand() -> None:
    # Six samples at 0, 1/5 .. 1, centres of pixels at 0.5 .. 5.5.
    corners = np.array([[0.0, 0.0], [1.0, 1.0], [0.2, 1 / 3]])
    assert compute_means(Grid(6, 4, 1, False), corners) == pytest.approx(
        np.array([[0.5, 0.5], [5.5, 3.5], [1.5, 1.5]])
    )
    # Three samples of two pixels each: their centres are at 1, 3, 5.
    assert compute_means(Grid(6, 4, 2, True), corners) == pytest.approx(
        np.array([[1.0, 1.0], [5.0, 3.0], [1.8, 5 / 3]])
    )
    assert compute_means(Grid(1, 1, 1, False), corners)[0].tolist() == [0.5, 0.5]


def test_shapes_by_hand() -> None:
    # Sides of 5 and 3 px; a quarter of a turn is 1/2 of pi.
    for normalised in (False, True):
        grid = Grid(6, 4, 1, normalised)
        straight = sigma(grid, [0.2, 0.5, 0.0])
        assert straight == pytest.approx(np.diag([1.0, 2.25]), abs=1e-12)
    turned = sigma(Grid(6, 4, 1, False), [0.2, 0.5, 0.5])
    assert turned == pytest.approx(np.diag([2.25, 1.0]), abs=1e-12)
    # With normalised axes the rotation comes before the multiplication by the sides.
    turned = sigma(Grid(6, 4, 1, True), [0.2, 0.5, 0.5])
    assert turned == pytest.approx(np.diag([(0.5 * 5) ** 2, (0.2 * 3) ** 2]), abs=1e-12)
    skew = sigma(Grid(6, 4, 1, True), [0.2, 0.4, 0.25])
    rotation = np.array([[1, -1], [1, 1]]) / math.sqrt(2)
    expected = rotation @ np.diag([0.04, 0.16]) @ rotation.T * np.outer([5, 3], [5, 3])
    assert skew == pytest.approx(expected)


def test_nothing_breaks_at_a_scale_of_nothing() -> None:
    by = compute_entries(Grid(6, 4, 1, True), np.array([[0.0, 0.0, 0.3], [0.0, 0.2, 0.0]]))
    assert np.isfinite(np.array(by)).all()
    assert (by.det > 0).all()


def test_cutoffs_by_hand() -> None:
    assert compute_cutoff(np.array([1.0, 0.5])) == pytest.approx([math.log(255), math.log(127.5)])
    assert (compute_cutoff(np.array([0.0, 0.9 / 255])) < 0).all()
