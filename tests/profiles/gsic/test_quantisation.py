"""Gaussians to integers in profile `gsic`: half a step everywhere, and the choice of classes."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from random_symbols import (
    LEAST,
    LN2,
    are_equal,
    channel_counts,
    compute_steps,
    make_classes,
    make_floats,
    make_header,
    make_symbols,
    seeds,
)

from gsic.profiles.gsic.bitstream import count_fine_bits_of, find_squares
from gsic.profiles.gsic.dequantisation import (
    dequantise_gaussians,
    make_color_transform,
)
from gsic.profiles.gsic.places import are_upright
from gsic.profiles.gsic.quantisation import Classes, classify, quantise
from gsic.profiles.gsic.symbols import (
    AMPLITUDE_CLASSES,
    MARGIN_PX,
    MAX_LOG_ANISOTROPY,
    POSITION_CLASSES,
    Header,
    Symbols,
    count_squares,
)


@given(seeds, channel_counts)
def test_floats_come_back_within_half_a_step(seed: int, channels: int) -> None:
    rng = np.random.default_rng(seed)
    header = make_header(rng, channels)
    mean, theta, color = make_floats(rng, header, 40)
    symbols = quantise(header, make_classes(rng, 40), mean, theta, color)
    got = dequantise_gaussians(header, symbols)
    cells, shape = compute_steps(symbols)
    half = 0.5 * (1 + 1e-9)
    # Along the Gaussian the mean moves by half a cell, and across it by half a finer cell off the
    # ridge, unless the finer cells end there.
    error, rows = got.mean - mean, np.arange(40)
    along = are_upright(symbols.log_anisotropy).astype(int)
    assert (np.abs(error[rows, along]) <= half * cells[rows, along]).all()
    s12, s22, det = got.entries
    variance = np.stack(((det + s12 * s12) / s22, s22), axis=1)
    ridge = error[rows, along] * s12 / variance[rows, along]
    last = got.mean[rows, 1 - along] + cells[rows, 1 - along]
    inside = (got.mean[rows, 1 - along] - cells[rows, 1 - along] > -MARGIN_PX) & (
        last < np.array((header.width, header.height))[1 - along] + MARGIN_PX
    )
    off = np.abs(error[rows, 1 - along] - ridge) <= half * cells[rows, 1 - along]
    assert (off | ~inside).all()
    # Where rounding leaves the bounds, they take it back, which is nearer still for the size.
    assert (np.abs(got.theta[:, 0] - theta[:, 0]) <= half * shape).all()
    rounded = symbols.log_anisotropy * shape[:, None]
    assert (np.abs(rounded - theta[:, 1:]) <= half * shape[:, None]).all()
    inside = (
        np.hypot(*rounded.T)
        < np.minimum(MAX_LOG_ANISOTROPY * LN2, got.theta[:, 0] - LEAST * LN2) - 1e-9
    )
    np.testing.assert_allclose(got.theta[inside, 1:], rounded[inside], atol=1e-12)
    error = (got.color - color) @ make_color_transform(channels).T
    assert (np.abs(error) <= half * got.amplitude[:, None] + 1e-12 * np.abs(color).max()).all()


@given(seeds, channel_counts)
def test_symbols_inside_the_bounds_come_back(seed: int, channels: int) -> None:
    rng = np.random.default_rng(seed)
    header = make_header(rng, channels)
    symbols = make_symbols(rng, header, 60, 1.0)
    m, rho = (
        2 * symbols.log_scale * 0.5**symbols.amplitude_class,
        np.hypot(*symbols.log_anisotropy.T),
    )
    rho = 2 * rho * 0.5**symbols.amplitude_class
    symbols = symbols.select((m >= LEAST) & (m <= 28) & (rho <= np.minimum(6, m - LEAST)))
    got = dequantise_gaussians(header, symbols)
    classes = Classes(symbols.position_class, symbols.amplitude_class)
    assert are_equal(quantise(header, classes, got.mean, got.theta, got.color), symbols)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_nothing_becomes_nothing(channels: int) -> None:
    header = Header(7, 5, channels, 640, (0,) * channels)
    empty = np.zeros(0, np.int64)
    none = np.zeros((0, 2)), np.zeros((0, 3)), np.zeros((0, channels))
    symbols = quantise(header, Classes(empty, empty), *none)
    assert len(symbols) == 0
    assert symbols.place.shape == symbols.log_anisotropy.shape == (0, 2)
    assert symbols.color.shape == (0, channels)
    got = dequantise_gaussians(header, symbols)
    assert got.mean.shape == (0, 2)
    assert got.place_on_lattices().factor.shape == (0, 3)
    assert got.color.shape == (0, channels)
    assert got.cutoff.shape == got.amplitude.shape == (0,)
    classes = classify(1.0, *none[1:])
    assert len(classes.position) == len(classes.amplitude) == 0


@given(seeds)
def test_means_off_the_grid_go_to_its_border(seed: int) -> None:
    rng = np.random.default_rng(seed)
    header = make_header(rng, 3)
    classes = make_classes(rng, 50)
    _, theta, color = make_floats(rng, header, 50)
    mean = rng.normal(0, 20000, (50, 2))
    symbols = quantise(header, classes, mean, theta, color)
    squares, along = find_squares(symbols), are_upright(symbols.log_anisotropy)
    for row in range(50):
        grid = count_squares(header, int(classes.position[row]))
        for axis in (0, 1):
            square = squares[row, axis]
            assert 0 <= square < grid[axis]
            if axis == along[row]:
                if mean[row, axis] < -MARGIN_PX:
                    assert square == 0
                if mean[row, axis] > (header.width, header.height)[axis] + MARGIN_PX:
                    assert square == grid[axis] - 1


def classes_at(
    step: float, sigma: float = 5.0, rho: float = 0.7, color: float = 0.3, **scales: float
) -> tuple[int, int]:
    theta = np.array([[2 * math.log(sigma), 0.6 * rho, -0.8 * rho]])
    classes = classify(step, theta, np.full((1, 1), color), **scales)
    return int(classes.position[0]), int(classes.amplitude[0])


def runs(values: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    positions, amplitudes = np.array(values).T
    return np.diff(positions), np.diff(amplitudes)


def test_classes_are_monotone() -> None:
    powers = np.exp2(np.linspace(-12, 12, 100)).tolist()
    position, amplitude = runs([classes_at(step) for step in powers])
    assert (position <= 0).all()
    assert position.any()
    assert (amplitude <= 0).all()
    assert amplitude.any()
    position, amplitude = runs([classes_at(0.1, color=c) for c in powers])
    assert (position >= 0).all()
    assert (amplitude >= 0).all()
    position, amplitude = runs([classes_at(0.1, sigma=s) for s in powers])
    assert (position <= 0).all()
    assert (amplitude >= 0).all()
    position, amplitude = runs([classes_at(0.1, rho=r) for r in np.linspace(0, 6, 100).tolist()])
    # The area of cells stays the same, within the bit that an odd number of fine bits makes up for.
    assert np.abs(position.cumsum()).max() <= 1
    assert position.any()
    assert (amplitude >= 0).all()
    assert amplitude.any()
    position, amplitude = runs([classes_at(0.1, position_scale=s) for s in powers])
    assert (position <= 0).all()
    assert not amplitude.any()
    position, amplitude = runs([classes_at(0.1, shape_scale=s) for s in powers])
    assert not position.any()
    assert (amplitude <= 0).all()


def test_doublings_are_one_class() -> None:
    position, amplitude = classes_at(0.01)
    assert classes_at(0.02) == (position - 1, amplitude - 1)
    assert classes_at(0.01, color=0.6) == (position + 1, amplitude + 1)
    assert classes_at(0.01, color=-0.3) == (position, amplitude)
    assert classes_at(0.01, sigma=10.0) == (position, amplitude + 1)
    assert classes_at(0.01, position_scale=2.0) == (position - 1, amplitude)
    assert classes_at(0.01, shape_scale=2.0) == (position, amplitude - 1)


def test_classes_stay_in_their_ranges() -> None:
    for step in (2.0**-10, 1.0, 2.0**10):
        for sigma in (0.3, 5000.0):
            for color in (0.0, 1e-12, 1.0, 1e9):
                position, amplitude = classes_at(step, sigma, 4.0, color)
                assert position in POSITION_CLASSES
                assert amplitude in AMPLITUDE_CLASSES
    assert classes_at(1.0, color=0.0)[1] == AMPLITUDE_CLASSES[0]


def test_cells_of_faint_gaussians_are_no_wider_than_they() -> None:
    for color in (0.0, 1e-6, 0.01):
        assert classes_at(1.0, sigma=16 / math.sqrt(2), rho=0.0, color=color)[0] == -4


def overlap(theta: np.ndarray, other: np.ndarray, shift: np.ndarray) -> float:
    """Cosine of the angle between two Gaussians as functions of the plane, in closed form."""

    def matrix(numbers: np.ndarray) -> np.ndarray:
        m, u, v = numbers
        values, vectors = np.linalg.eigh(np.array([[m + u, v], [v, m - u]]))
        return vectors @ np.diag(np.exp(values)) @ vectors.T

    one, two = matrix(theta), matrix(other)
    both = one + two
    size = 2 * (np.linalg.det(one) * np.linalg.det(two)) ** 0.25 / np.linalg.det(both) ** 0.5
    return float(size * np.exp(-0.5 * shift @ np.linalg.solve(both, shift)))


@given(
    st.floats(math.log(1.0), math.log(60.0)).map(math.exp),
    st.floats(0.0, 2.5),
    st.floats(0, math.pi),
    st.floats(math.log(30.0), math.log(300.0)).map(math.exp),
)
def test_steps_of_all_parameters_cost_about_the_same(
    sigma: float, rho: float, angle: float, normalised: float
) -> None:
    """One step of anything changes the picture by the energy of one step of an amplitude.

    Within the factor of two that rounding to powers of two leaves, for Gaussians that are strong
    enough for small steps; shapes change while the normalised amplitudes stay the same.
    """
    step = 2.0**-6
    color = normalised * step / (math.sqrt(math.pi) * sigma)
    theta = np.array([2 * math.log(sigma), rho * math.cos(angle), rho * math.sin(angle)])
    classes = classify(step, theta[None], np.array([[color]]))
    symbols = Symbols(
        classes.position,
        classes.amplitude,
        np.zeros((1, 2), np.int64),
        np.zeros(1, np.int64),
        np.rint(theta[None, 1:] / (2 * 0.5**classes.amplitude * LN2)).astype(np.int64),
        np.zeros((1, 1), np.int64),
    )
    (cell,), (shape,) = compute_steps(symbols)
    finest = classes.position[0] + count_fine_bits_of(symbols)[0]
    if classes.position[0] == POSITION_CLASSES[0] or finest == POSITION_CLASSES[-1]:
        return

    def cost(other: np.ndarray, shift: np.ndarray) -> float:
        return normalised**2 * 2 * (1 - overlap(theta, other, shift))

    # A cell further along, on the ridge, and a finer cell off the ridge.
    upright = bool(are_upright(symbols.log_anisotropy)[0])
    share = math.tanh(rho) / max(rho, 1e-3)
    slope = share * theta[2] / (1 + share * abs(theta[1]))
    further = np.array((slope, 1.0) if upright else (1.0, slope)) * cell[int(upright)]
    off = np.array((1.0, 0.0) if upright else (0.0, 1.0)) * cell[1 - int(upright)]
    # Both numbers of bits are rounded.
    costs = cost(theta, further), cost(theta, off)
    assert 0.3 < math.sqrt(math.prod(costs)) < 3.3
    assert 0.3 < costs[0] / costs[1] < 3.3
    here = np.zeros(2)
    # Rotation costs (sinh rho / rho)^2 as much, and the steps are smaller by half of that, so that
    # the log-scale is too cheap by the factor by which the angle is too expensive.
    dearer = math.sinh(rho) / rho if rho > 1e-3 else 1.0
    assert 0.45 / dearer < cost(theta + shape * np.eye(3)[0], here) < 2.1 / dearer
    along = np.array([0.0, math.cos(angle), math.sin(angle)])
    assert 0.45 / dearer < cost(theta + shape * along, here) < 2.1 / dearer
    across = np.array([0.0, -along[2], along[1]])
    assert 0.45 * dearer < cost(theta + shape * across, here) < 2.1 * dearer


def test_quantising_leaves_its_arguments_alone() -> None:
    rng = np.random.default_rng(4)
    header = make_header(rng, 4)
    arrays = make_floats(rng, header, 15)
    copies = [array.copy() for array in arrays]
    symbols = quantise(header, make_classes(rng, 15), *arrays)
    dequantise_gaussians(header, symbols)
    classify(header.step, *arrays[1:])
    assert all(np.array_equal(a, b) for a, b in zip(arrays, copies, strict=True))
