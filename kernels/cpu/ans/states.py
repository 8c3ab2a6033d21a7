"""The states of an ANS decoder and the words that they share: raw fields, and begin and end.

A word of padding ends the words, so that the next one can be loaded before it is known whether it
is taken. Indices are unsigned, because Numba would look whether others are negative.
"""

# NumPy's stubs tell integers apart that are one type to Numba.
# mypy: disable-error-code="arg-type, assignment, return-value, type-var"

from __future__ import annotations

import numpy as np

from gsic_kernels.cpu.ans.layout import (
    BAD_END,
    CHUNK_BITS,
    DETAIL,
    ESCAPES,
    LAST_TURN,
    LENGTH_BITS,
    OK,
    POSITION,
    PRECISION,
    ROOM,
    SHARED_END,
    SINGLE_END,
    STATES,
    TOO_MANY,
    TURN,
)
from gsic_kernels.cpu.runtime.jitable import register_jitable
from gsic_kernels.types import U32, U64

# Numba converts an operation on a signed and an unsigned integer to floats, so everything that
# meets a state is unsigned.
NONE, ONE = np.uint64(0), np.uint64(1)
WORD = np.uint64(32)
FULL = np.uint64(1 << 32)
FIRST_STATE = np.uint64(STATES)

# A state holds more bits than it was read from.
_SLACK_BITS = 64


@register_jitable
def begin(words: U32, coder: U64, states: int) -> None:
    """Read the states that a payload of at least one word begins with."""
    last = len(words) - 1
    coder[ROOM] = (32 * last + _SLACK_BITS) << PRECISION
    coder[ESCAPES] = coder[DETAIL] = coder[TURN] = coder[LAST_TURN] = 0
    coder[STATES] = words[0]
    coder[POSITION] = 1
    if last > 1:
        coder[STATES] = coder[STATES] << WORD | np.uint64(words[1])
        coder[POSITION] = 2
    for k in range(1, states):
        length = read_chunk(words, coder, np.int64(LENGTH_BITS))
        high = ONE << np.uint64(length) | np.uint64(read_chunk(words, coder, length))
        position = np.int64(coder[POSITION])
        coder[STATES + k] = high << WORD | np.uint64(words[position])
        coder[POSITION] = position + (position < last)
    coder[LAST_TURN] = states - 1


@register_jitable
def end(words: U32, coder: U64) -> int:
    """Check that every word was taken and that every state is back where an encoder began."""
    last_turn = np.int64(coder[LAST_TURN])
    expected = np.uint64(SHARED_END if last_turn else SINGLE_END)
    status = OK if np.int64(coder[POSITION]) == len(words) - 1 else BAD_END
    for k in range(STATES, STATES + 1 + last_turn):
        if coder[k] != expected:
            status = BAD_END
    return status


@register_jitable
def take_room(coder: U64, count: int, cost: int) -> bool:
    """Reserve room in the payload for `count` things of a least cost; False if there is none.

    This bounds the work that a small, malicious payload can cause.
    """
    room = np.int64(coder[ROOM])
    coder[DETAIL] = count
    # Both factors are below 2^31.
    if count * cost > room:
        return False
    coder[ROOM] = np.uint64(room - count * cost)
    return True


@register_jitable
def read_chunk(words: U32, coder: U64, width: int) -> int:
    """Read a chunk of 0..CHUNK_BITS bits."""
    if width == 0:
        return 0
    turn, position = coder[TURN], coder[POSITION]
    state = coder[FIRST_STATE + turn]
    chunk = state & ((ONE << np.uint64(width)) - ONE)
    state >>= np.uint64(width)
    if state < FULL and position < np.uint64(len(words) - 1):
        state = state << WORD | np.uint64(words[position])
        coder[POSITION] = position + ONE
    coder[FIRST_STATE + turn] = state
    coder[TURN] = (turn + ONE) & coder[LAST_TURN]
    return np.int64(chunk)


@register_jitable
def read_fields(words: U32, coder: U64, width: int, count: int, fields: U32) -> int:
    """Fill the first `count` of `fields` with raw fields of 0..CHUNK_BITS bits; return a status."""
    if not take_room(coder, count, width << PRECISION):
        return TOO_MANY
    mask, step = (ONE << np.uint64(width)) - ONE, np.uint64(width)
    bits = have = NONE
    left = width * count
    for k in range(np.uint64(count)):
        if have < step:
            size = min(CHUNK_BITS, left)
            left -= size
            bits |= np.uint64(read_chunk(words, coder, size)) << have
            have += np.uint64(size)
        fields[k] = bits & mask
        bits >>= step
        have -= step
    return OK
