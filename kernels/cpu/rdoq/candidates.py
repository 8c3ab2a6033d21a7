"""Candidates of RDOQ: the Gaussian that symbols stand for, and the pixels that it covers.

A candidate is a row of FIELDS float64: the Cholesky factor p, r, t of its precision matrix, its
mean, its log-scale m, the cutoff and offset that go with its amplitudes, the bits by which its
cells are finer in one direction, and the slope of its ridge. The formulas are those of
`types.LogGrid`.
"""

from __future__ import annotations

import math

from gsic_kernels.constants import CUTOFF_MAX, PLACE_BITS
from gsic_kernels.cpu.places import count_fine_bits, find_slope, round_place
from gsic_kernels.cpu.runtime.jitable import register_jitable
from gsic_kernels.types import F64

FIELDS = 10
P, R, T, X, Y, LOG_SCALE, CUTOFF, OFFSET, FINE_BITS, SLOPE = range(FIELDS)

# Order of the numbers of a `LogGrid`, without its transform.
GRID = 9
MARGIN, SCALE_STEP, ANISOTROPY_STEP, MIN_SCALE, MAX_SCALE = range(5)
MAX_ANISOTROPY, AMPLITUDE_UNIT, HALF_RESOLUTION, CUTOFF_LEVEL = range(5, GRID)

_LN2 = math.log(2.0)
_PLACE_PX = 2.0**-PLACE_BITS


@register_jitable
def set_factor(
    grid: F64, amplitude: int, scale: int, first: int, second: int, candidate: F64
) -> None:
    """Set the factor and the log-scale of a candidate.

    `amplitude` is its amplitude class; `scale`, and `first` and `second`, are the symbols of its
    log-scale and its log-anisotropy.
    """
    precision = 2.0**-amplitude
    m = min(max(scale * precision * grid[SCALE_STEP], grid[MIN_SCALE]), grid[MAX_SCALE])
    u = first * precision * grid[ANISOTROPY_STEP]
    v = second * precision * grid[ANISOTROPY_STEP]
    rho, most = math.sqrt(u * u + v * v), min(grid[MAX_ANISOTROPY], m - grid[MIN_SCALE])
    if rho > most:
        u, v, rho = u * most / rho, v * most / rho, most
    nats = rho * _LN2
    cosh, sinhc = math.cosh(nats), 1.0
    if nats > 1e-4:
        sinhc = math.sinh(nats) / nats
    variance = 2.0**m
    t = 1.0 / math.sqrt(variance * (cosh - sinhc * u * _LN2))
    candidate[P], candidate[R], candidate[T] = 1.0 / (variance * t), -sinhc * v * _LN2 * t, t
    candidate[LOG_SCALE] = m
    candidate[SLOPE] = find_slope(u * _LN2, v * _LN2, nats)


@register_jitable
def set_mean(
    grid: F64,
    classes: tuple[int, int],
    place: tuple[int, int],
    shape: tuple[int, int],
    steps: tuple[int, int],
    size: tuple[int, int],
    candidate: F64,
) -> None:
    """Set the mean of a candidate whose factor is set, and the bits of its cells.

    Args:
        grid: numbers of a `LogGrid`.
        classes: P and A.
        place: of the Gaussian.
        shape: symbols of the log-anisotropy of the candidate.
        steps: of cells along the Gaussian and across it, from the cell of the candidate that is
            nearest to the place.
        size: of the image, px.
        candidate: receives both.
    """
    position, amplitude = classes
    fine_bits = count_fine_bits(position, amplitude, shape[0], shape[1])
    slope, upright = candidate[SLOPE], shape[0] < 0
    # A step along the Gaussian follows its ridge.
    side = 2.0 ** ((fine_bits >> 1) - position)
    along = side * steps[0]
    across = side * 2.0**-fine_bits * steps[1] + slope * along
    dx, dy = (across, along) if upright else (along, across)
    x, y = place[0] * _PLACE_PX + dx, place[1] * _PLACE_PX + dy
    covered = size[0] + 2.0 * grid[MARGIN], size[1] + 2.0 * grid[MARGIN]
    x_place, y_place = round_place(x, y, slope, upright, position, fine_bits, covered)
    candidate[X] = x_place * _PLACE_PX - grid[MARGIN]
    candidate[Y] = y_place * _PLACE_PX - grid[MARGIN]
    candidate[FINE_BITS] = fine_bits


@register_jitable
def find_place(grid: F64, candidate: F64) -> tuple[int, int]:
    """Return the place of the mean of a candidate."""
    margin = grid[MARGIN]
    return int((candidate[X] + margin) / _PLACE_PX), int((candidate[Y] + margin) / _PLACE_PX)


@register_jitable
def set_cutoff(grid: F64, energy: float, candidate: F64) -> None:
    """Set cutoff and offset of a candidate whose squared amplitudes sum to `energy`."""
    candidate[CUTOFF] = 0.0
    if energy > 0.0:
        half = grid[HALF_RESOLUTION]
        octaves = math.frexp(min(energy, 2.0**52))[1]
        level = octaves * half + grid[CUTOFF_LEVEL] - math.floor(candidate[LOG_SCALE] * half)
        candidate[CUTOFF] = min(max(level * _LN2 / (2.0 * half), 0.0), CUTOFF_MAX)
    candidate[OFFSET] = math.exp(-candidate[CUTOFF])


@register_jitable
def get_unit(grid: F64, candidate: F64) -> float:
    """Return what an amplitude of 1 of a candidate adds to a channel, 1.0 = full scale."""
    return float(grid[AMPLITUDE_UNIT] * 2.0 ** (-0.5 * candidate[LOG_SCALE]))
