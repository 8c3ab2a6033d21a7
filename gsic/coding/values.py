"""Columns of integers: parameters fitted to them, symbols, and what the tables do not reach.

Everything goes into the ANS payload, the parameters too, so a column needs no side information
but its length. Values may come with *contexts*: small integers, one per row, that the decoder
knows already (a class, the size of an earlier number). Values of equal context form a group with
a scale of its own, which is where most of the gain of context modelling lies, and costs about four
bits a group and column. Columns with the same contexts are written together, because that decodes
faster. FORMAT.md section 5 is normative.
"""

from collections.abc import Sequence

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
        sizes = np.bincount(contexts)
        if least > 1 and contexts.size:
            contexts = _joined(sizes.tolist(), least)[contexts]
            sizes = np.bincount(contexts)
        # Integers of 16 bits are sorted in linear time.
        few = contexts.astype(np.uint16) if len(sizes) <= 1 << 16 else contexts
        self.order: Int64Array = np.argsort(few, kind="stable")
        self.place = np.empty_like(self.order)
        self.place[self.order] = np.arange(len(contexts))
        self.sizes: list[int] = sizes[sizes > 0].tolist()

    @classmethod
    def single(cls, count: int) -> "Contexts":
        """Return the grouping of `count` rows into one group."""
        return cls(np.zeros(count, np.uint8))

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
    _write_heads(writer, plans)
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
    rows, groups = len(contexts.order), len(contexts.sizes)
    if rows == 0:
        return np.empty((count, 0), np.int64)
    chosen = _read_heads(reader, count)
    steps = read_escaped(reader, [count * groups], [forms.SCALE_STEPS], _RESIDUAL_BOUND)
    scales = forms.scales_of(steps.reshape(count, groups), contexts.doubling)
    if scales.min() < 0 or scales.max() >= models.SCALES:
        raise CorruptFile(f"payload: a scale outside 0..{models.SCALES - 1}")
    moved = [index for index, (form, _) in enumerate(chosen) if form is not Form.PLAIN]
    centres = _read_centres(reader, [chosen[index][0] for index in moved], contexts)
    listed = [index for index, (form, _) in enumerate(chosen) if form is Form.LISTED]
    levels = int((scales[listed] + forms.LEAST_LISTED).sum())
    tables, low_bits = _tables(
        chosen, scales.tolist(), reader.raw(models.LEVEL_BITS, levels).tolist()
    )
    sizes = contexts.sizes * count
    grouped = read_escaped(reader, sizes, tables, _RESIDUAL_BOUND)
    _read_low_bits(reader, grouped, sizes, low_bits)
    columns = grouped.reshape(count, rows)
    if moved:
        columns[moved] += np.repeat(centres, contexts.sizes, axis=1)
    if _largest(columns) >= BOUND:
        raise CorruptFile("payload: a value out of range")
    for column, (form, _) in zip(columns, chosen, strict=True):
        if form is Form.MIRRORED:
            _read_signs(reader, column, contexts.sizes)
    return columns.take(contexts.place, axis=1)


def cost_bits(column: IntArray, contexts: Contexts) -> float:
    """Return about how many bits `write_columns` takes for one column.

    Args:
        column: integers (n,).
        contexts: the groups of the n rows.
    """
    if not contexts.sizes:
        return 0.0
    return forms.cheapest(contexts.split(np.asarray(column, np.int64)), contexts.doubling).bits


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
    fitted = [i for i, (form, _) in enumerate(chosen) if form is not Form.LISTED]
    flat = [scale for index in fitted for scale in scales[index]]
    shapes = [chosen[index][1] for index in fitted for _ in scales[index]]
    curves = iter(models.tables(flat, shapes, signed=True) if flat else ())
    tables: list[Model] = []
    low_bits: list[int] = []
    start = 0
    for (form, _), column in zip(chosen, scales, strict=True):
        if form is not Form.LISTED:
            tables += [next(curves) for _ in column]
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
            group += reader.raw(bits, size).astype(np.int64)
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
    shares = reader.raw(models.FLAG_BITS, len(sizes)).tolist()
    nonzero = np.flatnonzero(column)
    ends = np.searchsorted(nonzero, np.cumsum(sizes))
    counts = np.diff(ends, prepend=0).tolist()
    negative = [
        reader.indices(models.flags(share), count)
        for share, count in zip(shares, counts, strict=True)
    ]
    column[nonzero] *= 1 - 2 * np.concatenate(negative)


def _write_heads(writer: SymbolWriter, plans: Sequence[forms.Plan]) -> None:
    """Form and shape of each column."""
    shapes = [plan.shape for plan in plans]
    heads = [plan.form | plan.shape.zero << forms.FORM_BITS for plan in plans]
    writer.raw(np.array(heads), forms.HEAD_BITS)
    writer.symbols(np.array([shape.spread for shape in shapes]), forms.SPREAD_CHOICES)
    positive = np.array([shape.positive for shape in shapes])
    writer.symbols(positive - forms.EVEN, forms.POSITIVE_CHOICES)


def _read_heads(reader: SymbolReader, count: int) -> list[tuple[Form, models.Shape]]:
    heads = reader.raw(forms.HEAD_BITS, count).tolist()
    spreads = reader.symbols(forms.SPREAD_CHOICES, count).tolist()
    positives = (reader.symbols(forms.POSITIVE_CHOICES, count) + forms.EVEN).tolist()
    if min(positives) < 0 or max(positives) > models.MOST_POSITIVE:
        raise CorruptFile("payload: a share of positive values out of range")
    return [
        (
            Form(head & (1 << forms.FORM_BITS) - 1),
            models.Shape(head >> forms.FORM_BITS, spread, positive),
        )
        for head, spread, positive in zip(heads, spreads, positives, strict=True)
    ]


def _read_centres(reader: SymbolReader, chosen: Sequence[Form], contexts: Contexts) -> Int64Array:
    """Centres of the groups of each column that has some, int64 (columns, groups)."""
    groups = len(contexts.sizes)
    if not chosen:
        return np.empty((0, groups), np.int64)
    size = len(chosen) * groups
    steps = read_escaped(reader, [size], [forms.CENTRE_STEPS], _RESIDUAL_BOUND).tolist()
    centres: list[list[int]] = []
    for index, form in enumerate(chosen):
        part = steps[index * groups : (index + 1) * groups]
        centres.append(forms.centres_of(part, form, contexts.doubling))
        if max(map(abs, centres[-1])) >= _RESIDUAL_BOUND:
            raise CorruptFile("payload: a centre out of range")
    return np.array(centres, np.int64)


def _joined(sizes: Sequence[int], least: int) -> Int64Array:
    """The group of each context, given how many rows each has."""
    groups = np.zeros(len(sizes), np.int64)
    group = rows = start = 0
    for context, size in enumerate(sizes):
        rows += size
        groups[context] = group
        if rows >= least:
            group, rows, start = group + 1, 0, context + 1
    # What is left is too small for a group of its own.
    groups[start:] = max(group - 1, 0)
    return groups


def _largest(values: Int64Array) -> int:
    """Largest magnitude."""
    return max(int(values.max()), -int(values.min()))
