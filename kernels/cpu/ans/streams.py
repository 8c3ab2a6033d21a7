"""The loops of `gsic_kernels.cpu.ans` that know what streams are made of."""

# NumPy's stubs tell integers apart that are one type to Numba.
# mypy: disable-error-code="arg-type, assignment, return-value"

from __future__ import annotations

import numpy as np
from numba.extending import register_jitable

from gsic_kernels.cpu.ans.decoder import (
    BASE,
    CELLS,
    CENTRE_CHANGES,
    CULPRIT,
    EVEN,
    FAR_CENTRE,
    FIELDS,
    FINE,
    FIRST_SCALE,
    GROWTH,
    HIGH_SCALE,
    LEAST_LISTED,
    LISTED,
    LOW_BITS,
    MIRRORED,
    MISFIT,
    NO_SCALE,
    NO_SHARE,
    OUT_OF_RANGE,
    PLAIN,
    RESIDUAL_BOUND,
    SCALE_CHANGES,
    SIZE,
    VALUE_BOUND,
)
from gsic_kernels.cpu.ans.symbols import I64, U32, U64, read_array, read_groups, read_signs
from gsic_kernels.cpu.ans.tables import fill

# Numba compiles a function anew for each number that is written down in a call of it.
_INT = np.int64

_LEVEL_BITS = 4
_OWN_BITS = 11
_SHARES = 16
_SCALES = 64


def read_columns(
    words: U32,
    coder: U64,
    starts: U32,
    rows: I64,
    chances: U32,
    zeros: I64,
    reaches: I64,
    sizes: I64,
    doubling: int,
    order: I64,
    out: I64,
) -> int:
    """See `ans.read_columns`."""
    height, groups = len(order), len(sizes)
    total = 0
    for size in sizes:
        if size < 1 or size > height - total:
            return MISFIT
        total += size
    if total != height or height < 1 or len(out) % height:
        return MISFIT
    columns = len(out) // height
    bound = _INT(RESIDUAL_BOUND)
    heads = np.empty(3 * columns, np.int64)
    plan = _some(rows, _INT(0), _INT(SCALE_CHANGES), columns)
    finding = read_groups(words, coder, starts, plan, _as_coded(columns), bound, heads)
    if finding != FINE:
        return finding
    # Form, zero, spread and positive of each column.
    moved = 0
    forms = np.empty((columns, 4), np.int64)
    for c in range(columns):
        forms[c, 0], forms[c, 1] = heads[c] & 3, heads[c] >> 2
        forms[c, 2], forms[c, 3] = heads[columns + c], heads[2 * columns + c] + EVEN
        moved += forms[c, 0] != PLAIN
        if forms[c, 3] < 0 or forms[c, 3] >= _SHARES:
            return NO_SHARE
    scales = np.empty(columns * groups, np.int64)
    plan = _some(rows, _INT(SCALE_CHANGES), _INT(1), len(scales))
    finding = read_groups(words, coder, starts, plan, _as_coded(len(scales)), bound, scales)
    if finding == FINE:
        finding = _add_up_scales(scales, groups, doubling)
    if finding != FINE:
        return finding
    centres = np.empty(moved * groups, np.int64)
    plan = _some(rows, _INT(CENTRE_CHANGES), _INT(1), len(centres))
    finding = read_groups(words, coder, starts, plan, _as_coded(len(centres)), bound, centres)
    if finding != FINE:
        return finding
    choices = np.empty((columns * groups, 5), np.int64)
    listed = 0
    for c in range(columns):
        for g in range(c * groups, (c + 1) * groups):
            choices[g, 0], choices[g, 1] = forms[c, 0] == LISTED, scales[g]
            for k in range(1, 4):
                choices[g, k + 1] = forms[c, k]
            if forms[c, 0] == LISTED:
                listed += scales[g] + LEAST_LISTED
    levels = np.empty(listed, np.int64)
    finding = read_array(words, coder, _INT(_LEVEL_BITS), levels)
    if finding != FINE:
        return finding
    tables = np.empty(len(choices) * (2 * chances.shape[2] + 2), np.uint32)
    plan = np.empty((len(choices), FIELDS), np.int64)
    fill(choices, levels, _INT(1), chances, zeros, reaches, tables, plan)
    for g in range(len(plan)):
        plan[g, SIZE] = sizes[g % groups]
    if not _set_bases(plan, forms, centres, groups, doubling):
        return FAR_CENTRE
    finding = read_groups(words, coder, tables, plan, order, bound, out)
    if finding != FINE:
        return finding
    largest = smallest = 0
    for k in range(len(out)):
        largest, smallest = max(largest, out[k]), min(smallest, out[k])
    if largest >= VALUE_BOUND or smallest <= -VALUE_BOUND:
        return OUT_OF_RANGE
    for c in range(columns):
        if forms[c, 0] == MIRRORED:
            finding = read_signs(words, coder, sizes, order, c * height, out)
            if finding != FINE:
                return finding
    return FINE


@register_jitable
def _some(rows: I64, first: int, tables: int, size: int) -> I64:
    """Rows from the first one on, for as many values each."""
    plan = np.empty((tables, FIELDS), np.int64)
    for k in range(tables):
        for field in range(FIELDS):
            plan[k, field] = rows[first + k, field]
        plan[k, SIZE] = size
    return plan


@register_jitable
def _as_coded(count: int) -> I64:
    """The order of a column whose rows are where they are coded."""
    order = np.empty(count, np.int64)
    for k in range(count):
        order[k] = k
    return order


@register_jitable
def _add_up_scales(scales: I64, groups: int, doubling: int) -> int:
    """From the steps of the scales of each column to scales, in place."""
    scale = 0
    for k in range(len(scales)):
        scale = FIRST_SCALE if k % groups == 0 else scale + GROWTH * doubling
        scale += scales[k]
        if scale < 0 or scale >= _SCALES:
            return NO_SCALE
        scales[k] = scale
    return FINE


@register_jitable
def _set_bases(plan: I64, forms: I64, steps: I64, groups: int, doubling: int) -> bool:
    """Give groups the centres that the steps add up to; False where one is out of range."""
    step = 0
    for c in range(len(forms)):
        if forms[c, 0] == PLAIN:
            continue
        factor = 2 if doubling and forms[c, 0] == MIRRORED else 1
        centre = 0
        for g in range(c * groups, (c + 1) * groups):
            centre = factor * centre + steps[step]
            step += 1
            if abs(centre) >= RESIDUAL_BOUND:
                return False
            plan[g, BASE] = centre
    return True


def read_sets(
    words: U32,
    coder: U64,
    chances: U32,
    zeros: I64,
    reaches: I64,
    sets: I64,
    bound: int,
    out: I64,
) -> int:
    """See `ans.read_sets`."""
    count = len(sets)
    total = 0
    for k in range(count):
        total += sets[k, 0]
    if total != len(out):
        return MISFIT
    own = np.empty(count, np.int64)
    finding = read_array(words, coder, _INT(1), own)
    if finding != FINE:
        return finding
    owners = 0
    for k in range(count):
        owners += own[k]
    packed = np.empty(owners, np.int64)
    finding = read_array(words, coder, _INT(_OWN_BITS), packed)
    if finding != FINE:
        return finding
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
            coder[CULPRIT] = np.uint64(choices[k, 1])
            return HIGH_SCALE
    tables = np.empty(count * (chances.shape[2] + 2), np.uint32)
    plan = np.empty((count, FIELDS), np.int64)
    fill(choices, own, _INT(0), chances, zeros, reaches, tables, plan)
    for k in range(count):
        plan[k, SIZE], plan[k, CELLS], plan[k, LOW_BITS] = sets[k, 0], sets[k, 1], sets[k, 2]
    return read_groups(words, coder, tables, plan, _as_coded(len(out)), bound, out)
