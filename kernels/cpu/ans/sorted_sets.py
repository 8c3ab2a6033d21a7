"""Kernel that decodes sets of ascending keys: own parameters, quotients of gaps, low bits.

The order is that of FORMAT.md section 6.
"""

# NumPy's stubs tell integers apart that are one type to Numba.
# mypy: disable-error-code="arg-type, assignment, return-value"

from __future__ import annotations

import numpy as np

from gsic_kernels.cpu.ans.columns import identity_order
from gsic_kernels.cpu.ans.layout import (
    BAD_LAYOUT,
    CELLS,
    DETAIL,
    FIELDS,
    HIGH_SCALE,
    LOW_BITS,
    OK,
    OWN_BITS,
    SIZE,
)
from gsic_kernels.cpu.ans.raw_fields import read_array
from gsic_kernels.cpu.ans.symbols import read_groups
from gsic_kernels.cpu.ans.tables import fill
from gsic_kernels.types import I64, U32, U64

# Numba specialises a function for every literal in a call of it; a converted one is just an int64.
_INT = np.int64


def read_sets(
    words: U32,
    coder: U64,
    chances: U32,
    zeros: I64,
    magnitudes: I64,
    sets: I64,
    bound: int,
    out: I64,
) -> int:
    """Kernel of `decoder.read_sets`."""
    count = len(sets)
    total = 0
    for k in range(count):
        total += sets[k, 0]
    if total != len(out):
        return BAD_LAYOUT
    own = np.empty(count, np.int64)
    status = read_array(words, coder, _INT(1), own)
    if status != OK:
        return status
    owners = 0
    for k in range(count):
        owners += own[k]
    packed = np.empty(owners, np.int64)
    status = read_array(words, coder, _INT(OWN_BITS), packed)
    if status != OK:
        return status
    choices = np.empty((count, 5), np.int64)
    following = 0
    for k in range(count):
        choices[k, 0], choices[k, 3], choices[k, 4] = 0, 0, 0
        choices[k, 1], choices[k, 2] = sets[k, 3], sets[k, 4]
        if own[k]:
            choices[k, 1] = packed[following] & 31
            choices[k, 2] = packed[following] >> 5 & 15
            choices[k, 3] = packed[following] >> 9
            following += 1
        if choices[k, 1] >= len(chances):
            coder[DETAIL] = np.uint64(choices[k, 1])
            return HIGH_SCALE
    tables = np.empty(count * (chances.shape[2] + 2), np.uint32)
    plan = np.empty((count, FIELDS), np.int64)
    # No table is a histogram, so any array of int64 serves as the levels.
    fill(choices, own, _INT(0), chances, zeros, magnitudes, tables, plan)
    for k in range(count):
        plan[k, SIZE], plan[k, CELLS], plan[k, LOW_BITS] = sets[k, 0], sets[k, 1], sets[k, 2]
    return read_groups(words, coder, tables, plan, identity_order(len(out)), bound, out)
