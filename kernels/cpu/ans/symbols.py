"""Loops that decode symbols of the current table, the excess of escapes, and signs.

No index is checked inside the loops: a table ends in 2^24, which no slot reaches, so its search
ends inside it; words are read only while some are left; and callers allocate for every row and
every escape.
"""

# NumPy's stubs tell integers apart that are one type to Numba.
# mypy: disable-error-code="arg-type, assignment, return-value, type-var"

from __future__ import annotations

import numpy as np

from gsic_kernels.cpu.ans.layout import (
    BUCKET_BITS,
    ESCAPES,
    EVEN_SHARE,
    EXPONENT_BITS,
    FIRST_PLAIN,
    LAST_PLAIN,
    LAST_TURN,
    LOWEST,
    NEGATIVE,
    OK,
    OUT_OF_RANGE,
    POSITION,
    PRECISION,
    SHARE_BITS,
    STARTS,
    STEP_BOUND,
    TOO_MANY,
    TOTAL,
    TURN,
)
from gsic_kernels.cpu.ans.states import (
    FIRST_STATE,
    FULL,
    NONE,
    ONE,
    WORD,
    read_chunk,
    read_fields,
    take_room,
)
from gsic_kernels.cpu.ans.tables import fill_buckets
from gsic_kernels.cpu.runtime.jitable import register_jitable
from gsic_kernels.types import I32, I64, U32, U64

_STATE_PRECISION = np.uint64(PRECISION)
_SLOT = np.uint64(TOTAL - 1)
_BUCKET = np.uint64(PRECISION - BUCKET_BITS)
_STARTS, _STARTS_OF_NEXT = np.uint64(STARTS), np.uint64(STARTS + 1)
# A word has 1 << _WORD_SHIFT bits.
_WORD_SHIFT = np.uint64(5)


@register_jitable
def read_symbols(
    words: U32,
    coder: U64,
    table: U32,
    order: U32,
    row: int,
    count: int,
    base: int,
    first: int,
    places: U32,
    out: I32,
) -> int:
    """Read symbols of the current table into the places first + order[row..] of `out`; add `base`.

    Escapes are noted, for `add_excess`.
    """
    if not take_room(coder, count, fill_buckets(coder, table)):
        return TOO_MANY
    last = np.uint64(len(words) - 1)
    position, turn, last_turn = coder[POSITION], coder[TURN], coder[LAST_TURN]
    escapes, column = coder[ESCAPES], np.uint64(first)
    base += np.int64(coder[LOWEST])
    plain, span = coder[FIRST_PLAIN], coder[LAST_PLAIN] - coder[FIRST_PLAIN]
    for k in range(np.uint64(row), np.uint64(row + count)):
        state = coder[FIRST_STATE + turn]
        slot = state & _SLOT
        index = np.uint64(table[slot >> _BUCKET])
        # Mostly at most one step, and that without a branch, which would often be mispredicted.
        index += np.uint64(np.uint64(table[_STARTS_OF_NEXT + index]) <= slot)
        while np.uint64(table[_STARTS_OF_NEXT + index]) <= slot:
            index += ONE
        start = np.uint64(table[_STARTS + index])
        frequency = np.uint64(table[_STARTS_OF_NEXT + index]) - start
        state = (state >> _STATE_PRECISION) * frequency + (slot - start)
        # Without a branch as well: a word or nothing.
        taken = np.uint64(state < FULL and position < last)
        word = np.uint64(words[position]) & (NONE - taken)
        coder[FIRST_STATE + turn] = state << (taken << _WORD_SHIFT) | word
        position += taken
        turn = (turn + ONE) & last_turn
        place = column + np.uint64(order[k])
        out[place] = np.int64(index) + base
        if index - plain > span:
            places[escapes] = place << ONE | np.uint64(index < plain)
            escapes += ONE
    coder[POSITION], coder[TURN], coder[ESCAPES] = position, turn, escapes
    return OK


@register_jitable
def add_excess(words: U32, coder: U64, fields: U32, places: U32, out: I32) -> int:
    """Read the Exp-Golomb-like excess of the escapes that were noted, and add it to them."""
    escapes = np.int64(coder[ESCAPES])
    coder[ESCAPES] = 0
    status = read_fields(words, coder, np.int64(EXPONENT_BITS), escapes, fields)
    for k in range(escapes):
        exponent, place = np.int64(fields[k]), np.int64(places[k]) >> 1
        if status != OK or not take_room(coder, np.int64(1), exponent << PRECISION):
            return TOO_MANY
        excess = (1 << exponent) - 1 + read_chunk(words, coder, exponent)
        value = out[place] - excess if places[k] & 1 else out[place] + excess
        if abs(value) >= STEP_BOUND:
            return OUT_OF_RANGE
        out[place] = value
    return status


@register_jitable
def read_signs(
    words: U32,
    coder: U64,
    order: U32,
    sizes: I64,
    groups: int,
    first: int,
    fields: U32,
    shares: I64,
    out: I32,
) -> int:
    """Read a share per group and a flag per value that is not 0; negate the values whose flag is 1.

    The column begins at `first`; `order` has the rows of one group after the other. The shares go
    to `shares`.
    """
    status = read_fields(words, coder, np.int64(SHARE_BITS), groups, fields)
    for g in range(groups):
        shares[g] = fields[g]
    column, row = np.uint64(first), np.uint64(0)
    for g in range(groups):
        ending = row + np.uint64(sizes[g])
        count = least = 0
        for k in range(row, ending):
            value = out[column + np.uint64(order[k])]
            count += value != 0
            least = value if value < least else least
        if least < 0:
            return NEGATIVE
        if status == OK and shares[g] == EVEN_SHARE:
            status = read_fields(words, coder, np.int64(1), count, fields)
        elif status == OK:
            status = _read_flags(words, coder, shares[g], count, fields)
        if status != OK:
            return status
        flag = NONE
        for k in range(row, ending):
            place = column + np.uint64(order[k])
            value = np.int64(out[place])
            # Without a branch, which would be mispredicted every other time.
            sign = -np.int64(fields[flag] & 1)
            flag += np.uint64(value != 0)
            out[place] = (value ^ sign) - sign
        row = ending
    return OK


@register_jitable
def _read_flags(words: U32, coder: U64, share: int, count: int, fields: U32) -> int:
    """Read flags whose probability of being 1 is share / 32, for 0 half of that of 1."""
    ones = max(1, 2 * share) * (TOTAL >> SHARE_BITS + 1)
    if not take_room(coder, count, min(ones, TOTAL - ones)):
        return TOO_MANY
    zeros, ones = np.uint64(TOTAL - ones), np.uint64(ones)
    position, turn = coder[POSITION], coder[TURN]
    for k in range(count):
        state = coder[FIRST_STATE + turn]
        slot = state & _SLOT
        flag = slot >= zeros
        frequency, start = (ones, zeros) if flag else (zeros, NONE)
        state = (state >> _STATE_PRECISION) * frequency + (slot - start)
        if state < FULL and position < np.uint64(len(words) - 1):
            state = state << WORD | np.uint64(words[position])
            position += ONE
        coder[FIRST_STATE + turn] = state
        turn = (turn + ONE) & coder[LAST_TURN]
        fields[k] = flag
    coder[POSITION], coder[TURN] = position, turn
    return OK
