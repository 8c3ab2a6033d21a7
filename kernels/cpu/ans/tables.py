"""Frequency tables from parameters, in integer arithmetic, and what finds symbols in them fast.

The formulas are those of FORMAT.md section 4. Every index is below a size that the caller allocated
from the same parameters, so none is checked.
"""

# NumPy's stubs tell integers apart that are one type to Numba.
# mypy: disable-error-code="arg-type, assignment, return-value, type-var"

from __future__ import annotations

import numpy as np

from gsic_kernels.cpu.ans.layout import (
    BUCKET_BITS,
    BUCKETS,
    ESCAPE_FREQUENCY,
    FIRST_PLAIN,
    LARGEST,
    LAST_PLAIN,
    LAST_WHOLE,
    LOWEST,
    MAX_MAGNITUDE,
    OK,
    PRECISION,
    SCALE_FIELDS,
    SPREADS,
    STARTS,
    SYMBOLS,
    TOTAL,
    ZERO_ODDS,
    ZEROS,
)
from gsic_kernels.cpu.runtime.jitable import register_jitable
from gsic_kernels.types import I64, U32, U64

_PRECISION = np.uint64(PRECISION)
_BUCKET = PRECISION - BUCKET_BITS


@register_jitable
def count_low_bits(scale: int) -> int:
    """Return how many low bits of a value are raw at a scale."""
    return (scale - LAST_WHOLE + 3) >> 2 if scale > LAST_WHOLE else 0


@register_jitable
def fill_geometric(
    chances: U32,
    scales: U32,
    signed: int,
    scale: int,
    zero: int,
    spread: int,
    positive: int,
    coder: U64,
    table: U32,
) -> None:
    """Make a table of one or both signs, which a scale and a shape choose, the current one."""
    whole = scale if scale <= LAST_WHOLE else LAST_WHOLE - 3 + scale % 4
    top = np.int64(scales[whole * SCALE_FIELDS + LARGEST])
    share = np.int64(scales[whole * SCALE_FIELDS + ZEROS + ZERO_ODDS * signed + zero])
    rest = TOTAL - share
    parts = max(1, 2 * positive) if signed else 32
    above, below = rest * parts // 32, rest * (32 - parts) // 32
    middle = top if signed else 0
    # Every symbol has a frequency of 1 and the escape that of 256; what is left of a side is shared
    # in proportion. Starts are shares of sums, so that no step needs the result of the one before.
    fixed = top + ESCAPE_FREQUENCY - 1
    first = (whole * SPREADS + spread) * MAX_MAGNITUDE
    scaled, begin = np.uint64(above - fixed), np.uint64(TOTAL - above)
    for k in range(top):
        place = np.uint64(k) + (np.uint64(chances[first + k]) * scaled >> _PRECISION)
        table[STARTS + middle + 1 + k] = begin + place
    if signed:
        scaled, begin = np.uint64(below - fixed), np.uint64(below)
        for k in range(top):
            place = np.uint64(k) + (np.uint64(chances[first + k]) * scaled >> _PRECISION)
            table[STARTS + middle - k] = begin - place
    table[STARTS] = 0
    table[STARTS + middle + top + 1] = TOTAL
    coder[SYMBOLS], coder[LOWEST] = middle + top + 1, np.uint64(-middle)
    coder[FIRST_PLAIN], coder[LAST_PLAIN] = signed, middle + top - 1


@register_jitable
def fill_histogram(levels: U32, first: int, count: int, coder: U64, table: U32) -> None:
    """Make a table with `count` explicit levels, which begin at `first`, the current one."""
    weights = np.int64(0)
    for k in range(first, first + count):
        weights += (2 + (levels[k] & 1)) << (levels[k] >> 1)
    # Backwards, because symbol 0 gets what rounding leaves over.
    start = TOTAL
    for k in range(count, 1, -1):
        table[STARTS + k] = start
        level = np.int64(levels[first + k - 1])
        start -= 1 + ((2 + (level & 1)) << (level >> 1)) * (TOTAL - count) // weights
    table[STARTS + 1], table[STARTS] = start, 0
    coder[SYMBOLS], coder[LOWEST] = count, 0
    coder[FIRST_PLAIN], coder[LAST_PLAIN] = 0, count - 1


@register_jitable
def fill_buckets(coder: U64, table: U32) -> int:
    """Fill the buckets of the current table; return the least cost of a symbol in 2^-24 bit."""
    count = np.int64(coder[SYMBOLS])
    largest = np.int64(0)
    for k in range(STARTS, STARTS + count):
        largest = max(largest, np.int64(table[k + 1]) - np.int64(table[k]))
    for k in range(BUCKETS):
        table[k] = 0
    # Later symbols that begin before the same bucket replace earlier ones.
    for index in range(1, count):
        table[np.int64(table[STARTS + index]) + (1 << _BUCKET) - 1 >> _BUCKET] = index
    begun = np.int64(0)
    for k in range(BUCKETS):
        begun = max(begun, np.int64(table[k]))
        table[k] = begun
    # A symbol of frequency f takes log2(2^24 / f) bits, which is at least 1 - f / 2^24.
    return TOTAL - largest


def fill_tables(
    chances: U32, scales: U32, signed: int, choices: I64, coders: U64, tables: U32
) -> int:
    """Kernel of `coder.build_tables`."""
    for g in range(len(choices)):
        scale, zero, spread = choices[g, 0], choices[g, 1], choices[g, 2]
        positive, coder, table = choices[g, 3], coders[g], tables[g]
        fill_geometric(chances, scales, signed, scale, zero, spread, positive, coder, table)
    return OK
