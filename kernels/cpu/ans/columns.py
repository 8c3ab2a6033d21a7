"""Columns of integers: heads, scales, centres, levels, residuals, low bits, signs.

The order is that of FORMAT.md section 5.
"""

# NumPy's stubs tell integers apart that are one type to Numba.
# mypy: disable-error-code="arg-type, assignment, return-value, type-var"

from __future__ import annotations

import numpy as np

from gsic_kernels.cpu.ans.layout import (
    BAD_CENTRE,
    BAD_SCALE,
    BAD_SHARE,
    CENTRE,
    CENTRE_STEP_TABLE,
    ESCAPES,
    FIRST_SCALE,
    HEAD_BITS,
    HISTOGRAM,
    HISTOGRAM_SIZE_MIN,
    LEVEL_BITS,
    MODE,
    MODE_BITS,
    OK,
    OUT_OF_RANGE,
    PLAIN,
    POSITIVE,
    POSITIVE_EVEN,
    POSITIVE_TABLE,
    SCALE,
    SCALE_GROWTH,
    SCALE_STEP_TABLE,
    SCALES,
    SIGN_MAGNITUDE,
    SPREAD,
    SPREAD_LEVELS,
    VALUE_BOUND,
    ZERO,
)
from gsic_kernels.cpu.ans.states import read_fields
from gsic_kernels.cpu.ans.symbols import add_excess, read_signs, read_symbols
from gsic_kernels.cpu.ans.tables import count_low_bits, fill_geometric, fill_histogram
from gsic_kernels.cpu.runtime.jitable import register_jitable
from gsic_kernels.types import I32, I64, U32, U64

_SHARES = 16

# The numbers that describe columns, in the order of the payload, and their tables.
_SPREADS, _POSITIVES, _SCALES, _CENTRES = range(4)
_TABLES = np.array([(0, 0, 0, 0), POSITIVE_TABLE, SCALE_STEP_TABLE, CENTRE_STEP_TABLE])


@register_jitable
def join_groups(counts: I64, least: int, joined: I64, sizes: I64) -> int:
    """Join contexts to groups of at least `least` rows, and return how many groups there are.

    The number of rows of each context is given; its group goes to `joined`, and the number of rows
    of each group to `sizes`.
    """
    groups = rows = 0
    for context in range(len(counts)):
        joined[context] = groups
        rows += counts[context]
        if rows >= least:
            sizes[groups] = rows
            groups, rows = groups + 1, 0
    if rows and groups:
        # The rows that are left are too few for a group of their own.
        sizes[groups - 1] += rows
    elif rows:
        sizes[0], groups = rows, 1
    for context in range(len(counts)):
        joined[context] = min(joined[context], groups - 1)
    return groups


@register_jitable
def read_columns(
    words: U32,
    coder: U64,
    table: U32,
    chances: U32,
    scales: U32,
    identity: U32,
    order: U32,
    sizes: I64,
    groups: int,
    doubling: int,
    columns: int,
    first: int,
    fields: U32,
    places: U32,
    plans: I64,
    shares: I64,
    out: I32,
) -> int:
    """Read columns of len(order) values each into `out`, from its place `first` on.

    Args:
        words, coder, table: of the payload.
        chances, scales: what tables are made from.
        identity: 0, 1, 2 and so on.
        order: the rows of one group after the other.
        sizes: number of rows of each group, 1 or more.
        groups: how many groups there are.
        doubling: 1 if values are expected to double from group to group, else 0.
        columns: how many columns there are.
        first: index in `out`.
        fields, places, shares: for raw fields, escapes, and shares of signs.
        plans: int64 (columns * groups, GROUP_FIELDS), receives what describes the groups.
        out: receives the values.
    """
    height = len(order)
    status = _read_parameters(
        words,
        coder,
        table,
        chances,
        scales,
        identity,
        columns,
        groups,
        doubling,
        first,
        fields,
        places,
        out,
        plans,
    )
    count = 0
    for plan in plans:
        if plan[MODE] == HISTOGRAM:
            count += plan[SCALE] + HISTOGRAM_SIZE_MIN
    if status == OK:
        status = read_fields(words, coder, np.int64(LEVEL_BITS), count, fields)
    level = row = np.int64(0)
    for g in range(len(plans)):
        if status != OK:
            return status
        mode, scale, zero, spread = (
            plans[g, MODE],
            plans[g, SCALE],
            plans[g, ZERO],
            plans[g, SPREAD],
        )
        positive, base, size = plans[g, POSITIVE], plans[g, CENTRE], sizes[g % groups]
        if mode == HISTOGRAM:
            fill_histogram(fields, level, scale + HISTOGRAM_SIZE_MIN, coder, table)
            level += scale + HISTOGRAM_SIZE_MIN
        else:
            one = np.int64(1)
            fill_geometric(chances, scales, one, scale, zero, spread, positive, coder, table)
            # Where low bits follow, the centre is added after them.
            if count_low_bits(scale):
                base = 0
        place = first + g // groups * height
        status = read_symbols(words, coder, table, order, row, size, base, place, places, out)
        row = row + size if row + size < height else 0
    if status == OK:
        status = add_excess(words, coder, fields, places, out)
    row = np.int64(0)
    for g in range(len(plans)):
        low_bits, size = count_low_bits(plans[g, SCALE]), sizes[g % groups]
        if status == OK and low_bits and plans[g, MODE] != HISTOGRAM:
            status = read_fields(words, coder, low_bits, size, fields)
            for k in range(size):
                place = first + g // groups * height + np.int64(order[row + k])
                value = (np.int64(out[place]) << low_bits) + fields[k] + plans[g, CENTRE]
                # The check below finds what is too large.
                out[place] = value if abs(value) < VALUE_BOUND else VALUE_BOUND
        row = row + size if row + size < height else 0
    largest = smallest = np.int32(0)
    for k in range(np.uint64(first), np.uint64(first + columns * height)):
        largest = out[k] if out[k] > largest else largest
        smallest = out[k] if out[k] < smallest else smallest
    if status == OK and (largest >= VALUE_BOUND or smallest <= -VALUE_BOUND):
        return OUT_OF_RANGE
    for c in range(columns):
        if status == OK and plans[c * groups, MODE] == SIGN_MAGNITUDE:
            place = first + c * height
            status = read_signs(words, coder, order, sizes, groups, place, fields, shares, out)
    return status


@register_jitable
def _read_parameters(
    words: U32,
    coder: U64,
    table: U32,
    chances: U32,
    scales: U32,
    identity: U32,
    columns: int,
    groups: int,
    doubling: int,
    first: int,
    fields: U32,
    places: U32,
    out: I32,
    plans: I64,
) -> int:
    """Read what describes the groups of all columns, `groups` rows of `plans` for each column.

    There are no more groups than rows, so what `out` holds from `first` on serves for the numbers
    that groups have.
    """
    status = read_fields(words, coder, np.int64(HEAD_BITS), columns, fields)
    for g in range(len(plans)):
        head = np.int64(fields[g // groups])
        plans[g, MODE], plans[g, ZERO] = head & (1 << MODE_BITS) - 1, head >> MODE_BITS
        plans[g, CENTRE] = 0
    for part in range(len(_TABLES)):
        if part == _SPREADS:
            for k in range(len(SPREAD_LEVELS)):
                fields[k] = SPREAD_LEVELS[k]
            fill_histogram(fields, np.int64(0), np.int64(len(SPREAD_LEVELS)), coder, table)
        else:
            scale, zero = _TABLES[part, 0], _TABLES[part, 1]
            spread, positive, one = _TABLES[part, 2], _TABLES[part, 3], np.int64(1)
            fill_geometric(chances, scales, one, scale, zero, spread, positive, coder, table)
        # One number for each column, for each group, or for each group that has a centre.
        count = columns
        if part >= _SCALES:
            count = 0
            for plan in plans:
                count += part == _SCALES or plan[MODE] != PLAIN
        none = np.int64(0)
        if status == OK:
            status = read_symbols(
                words, coder, table, identity, none, count, none, first, places, out
            )
        if part < _SCALES:
            # The numbers of a head have no escapes: nothing follows them.
            coder[ESCAPES] = 0
        elif status == OK:
            status = add_excess(words, coder, fields, places, out)
        if status == OK:
            status = _store_numbers(plans, part, groups, doubling, first, out)
        if status != OK:
            return status
    return OK


@register_jitable
def _store_numbers(
    plans: I64, part: int, groups: int, doubling: int, first: int, numbers: I32
) -> int:
    """Store spreads, positives, steps of scales or steps of centres in the plans of all groups."""
    value, place = np.int64(0), first
    for g in range(len(plans)):
        begins, mode = g % groups == 0, plans[g, MODE]
        if part == _SPREADS:
            plans[g, SPREAD] = numbers[first + g // groups]
        elif part == _POSITIVES:
            value = POSITIVE_EVEN + numbers[first + g // groups]
            if value < 0 or value >= _SHARES:
                return BAD_SHARE
            plans[g, POSITIVE] = value
        elif part == _SCALES:
            value = FIRST_SCALE if begins else value + SCALE_GROWTH * doubling
            value += numbers[first + g]
            if value < 0 or value >= SCALES:
                return BAD_SCALE
            plans[g, SCALE] = value
        elif mode != PLAIN:
            factor = 2 if doubling and mode == SIGN_MAGNITUDE else 1
            value = np.int64(numbers[place]) + (0 if begins else factor * value)
            place += 1
            if abs(value) >= VALUE_BOUND:
                return BAD_CENTRE
            plans[g, CENTRE] = value
    return OK
