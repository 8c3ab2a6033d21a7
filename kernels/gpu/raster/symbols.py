"""Gaussians from integers, on the device: splats of `types.LogSymbols`.

What a profile says in NumPy is what a file means; this says the same in Triton, is tested against
it and agrees up to the last bit of float32. All of it is float64, rounded once.
"""

from __future__ import annotations

import math

import numpy as np
import triton
import triton.language as tl

from gsic_kernels.gpu.fit.adam_steps import log_factor, log_shape
from gsic_kernels.types import F64, SHAPE_ROWS, LogGrid

ROWS = tl.constexpr(64)
"""Gaussians per program."""

NUMBERS = len(LogGrid._fields) - 1
"""Of a grid, before its transform."""

_NUMBERS = tl.constexpr(NUMBERS)
_COLOR = tl.constexpr(SHAPE_ROWS)
_LN2 = tl.constexpr(math.log(2.0))
_MOST_ENERGY = tl.constexpr(2.0**52)


def numbers_of(grid: LogGrid) -> F64:
    """A grid as `dequantise` takes it, float64 (NUMBERS + C C,)."""
    return np.concatenate((np.array(grid[:NUMBERS], np.float64), grid.transform.ravel()))


@triton.jit
def _power(exponent):
    """2 to the power of an int32, exactly."""
    return ((exponent.to(tl.int64) + 1023) << 52).to(tl.float64, bitcast=True)


@triton.jit
def _bit_length(value):
    """Binary digits of a whole float64 above 0."""
    return (value.to(tl.int64, bitcast=True) >> 52) - 1022


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
    CHANNELS: tl.constexpr,
):
    """Fill the arrays of `DeviceSplats`.

    Args:
        symbols: int32 (7 + C, N), the rows of `LogSymbols`.
        grid: float64 (NUMBERS + C C,), the numbers of `LogGrid` in their order, and its transform.
        count: N.
    """
    n = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    mask, row = n < count, n.to(tl.int64)
    at, stride = symbols + row, count.to(tl.int64)
    cell = _power(-tl.load(at, mask=mask, other=0))
    fineness = _power(-tl.load(at + stride, mask=mask, other=0))
    margin, least, most = tl.load(grid), tl.load(grid + 3), tl.load(grid + 4)
    for k in tl.static_range(2):
        index = tl.load(at + (2 + k) * stride, mask=mask, other=0).to(tl.float64)
        value = (index + 0.5) * cell - margin
        tl.store(mean + row * 2 + k, value.to(tl.float32), mask=mask)

    size = tl.load(at + 4 * stride, mask=mask, other=0).to(tl.float64)
    m = size * (fineness * tl.load(grid + 1))
    m = tl.minimum(tl.maximum(m, least), most)
    step = fineness * tl.load(grid + 2)
    u = tl.load(at + 5 * stride, mask=mask, other=0).to(tl.float64) * step
    v = tl.load(at + 6 * stride, mask=mask, other=0).to(tl.float64) * step
    stretch, widest = tl.sqrt(u * u + v * v), tl.minimum(tl.load(grid + 5), m - least)
    over = stretch > widest
    shorter = tl.where(over, widest / tl.where(over, stretch, 1.0), 1.0)
    s12, s22, area, _, _, _ = log_shape(m * _LN2, u * shorter * _LN2, v * shorter * _LN2)
    p, r, t = log_factor(s12, s22, area)
    tl.store(factor + row * 3, p.to(tl.float32), mask=mask)
    tl.store(factor + row * 3 + 1, r.to(tl.float32), mask=mask)
    tl.store(factor + row * 3 + 2, t.to(tl.float32), mask=mask)

    unit = tl.load(grid + 6) / tl.sqrt(area)
    energy = m * 0.0
    for c in tl.static_range(CHANNELS):
        value = m * 0.0
        for k in tl.static_range(CHANNELS):
            amplitude = tl.load(at + (_COLOR + k) * stride, mask=mask, other=0).to(tl.float64)
            value += amplitude * unit * tl.load(grid + _NUMBERS + k * CHANNELS + c)
            if c == 0:
                energy += amplitude * amplitude
        tl.store(color + row * CHANNELS + c, value.to(tl.float32), mask=mask)

    half = tl.load(grid + 7)
    digits = _bit_length(tl.minimum(tl.maximum(energy, 1.0), _MOST_ENERGY)).to(tl.float64)
    level = tl.load(grid + 8) + half * digits - tl.floor(half * m)
    end = tl.where(energy > 0.0, level * (_LN2 / (2.0 * half)), 0.0)
    tl.store(cutoff + row, end.to(tl.float32), mask=mask)
    tl.store(offset + row, tl.exp(-end).to(tl.float32), mask=mask)
