"""Columns of integers: parameters fitted to them, symbols, escapes, and signs.

Everything goes into the ANS payload, the parameters too, so a column needs no side information
but its length. Columns with the same contexts are written together, because that decodes faster.
The order of the parts is that in which a decoder can use them: heads, scales and centres choose the
tables, the tables decode residuals, and only values that are known to differ from 0 have signs.
FORMAT.md section 5 is normative.
"""

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from gsic.arrays import Float64, Int64
from gsic.coding import column_modes, parameter_fit, tables
from gsic.coding.ans import SymbolWriter
from gsic.coding.column_modes import ColumnMode
from gsic.coding.contexts import Contexts
from gsic.coding.escapes import write_escaped
from gsic_kernels.cpu.ans import coder, layout

IntArray = npt.NDArray[np.integer]

BOUND = layout.VALUE_BOUND
"""Values lie strictly between -BOUND and BOUND."""

# Code lengths are computed up to this magnitude only, which bounds the memory for them.
_LARGEST_MEASURED = 1 << 15


class ColumnCodeLengths(NamedTuple):
    """Code lengths of values near those of a column: v in row n takes `bits[origins[n] + v]`.

    Attributes:
        bits: float64 (M,).
        origins: int64 (n,).
        lowest, highest: int64 (n,), the range of values whose code lengths are known.
    """

    bits: Float64
    origins: Int64
    lowest: Int64
    highest: Int64


@cache
def load() -> None:
    """Compile the kernel of the decoder and build the tables that every payload needs."""
    coder.load()
    tables.build_curves()


def write_columns(writer: SymbolWriter, columns: Sequence[IntArray], contexts: Contexts) -> None:
    """Append columns of integers of either sign; nothing is written for empty ones.

    Args:
        writer: receives them.
        columns: one or more arrays of integers (n,), strictly between -2^30 and 2^30.
        contexts: the groups of the n rows.

    Raises:
        ValueError: a value is out of range.
    """
    if not contexts.sizes:
        return
    numbers = [np.asarray(column, np.int64) for column in columns]
    for column in numbers:
        if max(int(column.max()), -int(column.min())) >= BOUND:
            raise ValueError(f"values {column.min()}..{column.max()} are out of range")
    doubling = contexts.doubling
    plans = [column_modes.choose_plan(contexts.split(column), doubling) for column in numbers]
    column_modes.write_heads(writer, plans)
    steps = [column_modes.compute_scale_steps(plan.scales, doubling) for plan in plans]
    write_escaped(writer, [np.concatenate(steps)], [column_modes.build_scale_step_table()])
    centred = [plan for plan in plans if plan.mode is not ColumnMode.PLAIN]
    if centred:
        steps = [
            column_modes.compute_centre_steps(plan.centres, plan.mode, doubling) for plan in centred
        ]
        write_escaped(writer, [np.concatenate(steps)], [column_modes.build_centre_step_table()])
    levels = [level for plan in plans for group in plan.levels for level in group]
    writer.write_raw(np.array(levels, np.int64), layout.LEVEL_BITS)
    group_tables = [table for plan in plans for table in plan.build_tables()]
    low_bits = [bits for plan in plans for bits in plan.count_low_bits()]
    residuals = [group for plan in plans for group in plan.residuals]
    high = [group >> bits for group, bits in zip(residuals, low_bits, strict=True)]
    write_escaped(writer, high, group_tables)
    for group, bits in zip(residuals, low_bits, strict=True):
        writer.write_raw(group & ((1 << bits) - 1), bits)
    for column, plan in zip(numbers, plans, strict=True):
        if plan.mode is ColumnMode.SIGN_MAGNITUDE:
            _write_signs(writer, contexts.split(column))


def estimate_column_bits(column: IntArray, contexts: Contexts) -> tuple[float, float]:
    """Estimate how many bits `write_columns` takes for one column.

    Args:
        column: integers (n,).
        contexts: the groups of the n rows.

    Returns:
        The bits of the values, and those of the parameters that describe them.
    """
    if not contexts.sizes:
        return 0.0, 0.0
    groups = contexts.split(np.asarray(column, np.int64))
    plan = column_modes.choose_plan(groups, contexts.doubling)
    return plan.symbol_bits, plan.parameter_bits


def compute_column_code_lengths(
    column: IntArray, contexts: Contexts, around: int
) -> ColumnCodeLengths:
    """Compute the code lengths of the values of a column, and of others near them, in its tables.

    Args:
        column: integers (n,), n >= 1.
        contexts: the groups of the n rows.
        around: how far the other values may lie outside the range of a group's values and 0.
            Magnitudes beyond 2^15 are left out.
    """
    groups = contexts.split(np.asarray(column, np.int64))
    lowest = [max(min(int(group.min()), 0) - around, -_LARGEST_MEASURED) for group in groups]
    highest = [min(max(int(group.max()), 0) + around, _LARGEST_MEASURED) for group in groups]
    values = [np.arange(low, high + 1) for low, high in zip(lowest, highest, strict=True)]
    bits = column_modes.choose_plan(groups, contexts.doubling).measure_values(values)
    starts = np.cumsum([0, *(len(of_group) for of_group in values[:-1])])
    per_group = np.array((starts - lowest, lowest, highest))
    rows = np.empty((3, len(column)), np.int64)
    rows[:, contexts.order] = np.repeat(per_group, contexts.sizes, axis=1)
    return ColumnCodeLengths(np.concatenate(bits), *rows)


def _write_signs(writer: SymbolWriter, groups: list[Int64]) -> None:
    """Append a share per group, then a flag "is negative?" for each value that is not 0."""
    shares = [parameter_fit.fit_share(group)[0] for group in groups]
    writer.write_raw(np.array(shares), layout.SHARE_BITS)
    for group, share in zip(groups, shares, strict=True):
        flags = group[group != 0] < 0
        if share == layout.EVEN_SHARE:
            writer.write_raw(flags, 1)
        else:
            writer.write_symbols(flags, tables.build_flag_table(share))
