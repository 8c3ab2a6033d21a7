"""How the values of a column become symbols, and the choice of the cheapest way (encoders only)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np

from gsic.coding import fitting, models
from gsic.coding.ans import Int64Array, Model
from gsic.coding.streams import escaped_bits


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
HEAD_BITS = FORM_BITS + models.SHAPE_BITS

FIRST_SCALE = 8

# Tables of the differences from one group's scale or centre to the next.
(SCALE_STEPS,) = models.tables((14,), (models.Shape(zero=5, positive=12),), signed=True)
(CENTRE_STEPS,) = models.tables((15,), (models.Shape(zero=7, spread=3, positive=10),), signed=True)

# A listed group's scale is the number of its values less this.
LEAST_LISTED = 2


@dataclass(frozen=True)
class Plan:
    """How to code a column, a list entry per group.

    Args:
        form, shape: of the column.
        scales, centres: of each group; centres are 0 in plain columns.
        residuals: int64 arrays, what the tables see.
        bits: about what all of it takes.
        levels: of the tables of listed columns.
    """

    form: Form
    shape: models.Shape
    scales: list[int]
    centres: list[int]
    residuals: list[Int64Array]
    bits: float
    levels: list[list[int]] = field(default_factory=list)


def cheapest(groups: Sequence[Int64Array]) -> Plan:
    """Return the plan with the fewest bits for a column.

    Args:
        groups: one or more int64 arrays of one or more values.
    """
    plans = [_fitted(form, groups) for form in (Form.PLAIN, Form.CENTRED, Form.MIRRORED)]
    if max(int(group.max() - group.min()) for group in groups) < models.SCALES:
        plans.append(_listed(groups))
    return min(plans, key=lambda plan: plan.bits)


def _fitted(form: Form, groups: Sequence[Int64Array]) -> Plan:
    bits = float(HEAD_BITS)
    centres = [0] * len(groups)
    if form is Form.MIRRORED:
        bits += sum(models.FLAG_BITS + fitting.fit_share(group)[1] for group in groups)
        groups = [np.abs(group) for group in groups]
    if form is not Form.PLAIN:
        centres = [int(np.sort(group)[len(group) // 2]) for group in groups]
        groups = [group - centre for group, centre in zip(groups, centres, strict=True)]
        bits += _path_bits(centres, 0, CENTRE_STEPS)
    fit = fitting.fit(groups, FIRST_SCALE, SCALE_STEPS)
    return Plan(form, fit.shape, fit.scales, centres, list(groups), bits + fit.bits)


def _listed(groups: Sequence[Int64Array]) -> Plan:
    least = [int(group.min()) for group in groups]
    residuals = [group - low for group, low in zip(groups, least, strict=True)]
    counts = [max(LEAST_LISTED, 1 + int(group.max())) for group in residuals]
    scales = [count - LEAST_LISTED for count in counts]
    levels = [fitting.fit_levels(g, count) for g, count in zip(residuals, counts, strict=True)]
    bits = float(HEAD_BITS + models.LEVEL_BITS * sum(counts))
    bits += _path_bits(scales, FIRST_SCALE, SCALE_STEPS) + _path_bits(least, 0, CENTRE_STEPS)
    for group, chosen in zip(residuals, levels, strict=True):
        bits += models.histogram(chosen).cost_bits(group)
    return Plan(Form.LISTED, models.Shape(), scales, least, residuals, bits, levels)


def _path_bits(path: Sequence[int], first: int, steps: Model) -> float:
    padded = np.array([first, *path])
    return escaped_bits(padded[1:] - padded[:-1], steps)
