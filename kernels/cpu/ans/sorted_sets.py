"""Sets of ascending keys: own parameters, quotients of gaps, low bits.

The order is that of FORMAT.md section 6.
"""

# NumPy's stubs tell integers apart that are one type to Numba.
# mypy: disable-error-code="arg-type, assignment, return-value, type-var"

from __future__ import annotations

import numpy as np

from gsic_kernels.cpu.ans.layout import (
    CHUNK_BITS,
    COLUMNS,
    DETAIL,
    HIGH_KEY,
    HIGH_SCALE,
    LAST_WHOLE,
    LOW_BITS,
    OK,
    OWN_BITS,
    OWN_SCALE,
    OWN_SPREAD,
    OWN_ZERO,
    ROWS,
    SCALE_FIELDS,
    SET_ZERO,
    SIZE,
    STOP,
    WIDE_GAP,
)
from gsic_kernels.cpu.ans.states import read_fields
from gsic_kernels.cpu.ans.symbols import add_excess, read_symbols
from gsic_kernels.cpu.ans.tables import fill_geometric
from gsic_kernels.cpu.runtime.jitable import register_jitable
from gsic_kernels.types import I32, I64, U32, U64

# The mean of the quotients of gaps by 2^(low bits) lies between 2^3 and twice that.
_MEAN_BITS = 3


@register_jitable
def read_sets(
    words: U32,
    coder: U64,
    table: U32,
    chances: U32,
    scales: U32,
    identity: U32,
    sets: I64,
    first: int,
    count: int,
    fields: U32,
    places: U32,
    keys: I64,
    out: I32,
) -> int:
    """Read the keys of all sets as columns and rows of cells.

    The first three fields of each row of `sets` are given. The columns go to `count` places of
    `out` from `first` on, the rows to as many behind them.
    """
    status = read_fields(words, coder, np.int64(1), len(sets), fields)
    owners = 0
    for g in range(len(sets)):
        _predict_gaps(scales, sets[g])
        sets[g, OWN_ZERO], sets[g, OWN_SPREAD] = SET_ZERO, -np.int64(fields[g])
        owners += fields[g]
    if status == OK:
        status = read_fields(words, coder, np.int64(OWN_BITS), owners, fields)
    owner, row = 0, np.int64(0)
    for g in range(len(sets)):
        if sets[g, OWN_SPREAD] < 0:
            own = np.int64(fields[owner])
            sets[g, OWN_SCALE], sets[g, OWN_ZERO], sets[g, OWN_SPREAD] = (
                own & 31,
                own >> 5 & 15,
                own >> 9,
            )
            owner += 1
    for g in range(len(sets)):
        scale, zero, spread, size = (
            sets[g, OWN_SCALE],
            sets[g, OWN_ZERO],
            sets[g, OWN_SPREAD],
            sets[g, SIZE],
        )
        if status == OK and scale > LAST_WHOLE:
            coder[DETAIL] = scale
            status = HIGH_SCALE
        if status != OK:
            return status
        none = np.int64(0)
        fill_geometric(chances, scales, none, scale, zero, spread, none, coder, table)
        place = first + count
        status = read_symbols(words, coder, table, identity, row, size, none, place, places, out)
        row += size
    if status == OK:
        status = add_excess(words, coder, fields, places, out)
    row = np.int64(first)
    for g in range(len(sets)):
        if status == OK:
            status = _split_keys(words, coder, sets[g], row, count, fields, keys, out)
        row += sets[g, SIZE]
    return status


@register_jitable
def _predict_gaps(scales: U32, one: I64) -> None:
    """Fill the low bits of a gap and the scale of the quotients of a uniformly random set."""
    cells = one[COLUMNS] * one[ROWS]
    low_bits, ratio = -1 - _MEAN_BITS, cells // one[SIZE]
    while ratio:
        low_bits += 1
        ratio >>= 1
    low_bits = max(0, low_bits)
    # 2^32 rest / whole by long division, because 2^32 rest has more than 64 bits.
    rest = one[SIZE] << low_bits
    whole = rest + cells
    chance = 0
    for _ in range(32):
        rest <<= 1
        chance <<= 1
        if rest >= whole:
            rest -= whole
            chance |= 1
    scale = 0
    while scale < LAST_WHOLE and scales[scale * SCALE_FIELDS + STOP] > chance:
        scale += 1
    one[LOW_BITS], one[OWN_SCALE] = low_bits, scale


@register_jitable
def _split_keys(
    words: U32, coder: U64, one: I64, first: int, count: int, fields: U32, keys: I64, out: I32
) -> int:
    """Read the low bits of the gaps of a set, add the gaps up to keys, and split these.

    The quotients of the gaps are where the rows of the cells will be. The keys go to `keys`.
    """
    size, columns, low_bits = one[SIZE], np.uint64(one[COLUMNS]), one[LOW_BITS]
    cells = one[COLUMNS] * one[ROWS]
    lower = min(low_bits, CHUNK_BITS)
    status = read_fields(words, coder, lower, size, fields)
    for k in range(size):
        keys[k] = fields[k]
    if status == OK and low_bits > lower:
        status = read_fields(words, coder, low_bits - lower, size, fields)
        for k in range(size):
            keys[k] |= np.int64(fields[k]) << lower
    key = np.int64(0)
    for k in range(size):
        quotient = np.int64(out[first + count + k])
        if status == OK and quotient > cells >> low_bits:
            return WIDE_GAP
        # Gaps are below 2^61 and cells at most 2^60, so the sum stays below 2^62.
        key = min(key, cells) + (quotient << low_bits) + keys[k]
        keys[k] = key
    if status != OK:
        return status
    if key >= cells:
        coder[DETAIL] = cells
        return HIGH_KEY
    # By themselves, because divisions that wait for no other are faster.
    for k in range(size):
        down = np.uint64(keys[k]) // columns
        out[first + k], out[first + count + k] = np.uint64(keys[k]) - down * columns, down
    return OK
