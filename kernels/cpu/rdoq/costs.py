"""Costs of RDOQ: the code length of symbols, and D + lambda R of amplitudes.

`tables` are the first four arrays of `rdoq_pass.CodeLengths`: bits, origins, lowest, highest.
"""

from __future__ import annotations

import numpy as np

from gsic_kernels.cpu.runtime.jitable import register_jitable
from gsic_kernels.types import F64, I32, I64, SHAPE_ROWS

# The first row of symbols with code lengths of their own: log-scale, log-anisotropy, amplitudes.
CODED_ROW = 4
# Number of these rows that are not amplitudes.
SHAPES = SHAPE_ROWS - CODED_ROW

# Largest amplitude that is considered, half of what the format allows.
_MAX_AMPLITUDE = 2.0**29


@register_jitable
def get_bits(tables: tuple[F64, I64, I64, I64], k: int, n: int, value: int) -> float:
    """Return the code length of a value of coded row k of Gaussian n."""
    bits, origins, lowest, highest = tables
    return float(bits[origins[k, n] + min(max(value, lowest[k, n]), highest[k, n])])


@register_jitable
def sum_shape_bits(
    tables: tuple[F64, I64, I64, I64], rows: I32, n: int, move: I64, finer: int
) -> float:
    """Return the code length of log-scale and log-anisotropy after a move, and `finer` bits.

    By so many bits the area of cells is finer than before; they belong to the place, and they
    change what the log-scale is predicted to be.
    """
    scale = rows[CODED_ROW, n] + move[2] + ((finer << np.int64(rows[1, n])) >> 1)
    total = finer + get_bits(tables, 0, n, scale)
    for k in range(1, SHAPES):
        total += get_bits(tables, k, n, rows[CODED_ROW + k, n] + move[2 + k])
    return total


@register_jitable
def compute_color(transform: F64, amplitudes: I64, unit: float, color: F64) -> None:
    """Compute the colour of amplitudes."""
    for k in range(len(color)):
        color[k] = 0.0
        for c in range(len(color)):
            color[k] += amplitudes[c] * unit * transform[c, k]


@register_jitable
def compute_error(
    transform: F64, products: F64, squares: float, unit: float, amplitudes: I64
) -> float:
    """Compute the squared error with given amplitudes, less the error without the Gaussian."""
    total = 0.0
    for c in range(len(amplitudes)):
        along = 0.0
        for k in range(len(amplitudes)):
            along += transform[c, k] * products[k]
        value = amplitudes[c] * unit
        total += 2.0 * value * along + value * value * squares
    return total


@register_jitable
def choose_amplitudes(
    transform: F64,
    tables: tuple[F64, I64, I64, I64],
    n: int,
    now: I64,
    products: F64,
    squares: float,
    unit: float,
    lambda_: float,
    spent: float,
    chosen: I64,
) -> tuple[float, float]:
    """Choose the amplitudes of a candidate that cost least.

    Args:
        transform: float64 (C, C), from amplitudes to colours.
        tables: code lengths.
        n: index of the Gaussian.
        now: its amplitudes.
        products: of the weights of the candidate with the error without the Gaussian, by channel.
        squares: the inner product of the weights with themselves.
        unit: full scale per amplitude.
        lambda_: squared error that a bit is worth.
        spent: bits of everything but the amplitudes.
        chosen: receives the amplitudes.

    Returns:
        D + lambda R, less the D without the Gaussian, and the bits.
    """
    cost = lambda_ * spent
    for c in range(len(products)):
        along = 0.0
        for k in range(len(products)):
            along += transform[c, k] * products[k]
        square = squares * unit * unit
        value = choose_amplitude(tables, n, c, now[c], along * unit, square, lambda_)
        chosen[c] = value
        length = get_bits(tables, SHAPES + c, n, value)
        spent += length
        cost += 2.0 * value * along * unit + float(value) * value * squares * unit * unit
        cost += lambda_ * length
    return cost, spent


@register_jitable
def choose_amplitude(
    tables: tuple[F64, I64, I64, I64],
    n: int,
    c: int,
    now: int,
    along: float,
    squares: float,
    lambda_: float,
) -> int:
    """Choose the amplitude of channel c that costs least.

    The options are 0, the amplitude of now, and the three integers next to the one of least error.
    """
    free = -along / squares if squares > 0.0 else 0.0
    nearest = int(np.rint(min(max(free, -_MAX_AMPLITUDE), _MAX_AMPLITUDE)))
    best, least = 0, lambda_ * get_bits(tables, SHAPES + c, n, 0)
    for k in range(-1, 3):
        value = nearest + k if k < 2 else now
        cost = 2.0 * value * along + float(value) * value * squares
        cost += lambda_ * get_bits(tables, SHAPES + c, n, value)
        if cost < least:
            best, least = value, cost
    return best
