"""Profile 2dgs: quantisers, what levels mean in pixels, streams."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from two_dgs_scenes import bounds, file_of, random_scene

from gsic import api as codec
from gsic import container
from gsic.container import Container, Mode
from gsic.profiles.two_dgs import bitstream
from gsic.profiles.two_dgs.dequantisation import (
    compute_cutoff,
    compute_entries,
    compute_means,
    dequantise,
)
from gsic.profiles.two_dgs.profile import TwoDgsProfile
from gsic.profiles.two_dgs.symbols import (
    BOUND_LEVELS,
    Grid,
    QuantisedImage,
    Quantiser,
    fit_quantiser,
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
    # In normalised axes the axes change places before the sides stretch them.
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


def test_reach() -> None:
    assert compute_cutoff(np.array([1.0, 0.5])) == pytest.approx([math.log(255), math.log(127.5)])
    assert (compute_cutoff(np.array([0.0, 0.9 / 255])) < 0).all()


@given(
    values=st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=30),
    bits=st.integers(1, 16),
    shared=st.booleans(),
)
def test_quantisation(values: list[tuple[float, float]], bits: int, shared: bool) -> None:
    array = np.array(values)
    quantised = fit_quantiser(array, bits, shared)
    levels = quantised.quantise(array)
    back = quantised.dequantise(levels)
    low, high = quantised.bounds.T / BOUND_LEVELS
    step = (high - low) / (2**bits - 1)
    assert (np.abs(back - array) <= 0.5 * step + 1e-12).all()
    # Once more changes nothing (eq. 7 is idempotent).
    assert np.array_equal(quantised.quantise(back), levels)
    assert (levels >= 0).all()
    assert (levels < 1 << bits).all()
    if shared:
        assert len(np.unique(quantised.bounds, axis=0)) == 1


def test_quantisation_by_hand() -> None:
    values = np.array([[0.0], [1.0], [0.4], [0.49]])
    quantised = fit_quantiser(values, 2, False)
    assert quantised.quantise(values).ravel().tolist() == [0, 3, 1, 1]
    assert quantised.dequantise(quantised.quantise(values)).ravel() == pytest.approx(
        [0, 1, 1 / 3, 1 / 3]
    )


def test_equal_bounds() -> None:
    equal = Quantiser(10, bounds((0.2, 0.2)))
    assert equal.quantise(np.array([[0.2]])).tolist() == [[0]]
    assert equal.dequantise(np.array([[0], [7]])).ravel() == pytest.approx([0.2, 0.2])


def same(one: QuantisedImage, other: QuantisedImage) -> bool:
    """Whether two scenes are the same Gaussians in the same order."""
    seen = [dequantise(scene) for scene in (one, other)]
    return one.grid == other.grid and all(
        np.array_equal(np.array(a), np.array(b)) for a, b in zip(*seen, strict=True)
    )


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("rows", [(1, 1), (2, 30), (30, 1)])
def test_round_trip(channels: int, rows: tuple[int, int]) -> None:
    scene = random_scene(Grid(40, 30, 2, True), channels, 60, rows, seed=channels)
    parameters, payload = bitstream.write(scene)
    mode = (Mode.L, Mode.LA, Mode.RGB, Mode.RGBA)[channels - 1]
    back = bitstream.read(Container(3, 40, 30, mode, parameters, payload))
    assert same(scene, back)
    assert bitstream.write(back) == (parameters, payload)


def test_the_order_of_gaussians_is_kept_and_seen() -> None:
    scene = random_scene(Grid(40, 30, 1, False), 3, 50, (5, 9), seed=8)
    drawn = codec.decode(file_of(scene, Mode.RGB))
    backwards = np.arange(len(scene))[::-1]
    turned = QuantisedImage(
        scene.grid,
        scene.position_quantiser,
        scene.position[backwards],
        *(
            type(book)(book.quantiser, book.rows, book.index[backwards])
            for book in (scene.shapes, scene.colors)
        ),
    )
    assert not np.array_equal(codec.decode(file_of(turned, Mode.RGB)), drawn)


def test_rows_that_nobody_uses_are_left_out() -> None:
    scene = random_scene(Grid(40, 30, 1, False), 3, 40, (12, 9), seed=9)
    index = np.where(scene.shapes.index == 3, 4, scene.shapes.index)
    fewer = QuantisedImage(
        scene.grid,
        scene.position_quantiser,
        scene.position,
        type(scene.shapes)(scene.shapes.quantiser, scene.shapes.rows, index),
        scene.colors,
    )
    back = bitstream.read(Container(3, 40, 30, Mode.RGB, *bitstream.write(fewer)))
    assert len(back.shapes.rows) == 11
    assert same(fewer, back)


def test_expected_bytes() -> None:
    for rows, count in ((32, 150), (128, 900)):
        scene = random_scene(Grid(400, 300, 1, False), 3, count, (rows, rows), seed=rows)
        parameters, payload = bitstream.write(scene)
        expected = bitstream.estimate_bytes(count, rows, 3, 10, 9)
        # Geometric indices take fewer bits than those of fits.
        assert 0.75 * expected < len(parameters + payload) < 1.05 * expected


def test_what_info_says() -> None:
    file = container.read(file_of(random_scene(Grid(40, 30, 2, True), 3, 60, (7, 8), 1), Mode.RGB))
    assert TwoDgsProfile().describe(file) == {
        "gaussians": 60,
        "shape_rows": 7,
        "color_rows": 8,
        "position_bits": 10,
        "codebook_bits": 9,
        "axes": "normalised",
        "resolution": "half",
    }
