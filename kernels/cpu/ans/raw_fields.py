"""Loops that take raw bit fields, the excess of escapes and low bits from an ANS payload.

All arithmetic is on integers. No index check is needed: words are read only while some are left,
and every other index is below a count that the caller allocated for.
"""

# NumPy's stubs tell integers apart that are one type to Numba.
# mypy: disable-error-code="arg-type, assignment, return-value, type-var"

from __future__ import annotations

import numpy as np

from gsic_kernels.cpu.ans.layout import (
    BASE,
    CELLS,
    DETAIL,
    HIGH_KEY,
    LEFT,
    LOW_BITS,
    OK,
    OUT_OF_RANGE,
    PRECISION,
    RAW_CHUNK,
    ROOM,
    SIZE,
    STATE,
    TOO_MANY,
    TOTAL,
    WIDE_GAP,
)
from gsic_kernels.cpu.runtime.jitable import register_jitable
from gsic_kernels.types import I64, U32, U64

# Numba converts an operation on a signed and an unsigned integer to floats, so everything that
# meets the state is unsigned.
WORD = np.uint64(32)
FULL = np.uint64(1 << 32)
STATE_PRECISION = np.uint64(PRECISION)
SLOT = np.uint64(TOTAL - 1)
_ONE = np.uint64(1)

_EXPONENT_BITS = 6


@register_jitable
def read_chunk(words: U32, state: np.uint64, left: int, width: int) -> tuple[np.uint64, int, int]:
    """Decode a raw field of 1..RAW_CHUNK bits; return (state, words left, the field)."""
    rest = np.uint64(PRECISION - width)
    slot = state & SLOT
    state = (state >> STATE_PRECISION) << rest | (slot & ((np.uint64(1) << rest) - np.uint64(1)))
    if state < FULL and left > 0:
        left -= 1
        state = state << WORD | np.uint64(words[left])
    return state, left, np.int64(slot >> rest)


@register_jitable
def take_room(coder: U64, count: int, cost: int) -> bool:
    """Reserve room in the payload for `count` things of a least cost; False if there is none.

    This bounds the work that a small, malicious payload can cause.
    """
    room = np.int64(coder[ROOM])
    coder[DETAIL] = count
    if cost and count > room // cost:
        return False
    coder[ROOM] = np.uint64(room - count * cost)
    return True


@register_jitable
def read_array(words: U32, coder: U64, width: int, out: I64) -> int:
    """Fill `out` with raw fields of 1..RAW_CHUNK bits; return OK or TOO_MANY."""
    if not take_room(coder, len(out), width << PRECISION):
        return TOO_MANY
    state, left = coder[STATE], np.int64(coder[LEFT])
    for k in range(len(out)):
        state, left, out[k] = read_chunk(words, state, left, width)
    coder[STATE], coder[LEFT] = state, np.uint64(left)
    return OK


@register_jitable
def add_excess(words: U32, coder: U64, places: I64, count: int, bound: int, out: I64) -> int:
    """Read the Exp-Golomb-like excess of escapes, and add it to their magnitudes.

    `places` holds the index in `out` of each escape, or the complement of it where the escape is
    negative; the first `count` are used.
    """
    if not take_room(coder, count, np.int64(_EXPONENT_BITS << PRECISION)):
        return TOO_MANY
    state, left = coder[STATE], np.int64(coder[LEFT])
    exponents, excess = np.empty(count, np.int64), np.empty(count, np.uint64)
    largest, status = 0, OK
    for k in range(count):
        state, left, exponent = read_chunk(words, state, left, np.int64(_EXPONENT_BITS))
        exponents[k], largest = exponent, max(largest, exponent)
        excess[k] = (_ONE << np.uint64(exponent)) - _ONE
    # The low bits of one exponent follow those of the next smaller one, lowest chunks first: the
    # order in which arrays of raw fields of equal width are written.
    for exponent in range(1, largest + 1):
        same = 0
        for k in range(count):
            same += exponents[k] == exponent
        if not take_room(coder, same, exponent << PRECISION):
            return TOO_MANY
        for shift in range(0, exponent if same else 0, RAW_CHUNK):
            for k in range(count):
                if exponents[k] == exponent:
                    width = min(RAW_CHUNK, exponent - shift)
                    state, left, field = read_chunk(words, state, left, width)
                    excess[k] += np.uint64(field) << np.uint64(shift)
    for k in range(count):
        if excess[k] >= np.uint64(bound):
            status = OUT_OF_RANGE
        elif places[k] >= 0:
            out[places[k]] += np.int64(excess[k])
        else:
            out[~places[k]] -= np.int64(excess[k])
    coder[STATE], coder[LEFT] = state, np.uint64(left)
    return status


@register_jitable
def add_low_bits(words: U32, coder: U64, rows: I64, order: I64, out: I64) -> int:
    """Complete the values whose low bits are raw, and add up gaps to keys."""
    column = row = most = 0
    # Gaps are checked before the shift below, so that no shifted value overflows.
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
    status = OK
    column = row = 0
    for g in range(len(rows)):
        end, width, cells = row + rows[g, SIZE], rows[g, LOW_BITS], rows[g, CELLS]
        if not take_room(coder, rows[g, SIZE], width << PRECISION):
            return TOO_MANY
        if width:
            for k in range(row, end):
                place = column + order[k]
                # Values with more raw bits than 62 have no other bits, so nothing is lost.
                out[place] = (out[place] << min(width, 62)) + rows[g, BASE]
        for shift in range(0, width, RAW_CHUNK):
            for k in range(row, end):
                bits = min(RAW_CHUNK, width - shift)
                state, left, field = read_chunk(words, state, left, bits)
                out[column + order[k]] += field << shift
        if cells:
            key, most = 0, max(most, cells)
            for k in range(row, end):
                # Gaps are below 2^61 and cells at most 2^60, so the sum stays below 2^62.
                key = min(key, cells) + out[column + order[k]]
                out[column + order[k]] = key
            if key >= cells:
                status = HIGH_KEY
        row = end
        if row == len(order):
            column, row = column + row, 0
    coder[STATE], coder[LEFT] = state, np.uint64(left)
    if status == HIGH_KEY:
        coder[DETAIL] = np.uint64(most)
    return status
