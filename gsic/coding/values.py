"""Columns of integers: parameters fitted to them, symbols, and what the tables do not reach.

Everything goes into the ANS payload, the parameters too, so a column needs no side information
but its length. Values may come with *contexts*: small integers, one per row, that the decoder
knows already (a class, the size of an earlier number). Values of equal context form a group with
a scale of its own, which is where most of the gain of context modelling lies, and costs about four
bits a group and column. Columns with the same contexts are written together, because that decodes
faster. FORMAT.md section 5 is normative.
"""

from collections.abc import Sequence
from itertools import islice

import numpy as np
import numpy.typing as npt

from gsic.coding import fitting, forms, models
from gsic.coding.ans import Int64Array, Model, SymbolReader, SymbolWriter
from gsic.coding.forms import Form
from gsic.coding.streams import read_escaped, write_escaped
from gsic.errors import CorruptFile

IntArray = npt.NDArray[np.integer]

BOUND = 1 << 30
"""Values lie strictly between -BOUND and BOUND."""

# Values less a centre, and differences of centres, may be twice as large.
_RESIDUAL_BOUND = 1 << 32


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
        self.place = np.empty_like(self.order)
        self.place[self.order] = np.arange(len(contexts))

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
        contexts.order = contexts.place = np.arange(sum(counts))
        return contexts

    @classmethod
    def single(cls, count: int) -> "Contexts":
        """Return the grouping of `count` rows into one group."""
        return cls.runs([count])

    def split(self, values: Int64Array) -> list[Int64Array]:
        """Return the values of each group, in their order."""
        return np.split(values[self.order], np.cumsum(self.sizes)[:-1])


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
    write_escaped(writer, [np.concatenate(steps)], [forms.SCALE_STEPS])
    moved = [plan for plan in plans if plan.form is not Form.PLAIN]
    if moved:
        steps = [forms.centre_steps(plan.centres, plan.form, doubling) for plan in moved]
        write_escaped(writer, [np.concatenate(steps)], [forms.CENTRE_STEPS])
    levels = [level for plan in plans for group in plan.levels for level in group]
    writer.raw(np.array(levels, np.int64), models.LEVEL_BITS)
    chosen = [(plan.form, plan.shape) for plan in plans]
    tables, low_bits = _tables(chosen, scales, levels)
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
    chosen = forms.read_heads(reader, count)
    scales = _read_scales(reader, count, contexts)
    centres = _read_centres(reader, [form for form, _ in chosen], contexts)
    listed = [
        scale + forms.LEAST_LISTED
        for (form, _), column in zip(chosen, scales, strict=True)
        if form is Form.LISTED
        for scale in column
    ]
    levels = reader.narrow(models.LEVEL_BITS, sum(listed)).tolist() if listed else []
    tables, low_bits = _tables(chosen, scales, levels)
    sizes = contexts.sizes * count
    grouped = read_escaped(reader, sizes, tables, _RESIDUAL_BOUND)
    _read_low_bits(reader, grouped, sizes, low_bits)
    grouped += centres.repeat(sizes)
    columns = grouped.reshape(count, rows)
    if _largest(columns) >= BOUND:
        raise CorruptFile("payload: a value out of range")
    for column, (form, _) in zip(columns, chosen, strict=True):
        if form is Form.MIRRORED:
            _read_signs(reader, column, contexts.sizes)
    return columns.take(contexts.place, axis=1)


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


def _tables(
    chosen: Sequence[tuple[Form, models.Shape]],
    scales: Sequence[Sequence[int]],
    levels: Sequence[int],
) -> tuple[list[Model], list[int]]:
    """(tables, raw low bits) of all groups of all columns.

    Args:
        chosen: of each column.
        scales: of each group of each column.
        levels: of the listed columns, one group after the other.
    """
    flat: list[int] = []
    shapes: list[models.Shape] = []
    for (form, shape), column in zip(chosen, scales, strict=True):
        if form is not Form.LISTED:
            flat += column
            shapes += [shape] * len(column)
    curves = iter(models.tables(flat, shapes, signed=True) if flat else ())
    tables: list[Model] = []
    low_bits: list[int] = []
    start = 0
    for (form, _), column in zip(chosen, scales, strict=True):
        if form is not Form.LISTED:
            tables += islice(curves, len(column))
            low_bits += [models.low_bits(scale) for scale in column]
            continue
        for scale in column:
            end = start + scale + forms.LEAST_LISTED
            tables.append(models.histogram(levels[start:end]))
            low_bits.append(0)
            start = end
    return tables, low_bits


def _read_low_bits(
    reader: SymbolReader, values: Int64Array, sizes: Sequence[int], low_bits: Sequence[int]
) -> None:
    """Complete values whose tables leave low bits out, in place."""
    start = 0
    for size, bits in zip(sizes, low_bits, strict=True):
        if bits:
            group = values[start : start + size]
            group <<= bits
            group += reader.narrow(bits, size)
        start += size


def _write_signs(writer: SymbolWriter, groups: list[Int64Array]) -> None:
    """A share per group, then one flag for each value that is not 0: is it negative?"""
    shares = [fitting.fit_share(group)[0] for group in groups]
    writer.raw(np.array(shares), models.FLAG_BITS)
    for group, share in zip(groups, shares, strict=True):
        writer.symbols(group[group != 0] < 0, models.flags(share))


def _read_signs(reader: SymbolReader, column: Int64Array, sizes: list[int]) -> None:
    """Give magnitudes, in groups, their signs, in place."""
    if column.min() < 0:
        raise CorruptFile("payload: a negative magnitude")
    tables = [models.flags(share) for share in reader.narrow(models.FLAG_BITS, len(sizes)).tolist()]
    (nonzero,) = column.nonzero()
    ends = nonzero.searchsorted(np.array(sizes).cumsum()).tolist()
    counts = [end - start for start, end in zip([0, *ends], ends, strict=False)]
    negative = nonzero[np.concatenate(reader.grouped(tables, counts)).astype(np.bool_)]
    column[negative] = -column[negative]


def _read_scales(reader: SymbolReader, count: int, contexts: Contexts) -> list[list[int]]:
    """Scales of the groups of each column."""
    groups = len(contexts.sizes)
    size = count * groups
    steps = read_escaped(reader, [size], [forms.SCALE_STEPS], _RESIDUAL_BOUND).tolist()
    scales: list[list[int]] = []
    for start in range(0, size, groups):
        scales.append(forms.scales_of(steps[start : start + groups], contexts.doubling))
        if min(scales[-1]) < 0 or max(scales[-1]) >= models.SCALES:
            raise CorruptFile(f"payload: a scale outside 0..{models.SCALES - 1}")
    return scales


def _read_centres(reader: SymbolReader, chosen: Sequence[Form], contexts: Contexts) -> Int64Array:
    """Centres of the groups of all columns, int64 (columns * groups,); 0 in plain columns."""
    groups = len(contexts.sizes)
    moved = len(chosen) - chosen.count(Form.PLAIN)
    if not moved:
        return np.zeros(len(chosen) * groups, np.int64)
    steps = read_escaped(reader, [moved * groups], [forms.CENTRE_STEPS], _RESIDUAL_BOUND).tolist()
    centres: list[int] = []
    start = 0
    for form in chosen:
        if form is Form.PLAIN:
            centres += [0] * groups
        else:
            part = steps[start : start + groups]
            centres += forms.centres_of(part, form, contexts.doubling)
            start += groups
    if max(map(abs, centres)) >= _RESIDUAL_BOUND:
        raise CorruptFile("payload: a centre out of range")
    return np.array(centres, np.int64)


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
