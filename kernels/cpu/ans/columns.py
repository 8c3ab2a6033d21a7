"""Kernel that decodes columns of integers: heads, scales, centres, levels, residuals, signs.

The order is that of FORMAT.md section 5. A column is described by a row of `heads`: mode, zero,
spread, positive.
"""

# NumPy's stubs tell integers apart that are one type to Numba.
# mypy: disable-error-code="arg-type, assignment, return-value"

from __future__ import annotations

import numpy as np

from gsic_kernels.cpu.ans.layout import (
    BAD_CENTRE,
    BAD_LAYOUT,
    BAD_SCALE,
    BAD_SHARE,
    BASE,
    CENTRE_STEPS,
    FIELDS,
    FIRST_SCALE,
    HISTOGRAM,
    HISTOGRAM_SIZE_MIN,
    OK,
    OUT_OF_RANGE,
    PLAIN,
    POSITIVE_EVEN,
    RESIDUAL_BOUND,
    SCALE_GROWTH,
    SCALE_STEPS,
    SIGN_MAGNITUDE,
    SIZE,
    VALUE_BOUND,
)
from gsic_kernels.cpu.ans.raw_fields import read_array
from gsic_kernels.cpu.ans.symbols import read_groups, read_signs
from gsic_kernels.cpu.ans.tables import fill
from gsic_kernels.cpu.runtime.jitable import register_jitable
from gsic_kernels.types import I64, U32, U64

# Numba specialises a function for every literal in a call of it; a converted one is just an int64.
_INT = np.int64

_LEVEL_BITS = 4
_SHARES = 16
_SCALES = 64


def read_columns(
    words: U32,
    coder: U64,
    starts: U32,
    rows: I64,
    chances: U32,
    zeros: I64,
    magnitudes: I64,
    sizes: I64,
    doubling: int,
    order: I64,
    out: I64,
) -> int:
    """Kernel of `decoder.read_columns`."""
    height, groups = len(order), len(sizes)
    total = 0
    for size in sizes:
        if size < 1 or size > height - total:
            return BAD_LAYOUT
        total += size
    if total != height or height < 1 or len(out) % height:
        return BAD_LAYOUT
    columns = len(out) // height
    bound = _INT(RESIDUAL_BOUND)
    heads = np.empty((columns, 4), np.int64)
    status = _read_heads(words, coder, starts, rows, heads)
    if status != OK:
        return status
    scales = np.empty(columns * groups, np.int64)
    plan = _select_rows(rows, _INT(SCALE_STEPS), _INT(1), len(scales))
    status = read_groups(words, coder, starts, plan, identity_order(len(scales)), bound, scales)
    if status == OK:
        status = _add_up_scales(scales, groups, doubling)
    if status != OK:
        return status
    centred = 0
    for c in range(columns):
        centred += heads[c, 0] != PLAIN
    centres = np.empty(centred * groups, np.int64)
    plan = _select_rows(rows, _INT(CENTRE_STEPS), _INT(1), len(centres))
    status = read_groups(words, coder, starts, plan, identity_order(len(centres)), bound, centres)
    if status != OK:
        return status
    choices = np.empty((columns * groups, 5), np.int64)
    levels = np.empty(_choose_tables(heads, scales, groups, choices), np.int64)
    status = read_array(words, coder, _INT(_LEVEL_BITS), levels)
    if status != OK:
        return status
    tables = np.empty(len(choices) * (2 * chances.shape[2] + 2), np.uint32)
    plan = np.empty((len(choices), FIELDS), np.int64)
    fill(choices, levels, _INT(1), chances, zeros, magnitudes, tables, plan)
    for g in range(len(plan)):
        plan[g, SIZE] = sizes[g % groups]
    if not _set_bases(plan, heads, centres, groups, doubling):
        return BAD_CENTRE
    status = read_groups(words, coder, tables, plan, order, bound, out)
    if status != OK:
        return status
    largest = smallest = 0
    for k in range(len(out)):
        largest, smallest = max(largest, out[k]), min(smallest, out[k])
    if largest >= VALUE_BOUND or smallest <= -VALUE_BOUND:
        return OUT_OF_RANGE
    for c in range(columns):
        if heads[c, 0] == SIGN_MAGNITUDE:
            status = read_signs(words, coder, sizes, order, c * height, out)
            if status != OK:
                return status
    return OK


@register_jitable
def identity_order(count: int) -> I64:
    """Return the order of values that are stored where they are coded."""
    order = np.empty(count, np.int64)
    for k in range(count):
        order[k] = k
    return order


@register_jitable
def _select_rows(rows: I64, first: int, tables: int, size: int) -> I64:
    """Copy the rows of some tables from the first one on, each for a group of `size` values."""
    plan = np.empty((tables, FIELDS), np.int64)
    for k in range(tables):
        for field in range(FIELDS):
            plan[k, field] = rows[first + k, field]
        plan[k, SIZE] = size
    return plan


@register_jitable
def _read_heads(words: U32, coder: U64, starts: U32, rows: I64, heads: I64) -> int:
    """Fill the heads of all columns: mode, zero, spread, positive."""
    columns = len(heads)
    numbers = np.empty(3 * columns, np.int64)
    plan = _select_rows(rows, _INT(0), _INT(SCALE_STEPS), columns)
    bound = _INT(RESIDUAL_BOUND)
    status = read_groups(words, coder, starts, plan, identity_order(columns), bound, numbers)
    if status != OK:
        return status
    for c in range(columns):
        heads[c, 0], heads[c, 1] = numbers[c] & 3, numbers[c] >> 2
        heads[c, 2] = numbers[columns + c]
        heads[c, 3] = numbers[2 * columns + c] + POSITIVE_EVEN
        if heads[c, 3] < 0 or heads[c, 3] >= _SHARES:
            return BAD_SHARE
    return OK


@register_jitable
def _add_up_scales(scales: I64, groups: int, doubling: int) -> int:
    """Turn the steps of the scales of each column into scales, in place."""
    scale = 0
    for k in range(len(scales)):
        scale = FIRST_SCALE if k % groups == 0 else scale + SCALE_GROWTH * doubling
        scale += scales[k]
        if scale < 0 or scale >= _SCALES:
            return BAD_SCALE
        scales[k] = scale
    return OK


@register_jitable
def _choose_tables(heads: I64, scales: I64, groups: int, choices: I64) -> int:
    """Fill the parameters of the table of each group; return how many levels histograms have."""
    levels = 0
    for c in range(len(heads)):
        for g in range(c * groups, (c + 1) * groups):
            choices[g, 0], choices[g, 1] = heads[c, 0] == HISTOGRAM, scales[g]
            for k in range(1, 4):
                choices[g, k + 1] = heads[c, k]
            if heads[c, 0] == HISTOGRAM:
                levels += scales[g] + HISTOGRAM_SIZE_MIN
    return levels


@register_jitable
def _set_bases(plan: I64, heads: I64, steps: I64, groups: int, doubling: int) -> bool:
    """Give groups the centres that the steps add up to; return False if one is out of range."""
    step = 0
    for c in range(len(heads)):
        if heads[c, 0] == PLAIN:
            continue
        factor = 2 if doubling and heads[c, 0] == SIGN_MAGNITUDE else 1
        centre = 0
        for g in range(c * groups, (c + 1) * groups):
            centre = factor * centre + steps[step]
            step += 1
            if abs(centre) >= RESIDUAL_BOUND:
                return False
            plan[g, BASE] = centre
    return True
