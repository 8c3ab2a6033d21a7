"""How the values of a column become symbols, and the choice of the cheapest way (encoders only)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np

from gsic.coding import fitting, models
from gsic.coding.ans import Int64Array, SymbolReader, SymbolWriter
from gsic.coding.streams import escaped_bits
from gsic.errors import CorruptFile


class Form(IntEnum):
    """How the values of a column become symbols.

    PLAIN: as they are. CENTRED: less a centre that each group has. MIRRORED: their magnitudes
    less a centre, and the signs of those that are not 0 with a share per group. LISTED: less the
    group's least value, with an explicit table per group, for few values that follow no curve.
    """

    PLAIN = 0
    CENTRED = 1
    MIRRORED = 2
    LISTED = 3


FORM_BITS = 2
ZERO_BITS = 4
HEAD_BITS = FORM_BITS + ZERO_BITS

# Tables of what else a shape holds: the spread, and the share of positive values less a half.
SPREAD_CHOICES = models.histogram((15, 9, 7, 6))
(POSITIVE_CHOICES,) = models.tables((10,), (models.Shape(zero=7),), signed=True)
EVEN = 8

FIRST_SCALE = 8

# Scales that values grow by from group to group where they are expected to double.
GROWTH = 3

# Tables of the differences from one group's scale or centre to the next.
(SCALE_STEPS,) = models.tables((11,), (models.Shape(zero=4),), signed=True)
(CENTRE_STEPS,) = models.tables((14,), (models.Shape(zero=7, spread=3),), signed=True)

# A listed group's scale is the number of its values less this.
LEAST_LISTED = 2


@dataclass(frozen=True)
class Plan:
    """How to code a column, a list entry per group.

    Args:
        form, shape: of the column.
        scales, centres: of each group; centres are 0 in plain columns.
        residuals: int64 arrays, what the tables see.
        symbol_bits, parameter_bits: about what the values take, and all that describes them.
        levels: of the tables of listed columns.
    """

    form: Form
    shape: models.Shape
    scales: list[int]
    centres: list[int]
    residuals: list[Int64Array]
    symbol_bits: float
    parameter_bits: float
    levels: list[list[int]] = field(default_factory=list)

    @property
    def bits(self) -> float:
        """About what all of it takes."""
        return self.symbol_bits + self.parameter_bits


def cheapest(groups: Sequence[Int64Array], doubling: bool = False) -> Plan:
    """Return the plan with the fewest bits for a column.

    Args:
        groups: one or more int64 arrays of one or more values.
        doubling: values of each group are expected to be about twice those of the one before.
    """
    plans = [_fitted(form, groups, doubling) for form in (Form.PLAIN, Form.CENTRED, Form.MIRRORED)]
    if max(int(group.max() - group.min()) for group in groups) < models.SCALES:
        plans.append(_listed(groups, doubling))
    return min(plans, key=lambda plan: plan.bits)


def write_heads(writer: SymbolWriter, plans: Sequence[Plan]) -> None:
    """Append the form and shape of each column."""
    shapes = [plan.shape for plan in plans]
    heads = [plan.form | plan.shape.zero << FORM_BITS for plan in plans]
    writer.raw(np.array(heads), HEAD_BITS)
    writer.symbols(np.array([shape.spread for shape in shapes]), SPREAD_CHOICES)
    positive = np.array([shape.positive for shape in shapes])
    writer.symbols(positive - EVEN, POSITIVE_CHOICES)


def read_heads(reader: SymbolReader, count: int) -> list[tuple[Form, models.Shape]]:
    """Return the form and shape of each of `count` columns.

    Raises:
        CorruptFile: a share of positive values out of range.
    """
    heads = reader.narrow(HEAD_BITS, count).tolist()
    spreads = reader.symbols(SPREAD_CHOICES, count).tolist()
    positives = (reader.symbols(POSITIVE_CHOICES, count) + EVEN).tolist()
    if min(positives) < 0 or max(positives) > models.MOST_POSITIVE:
        raise CorruptFile("payload: a share of positive values out of range")
    return [
        (
            Form(head & (1 << FORM_BITS) - 1),
            models.Shape(head >> FORM_BITS, spread, positive),
        )
        for head, spread, positive in zip(heads, spreads, positives, strict=True)
    ]


def scale_steps(scales: Sequence[int], doubling: bool) -> Int64Array:
    """Return what the scales of a column's groups differ by from the expected ones."""
    path = np.array([FIRST_SCALE, *scales], np.int64)
    steps = path[1:] - path[:-1]
    steps[1:] -= GROWTH * doubling
    return steps


def scales_of(steps: Sequence[int], doubling: bool) -> list[int]:
    """Return the scales whose `scale_steps` are given."""
    growth = GROWTH * doubling
    # The first group has none before it to have grown from.
    scale, scales = FIRST_SCALE - growth, []
    for step in steps:
        scale += step + growth
        scales.append(scale)
    return scales


def centre_steps(centres: Sequence[int], form: Form, doubling: bool) -> Int64Array:
    """Return what the centres of a column's groups differ by from the expected ones."""
    before = np.array([0, *centres[:-1]], np.int64)
    return np.array(centres, np.int64) - before * _factor(form, doubling)


def centres_of(steps: Sequence[int], form: Form, doubling: bool) -> list[int]:
    """Return the centres whose `centre_steps` are given."""
    centre, factor, centres = 0, _factor(form, doubling), []
    for step in steps:
        centre = factor * centre + step
        centres.append(centre)
    return centres


def _factor(form: Form, doubling: bool) -> int:
    # Only magnitudes have a centre that grows with them.
    return 2 if doubling and form is Form.MIRRORED else 1


def _head_bits(shape: models.Shape) -> float:
    spread = SPREAD_CHOICES.cost_bits(np.array([shape.spread]))
    return HEAD_BITS + spread + POSITIVE_CHOICES.cost_bits(np.array([shape.positive - EVEN]))


def _fitted(form: Form, groups: Sequence[Int64Array], doubling: bool) -> Plan:
    signs = described = 0.0
    centres = [0] * len(groups)
    if form is Form.MIRRORED:
        signs = sum(fitting.fit_share(group)[1] for group in groups)
        described += models.FLAG_BITS * len(groups)
        groups = [np.abs(group) for group in groups]
    if form is not Form.PLAIN:
        centres = [int(np.sort(group)[len(group) // 2]) for group in groups]
        groups = [group - centre for group, centre in zip(groups, centres, strict=True)]
        described += escaped_bits(centre_steps(centres, form, doubling), CENTRE_STEPS)
    fit = fitting.fit(groups, FIRST_SCALE, SCALE_STEPS, GROWTH * doubling)
    described += _head_bits(fit.shape) + fit.scale_bits
    symbol_bits = signs + fit.symbol_bits
    return Plan(form, fit.shape, fit.scales, centres, list(groups), symbol_bits, described)


def _listed(groups: Sequence[Int64Array], doubling: bool) -> Plan:
    least = [int(group.min()) for group in groups]
    residuals = [group - low for group, low in zip(groups, least, strict=True)]
    counts = [max(LEAST_LISTED, 1 + int(group.max())) for group in residuals]
    scales = [count - LEAST_LISTED for count in counts]
    levels = [fitting.fit_levels(g, count) for g, count in zip(residuals, counts, strict=True)]
    described = _head_bits(models.Shape()) + models.LEVEL_BITS * sum(counts)
    described += escaped_bits(scale_steps(scales, doubling), SCALE_STEPS)
    described += escaped_bits(centre_steps(least, Form.LISTED, doubling), CENTRE_STEPS)
    bits = sum(
        models.histogram(chosen).cost_bits(group)
        for group, chosen in zip(residuals, levels, strict=True)
    )
    return Plan(Form.LISTED, models.Shape(), scales, least, residuals, bits, described, levels)
