"""Cells of means in profile `gsic`: their sides, and the rounding of means to them."""

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from random_symbols import make_classes, make_floats, make_header, seeds

from gsic.gaussians import COVARIANCES
from gsic.profiles.gsic.bitstream import count_cell_bits, find_cells, find_squares
from gsic.profiles.gsic.places import (
    are_upright,
    count_fine_bits,
    find_centres,
    find_shifts,
)
from gsic.profiles.gsic.quantisation import quantise
from gsic.profiles.gsic.symbols import MARGIN_PX, count_squares
from gsic_kernels.constants import FINE_BITS_MAX, FINEST_CLASS, PLACE_BITS, SQUARE_BITS
from gsic_kernels.cpu import places


@given(st.floats(0.0, 3.0), st.floats(0, math.pi), st.integers(6, 15))
def test_cells_are_as_long_as_gaussians(rho: float, angle: float, amplitude: int) -> None:
    """F is log2 of the variance along over the root of the determinant, within 0.9."""
    u, v = rho * math.cos(angle), rho * math.sin(angle)
    steps = np.rint(np.array([[u, v]]) / math.log(2.0) * 2.0 ** (amplitude - 1)).astype(np.int64)
    (bits,) = count_fine_bits(np.array([-8]), np.array([amplitude]), steps).tolist()
    ratio = math.cosh(rho) + math.sinh(rho) / max(rho, 1e-9) * abs(u)
    assert abs(bits - min(math.log2(ratio), FINE_BITS_MAX)) < 0.9


@given(seeds)
def test_kernels_count_the_same_bits(seed: int) -> None:
    rng = np.random.default_rng(seed)
    classes = make_classes(rng, 60)
    shape = np.rint(rng.normal(0, 3, (60, 2)) * np.exp2(classes.amplitude)[:, None])
    shape = np.concatenate((shape, [(2**30 - 1, 1 - 2**30)])).astype(np.int64)
    position, amplitude = np.append(classes.position, -8), np.append(classes.amplitude, 0)
    found = count_fine_bits(position, amplitude, shape).tolist()
    rows = zip(position.tolist(), amplitude.tolist(), *shape.T.tolist(), strict=True)
    assert [places.count_fine_bits(*row) for row in rows] == found
    assert set(found) <= set(range(FINE_BITS_MAX + 1))
    assert found[-1] == FINE_BITS_MAX
    finest = find_shifts(position, np.array(found), are_upright(shape)).min(axis=1)
    assert (finest >= PLACE_BITS - FINEST_CLASS).all()


@given(seeds)
def test_squares_and_cells_say_where_a_mean_is(seed: int) -> None:
    rng = np.random.default_rng(seed)
    header = make_header(rng, 1)
    symbols = quantise(header, make_classes(rng, 60), *make_floats(rng, header, 60))
    fine_bits = count_fine_bits(
        symbols.position_class, symbols.amplitude_class, symbols.log_anisotropy
    )
    upright = are_upright(symbols.log_anisotropy)
    shifts = find_shifts(symbols.position_class, fine_bits, upright)
    squares, cells = find_squares(symbols), find_cells(symbols, fine_bits)
    assert (cells >> count_cell_bits(fine_bits) == 0).all()
    for n in range(60):
        p, bits = int(symbols.position_class[n]), int(fine_bits[n])
        assert (squares[n] < count_squares(header, p)).all()
        along = SQUARE_BITS - bits // 2
        numbers = cells[n] % 2**along, cells[n] >> along
        counts = 2**along, 2 ** (along + bits)
        if upright[n]:
            numbers, counts = numbers[::-1], counts[::-1]
        cell = squares[n] * counts + numbers
        np.testing.assert_array_equal(find_centres(cell, shifts[n]), symbols.place[n])


def are_between(cell: np.ndarray, last: np.ndarray) -> np.ndarray:
    """Tell which cells are not on the border."""
    return np.asarray(((cell > 0) & (cell < last)).all(axis=1))


@given(seeds)
def test_means_go_to_the_nearest_cell_of_their_column(seed: int) -> None:
    """Nearest as the Gaussian measures it."""
    rng = np.random.default_rng(seed)
    header = make_header(rng, 1)
    mean, theta, color = make_floats(rng, header, 40)
    symbols = quantise(header, make_classes(rng, 40), mean, theta, color)
    fine_bits = count_fine_bits(
        symbols.position_class, symbols.amplitude_class, symbols.log_anisotropy
    )
    upright = are_upright(symbols.log_anisotropy)
    shifts = find_shifts(symbols.position_class, fine_bits, upright)
    squares = np.array([count_squares(header, int(p)) for p in symbols.position_class])
    sides = (PLACE_BITS + SQUARE_BITS - symbols.position_class)[:, None]
    ends = (squares << sides - shifts) - 1
    shape = symbols.log_anisotropy * (2 * math.log(2.0) * 0.5**symbols.amplitude_class)[:, None]
    inside = np.hypot(*shape.T) < 3.0
    s12, s22, det = COVARIANCES["log"].entries(np.column_stack((0 * shape[:, 0], shape)))
    for n in np.flatnonzero(inside & are_between(symbols.place >> shifts, ends)).tolist():
        off = symbols.place[n] / 2**PLACE_BITS - MARGIN_PX - mean[n]
        step = np.where([upright[n], ~upright[n]], 2.0 ** (shifts[n] - PLACE_BITS), 0.0)
        lengths = [
            s22[n] * x * x - 2 * s12[n] * x * y + (det[n] + s12[n] ** 2) / s22[n] * y * y
            for x, y in (off - step, off, off + step)
        ]
        assert min(lengths) >= lengths[1] * (1 - 1e-6) - 1e-9
