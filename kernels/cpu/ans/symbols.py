"""The loops of `gsic_kernels.cpu.ans` that take symbols and raw fields out of words.

All arithmetic is on integers, and every index is bounded by what the caller allocated: a table
ends in 2^24, which no slot reaches, words are read only while some are left, and there are never
more escapes than symbols.
"""

# NumPy's stubs tell integers apart that are one type to Numba.
# mypy: disable-error-code="arg-type, assignment, return-value, type-var"

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numba.extending import register_jitable
from numpy.typing import NDArray

from gsic_kernels.cpu.ans.decoder import (
    BASE,
    CELLS,
    CULPRIT,
    ESCAPE,
    FINE,
    HIGH_KEY,
    LEAST_COST,
    LEFT,
    LOW_BITS,
    LOWEST,
    MISFIT,
    NEGATIVE,
    OUT_OF_RANGE,
    PRECISION,
    ROOM,
    SIZE,
    START,
    STATE,
    SYMBOLS,
    TOO_MANY,
    TOTAL,
    WIDE_GAP,
)

I64: TypeAlias = NDArray[np.int64]
U32: TypeAlias = NDArray[np.uint32]
U64: TypeAlias = NDArray[np.uint64]

# Numba makes floats of signed and unsigned integers together, so what meets the state is unsigned.
_WORD = np.uint64(32)
_FULL = np.uint64(1 << 32)
_PRECISION = np.uint64(PRECISION)
_SLOT = np.uint64(TOTAL - 1)
_NONE, _ONE = np.uint64(0), np.uint64(1)

# A table is searched from where one of these buckets of equal width begins.
_BUCKET_BITS = 8
_BUCKETS = 1 << _BUCKET_BITS
_BUCKET = np.uint64(PRECISION - _BUCKET_BITS)
# Of a bucket inside one symbol: its frequency, start and index. Of others: 0 and the first index.
_START_AT = np.uint64(PRECISION)
_INDEX_AT = np.uint64(2 * PRECISION)
_INDEXES = 1 << 64 - 2 * PRECISION

_EXPONENT_BITS = 6
_SHARE_BITS = 5
_RAW_CHUNK = 24


@register_jitable
def _chunk(words: U32, state: np.uint64, left: int, width: int) -> tuple[np.uint64, int, int]:
    """(state, words left, the next raw field), of 1.._RAW_CHUNK bits."""
    rest = np.uint64(PRECISION - width)
    slot = state & _SLOT
    state = (state >> _PRECISION) << rest | (slot & ((np.uint64(1) << rest) - np.uint64(1)))
    if state < _FULL and left > 0:
        left -= 1
        state = state << _WORD | np.uint64(words[left])
    return state, left, np.int64(slot >> rest)


@register_jitable
def _fill_buckets(buckets: U64, starts: U32, first: int) -> None:
    """List where the search for a slot begins, by its uppermost bits."""
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
def _fitting(starts: U32, rows: I64, height: int, size: int) -> bool:
    """Are tables and values where memory is?"""
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
def _take(coder: U64, count: int, cost: int) -> bool:
    """Is there room for `count` things of a cost? It is theirs then."""
    room = np.int64(coder[ROOM])
    coder[CULPRIT] = count
    if cost and count > room // cost:
        return False
    coder[ROOM] = np.uint64(room - count * cost)
    return True


@register_jitable
def read_groups(
    words: U32, coder: U64, starts: U32, rows: I64, order: I64, bound: int, out: I64
) -> int:
    """See `ans.read_values`: fill `out` and return a finding."""
    if not _fitting(starts, rows, len(order), len(out)):
        return MISFIT
    for g in range(len(rows)):
        if not _take(coder, rows[g, SIZE], rows[g, LEAST_COST]):
            return TOO_MANY
    state, left = coder[STATE], np.int64(coder[LEFT])
    buckets = np.empty(_BUCKETS, np.uint64)
    places = np.empty(64 + len(out) // 16, np.int64)
    escapes = last = 0
    column = row = 0
    for g in range(len(rows)):
        first, size, add = rows[g, START], rows[g, SIZE], rows[g, LOWEST]
        # The indexes that are escapes.
        escape, under, over = rows[g, ESCAPE], -1, -1
        if escape >= 0:
            over = rows[g, SYMBOLS] - 1
            if add < 0:
                under = 0
        last = max(last, escape)
        if rows[g, LOW_BITS] == 0:
            add += rows[g, BASE]
        if size:
            _fill_buckets(buckets, starts, first)
        for value in range(row, row + size):
            slot = state & _SLOT
            entry = buckets[slot >> _BUCKET]
            frequency, start = entry & _SLOT, entry >> _START_AT & _SLOT
            index = np.int64(entry >> _INDEX_AT)
            if frequency == _NONE:
                index = np.int64(start)
                while np.uint64(starts[first + index + 1]) <= slot:
                    index += 1
                start = np.uint64(starts[first + index])
                frequency = np.uint64(starts[first + index + 1]) - start
            state = (state >> _PRECISION) * frequency + (slot - start)
            if state < _FULL and left > 0:
                left -= 1
                state = state << _WORD | np.uint64(words[left])
            place = column + order[value]
            out[place] = index + add
            if index in (over, under):
                if escapes == len(places):
                    fewer, places = places, np.empty(2 * escapes, np.int64)
                    for k in range(escapes):
                        places[k] = fewer[k]
                places[escapes] = place if index == over else ~place
                escapes += 1
        row += size
        if row == len(order):
            column, row = column + row, 0
    coder[STATE], coder[LEFT] = state, np.uint64(left)
    if escapes:
        finding = _add_excess(words, coder, places, escapes, bound - last, out)
        if finding != FINE:
            return finding
    return _add_low_bits(words, coder, rows, order, out)


@register_jitable
def _add_excess(words: U32, coder: U64, places: I64, count: int, bound: int, out: I64) -> int:
    """Add gamma numbers to the magnitudes of what is at `places`, complements if negative."""
    if not _take(coder, count, np.int64(_EXPONENT_BITS << PRECISION)):
        return TOO_MANY
    state, left = coder[STATE], np.int64(coder[LEFT])
    exponents, excess = np.empty(count, np.int64), np.empty(count, np.uint64)
    largest, finding = 0, FINE
    for k in range(count):
        state, left, exponent = _chunk(words, state, left, np.int64(_EXPONENT_BITS))
        exponents[k], largest = exponent, max(largest, exponent)
        excess[k] = (_ONE << np.uint64(exponent)) - _ONE
    # Low bits come by exponent, and of each first the lowest chunks.
    for exponent in range(1, largest + 1):
        same = 0
        for k in range(count):
            same += exponents[k] == exponent
        if not _take(coder, same, exponent << PRECISION):
            return TOO_MANY
        for shift in range(0, exponent if same else 0, _RAW_CHUNK):
            for k in range(count):
                if exponents[k] == exponent:
                    width = min(_RAW_CHUNK, exponent - shift)
                    state, left, field = _chunk(words, state, left, width)
                    excess[k] += np.uint64(field) << np.uint64(shift)
    for k in range(count):
        if excess[k] >= np.uint64(bound):
            finding = OUT_OF_RANGE
        elif places[k] >= 0:
            out[places[k]] += np.int64(excess[k])
        else:
            out[~places[k]] -= np.int64(excess[k])
    coder[STATE], coder[LEFT] = state, np.uint64(left)
    return finding


@register_jitable
def _add_low_bits(words: U32, coder: U64, rows: I64, order: I64, out: I64) -> int:
    """Complete the values whose low bits are coded raw, and make keys of gaps."""
    column = row = most = 0
    for g in range(len(rows)):
        end, cells = row + rows[g, SIZE], rows[g, CELLS]
        if cells:
            for k in range(row, end):
                if out[column + order[k]] > cells >> rows[g, LOW_BITS]:
                    return WIDE_GAP
        row = end
        if row == len(order):
            column, row = column + row, 0
    state, left = coder[STATE], np.int64(coder[LEFT])
    finding = FINE
    column = row = 0
    for g in range(len(rows)):
        end, width, cells = row + rows[g, SIZE], rows[g, LOW_BITS], rows[g, CELLS]
        if not _take(coder, rows[g, SIZE], width << PRECISION):
            return TOO_MANY
        if width:
            for k in range(row, end):
                place = column + order[k]
                # With more raw bits than this, they are all there is.
                out[place] = (out[place] << min(width, 62)) + rows[g, BASE]
        for shift in range(0, width, _RAW_CHUNK):
            for k in range(row, end):
                bits = min(_RAW_CHUNK, width - shift)
                state, left, field = _chunk(words, state, left, bits)
                out[column + order[k]] += field << shift
        if cells:
            key, most = 0, max(most, cells)
            for k in range(row, end):
                # Gaps are below 2^61 and cells at most 2^60: nothing wraps around.
                key = min(key, cells) + out[column + order[k]]
                out[column + order[k]] = key
            if key >= cells:
                finding = HIGH_KEY
        row = end
        if row == len(order):
            column, row = column + row, 0
    coder[STATE], coder[LEFT] = state, np.uint64(left)
    if finding == HIGH_KEY:
        coder[CULPRIT] = np.uint64(most)
    return finding


def read_values(
    words: U32, coder: U64, starts: U32, rows: I64, order: I64, bound: int, out: I64
) -> int:
    """See `ans.read_values`."""
    return read_groups(words, coder, starts, rows, order, bound, out)


@register_jitable
def read_array(words: U32, coder: U64, width: int, out: I64) -> int:
    """Fill `out` with raw fields of 1.._RAW_CHUNK bits; FINE or TOO_MANY."""
    if not _take(coder, len(out), width << PRECISION):
        return TOO_MANY
    state, left = coder[STATE], np.int64(coder[LEFT])
    for k in range(len(out)):
        state, left, out[k] = _chunk(words, state, left, width)
    coder[STATE], coder[LEFT] = state, np.uint64(left)
    return FINE


@register_jitable
def read_signs(words: U32, coder: U64, sizes: I64, order: I64, first: int, values: I64) -> int:
    """Read a share for each group and a flag for each value of it that is not 0; negate by them.

    The column begins at `first`; `order` has the rows of one group after the other.
    """
    for place in range(first, first + len(order)):
        if values[place] < 0:
            return NEGATIVE
    shares = np.empty(len(sizes), np.int64)
    finding = read_array(words, coder, np.int64(_SHARE_BITS), shares)
    if finding != FINE:
        return finding
    state, left = coder[STATE], np.int64(coder[LEFT])
    row = 0
    for g in range(len(sizes)):
        count = 0
        for k in range(row, row + sizes[g]):
            count += values[first + order[k]] != 0
        frequency = (2 * shares[g] + 1) * (TOTAL >> _SHARE_BITS + 1)
        if not _take(coder, count, min(frequency, TOTAL - frequency)):
            return TOO_MANY
        negative, positive = np.uint64(frequency), np.uint64(TOTAL - frequency)
        for k in range(row, row + sizes[g]):
            place = first + order[k]
            if values[place]:
                slot = state & _SLOT
                if slot < positive:
                    state = (state >> _PRECISION) * positive + slot
                else:
                    state = (state >> _PRECISION) * negative + (slot - positive)
                    values[place] = -values[place]
                if state < _FULL and left > 0:
                    left -= 1
                    state = state << _WORD | np.uint64(words[left])
        row += sizes[g]
    coder[STATE], coder[LEFT] = state, np.uint64(left)
    return FINE
