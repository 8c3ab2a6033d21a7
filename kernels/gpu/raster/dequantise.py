"""Dequantise Gaussians on the device: from `types.LogSymbols` to splats.

The profile's code in NumPy defines what a file means. This is the same in Triton, tested against
it: all of it is float64, rounded once, and agrees up to the last bit of float32. Levels agree
always: what they are computed by are operations that IEEE 754 defines to the last bit, and `launch`
lets the compiler fuse none of them.
"""

from __future__ import annotations

import math

import numpy as np
import triton
import triton.language as tl

from gsic_kernels.constants import LEVELS_MAX, PLACE_BITS
from gsic_kernels.gpu.raster.log_covariance import compute_entries, compute_factor
from gsic_kernels.types import F64, SHAPE_ROWS, LogGrid

# Gaussians per program.
DEQUANTISE_COUNT = tl.constexpr(64)

# Scalars of a grid, before its transform.
GRID_SCALARS = len(LogGrid._fields) - 1

_GRID_SCALARS = tl.constexpr(GRID_SCALARS)
_COLOR_ROW = tl.constexpr(SHAPE_ROWS)
_LEVEL_MAX = tl.constexpr(LEVELS_MAX - 1)
_LN2 = tl.constexpr(math.log(2.0))
_PLACE_PX = tl.constexpr(2.0**-PLACE_BITS)
# Whole numbers up to here are exact in float64, and so is their bit length.
_ENERGY_MAX = tl.constexpr(2.0**52)


def pack_grid(grid: LogGrid) -> F64:
    """Pack a grid into one array as `dequantise` takes it, float64 (GRID_SCALARS + C C,)."""
    return np.concatenate((np.array(grid[:GRID_SCALARS], np.float64), grid.transform.ravel()))


@triton.jit
def _power_of_two(exponent):
    """Compute 2 to the power of an int32, -1022..1023, exactly: from the bits of a float64."""
    return ((exponent.to(tl.int64) + 1023) << 52).to(tl.float64, bitcast=True)


@triton.jit
def _bit_length(value):
    """Return the number of binary digits of whole float64 values above 0, from their exponents."""
    return (value.to(tl.int64, bitcast=True) >> 52) - 1022


@triton.jit
def _take_enlarging_away(s12, s22, sqrt_det, level, density):
    """Convert covariance entries in px^2 to those on a lattice, in squared cells (FORMAT.md 7.4).

    Args:
        s12, s22, sqrt_det: float64, Sigma12, Sigma22 and sqrt(det Sigma).
        level: int32, of the lattice.
        density: float64, 2^-level.

    Returns:
        Sigma12, Sigma22, sqrt(det Sigma), and what the colour grows by.
    """
    cell = _power_of_two(level)
    # The steps of the enlarging add 4^L / 3 px^2, a quarter of that, and so on to 4 / 3.
    added = 4.0 * (cell * cell - 1.0) / 9.0
    det = sqrt_det * sqrt_det
    left = det - added * ((det + s12 * s12) / s22 + s22 - added)
    area = density * density
    root = tl.sqrt(left)
    return s12 * area, (s22 - added) * area, root * area, sqrt_det / root


@triton.jit(do_not_specialize=["count"])
def dequantise(
    symbols,
    grid,
    count,
    mean,
    factor,
    color,
    cutoff,
    offset,
    level,
    CHANNELS: tl.constexpr,
):
    """Dequantise DEQUANTISE_COUNT Gaussians; `types.LogGrid` says what the numbers mean.

    Args:
        symbols: int32 (7 + C, N), the rows of `LogSymbols`.
        grid: float64 (GRID_SCALARS + C C,), as `pack_grid` makes it.
        count: N.
        mean, factor, color, cutoff, offset, level: the arrays of `types.Splats`, overwritten.
    """
    n = tl.program_id(0) * DEQUANTISE_COUNT + tl.arange(0, DEQUANTISE_COUNT)
    mask, row = n < count, n.to(tl.int64)
    at, stride = symbols + row, count.to(tl.int64)
    fineness = _power_of_two(-tl.load(at + stride, mask=mask, other=0))
    margin, least, most = tl.load(grid), tl.load(grid + 3), tl.load(grid + 4)
    scale_steps = tl.load(at + 4 * stride, mask=mask, other=0).to(tl.float64)
    m = scale_steps * (fineness * tl.load(grid + 1))
    m = tl.minimum(tl.maximum(m, least), most)
    step = fineness * tl.load(grid + 2)
    u = tl.load(at + 5 * stride, mask=mask, other=0).to(tl.float64) * step
    v = tl.load(at + 6 * stride, mask=mask, other=0).to(tl.float64) * step
    # Shorten (u, v) to the largest anisotropy, and to where the smaller variance keeps its minimum.
    anisotropy, widest = tl.sqrt(u * u + v * v), tl.minimum(tl.load(grid + 5), m - least)
    over = anisotropy > widest
    shrink = tl.where(over, widest / tl.where(over, anisotropy, 1.0), 1.0)
    octaves = tl.floor((m - tl.minimum(anisotropy, widest)) * 0.5)
    lattice = tl.minimum(tl.maximum(octaves, 0.0), _LEVEL_MAX).to(tl.int32)
    tl.store(level + row, lattice, mask=mask)
    # Cells of the lattice per pixel.
    density = _power_of_two(-lattice)

    for k in tl.static_range(2):
        place = tl.load(at + (2 + k) * stride, mask=mask, other=0).to(tl.float64)
        value = (place * _PLACE_PX - margin) * density
        tl.store(mean + row * 2 + k, value.to(tl.float32), mask=mask)

    # A grid speaks of logarithms to base 2.
    s12, s22, sqrt_det, _, _, _ = compute_entries(m * _LN2, u * shrink * _LN2, v * shrink * _LN2)
    s12, s22, lattice_sqrt_det, gain = _take_enlarging_away(s12, s22, sqrt_det, lattice, density)
    p, r, t = compute_factor(s12, s22, lattice_sqrt_det)
    tl.store(factor + row * 3, p.to(tl.float32), mask=mask)
    tl.store(factor + row * 3 + 1, r.to(tl.float32), mask=mask)
    tl.store(factor + row * 3 + 2, t.to(tl.float32), mask=mask)

    unit = tl.load(grid + 6) * gain / tl.sqrt(sqrt_det)
    energy = m * 0.0
    for c in tl.static_range(CHANNELS):
        value = m * 0.0
        for k in tl.static_range(CHANNELS):
            amplitude = tl.load(at + (_COLOR_ROW + k) * stride, mask=mask, other=0).to(tl.float64)
            value += amplitude * unit * tl.load(grid + _GRID_SCALARS + k * CHANNELS + c)
            if c == 0:
                energy += amplitude * amplitude
        tl.store(color + row * CHANNELS + c, value.to(tl.float32), mask=mask)

    half = tl.load(grid + 7)
    digits = _bit_length(tl.minimum(tl.maximum(energy, 1.0), _ENERGY_MAX)).to(tl.float64)
    steps = tl.load(grid + 8) + half * digits - tl.floor(half * m)
    end = tl.where(energy > 0.0, steps * (_LN2 / (2.0 * half)), 0.0)
    tl.store(cutoff + row, end.to(tl.float32), mask=mask)
    tl.store(offset + row, tl.exp(-end).to(tl.float32), mask=mask)
