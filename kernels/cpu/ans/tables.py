"""Kernel that builds frequency tables from parameters, in integer arithmetic.

The formulas are those of FORMAT.md section 4. Every index is below a size that the caller allocated
from the same parameters, so none is checked.
"""

# NumPy's stubs tell integers apart that are one type to Numba.
# mypy: disable-error-code="assignment, type-var"

from __future__ import annotations

import numpy as np

from gsic_kernels.cpu.ans.layout import (
    BASE,
    CELLS,
    ESCAPE,
    ESCAPE_FREQUENCY,
    HISTOGRAM_SIZE_MIN,
    LEAST_COST,
    LOW_BITS,
    LOWEST,
    OK,
    PRECISION,
    SIZE,
    START,
    SYMBOLS,
    TOTAL,
)
from gsic_kernels.cpu.runtime.jitable import register_jitable
from gsic_kernels.types import I64, U32


@register_jitable
def fill(
    choices: I64,
    levels: I64,
    signed: int,
    chances: U32,
    zeros: I64,
    magnitudes: I64,
    starts: U32,
    rows: I64,
) -> int:
    """Fill `starts`, in equal slices per table, and `rows`, as `decoder.build_tables` says."""
    level = 0
    for g in range(len(choices)):
        explicit, scale, zero = choices[g, 0], choices[g, 1], choices[g, 2]
        spread, positive = choices[g, 3], choices[g, 4]
        first = g * (len(starts) // len(choices))
        rows[g, START] = first
        rows[g, LOW_BITS] = rows[g, SIZE] = rows[g, BASE] = rows[g, CELLS] = 0
        if explicit:
            count = scale + HISTOGRAM_SIZE_MIN
            weights = 0
            for k in range(count):
                weights += (2 + (levels[level + k] & 1)) << (levels[level + k] >> 1)
            for k in range(count):
                weight = (2 + (levels[level + k] & 1)) << (levels[level + k] >> 1)
                starts[first + k] = 1 + weight * (TOTAL - count) // weights
            level += count
            middle = 0
            rows[g, LOWEST], rows[g, ESCAPE] = 0, -1
        else:
            whole = scale
            if scale >= len(chances):
                whole = len(chances) - 4 + scale % 4
                rows[g, LOW_BITS] = (scale - len(chances)) // 4 + 1
            top = magnitudes[whole]
            fixed = top + ESCAPE_FREQUENCY - 1
            rest = TOTAL - zeros[whole, zero]
            middle = top if signed else 0
            count = middle + top + 1
            above = rest
            if signed:
                share = max(1, 2 * positive)
                above = rest * share // 32
                below = rest * (32 - share) // 32 - fixed
                for k in range(top):
                    starts[first + middle - 1 - k] = 1 + (
                        chances[whole, spread, k] * below >> PRECISION
                    )
                starts[first] += ESCAPE_FREQUENCY - 1
            above -= fixed
            for k in range(top):
                starts[first + middle + 1 + k] = 1 + (
                    chances[whole, spread, k] * above >> PRECISION
                )
            starts[first + count - 1] += ESCAPE_FREQUENCY - 1
            starts[first + middle] = 0
            rows[g, LOWEST], rows[g, ESCAPE] = -middle, top
        # Symbol 0 gets what rounding leaves over, so that the frequencies sum to 2^24.
        total = 0
        for k in range(count):
            total += starts[first + k]
        starts[first + middle] += TOTAL - total
        largest = start = 0
        for k in range(count):
            frequency = np.int64(starts[first + k])
            starts[first + k] = start
            start += frequency
            largest = max(largest, frequency)
        starts[first + count] = TOTAL
        rows[g, SYMBOLS] = count
        rows[g, LEAST_COST] = TOTAL - largest
    return OK


def fill_tables(
    choices: I64,
    levels: I64,
    signed: int,
    chances: U32,
    zeros: I64,
    magnitudes: I64,
    starts: U32,
    rows: I64,
) -> int:
    """Kernel of `decoder.build_tables`."""
    return fill(choices, levels, signed, chances, zeros, magnitudes, starts, rows)
