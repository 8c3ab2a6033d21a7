"""Parts of a search over symbols: the Gaussian of some integers, and its rows of pixels.

A Gaussian under trial is a row of FIELDS float64: its factor, mean and log2 variance, and the
cutoff and offset that go with a colour. Loops over a row of pixels are plain, so that LLVM makes
vectors of them; sums within one may be taken in any order.
"""

from __future__ import annotations

import math

import numpy as np
from numba.extending import register_jitable
from numpy.typing import NDArray

from gsic_kernels.constants import CUTOFF_MAX
from gsic_kernels.cpu.raster.sum_scalar import exp_minus_8

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
I32 = NDArray[np.int32]

FIELDS = 8
P, R, T, X, Y, VARIANCE, CUTOFF, OFFSET = range(FIELDS)

# Order of the numbers of a grid.
GRID = 9
MARGIN, SIZE, STRETCH, LEAST, MOST, RATIO, UNIT, HALF, LEVEL = range(GRID)

_LN2 = math.log(2.0)
_ZERO, _ONE, _TWO = np.float32(0.0), np.float32(1.0), np.float32(2.0)

# Pixels are tested one by one; a span only must not be too short.
_SLACK_PX = 1e-3

_REORDER = {"reassoc", "contract", "nsz"}


@register_jitable
def place(grid: F64, position: int, column: int, row: int, trial: F64) -> None:
    """Set the mean of a trial."""
    cell = 2.0**-position
    trial[X] = (column + 0.5) * cell - grid[MARGIN]
    trial[Y] = (row + 0.5) * cell - grid[MARGIN]


@register_jitable
def form(grid: F64, amplitude: int, size: int, first: int, second: int, trial: F64) -> None:
    """Set the factor of a trial, and its log2 variance."""
    precision = 2.0**-amplitude
    m = min(max(size * precision * grid[SIZE], grid[LEAST]), grid[MOST])
    u, v = first * precision * grid[STRETCH], second * precision * grid[STRETCH]
    rho, most = math.sqrt(u * u + v * v), min(grid[RATIO], m - grid[LEAST])
    if rho > most:
        u, v, rho = u * most / rho, v * most / rho, most
    nats = rho * _LN2
    cosh, sinhc = math.cosh(nats), 1.0
    if nats > 1e-4:
        sinhc = math.sinh(nats) / nats
    variance = 2.0**m
    t = 1.0 / math.sqrt(variance * (cosh - sinhc * u * _LN2))
    trial[P], trial[R], trial[T] = 1.0 / (variance * t), -sinhc * v * _LN2 * t, t
    trial[VARIANCE] = m


@register_jitable
def cut(grid: F64, energy: float, trial: F64) -> None:
    """Set cutoff and offset of a trial whose squared amplitudes sum to `energy`."""
    trial[CUTOFF] = 0.0
    if energy > 0.0:
        octaves = math.frexp(min(energy, 2.0**52))[1]
        level = octaves * grid[HALF] + grid[LEVEL] - math.floor(trial[VARIANCE] * grid[HALF])
        trial[CUTOFF] = min(max(level * _LN2 / (2.0 * grid[HALF]), 0.0), CUTOFF_MAX)
    trial[OFFSET] = math.exp(-trial[CUTOFF])


@register_jitable
def row_range(trial: F64, height: int) -> tuple[int, int]:
    """First and last row of pixels that a trial reaches; the last is less where there is none."""
    if trial[CUTOFF] <= 0.0:
        return height, -1
    half, middle = math.sqrt(2.0 * trial[CUTOFF]) / trial[T] + _SLACK_PX, trial[Y] - 0.5
    return math.ceil(max(middle - half, 0.0)), math.floor(min(middle + half, height - 1.0))


@register_jitable
def column_range(trial: F64, width: int) -> tuple[int, int]:
    """First and last column that a trial reaches; the last is less where there is none."""
    if trial[CUTOFF] <= 0.0:
        return width, -1
    p, r, t = trial[P], trial[R], trial[T]
    # Twice, so that no span is longer, however both are rounded.
    half = math.sqrt(2.0 * trial[CUTOFF]) * math.sqrt(r * r + t * t) / (p * t) + 2.0 * _SLACK_PX
    middle = trial[X] - 0.5
    return math.ceil(max(middle - half, 0.0)), math.floor(min(middle + half, width - 1.0))


@register_jitable
def span(trial: F64, y: int, width: int) -> tuple[int, int]:
    """First and last pixel of row y that a trial may cutoff."""
    dy = y + 0.5 - trial[Y]
    v = trial[T] * dy
    rest = 2.0 * trial[CUTOFF] - v * v
    if rest < 0.0:
        return width, -1
    half = math.sqrt(rest) / trial[P] + _SLACK_PX
    middle = trial[X] - trial[R] * dy / trial[P] - 0.5
    return math.ceil(max(middle - half, 0.0)), math.floor(min(middle + half, width - 1.0))


@register_jitable
def weigh(trial: F64, y: int, first: int, last: int, weights: F32) -> float:
    """Set the weights of the pixels first..last of row y, from weights[0] on; their energy."""
    dx, dy = first + 0.5 - trial[X], y + 0.5 - trial[Y]
    # A quarter of the factor makes z an eighth of the exponent.
    p, v = 0.25 * trial[P], 0.25 * trial[T] * dy
    u = p * dx + 0.25 * trial[R] * dy
    energy = _weigh(
        np.float32(u),
        np.float32(p),
        np.float32(v * v),
        np.float32(0.125 * trial[CUTOFF]),
        np.float32(trial[OFFSET]),
        last - first + 1,
        weights,
    )
    return float(energy)


@register_jitable(fastmath=_REORDER)
def _weigh(
    u0: np.float32,
    p: np.float32,
    square: np.float32,
    limit: np.float32,
    offset: np.float32,
    count: int,
    weights: F32,
) -> np.float32:
    energy = _ZERO
    for k in range(count):
        u = u0 + np.float32(k) * p
        z = u * u + square
        weight = exp_minus_8(min(z, _TWO)) - offset if z <= limit else _ZERO
        weights[k] = weight
        energy += weight * weight
    return energy


@register_jitable(fastmath=_REORDER)
def inner(weights: F32, values: F32, count: int) -> np.float32:
    """Sum of the products of the first values of two arrays."""
    total = _ZERO
    for k in range(count):
        total += weights[k] * values[k]
    return total


@register_jitable(fastmath=_REORDER)
def add(weights: F32, values: F32, count: int, share: np.float32) -> None:
    """Add so many weights times `share` to values."""
    for k in range(count):
        values[k] += share * weights[k]


@register_jitable
def errors(image: F32, target: F32, out: F32) -> None:
    """What the clamped values of an image are more than those of the target."""
    for k in range(len(image)):
        out[k] = min(max(image[k], _ZERO), _ONE) - target[k]


@register_jitable(fastmath=_REORDER)
def squares_gained(before: F32, after: F32, target: F32) -> np.float32:
    """By how much the squared errors of clamped values grow."""
    total = _ZERO
    for k in range(len(target)):
        old = min(max(before[k], _ZERO), _ONE)
        new = min(max(after[k], _ZERO), _ONE)
        total += (new - old) * (new + old - _TWO * target[k])
    return total
