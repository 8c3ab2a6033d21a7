"""Gaussians to integers and back: half a step everywhere, bounds, classes, cutoff by FORMAT.md."""

import math
from dataclasses import fields, replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gsic.profiles.gsic.dequantisation import (
    Dequantised,
    clamp_log_anisotropy,
    dequantise_gaussians,
    make_color_transform,
)
from gsic.profiles.gsic.quantisation import Classes, classify, quantise
from gsic.profiles.gsic.symbols import (
    AMPLITUDE_CLASSES,
    MARGIN_PX,
    MAX_LOG_ANISOTROPY,
    MAX_LOG_SCALE,
    MAX_STEP_INDEX,
    MIN_SIGMA_PX,
    POSITION_CLASSES,
    Header,
    Symbols,
    compute_step,
    count_cells,
    find_step_index,
)
from gsic_kernels.constants import CUTOFF_MAX

LN2 = math.log(2.0)
LEAST = 2 * math.log2(MIN_SIGMA_PX)

seeds = st.integers(0, 2**32 - 1)
channel_counts = st.integers(1, 4)


def header_of(rng: np.random.Generator, channels: int) -> Header:
    width, height = np.exp(rng.uniform(0, math.log(5000), 2)).astype(int).tolist()
    background = tuple(rng.integers(0, 256, channels).tolist())
    return Header(width, height, channels, int(rng.integers(0, MAX_STEP_INDEX + 1)), background)


def classes_of(rng: np.random.Generator, count: int) -> Classes:
    return Classes(
        rng.integers(POSITION_CLASSES[0], POSITION_CLASSES[-1] + 1, count),
        rng.integers(AMPLITUDE_CLASSES[0], AMPLITUDE_CLASSES[-1] + 1, count),
    )


def floats_of(
    rng: np.random.Generator, header: Header, count: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Means, thetas and colours of Gaussians inside all bounds."""
    size = np.array([header.width, header.height])
    mean = rng.uniform(-MARGIN_PX, size + MARGIN_PX, (count, 2))
    m = rng.uniform(LEAST, MAX_LOG_SCALE, count) * LN2
    rho = rng.uniform(0, 1, count) * np.minimum(MAX_LOG_ANISOTROPY * LN2, m - LEAST * LN2)
    angle = rng.uniform(0, 2 * math.pi, count)
    theta = np.stack((m, rho * np.cos(angle), rho * np.sin(angle)), axis=1)
    return mean, theta, rng.normal(0, 0.5, (count, header.channels))


def symbols_of(rng: np.random.Generator, header: Header, count: int, spread: float) -> Symbols:
    """Symbols of which some are far beyond the bounds, if the spread is."""
    classes = classes_of(rng, count)
    grids = np.array([count_cells(header, p) for p in classes.position.tolist()]).reshape(-1, 2)
    fine = np.exp2(classes.amplitude)
    return Symbols(
        classes.position,
        classes.amplitude,
        rng.integers(0, grids),
        np.rint(rng.normal(0, spread, count) * fine).astype(np.int64),
        np.rint(rng.normal(0, spread, (count, 2)) * fine[:, None]).astype(np.int64),
        np.rint(rng.laplace(0, 9, (count, header.channels))).astype(np.int64),
    )


def same(one: Symbols, other: Symbols) -> bool:
    return all(
        np.array_equal(getattr(one, field.name), getattr(other, field.name))
        for field in fields(Symbols)
    )


def steps_of(symbols: Symbols) -> tuple[np.ndarray, np.ndarray]:
    """Steps of positions in px and of shapes in nats, from FORMAT.md."""
    return 0.5**symbols.position_class, 2 * 0.5**symbols.amplitude_class * LN2


def axes_of(got: Dequantised) -> np.ndarray:
    """Standard deviations along the axes, larger first: (N, 2) px, from the drawn factor."""
    p, r, t = got.factor().T
    upper = np.stack((p, r, 0 * p, t), axis=1).reshape(-1, 2, 2)
    return 1 / np.linalg.svd(upper, compute_uv=False)[:, ::-1]


@given(seeds, channel_counts)
def test_floats_come_back_within_half_a_step(seed: int, channels: int) -> None:
    rng = np.random.default_rng(seed)
    header = header_of(rng, channels)
    mean, theta, color = floats_of(rng, header, 40)
    symbols = quantise(header, classes_of(rng, 40), mean, theta, color)
    got = dequantise_gaussians(header, symbols)
    cell, shape = steps_of(symbols)
    half = 0.5 * (1 + 1e-9)
    assert (np.abs(got.mean - mean) <= half * cell[:, None]).all()
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
    header = header_of(rng, channels)
    symbols = symbols_of(rng, header, 60, 1.0)
    m, rho = (
        2 * symbols.log_scale * 0.5**symbols.amplitude_class,
        np.hypot(*symbols.log_anisotropy.T),
    )
    rho = 2 * rho * 0.5**symbols.amplitude_class
    symbols = symbols.select((m >= LEAST) & (m <= 28) & (rho <= np.minimum(6, m - LEAST)))
    got = dequantise_gaussians(header, symbols)
    classes = Classes(symbols.position_class, symbols.amplitude_class)
    assert same(quantise(header, classes, got.mean, got.theta, got.color), symbols)


@given(seeds, channel_counts)
def test_any_symbols_make_gaussians_inside_the_bounds(seed: int, channels: int) -> None:
    rng = np.random.default_rng(seed)
    header = header_of(rng, channels)
    got = dequantise_gaussians(header, symbols_of(rng, header, 60, 12.0))
    major, minor = axes_of(got).T
    assert (minor >= MIN_SIGMA_PX * (1 - 1e-7)).all()
    assert (major / minor <= 2**MAX_LOG_ANISOTROPY * (1 + 1e-7)).all()
    assert (np.sqrt(major * minor) <= 2.0 ** (MAX_LOG_SCALE / 2) * (1 + 1e-7)).all()
    assert all(np.isfinite(getattr(got, field.name)).all() for field in fields(got))
    # Drawn anew from floats, with the bounds already applied, nothing moves by a step.
    size = np.array([header.width, header.height])
    assert (got.mean > -MARGIN_PX).all()
    cell = 2.0 ** -min(POSITION_CLASSES)
    assert (got.mean < size + MARGIN_PX + cell).all()


def test_the_largest_symbols_of_a_file_stay_finite() -> None:
    most = 2**30
    signs = np.array([[1, 1, 1], [-1, 1, -1], [1, -1, 0], [-1, -1, 1], [0, 1, 0]])
    for a in (AMPLITUDE_CLASSES[0], AMPLITUDE_CLASSES[-1]):
        for channels in (1, 2, 3, 4):
            for index in (0, MAX_STEP_INDEX):
                header = Header(1, 1, channels, index, (0,) * channels)
                symbols = Symbols(
                    np.full(5, -8),
                    np.full(5, a),
                    np.zeros((5, 2), np.int64),
                    most * signs[:, 0],
                    most * signs[:, 1:],
                    np.full((5, channels), most),
                )
                got = dequantise_gaussians(header, symbols)
                assert (np.abs(got.color) < 2.0**43).all()  # what FORMAT.md says
                assert (got.cutoff < 40).all()
                assert (axes_of(got)[:, 1] >= MIN_SIGMA_PX * (1 - 1e-7)).all()
                assert (axes_of(got)[:, 0] <= 2.0**17 * (1 + 1e-7)).all()


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_nothing_becomes_nothing(channels: int) -> None:
    header = Header(7, 5, channels, 640, (0,) * channels)
    empty = np.zeros(0, np.int64)
    none = np.zeros((0, 2)), np.zeros((0, 3)), np.zeros((0, channels))
    symbols = quantise(header, Classes(empty, empty), *none)
    assert len(symbols) == 0
    assert symbols.cell.shape == symbols.log_anisotropy.shape == (0, 2)
    assert symbols.color.shape == (0, channels)
    got = dequantise_gaussians(header, symbols)
    assert got.mean.shape == (0, 2)
    assert got.factor().shape == (0, 3)
    assert got.color.shape == (0, channels)
    assert got.cutoff.shape == got.amplitude.shape == (0,)
    classes = classify(1.0, *none[1:])
    assert len(classes.position) == len(classes.amplitude) == 0


@given(seeds)
def test_means_off_the_grid_go_to_its_border(seed: int) -> None:
    rng = np.random.default_rng(seed)
    header = header_of(rng, 3)
    classes = classes_of(rng, 50)
    _, theta, color = floats_of(rng, header, 50)
    mean = rng.normal(0, 20000, (50, 2))
    symbols = quantise(header, classes, mean, theta, color)
    for row in range(50):
        grid = count_cells(header, int(classes.position[row]))
        for axis in (0, 1):
            cell, side = symbols.cell[row, axis], (header.width, header.height)[axis]
            assert 0 <= cell < grid[axis]
            if mean[row, axis] < -MARGIN_PX:
                assert cell == 0
            if mean[row, axis] > side + MARGIN_PX:
                assert cell == grid[axis] - 1


@pytest.mark.parametrize("size", [(1, 1), (768, 512), (8192, 8192), (17, 4000)])
def test_cells_cover_the_image_and_its_margin(size: tuple[int, int]) -> None:
    header = Header(*size, 1, 640, (0,))
    for p in POSITION_CLASSES:
        for cells, side in zip(count_cells(header, p), size, strict=True):
            assert cells * 0.5**p >= side + 2 * MARGIN_PX
            assert (cells - 1) * 0.5**p < side + 2 * MARGIN_PX


@given(seeds, channel_counts)
def test_reach_is_that_of_the_specification(seed: int, channels: int) -> None:
    """FORMAT.md 7.3 in whole numbers and fractions, from the symbols alone."""
    rng = np.random.default_rng(seed)
    header = header_of(rng, channels)
    symbols = symbols_of(rng, header, 40, 8.0)
    scale = np.exp2(rng.uniform(0, 26, 40)).astype(np.int64)
    color = symbols.color * scale[:, None] * rng.integers(0, 2, (40, 1))
    symbols = replace(symbols, color=color)
    cutoff = dequantise_gaussians(header, symbols).cutoff
    for row in range(40):
        m = Fraction(int(symbols.log_scale[row]) * 2, 2 ** int(symbols.amplitude_class[row]))
        m = min(max(m, Fraction(2 * math.log2(0.3))), Fraction(28))
        energy = min(sum(int(value) ** 2 for value in color[row]), 2**52)
        level = 32 * energy.bit_length() + header.step_index - 640 + 543 - math.floor(32 * m)
        expected = level * LN2 / 64 if energy else 0.0
        assert cutoff[row] == expected


@given(seeds, channel_counts)
def test_gaussians_end_where_they_are_invisible(seed: int, channels: int) -> None:
    """At the rim a Gaussian is 1 / 637.5 of full scale, or up to 1.5 times less."""
    rng = np.random.default_rng(seed)
    header = header_of(rng, channels)
    mean, theta, color = floats_of(rng, header, 40)
    symbols = quantise(header, classes_of(rng, 40), mean, theta, color)
    got = dequantise_gaussians(header, symbols)
    peak = np.sqrt((got.color**2).sum(axis=1))
    drawn = peak > 0
    assert (got.cutoff[~drawn] == 0).all()
    rim = 637.5 * peak[drawn] * np.exp(-got.cutoff[drawn])
    assert (rim <= 1.006).all()
    assert (rim >= 0.69).all()
    assert (got.cutoff[peak > 1.42 / 637.5] > 0).all()


def test_gaussians_are_seldom_cut_by_the_kernels() -> None:
    """A weight of CUTOFF_MAX is enough for colours up to thousands of full scale."""
    header = Header(100, 100, 1, 640, (0,))
    theta = np.zeros((1, 3))
    classes = Classes(np.zeros(1, int), np.full(1, 15))
    symbols = quantise(header, classes, np.full((1, 2), 50.0), theta, np.full((1, 1), 2000.0))
    assert 14 < dequantise_gaussians(header, symbols).cutoff[0] <= CUTOFF_MAX


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_colours_are_transformed_without_loss(channels: int) -> None:
    matrix = make_color_transform(channels)
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(channels), atol=1e-15)
    if channels < 3:
        assert np.array_equal(matrix, np.eye(channels))
        return
    coded = np.random.default_rng(0).normal(size=channels)
    red, green, blue, *alpha = coded @ matrix
    luma, opponent, other = coded[:3]  # as FORMAT.md 7.3 has them
    assert red == pytest.approx(luma / 3**0.5 + opponent / 2**0.5 + other / 6**0.5)
    assert green == pytest.approx(luma / 3**0.5 - 2 * other / 6**0.5)
    assert blue == pytest.approx(luma / 3**0.5 - opponent / 2**0.5 + other / 6**0.5)
    assert alpha == list(coded[3:])
    grey = matrix @ np.array([1.0, 1.0, 1.0, 0.0][:channels])
    np.testing.assert_allclose(grey[1:], 0, atol=1e-15)


@given(seeds)
def test_energy_of_a_gaussian_is_that_of_its_amplitudes(seed: int) -> None:
    """The sum of the squared symbols times the squared step is the energy, whatever the size."""
    rng = np.random.default_rng(seed)
    header = header_of(rng, 3)
    symbols = symbols_of(rng, header, 30, 1.0)
    got = dequantise_gaussians(header, symbols)
    major, minor = axes_of(got).T
    energy = math.pi * major * minor * (got.color**2).sum(axis=1)
    expected = header.step**2 * (symbols.color.astype(float) ** 2).sum(axis=1)
    np.testing.assert_allclose(energy, expected, rtol=1e-6)


def test_steps_are_64_a_doubling() -> None:
    assert compute_step(640) == 1.0
    assert compute_step(0) == 2.0**-10
    assert compute_step(704) == pytest.approx(2.0)
    for index in range(MAX_STEP_INDEX + 1):
        step = compute_step(index)
        assert find_step_index(step) == index
        assert find_step_index(step * 2 ** (0.49 / 64)) == index
        assert find_step_index(step * 2 ** (-0.49 / 64)) == index
        assert Header(1, 1, 1, index, (0,)).step == step
    assert find_step_index(1e-300) == 0
    assert find_step_index(1e300) == MAX_STEP_INDEX


def test_gaussians_are_replaced_one_by_one() -> None:
    rng = np.random.default_rng(0)
    header = header_of(rng, 3)
    one, other = (symbols_of(rng, header, 12, 20.0) for _ in range(2))
    assert one.find_differences(other).all()
    assert not one.find_differences(one).any()
    mixed = one.replace_rows(np.array([3, 7]), other)
    assert np.flatnonzero(mixed.find_differences(one)).tolist() == [3, 7]
    assert np.flatnonzero(~mixed.find_differences(other)).tolist() == [3, 7]
    assert same(one.replace_rows(np.arange(12), other), other)


def test_backgrounds_are_of_full_scale() -> None:
    color = Header(1, 1, 3, 0, (0, 51, 255)).background_color
    np.testing.assert_allclose(color, [0, 0.2, 1], atol=1e-15)


@given(seeds)
def test_bounds_keep_directions_and_what_is_inside(seed: int) -> None:
    theta = np.random.default_rng(seed).uniform([LEAST, -9, -9], [28, 9, 9], (40, 3))
    before = theta.copy()
    clamp_log_anisotropy(theta)
    rho, was = np.hypot(*theta[:, 1:].T), np.hypot(*before[:, 1:].T)
    assert (theta[:, 0] == before[:, 0]).all()
    limit = np.minimum(6, theta[:, 0] - LEAST)
    np.testing.assert_allclose(rho, np.minimum(was, limit), atol=1e-12)
    assert np.array_equal(theta[was <= limit, 1:], before[was <= limit, 1:])
    turned = theta[:, 1] * before[:, 2] - theta[:, 2] * before[:, 1]
    np.testing.assert_allclose(turned, 0, atol=1e-12)


# Classes.


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
    assert (position >= 0).all()
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
    enough for small steps; sizes and stretches change with normalised amplitudes held.
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
        np.zeros((1, 2), np.int64),
        np.zeros((1, 1), np.int64),
    )
    cell, shape = (float(steps[0]) for steps in steps_of(symbols))
    if classes.position[0] in (POSITION_CLASSES[0], POSITION_CLASSES[-1]):
        return

    def cost(other: np.ndarray, shift: np.ndarray) -> float:
        return normalised**2 * 2 * (1 - overlap(theta, other, shift))

    ways = np.array([[math.cos(angle / 2), math.sin(angle / 2)]])
    ways = np.concatenate((ways, [[-ways[0, 1], ways[0, 0]]]))  # along the axes
    position = np.mean([cost(theta, cell * way) for way in ways])
    assert 0.45 < position < 2.1
    here = np.zeros(2)
    # A needle turns at (sinh rho / rho)^2 the cost: its steps are smaller by half of that, so that
    # its size is too cheap by what its angle is too dear.
    dearer = math.sinh(rho) / rho if rho > 1e-3 else 1.0
    assert 0.45 / dearer < cost(theta + shape * np.eye(3)[0], here) < 2.1 / dearer
    along = np.array([0.0, math.cos(angle), math.sin(angle)])
    assert 0.45 / dearer < cost(theta + shape * along, here) < 2.1 / dearer
    across = np.array([0.0, -along[2], along[1]])
    assert 0.45 * dearer < cost(theta + shape * across, here) < 2.1 * dearer


def test_taking_gaussians_takes_all_of_them() -> None:
    rng = np.random.default_rng(3)
    header = header_of(rng, 3)
    symbols = symbols_of(rng, header, 20, 1.0)
    classes = Classes(symbols.position_class, symbols.amplitude_class)
    mask = rng.uniform(size=20) < 0.4
    order = rng.permutation(20)
    for index in (mask, order):
        taken = symbols.select(index)
        for field in fields(Symbols):
            wanted = getattr(symbols, field.name)[index]
            assert np.array_equal(getattr(taken, field.name), wanted)
        whole, part = dequantise_gaussians(header, symbols), dequantise_gaussians(header, taken)
        for field in fields(Dequantised):
            wanted = getattr(whole, field.name)[index]
            np.testing.assert_allclose(getattr(part, field.name), wanted, rtol=1e-14)
    assert np.array_equal(classes.select(mask).position, symbols.position_class[mask])
    assert np.array_equal(classes.select(mask).amplitude, symbols.amplitude_class[mask])
    assert len(symbols) == 20


def test_quantising_leaves_its_arguments_alone() -> None:
    rng = np.random.default_rng(4)
    header = header_of(rng, 4)
    arrays = floats_of(rng, header, 15)
    copies = [array.copy() for array in arrays]
    symbols = quantise(header, classes_of(rng, 15), *arrays)
    dequantise_gaussians(header, symbols)
    classify(header.step, *arrays[1:])
    assert all(np.array_equal(a, b) for a, b in zip(arrays, copies, strict=True))
