"""Columns of integers: parameters fitted to them, symbols, and what the tables do not reach.

Everything goes into the ANS payload, the parameters too, so a column needs no side information
but its length. Values may come with *contexts*: small integers, one per row, that the decoder
knows already (a class, the size of an earlier number). Values of equal context form a group with
a scale of its own, which is where most of the gain of context modelling lies, and costs about four
bits a group and column. Columns with the same contexts are written together, because that decodes
faster. FORMAT.md section 5 is normative.
"""

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from gsic.coding import column_modes as forms
from gsic.coding import parameter_fit as fitting
from gsic.coding import tables as models
from gsic.coding.ans import Float64Array, Int64Array, SymbolReader, SymbolWriter
from gsic.coding.column_modes import Form
from gsic.coding.escapes import write_escaped
from gsic_kernels.cpu.ans import decoder as decoding

IntArray = npt.NDArray[np.integer]

BOUND = decoding.VALUE_BOUND
"""Values lie strictly between -BOUND and BOUND."""

_PRICED = 1 << 15


class Contexts:
    """Groups of rows with equal context, worked out once for everything that is coded by them.

    Args:
        contexts: integers (n,) of a small range; the groups are in ascending order of them.
        least: groups of fewer rows are joined with the next one, at the end with the last one.
        doubling: values of each group are expected to be about twice those of the one before.
    """

    def __init__(self, contexts: IntArray, *, least: int = 1, doubling: bool = False) -> None:
        self.doubling = doubling
        contexts = contexts - contexts.min() if contexts.size else contexts
        groups, self.sizes = _joined(np.bincount(contexts).tolist(), least)
        # Integers of 8 and 16 bits are sorted in linear time.
        self.order: Int64Array = groups.take(contexts).argsort(kind="stable")

    @classmethod
    def runs(cls, counts: Sequence[int], *, least: int = 1) -> "Contexts":
        """Return the grouping of rows that are in the order of their contexts.

        Args:
            counts: how many rows each context has.
            least: as for any grouping.
        """
        contexts = cls.__new__(cls)
        contexts.doubling = False
        contexts.sizes = _joined(counts, least)[1]
        contexts.order = np.arange(sum(counts))
        return contexts

    @classmethod
    def single(cls, count: int) -> "Contexts":
        """Return the grouping of `count` rows into one group."""
        return cls.runs([count])

    def split(self, values: Int64Array) -> list[Int64Array]:
        """Return the values of each group, in their order."""
        return np.split(values[self.order], np.cumsum(self.sizes)[:-1])


@cache
def load() -> None:
    """Make ready what all payloads need, so that the first one does not wait for it."""
    decoding.load()
    # Numba's first call takes long.
    forms.fixed_tables()
    models.curves(False)


def write_columns(writer: SymbolWriter, columns: Sequence[IntArray], contexts: Contexts) -> None:
    """Append columns of integers of either sign; nothing is written for empty ones.

    Args:
        writer: where to.
        columns: one or more arrays of integers (n,), strictly between -2^30 and 2^30.
        contexts: the groups of the n rows.

    Raises:
        ValueError: a value out of range.
    """
    if not contexts.sizes:
        return
    numbers = [np.asarray(column, np.int64) for column in columns]
    for column in numbers:
        if _largest(column) >= BOUND:
            raise ValueError(f"values {column.min()}..{column.max()} are out of range")
    doubling = contexts.doubling
    plans = [forms.cheapest(contexts.split(column), doubling) for column in numbers]
    forms.write_heads(writer, plans)
    scales = [plan.scales for plan in plans]
    steps = [forms.scale_steps(path, doubling) for path in scales]
    write_escaped(writer, [np.concatenate(steps)], [forms.scale_changes()])
    moved = [plan for plan in plans if plan.form is not Form.PLAIN]
    if moved:
        steps = [forms.centre_steps(plan.centres, plan.form, doubling) for plan in moved]
        write_escaped(writer, [np.concatenate(steps)], [forms.centre_changes()])
    levels = [level for plan in plans for group in plan.levels for level in group]
    writer.raw(np.array(levels, np.int64), models.LEVEL_BITS)
    tables = [table for plan in plans for table in plan.tables()]
    low_bits = [bits for plan in plans for bits in plan.low_bits()]
    residuals = [group for plan in plans for group in plan.residuals]
    high = [group >> bits for group, bits in zip(residuals, low_bits, strict=True)]
    write_escaped(writer, high, tables)
    for group, bits in zip(residuals, low_bits, strict=True):
        writer.raw(group & ((1 << bits) - 1), bits)
    for column, plan in zip(numbers, plans, strict=True):
        if plan.form is Form.MIRRORED:
            _write_signs(writer, contexts.split(column))


def read_columns(reader: SymbolReader, count: int, contexts: Contexts) -> Int64Array:
    """Return the next `count` columns that `write_columns` wrote, int64 (count, n).

    Args:
        reader: where they are.
        count: how many columns.
        contexts: as given to `write_columns`.

    Raises:
        CorruptFile: a parameter or value out of range, or more than the payload can hold.
    """
    rows = len(contexts.order)
    if rows == 0:
        return np.empty((count, 0), np.int64)
    reader.check_room(count * rows)
    columns = np.empty((count, rows), np.int64)
    fixed, curves = forms.fixed_tables(), models.curves(True)
    groups = np.array(contexts.sizes), contexts.doubling, contexts.order
    reader.read(decoding.read_columns, fixed, curves, *groups, columns.reshape(-1))
    return columns


def cost_bits(column: IntArray, contexts: Contexts) -> tuple[float, float]:
    """Return about how many bits `write_columns` takes for the values of one column.

    Args:
        column: integers (n,).
        contexts: the groups of the n rows.

    Returns:
        The bits of the values, and those of the parameters that describe them.
    """
    if not contexts.sizes:
        return 0.0, 0.0
    plan = forms.cheapest(contexts.split(np.asarray(column, np.int64)), contexts.doubling)
    return plan.symbol_bits, plan.parameter_bits


class Prices(NamedTuple):
    """What values near those of a column cost: v in row n `bits[origins[n] + v]`.

    Attributes:
        bits: float64 (M,).
        origins: int64 (n,).
        lowest, highest: int64 (n,), between which prices are known.
    """

    bits: Float64Array
    origins: Int64Array
    lowest: Int64Array
    highest: Int64Array


def prices(column: IntArray, contexts: Contexts, around: int) -> Prices:
    """Return what the values of a column and others near them cost in its tables.

    Args:
        column: integers (n,), n >= 1.
        contexts: the groups of the n rows.
        around: by how much others may lie outside the range of the values of a group and 0.
            Prices of values beyond 2^15 are not told.
    """
    groups = contexts.split(np.asarray(column, np.int64))
    lowest = [max(min(int(group.min()), 0) - around, -_PRICED) for group in groups]
    highest = [min(max(int(group.max()), 0) + around, _PRICED) for group in groups]
    asked = [np.arange(low, high + 1) for low, high in zip(lowest, highest, strict=True)]
    bits = forms.cheapest(groups, contexts.doubling).value_bits(asked)
    starts = np.cumsum([0, *(len(values) for values in asked[:-1])])
    of_groups = np.array((starts - lowest, lowest, highest))
    rows = np.empty((3, len(column)), np.int64)
    rows[:, contexts.order] = np.repeat(of_groups, contexts.sizes, axis=1)
    return Prices(np.concatenate(bits), *rows)


def _write_signs(writer: SymbolWriter, groups: list[Int64Array]) -> None:
    """A share per group, then one flag for each value that is not 0: is it negative?"""
    shares = [fitting.fit_share(group)[0] for group in groups]
    writer.raw(np.array(shares), models.FLAG_BITS)
    for group, share in zip(groups, shares, strict=True):
        writer.symbols(group[group != 0] < 0, models.flags(share))


def _joined(sizes: Sequence[int], least: int) -> tuple[npt.NDArray[np.integer], list[int]]:
    """(the group of each context, rows of each group), given how many rows each context has."""
    groups: list[int] = []
    joined: list[int] = []
    rows = 0
    for size in sizes:
        groups.append(len(joined))
        rows += size
        if rows >= least:
            joined.append(rows)
            rows = 0
    if rows and joined:
        # What is left is too small for a group of its own.
        joined[-1] += rows
    elif rows:
        joined.append(rows)
    last = max(len(joined) - 1, 0)
    kind = np.min_scalar_type(last)
    return np.array([min(group, last) for group in groups], kind), joined


def _largest(values: Int64Array) -> int:
    """Largest magnitude."""
    return max(int(values.max()), -int(values.min()))
