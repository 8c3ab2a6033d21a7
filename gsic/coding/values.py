"""Columns of integers: parameters fitted to them, symbols, and what the tables do not reach.

Everything goes into the ANS payload, the parameters too, so a column needs no side information
but its length. Values may come with *contexts*: small integers, one per row, that the decoder
knows already (a class, the size of an earlier number). Values of equal context form a group with
a scale of its own, which is where most of the gain of context modelling lies, and costs about four
bits a group and column. Columns with the same contexts are written together, because that decodes
faster. FORMAT.md section 5 is normative.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from gsic.coding import fitting, models
from gsic.coding.ans import Int64Array, Model, SymbolReader, SymbolWriter
from gsic.coding.streams import read_escaped, write_escaped
from gsic.errors import CorruptFile

IntArray = npt.NDArray[np.integer]
BoolArray = npt.NDArray[np.bool_]

BOUND = 1 << 30
"""Values lie strictly between -BOUND and BOUND."""


class Form(IntEnum):
    """How the values of a column become symbols; the encoder takes the cheapest.

    PLAIN: as they are. CENTRED: less a centre that each group has. MIRRORED: their magnitudes
    less a centre, and the signs of those that are not 0 with a share per group.
    """

    PLAIN = 0
    CENTRED = 1
    MIRRORED = 2


_FORM_BITS = 2
_HEAD_BITS = _FORM_BITS + models.SHAPE_BITS

_FIRST_SCALE = 16

# Scales of the tables of differences from one group's scale or centre to the next.
_SCALE_STEPS = 14
_CENTRE_STEPS = 20


class Contexts:
    """Groups of rows with equal context, worked out once for everything that is coded by them.

    Args:
        contexts: integers (n,) of a small range; the groups are in ascending order of them.
    """

    def __init__(self, contexts: IntArray) -> None:
        contexts = contexts - contexts.min() if contexts.size else contexts
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
    plans = [_cheapest_plan(contexts.split(column)) for column in numbers]
    heads = [plan.form | models.packed(plan.shape) << _FORM_BITS for plan in plans]
    writer.raw(np.array(heads), _HEAD_BITS)
    _write_paths(writer, [plan.scales for plan in plans], _FIRST_SCALE, _SCALE_STEPS)
    centres = [plan.centres for plan in plans if plan.form is not Form.PLAIN]
    _write_paths(writer, centres, 0, _CENTRE_STEPS)
    residuals = [group for plan in plans for group in plan.residuals]
    scales = [scale for plan in plans for scale in plan.scales]
    shapes = [plan.shape for plan in plans for _ in plan.scales]
    low_bits = [models.low_bits(scale) for scale in scales]
    high = [group >> bits for group, bits in zip(residuals, low_bits, strict=True)]
    write_escaped(writer, high, models.tables(scales, shapes, signed=True))
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
    heads = reader.raw(_HEAD_BITS, count).tolist()
    forms = [head & (1 << _FORM_BITS) - 1 for head in heads]
    shapes = [models.unpacked(head >> _FORM_BITS) for head in heads for _ in range(groups)]
    if max(forms) > Form.MIRRORED:
        raise CorruptFile(f"payload: form {max(forms)} of a column")
    scales = _read_paths(reader, count, groups, _FIRST_SCALE, _SCALE_STEPS).ravel().tolist()
    if min(scales) < 0 or max(scales) >= models.SCALES:
        raise CorruptFile(f"payload: a scale outside 0..{models.SCALES - 1}")
    moved = [index for index, form in enumerate(forms) if form != Form.PLAIN]
    centres = _read_paths(reader, len(moved), groups, 0, _CENTRE_STEPS)
    sizes = contexts.sizes * count
    tables = models.tables(scales, shapes, signed=True)
    grouped = read_escaped(reader, sizes, tables, BOUND)
    _read_low_bits(reader, grouped, sizes, scales)
    columns = grouped.reshape(count, rows)
    if moved:
        columns[moved] += np.repeat(centres, contexts.sizes, axis=1)
    if _largest(columns) >= BOUND:
        raise CorruptFile("payload: a value out of range")
    for column, form in zip(columns, forms, strict=True):
        if form == Form.MIRRORED:
            _read_signs(reader, column, contexts.sizes)
    return columns[:, contexts.place]


def cost_bits(column: IntArray, contexts: Contexts) -> float:
    """Return about how many bits `write_columns` takes for one column.

    Args:
        column: integers (n,).
        contexts: the groups of the n rows.
    """
    if not contexts.sizes:
        return 0.0
    return _cheapest_plan(contexts.split(np.asarray(column, np.int64))).bits


@dataclass(frozen=True)
class _Plan:
    """How to code a column: residuals are what the tables see, a group each."""

    form: Form
    shape: models.Shape
    scales: list[int]
    centres: list[int]
    residuals: list[Int64Array]
    bits: float


def _cheapest_plan(groups: list[Int64Array]) -> _Plan:
    return min((_planned(form, groups) for form in Form), key=lambda plan: plan.bits)


def _planned(form: Form, groups: list[Int64Array]) -> _Plan:
    bits = float(_HEAD_BITS)
    centres = [0] * len(groups)
    if form is Form.MIRRORED:
        bits += sum(models.FLAG_BITS + fitting.fit_share(group)[1] for group in groups)
        groups = [np.abs(group) for group in groups]
    if form is not Form.PLAIN:
        centres = [int(np.sort(group)[len(group) // 2]) for group in groups]
        groups = [group - centre for group, centre in zip(groups, centres, strict=True)]
        steps = _step_table(_CENTRE_STEPS)
        bits += steps.cost_bits(np.clip(np.diff([0, *centres]), steps.lowest, steps.highest))
    fit = fitting.fit(groups, _FIRST_SCALE, _step_table(_SCALE_STEPS), signed=True)
    return _Plan(form, fit.shape, fit.scales, centres, groups, bits + fit.bits)


def _read_low_bits(
    reader: SymbolReader, values: Int64Array, sizes: list[int], scales: list[int]
) -> None:
    """Complete values whose scale leaves low bits out of the table, in place."""
    if max(scales) <= models.LAST_WHOLE:
        return
    start = 0
    for size, scale in zip(sizes, scales, strict=True):
        low_bits = models.low_bits(scale)
        if low_bits:
            group = values[start : start + size]
            group <<= low_bits
            group += reader.raw(low_bits, size).astype(np.int64)
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
    start = 0
    for size, share in zip(sizes, shares, strict=True):
        group = column[start : start + size]
        nonzero = np.flatnonzero(group)
        group[nonzero] *= 1 - 2 * reader.indices(models.flags(share), len(nonzero))
        start += size


@lru_cache(maxsize=2)
def _step_table(scale: int) -> Model:
    return models.tables((scale,), (models.Shape(),), signed=True)[0]


def _write_paths(
    writer: SymbolWriter, paths: Sequence[Sequence[int]], first: int, scale: int
) -> None:
    """Equally long paths as differences, each from `first`."""
    if paths:
        padded = np.array([[first, *path] for path in paths], np.int64)
        steps = padded[:, 1:] - padded[:, :-1]
        write_escaped(writer, [steps.ravel()], [_step_table(scale)])


def _read_paths(
    reader: SymbolReader, count: int, length: int, first: int, scale: int
) -> Int64Array:
    """What `_write_paths` wrote, int64 (count, length)."""
    if count == 0:
        return np.empty((0, length), np.int64)
    steps = read_escaped(reader, [count * length], [_step_table(scale)], BOUND)
    return first + np.cumsum(steps.reshape(count, length), axis=1)


def _largest(values: Int64Array) -> int:
    """Largest magnitude."""
    return max(int(values.max()), -int(values.min()))
