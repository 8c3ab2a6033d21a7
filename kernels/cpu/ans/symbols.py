"""Loops that decode symbols of frequency tables, and signs, from an ANS payload.

All arithmetic is on integers. No index check is needed inside the loops: a table ends in 2^24,
which no slot reaches, so its search ends inside it; words are read only while some are left; and
there are never more escapes than symbols. `_matches_memory` checks once that tables and values lie
where memory is.
"""

# NumPy's stubs tell integers apart that are one type to Numba.
# mypy: disable-error-code="arg-type, assignment, return-value, type-var"

from __future__ import annotations

import numpy as np

from gsic_kernels.cpu.ans.layout import (
    BAD_LAYOUT,
    BASE,
    ESCAPE,
    LEAST_COST,
    LEFT,
    LOW_BITS,
    LOWEST,
    NEGATIVE,
    OK,
    PRECISION,
    SIZE,
    START,
    STATE,
    SYMBOLS,
    TOO_MANY,
    TOTAL,
)
from gsic_kernels.cpu.ans.raw_fields import (
    FULL,
    SLOT,
    STATE_PRECISION,
    WORD,
    add_excess,
    add_low_bits,
    read_array,
    take_room,
)
from gsic_kernels.cpu.runtime.jitable import register_jitable
from gsic_kernels.types import I64, U32, U64

_NONE = np.uint64(0)

# The slots are divided into 256 buckets of equal width. A bucket says where the search for the
# symbol of a slot begins, or names the symbol if the whole bucket lies inside one.
_BUCKET_BITS = 8
_BUCKETS = 1 << _BUCKET_BITS
_BUCKET = np.uint64(PRECISION - _BUCKET_BITS)
# A bucket inside one symbol packs its frequency, start and index into 64 bits; any other one holds
# a frequency of 0 and the first index.
_START_AT = np.uint64(PRECISION)
_INDEX_AT = np.uint64(2 * PRECISION)
_INDEXES = 1 << 64 - 2 * PRECISION

_SHARE_BITS = 5


@register_jitable
def _fill_buckets(buckets: U64, starts: U32, first: int) -> None:
    """Fill the buckets of the table that begins at `first`."""
    index = 0
    for bucket in range(_BUCKETS):
        begin = bucket << PRECISION - _BUCKET_BITS
        while starts[first + index + 1] <= begin:
            index += 1
        start, end = np.int64(starts[first + index]), np.int64(starts[first + index + 1])
        inside = end >= begin + (1 << PRECISION - _BUCKET_BITS)
        if inside and index < _INDEXES and end - start < TOTAL:
            entry = np.uint64(index) << _INDEX_AT | np.uint64(start) << _START_AT
            buckets[bucket] = entry | np.uint64(end - start)
        else:
            buckets[bucket] = np.uint64(index) << _START_AT


@register_jitable
def _matches_memory(starts: U32, rows: I64, height: int, size: int) -> bool:
    """Check that every table lies inside `starts`, and that the groups fill whole columns."""
    total = row = 0
    for g in range(len(rows)):
        first, end = rows[g, START], rows[g, START] + rows[g, SYMBOLS]
        if first < 0 or end <= first or end >= len(starts):
            return False
        if starts[first] != 0 or starts[end] != TOTAL:
            return False
        if rows[g, SIZE] < 0 or rows[g, SIZE] > height - row:
            return False
        total += rows[g, SIZE]
        row += rows[g, SIZE]
        if row == height:
            row = 0
    return total == size and row == 0


@register_jitable
def read_groups(
    words: U32, coder: U64, starts: U32, rows: I64, order: I64, bound: int, out: I64
) -> int:
    """Fill `out` as `decoder.read_values` says, and return a status."""
    if not _matches_memory(starts, rows, len(order), len(out)):
        return BAD_LAYOUT
    for g in range(len(rows)):
        if not take_room(coder, rows[g, SIZE], rows[g, LEAST_COST]):
            return TOO_MANY
    state, left = coder[STATE], np.int64(coder[LEFT])
    buckets = np.empty(_BUCKETS, np.uint64)
    # As many as there can be: a larger array that is made inside the loop keeps the compiler from
    # holding what the loop reads in registers.
    places = np.empty(len(out), np.int64)
    escapes = last = 0
    column = row = 0
    for g in range(len(rows)):
        first, size, add = rows[g, START], rows[g, SIZE], rows[g, LOWEST]
        # The indices of the symbols that are escapes.
        escape, under, over = rows[g, ESCAPE], -1, -1
        if escape >= 0:
            over = rows[g, SYMBOLS] - 1
            if add < 0:
                under = 0
        last = max(last, escape)
        # Where low bits follow, `add_low_bits` adds the base after its shift.
        if rows[g, LOW_BITS] == 0:
            add += rows[g, BASE]
        if size:
            _fill_buckets(buckets, starts, first)
        for value in range(row, row + size):
            slot = state & SLOT
            entry = buckets[slot >> _BUCKET]
            frequency, start = entry & SLOT, entry >> _START_AT & SLOT
            index = np.int64(entry >> _INDEX_AT)
            if frequency == _NONE:
                index = np.int64(start)
                while np.uint64(starts[first + index + 1]) <= slot:
                    index += 1
                start = np.uint64(starts[first + index])
                frequency = np.uint64(starts[first + index + 1]) - start
            state = (state >> STATE_PRECISION) * frequency + (slot - start)
            if state < FULL and left > 0:
                left -= 1
                state = state << WORD | np.uint64(words[left])
            place = column + order[value]
            out[place] = index + add
            if index in (over, under):
                places[escapes] = place if index == over else ~place
                escapes += 1
        row += size
        if row == len(order):
            column, row = column + row, 0
    coder[STATE], coder[LEFT] = state, np.uint64(left)
    if escapes:
        status = add_excess(words, coder, places, escapes, bound - last, out)
        if status != OK:
            return status
    return add_low_bits(words, coder, rows, order, out)


def read_values(
    words: U32, coder: U64, starts: U32, rows: I64, order: I64, bound: int, out: I64
) -> int:
    """Kernel of `decoder.read_values`."""
    return read_groups(words, coder, starts, rows, order, bound, out)


@register_jitable
def read_signs(words: U32, coder: U64, sizes: I64, order: I64, first: int, values: I64) -> int:
    """Read a share per group and a flag per value that is not 0; negate the values whose flag is 1.

    The column begins at `first`; `order` has the rows of one group after the other.
    """
    for place in range(first, first + len(order)):
        if values[place] < 0:
            return NEGATIVE
    shares = np.empty(len(sizes), np.int64)
    status = read_array(words, coder, np.int64(_SHARE_BITS), shares)
    if status != OK:
        return status
    state, left = coder[STATE], np.int64(coder[LEFT])
    row = 0
    for g in range(len(sizes)):
        count = 0
        for k in range(row, row + sizes[g]):
            count += values[first + order[k]] != 0
        frequency = (2 * shares[g] + 1) * (TOTAL >> _SHARE_BITS + 1)
        if not take_room(coder, count, min(frequency, TOTAL - frequency)):
            return TOO_MANY
        negative, positive = np.uint64(frequency), np.uint64(TOTAL - frequency)
        for k in range(row, row + sizes[g]):
            place = first + order[k]
            if values[place]:
                slot = state & SLOT
                if slot < positive:
                    state = (state >> STATE_PRECISION) * positive + slot
                else:
                    state = (state >> STATE_PRECISION) * negative + (slot - positive)
                    values[place] = -values[place]
                if state < FULL and left > 0:
                    left -= 1
                    state = state << WORD | np.uint64(words[left])
        row += sizes[g]
    coder[STATE], coder[LEFT] = state, np.uint64(left)
    return OK
