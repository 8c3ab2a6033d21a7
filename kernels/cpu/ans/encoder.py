"""Kernel that encodes an ANS payload from the numbers that a decoder will read.

The steps are those of FORMAT.md section 3, from the last number to the first.
"""

# NumPy's stubs tell integers apart that are one type to Numba.
# mypy: disable-error-code="arg-type, assignment, return-value, type-var"

from __future__ import annotations

import numpy as np

from gsic_kernels.cpu.ans.layout import (
    LENGTH_BITS,
    MAX_STATES,
    PRECISION,
    SHARED_END,
    SINGLE_END,
)
from gsic_kernels.cpu.ans.states import FULL, ONE, WORD
from gsic_kernels.cpu.runtime.jitable import register_jitable
from gsic_kernels.types import I64, U32, U64

_PRECISION = np.uint64(PRECISION)
_STATE_BITS = 64


def encode(numbers: I64, states: int, words: U32) -> int:
    """Kernel of `coder.encode`."""
    held = np.full(MAX_STATES, SINGLE_END if states == 1 else SHARED_END, np.uint64)
    count = 0
    for k in range(len(numbers) - 1, -1, -1):
        count = _push(numbers[k, 0], numbers[k, 1], held, k % states, words, count)
    for k in range(states - 1, 0, -1):
        words[count] = held[k] & (FULL - ONE)
        high, length = np.int64(held[k] >> WORD), np.int64(0)
        while high >> length + 1:
            length += 1
        count += 1
        count = _push(-length, high - (1 << length), held, 0, words, count)
        count = _push(-LENGTH_BITS, length, held, 0, words, count)
    words[count] = held[0] & (FULL - ONE)
    words[count + 1] = held[0] >> WORD
    return count + 2


@register_jitable
def _push(frequency: int, start: int, held: U64, turn: int, words: U32, count: int) -> int:
    """Put one number into a state; return how many words there are then."""
    state = held[turn]
    if frequency > 0:
        if state >= np.uint64(frequency) << np.uint64(_STATE_BITS - PRECISION):
            words[count] = state & (FULL - ONE)
            state >>= WORD
            count += 1
        low = state % np.uint64(frequency) + np.uint64(start)
        state = (state // np.uint64(frequency) << _PRECISION) + low
    elif frequency < 0:
        width = np.uint64(-frequency)
        if state >= ONE << (np.uint64(_STATE_BITS) - width):
            words[count] = state & (FULL - ONE)
            state >>= WORD
            count += 1
        state = state << width | np.uint64(start)
    held[turn] = state
    return count
