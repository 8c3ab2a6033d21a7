"""From the integers of Gaussians to what is drawn of them, on the lattices of their levels.

The code of the profile in NumPy defines what a file means (FORMAT.md 7.3 and 7.4). This is the same
in a loop: all of it is float64, rounded once, and agrees up to the last bit of float32; levels
agree exactly, because they follow from sums, products and square roots, which every machine rounds
alike.
"""

from __future__ import annotations

import math

import numpy as np

from gsic_kernels import validation
from gsic_kernels.constants import LEVELS_MAX, PLACE_BITS
from gsic_kernels.cpu.runtime import pool
from gsic_kernels.cpu.runtime.dispatch import kernel
from gsic_kernels.cpu.runtime.jitable import register_jitable
from gsic_kernels.cpu.runtime.work_items import count_items, item_function
from gsic_kernels.types import F32, F64, I32, SHAPE_ROWS, LogSymbols, Splats

_GAUSSIANS_PER_ITEM = 256
_LN2 = math.log(2.0)
_PLACE_PX = 2.0**-PLACE_BITS
# Whole numbers up to here are exact in float64, and so is their bit length.
_MAX_ENERGY = 2.0**52
# sinh(x) / x below this is summed as a series, because e^x - e^-x would cancel.
_SMALL = 0.25
# Classes are below 2^5, so powers of two by them are whole numbers times 2^-_CLASS_BITS.
_CLASS_BITS = 32
# ln 2 as a sum, of which whole multiples of the first part are exact; and the coefficients of e^r.
_LN2_HIGH, _LN2_LOW = 0.693147180369123816490, 1.90821492927058770002e-10
_TAYLOR = tuple(1.0 / math.factorial(k) for k in range(13, -1, -1))
# Places of the columns of scratch memory, in which the loops below go from row to row: one array,
# so that the compiler need not find out whether arrays overlap, and takes several Gaussians at
# once.
_M, _U, _V, _RHO, _END, _GAIN, _SHRINK, _LEVEL, _S12, _S22, _DET, _SUM = (
    k * _GAUSSIANS_PER_ITEM for k in range(12)
)
_COLUMNS = 12


def dequantise_symbols(symbols: LogSymbols, threads: int = 1) -> Splats:
    """Convert the integers of N Gaussians to splats.

    Args:
        symbols: integers, and the constants that `types.LogGrid` explains.
        threads: number of threads to use; the result does not depend on it.

    Raises:
        TypeError, ValueError: as `validation.check_log_symbols` says.
    """
    rows, grid = validation.check_log_symbols(symbols)
    count, channels = rows.shape[1], len(rows) - SHAPE_ROWS
    splats = Splats(
        np.empty((count, 2), np.float32),
        np.empty((count, 3), np.float32),
        np.empty((count, channels), np.float32),
        np.empty(count, np.float32),
        np.empty(count, np.float32),
        np.empty(count, np.int32),
    )
    numbers = np.array(grid[:-1], np.float64)
    memory = np.empty((threads, _COLUMNS * _GAUSSIANS_PER_ITEM))
    arguments = np.ascontiguousarray(rows), numbers, grid.transform, memory, *splats
    items = count_items(count, _GAUSSIANS_PER_ITEM)
    pool.run(threads, [pool.Step(kernel("dequantise"), arguments, items)])
    return splats


@item_function
def dequantise(
    item: int,
    worker: int,
    rows: I32,
    grid: F64,
    transform: F64,
    memory: F64,
    mean: F32,
    factor: F32,
    color: F32,
    cutoff: F32,
    offset: F32,
    level: I32,
) -> None:
    """Dequantise the next _GAUSSIANS_PER_ITEM Gaussians; `grid` has the numbers of `LogGrid`."""
    begin = item * _GAUSSIANS_PER_ITEM
    count = min(_GAUSSIANS_PER_ITEM, rows.shape[1] - begin)
    columns = memory[worker]
    _read_shapes(rows, begin, count, grid, columns)
    _measure_energies(rows, begin, count, columns)
    _place_on_lattices(count, grid, columns)
    margin, channels = grid[0], len(transform)
    for k in range(count):
        n = begin + k
        shrink = columns[_SHRINK + k]
        mean[n, 0] = (rows[2, n] * _PLACE_PX - margin) * shrink
        mean[n, 1] = (rows[3, n] * _PLACE_PX - margin) * shrink
        s22, root = columns[_S22 + k], columns[_DET + k]
        factor[n, 0], factor[n, 2] = s22 * root * columns[_SUM + k], columns[_SUM + k]
        factor[n, 1] = -columns[_S12 + k] * columns[_SUM + k] * root
        level[n], offset[n] = int(columns[_LEVEL + k]), columns[_U + k]
        cutoff[n] = columns[_END + k]
    for to in range(channels):
        columns[_SUM : _SUM + count] = 0.0
        for c in range(channels):
            share = transform[c, to]
            for k in range(count):
                amplitude = rows[SHAPE_ROWS + c, begin + k]
                columns[_SUM + k] += amplitude * columns[_GAIN + k] * share
        for k in range(count):
            color[begin + k, to] = columns[_SUM + k]


@register_jitable(forceinline=True)
def _power_of_two(exponent: int, most: int) -> float:
    """Compute 2 to a whole number of -most..62 - most, exactly."""
    return float(np.int64(1) << (np.int64(exponent) + most)) * 2.0**-most


@register_jitable(forceinline=True)
def _exp(x: float, most: int) -> float:
    """Compute e^x for powers of two that `_power_of_two` knows, to 2 units of the last place."""
    whole = math.floor(x * (1.0 / _LN2) + 0.5)
    r = (x - whole * _LN2_HIGH) - whole * _LN2_LOW
    value = _TAYLOR[0]
    for coefficient in _TAYLOR[1:]:
        value = value * r + coefficient
    return value * _power_of_two(int(whole), most)


@register_jitable
def _read_shapes(rows: I32, begin: int, count: int, grid: F64, columns: F64) -> None:
    """Compute m, u, v, rho within the bounds, and levels (FORMAT.md 7.3 and 7.4)."""
    scale_step, anisotropy_step, least = grid[1], grid[2], grid[3]
    most_scale, most_anisotropy = grid[4], grid[5]
    for k in range(count):
        n = begin + k
        precision = _power_of_two(-rows[1, n], _CLASS_BITS)
        m = min(max(rows[4, n] * precision * scale_step, least), most_scale)
        u = rows[5, n] * (precision * anisotropy_step)
        v = rows[6, n] * (precision * anisotropy_step)
        rho, most = math.sqrt(u * u + v * v), min(most_anisotropy, m - least)
        bound = most / max(rho, 1e-300) if rho > most else 1.0
        rho = min(rho, most)
        columns[_M + k], columns[_RHO + k] = m, rho
        columns[_U + k], columns[_V + k] = u * bound, v * bound
        columns[_LEVEL + k] = min(max(np.floor((m - rho) * 0.5), 0.0), LEVELS_MAX - 1.0)


@register_jitable
def _measure_energies(rows: I32, begin: int, count: int, columns: F64) -> None:
    """Compute the sums of the squares of the amplitudes."""
    columns[_SUM : _SUM + count] = 0.0
    for c in range(SHAPE_ROWS, len(rows)):
        for k in range(count):
            amplitude = float(rows[c, begin + k])
            columns[_SUM + k] += amplitude * amplitude


@register_jitable
def _place_on_lattices(count: int, grid: F64, columns: F64) -> None:
    """Compute cutoffs and offsets, and covariances and gains on the lattices (FORMAT.md 7.4).

    Afterwards _U holds offsets, _DET holds 1 / sqrt(det) and _SUM holds 1 / sqrt(Sigma22).
    """
    unit, half, base = grid[6], grid[7], grid[8]
    for k in range(count):
        # The bit length of a whole number is in the exponent of the float.
        columns[_END + k] = min(columns[_SUM + k], _MAX_ENERGY)
    exponents = columns[_END : _END + count].view(np.int64)
    for k in range(count):
        octaves = (exponents[k] >> 52) - 1022
        ends = (base + half * octaves - np.floor(half * columns[_M + k])) * (_LN2 / (2.0 * half))
        columns[_END + k] = ends if columns[_SUM + k] > 0.0 else 0.0
    for k in range(count):
        m, rho = columns[_M + k] * _LN2, columns[_RHO + k] * _LN2
        u, v = columns[_U + k] * _LN2, columns[_V + k] * _LN2
        root_det, growth = _exp(m, 10), _exp(rho, 10)
        decay = 1.0 / growth
        square = rho * rho
        # The terms left out are below 2^-54.
        series = 1.0 + square / 6.0 * (
            1.0 + square / 20.0 * (1.0 + square / 42.0 * (1.0 + square / 72.0))
        )
        ratio = 0.5 * (growth - decay) / max(rho, _SMALL) if rho > _SMALL else series
        s12 = root_det * ratio * v
        s22 = root_det * (0.5 * (growth + decay) - ratio * u)
        det = root_det * root_det
        # Enlarging adds variance, which is taken away here; see `gsic.lattices`.
        cell = _power_of_two(int(columns[_LEVEL + k]), 10)
        shrink = _power_of_two(-int(columns[_LEVEL + k]), 10)
        area, added = shrink * shrink, 4.0 * (cell * cell - 1.0) / 9.0
        left = det - added * ((det + s12 * s12) / s22 + s22 - added)
        columns[_GAIN + k] = math.sqrt(det / left) * unit / math.sqrt(root_det)
        s22 = (s22 - added) * area
        columns[_S12 + k], columns[_S22 + k] = s12 * area, s22
        columns[_DET + k] = 1.0 / math.sqrt(left * area * area)
        columns[_SUM + k], columns[_SHRINK + k] = 1.0 / math.sqrt(s22), shrink
        # An offset is 1 where nothing is drawn; a cutoff below 0 draws nothing either.
        columns[_U + k] = _exp(-min(max(columns[_END + k], -1.0), 40.0), 60)
