"""Streams of integers: parameters fitted to them, symbols, and what the tables do not reach.

Everything goes into the ANS payload, the parameters too, so a stream needs no side information
but its length. A stream may come with *contexts*: small integers, one per value, that the decoder
knows already (a class, the size of an earlier number). Values of equal context form a group with
a scale of its own, which is where most of the gain of context modelling lies, and costs about four
bits a group. FORMAT.md section 5 is normative.
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
"""Values of a stream lie strictly between -BOUND and BOUND."""


class Form(IntEnum):
    """How the values of a stream become symbols; the encoder takes the cheapest.

    PLAIN: as they are. CENTRED: less a centre that each group has. MIRRORED: their magnitudes
    less a centre, then the signs of those that are not 0, with a share per group.
    """

    PLAIN = 0
    CENTRED = 1
    MIRRORED = 2


_FORM_BITS = 2

_FIRST_SCALE = 16

# Scales of the tables of differences from one group's scale or centre to the next.
_SCALE_STEPS = 14
_CENTRE_STEPS = 20


def write_values(
    writer: SymbolWriter,
    values: IntArray,
    contexts: IntArray | None = None,
    *,
    signed: bool = True,
) -> None:
    """Append an array of integers; nothing is written for an empty one.

    Args:
        writer: where to.
        values: integers (n,), strictly between -2^30 and 2^30.
        contexts: integers (n,) of a small range that the reader will know; None for one group.
        signed: False for arrays without negative values.

    Raises:
        ValueError: a value out of range.
    """
    numbers = np.asarray(values, np.int64)
    if numbers.size == 0:
        return
    if _largest(numbers) >= BOUND or (not signed and numbers.min() < 0):
        raise ValueError(f"values {numbers.min()}..{numbers.max()} are out of range")
    plan = _cheapest_plan(_grouped(numbers, contexts), signed)
    writer.raw(np.array([plan.form | models.packed(plan.shape) << _FORM_BITS]), _HEAD_BITS)
    _write_steps(writer, plan.scales, _FIRST_SCALE, _SCALE_STEPS)
    if plan.form is not Form.PLAIN:
        _write_steps(writer, plan.centres, 0, _CENTRE_STEPS)
    tables = models.tables(plan.scales, plan.shape, signed=plan.two_sided(signed))
    low_bits = [models.low_bits(scale) for scale in plan.scales]
    high = [group >> bits for group, bits in zip(plan.residuals, low_bits, strict=True)]
    write_escaped(writer, high, tables)
    for group, bits in zip(plan.residuals, low_bits, strict=True):
        writer.raw(group & ((1 << bits) - 1), bits)
    if plan.form is Form.MIRRORED:
        nonzero = numbers != 0
        write_flags(writer, numbers[nonzero] < 0, _among(contexts, nonzero))


def read_values(
    reader: SymbolReader,
    count: int,
    contexts: IntArray | None = None,
    *,
    signed: bool = True,
) -> Int64Array:
    """Return the next `count` integers that `write_values` wrote, int64 (count,).

    Args:
        reader: where they are.
        count: how many.
        contexts, signed: as given to `write_values`.

    Raises:
        CorruptFile: a parameter or value out of range, or more than the payload can hold.
    """
    if count == 0:
        return np.empty(0, np.int64)
    order, sizes = _grouping(contexts, count)
    head = int(reader.raw(_HEAD_BITS, 1)[0])
    form, shape = head & (1 << _FORM_BITS) - 1, models.unpacked(head >> _FORM_BITS)
    if form > (Form.MIRRORED if signed else Form.CENTRED):
        raise CorruptFile(f"payload: form {form} of a stream of values")
    scales = _read_steps(reader, len(sizes), _FIRST_SCALE, _SCALE_STEPS).tolist()
    if min(scales) < 0 or max(scales) >= models.SCALES:
        raise CorruptFile(f"payload: a scale outside 0..{models.SCALES - 1}")
    centres = None
    if form != Form.PLAIN:
        centres = _read_steps(reader, len(sizes), 0, _CENTRE_STEPS)
    tables = models.tables(scales, shape, signed=signed or form != Form.PLAIN)
    grouped = read_escaped(reader, sizes, tables, BOUND)
    start = 0
    for size, scale in zip(sizes, scales, strict=True):
        low_bits = models.low_bits(scale)
        if low_bits:
            group = grouped[start : start + size]
            group <<= low_bits
            group += reader.raw(low_bits, size).astype(np.int64)
        start += size
    if centres is not None:
        grouped += np.repeat(centres, sizes)
    non_negative = not signed or form == Form.MIRRORED
    if _largest(grouped) >= BOUND or (non_negative and grouped.min() < 0):
        raise CorruptFile("payload: a value out of range")
    values = grouped
    if contexts is not None:
        values = np.empty(count, np.int64)
        values[order] = grouped
    if form == Form.MIRRORED:
        nonzero = np.flatnonzero(values)
        below = read_flags(reader, len(nonzero), _among(contexts, nonzero))
        values[nonzero[below]] *= -1
    return values


def cost_bits(values: IntArray, contexts: IntArray | None = None, *, signed: bool = True) -> float:
    """Return about how many bits `write_values` takes.

    Args:
        values, contexts, signed: as for `write_values`.
    """
    numbers = np.asarray(values, np.int64)
    if numbers.size == 0:
        return 0.0
    return _cheapest_plan(_grouped(numbers, contexts), signed).bits


def write_flags(writer: SymbolWriter, flags: BoolArray, contexts: IntArray | None = None) -> None:
    """Append booleans, with a share of True per context; nothing is written for an empty array.

    Args:
        writer: where to.
        flags: bool (n,).
        contexts: as for `write_values`.
    """
    if flags.size == 0:
        return
    order, sizes = _grouping(contexts, len(flags))
    groups = np.split(flags[order], np.cumsum(sizes)[:-1])
    shares = [fitting.fit_share(group)[0] for group in groups]
    writer.raw(np.array(shares), models.FLAG_BITS)
    for group, share in zip(groups, shares, strict=True):
        writer.symbols(group, models.flags(share))


def read_flags(reader: SymbolReader, count: int, contexts: IntArray | None = None) -> BoolArray:
    """Return the next `count` booleans that `write_flags` wrote, bool (count,).

    Raises:
        CorruptFile: more than the payload can hold.
    """
    if count == 0:
        return np.empty(0, np.bool_)
    order, sizes = _grouping(contexts, count)
    shares = reader.raw(models.FLAG_BITS, len(sizes)).tolist()
    groups = [
        reader.symbols(models.flags(share), size) for share, size in zip(shares, sizes, strict=True)
    ]
    flags = np.empty(count, np.bool_)
    flags[order] = np.concatenate(groups)
    return flags


@dataclass(frozen=True)
class _Plan:
    """How to code a stream: residuals are what the tables see, a group each."""

    form: Form
    shape: models.Shape
    scales: list[int]
    centres: list[int]
    residuals: list[Int64Array]
    bits: float

    def two_sided(self, signed: bool) -> bool:
        return signed or self.form is not Form.PLAIN


_HEAD_BITS = _FORM_BITS + models.SHAPE_BITS


def _cheapest_plan(groups: list[Int64Array], signed: bool) -> _Plan:
    plans = [_planned(Form.PLAIN, groups, signed), _planned(Form.CENTRED, groups, True)]
    if signed:
        plans.append(_planned(Form.MIRRORED, groups, True))
    return min(plans, key=lambda plan: plan.bits)


def _planned(form: Form, groups: list[Int64Array], two_sided: bool) -> _Plan:
    bits = float(_HEAD_BITS)
    centres = [0] * len(groups)
    if form is Form.MIRRORED:
        for group in groups:
            signs = group[group != 0] < 0
            bits += models.FLAG_BITS + fitting.fit_share(signs)[1] if signs.size else 0.0
        groups = [np.abs(group) for group in groups]
    if form is not Form.PLAIN:
        centres = [int(np.sort(group)[len(group) // 2]) for group in groups]
        groups = [group - centre for group, centre in zip(groups, centres, strict=True)]
        steps = _step_table(_CENTRE_STEPS)
        bits += steps.cost_bits(np.clip(np.diff([0, *centres]), steps.lowest, steps.highest))
    fit = fitting.fit(groups, _FIRST_SCALE, _step_table(_SCALE_STEPS), signed=two_sided)
    return _Plan(form, fit.shape, fit.scales, centres, groups, bits + fit.bits)


def _grouping(contexts: IntArray | None, count: int) -> tuple[Int64Array | slice, list[int]]:
    """(what brings values into groups of ascending context, size of each group)."""
    if contexts is None:
        return slice(None), [count]
    if len(contexts) != count:
        raise ValueError(f"{len(contexts)} contexts for {count} values")
    sizes = np.bincount(contexts - contexts.min())
    return np.argsort(contexts, kind="stable"), sizes[sizes > 0].tolist()


def _grouped(values: Int64Array, contexts: IntArray | None) -> list[Int64Array]:
    order, sizes = _grouping(contexts, len(values))
    return np.split(values[order], np.cumsum(sizes)[:-1])


def _among(contexts: IntArray | None, chosen: Int64Array | BoolArray) -> IntArray | None:
    return None if contexts is None else contexts[chosen]


@lru_cache(maxsize=2)
def _step_table(scale: int) -> Model:
    return models.tables((scale,), models.Shape(), signed=True)[0]


def _write_steps(writer: SymbolWriter, numbers: Sequence[int], first: int, scale: int) -> None:
    """Numbers as differences, the first one from `first`."""
    path = np.array([first, *numbers], np.int64)
    write_escaped(writer, [path[1:] - path[:-1]], [_step_table(scale)])


def _read_steps(reader: SymbolReader, count: int, first: int, scale: int) -> Int64Array:
    return first + np.cumsum(read_escaped(reader, [count], [_step_table(scale)], BOUND))


def _largest(values: Int64Array) -> int:
    """Largest magnitude."""
    return max(int(values.max()), -int(values.min()))
