"""How the values of a column become symbols, and the choice of the cheapest way (encoders only)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from functools import cache

import numpy as np

from gsic.coding import parameter_fit as fitting
from gsic.coding import tables as models
from gsic.coding.ans import TOTAL, Float64Array, Int64Array, Model, SymbolWriter, Tables
from gsic.coding.escapes import escaped_bits, gamma_bits
from gsic_kernels.cpu.ans import decoder as decoding
from gsic_kernels.cpu.ans.decoder import ESCAPE, EVEN, FIRST_SCALE, GROWTH, LEAST_LISTED


class Form(IntEnum):
    """How the values of a column become symbols.

    PLAIN: as they are. CENTRED: less a centre that each group has. MIRRORED: their magnitudes
    less a centre, and the signs of those that are not 0 with a share per group. LISTED: less the
    group's least value, with an explicit table per group, for few values that follow no curve.
    """

    PLAIN = decoding.PLAIN
    CENTRED = decoding.CENTRED
    MIRRORED = decoding.MIRRORED
    LISTED = decoding.LISTED


FORM_BITS = 2
ZERO_BITS = 4
HEAD_BITS = FORM_BITS + ZERO_BITS

# More than a value costs that a table of its own would have to be made for.
_BEYOND_BITS = 40.0


@cache
def spread_choices() -> Model:
    """The table of spreads."""
    return models.histogram((15, 9, 7, 6))


@cache
def positive_choices() -> Model:
    """The table of shares of positive values less EVEN."""
    return models.tables((10,), (models.Shape(zero=7),), signed=True)[0]


@cache
def scale_changes() -> Model:
    """The table of the differences from one group's scale to the next."""
    return models.tables((11,), (models.Shape(zero=4),), signed=True)[0]


@cache
def centre_changes() -> Model:
    """The table of the differences from one group's centre to the next."""
    return models.tables((14,), (models.Shape(zero=7, spread=3),), signed=True)[0]


@cache
def fixed_tables() -> Tables:
    """Return the tables of a head's three numbers and of the changes, as the decoder takes them."""
    heads = Model([TOTAL >> HEAD_BITS] * (1 << HEAD_BITS))
    choices = [heads, spread_choices(), positive_choices()]
    tables = Tables.of([*choices, scale_changes(), centre_changes()])
    # The numbers of a head stand for themselves.
    tables.rows[: len(choices), ESCAPE] = -1
    return tables


@dataclass(frozen=True)
class Plan:
    """How to code a column, a list entry per group.

    Args:
        form, shape: of the column.
        scales, centres: of each group; centres are 0 in plain columns.
        residuals: int64 arrays, what the tables see.
        symbol_bits, parameter_bits: about what the values take, and all that describes them.
        levels: of the tables of listed columns.
        shares: flag parameters of the signs of each group of a mirrored column.
    """

    form: Form
    shape: models.Shape
    scales: list[int]
    centres: list[int]
    residuals: list[Int64Array]
    symbol_bits: float
    parameter_bits: float
    levels: list[list[int]] = field(default_factory=list)
    shares: list[int] = field(default_factory=list)

    @property
    def bits(self) -> float:
        """About what all of it takes."""
        return self.symbol_bits + self.parameter_bits

    def tables(self) -> list[Model]:
        """The table of each group."""
        if self.form is Form.LISTED:
            return [models.histogram(levels) for levels in self.levels]
        return models.tables(self.scales, [self.shape] * len(self.scales), signed=True)

    def value_bits(self, values: Sequence[Int64Array]) -> list[Float64Array]:
        """Return what values would cost in each group, those that it holds or others.

        Args:
            values: int64 arrays, one per group.
        """
        bits = []
        for group, (table, low) in enumerate(zip(self.tables(), self.low_bits(), strict=True)):
            value = values[group]
            signs = np.zeros(len(value))
            if self.form is Form.MIRRORED:
                positive, negative = models.flags(self.shares[group]).bits
                signs = np.where(value == 0, 0.0, np.where(value < 0, negative, positive))
                value = np.abs(value)
            high = value - self.centres[group] >> low
            reached = np.clip(high, table.lowest, table.highest)
            cost = table.bits[reached - table.lowest] + low + signs
            if table.escape < 0:
                # No such table holds them; another would have to be written.
                cost += _BEYOND_BITS * (high != reached)
            else:
                excess = np.abs(high) - table.escape
                cost += np.where(excess < 0, 0.0, gamma_bits(np.maximum(excess, 0)))
            bits.append(cost)
        return bits

    def low_bits(self) -> list[int]:
        """How many low bits of a residual the table of each group leaves out."""
        if self.form is Form.LISTED:
            return [0] * len(self.scales)
        return [models.low_bits(scale) for scale in self.scales]


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
    writer.symbols(np.array([shape.spread for shape in shapes]), spread_choices())
    positive = np.array([shape.positive for shape in shapes])
    writer.symbols(positive - EVEN, positive_choices())


def scale_steps(scales: Sequence[int], doubling: bool) -> Int64Array:
    """Return what the scales of a column's groups differ by from the expected ones."""
    path = np.array([FIRST_SCALE, *scales], np.int64)
    steps = path[1:] - path[:-1]
    steps[1:] -= GROWTH * doubling
    return steps


def centre_steps(centres: Sequence[int], form: Form, doubling: bool) -> Int64Array:
    """Return what the centres of a column's groups differ by from the expected ones."""
    before = np.array([0, *centres[:-1]], np.int64)
    return np.array(centres, np.int64) - before * _factor(form, doubling)


def _factor(form: Form, doubling: bool) -> int:
    # Only magnitudes have a centre that grows with them.
    return 2 if doubling and form is Form.MIRRORED else 1


def _head_bits(shape: models.Shape) -> float:
    spread = spread_choices().cost_bits(np.array([shape.spread]))
    return HEAD_BITS + spread + positive_choices().cost_bits(np.array([shape.positive - EVEN]))


def _fitted(form: Form, groups: Sequence[Int64Array], doubling: bool) -> Plan:
    signs = described = 0.0
    centres, shares = [0] * len(groups), []
    if form is Form.MIRRORED:
        fits = [fitting.fit_share(group) for group in groups]
        shares, signs = [share for share, _ in fits], sum(bits for _, bits in fits)
        described += models.FLAG_BITS * len(groups)
        groups = [np.abs(group) for group in groups]
    if form is not Form.PLAIN:
        centres = [int(np.sort(group)[len(group) // 2]) for group in groups]
        groups = [group - centre for group, centre in zip(groups, centres, strict=True)]
        described += escaped_bits(centre_steps(centres, form, doubling), centre_changes())
    fit = fitting.fit(groups, FIRST_SCALE, scale_changes(), GROWTH * doubling)
    described += _head_bits(fit.shape) + fit.scale_bits
    symbol_bits = signs + fit.symbol_bits
    return Plan(
        form, fit.shape, fit.scales, centres, list(groups), symbol_bits, described, shares=shares
    )


def _listed(groups: Sequence[Int64Array], doubling: bool) -> Plan:
    least = [int(group.min()) for group in groups]
    residuals = [group - low for group, low in zip(groups, least, strict=True)]
    counts = [max(LEAST_LISTED, 1 + int(group.max())) for group in residuals]
    scales = [count - LEAST_LISTED for count in counts]
    levels = [fitting.fit_levels(g, count) for g, count in zip(residuals, counts, strict=True)]
    described = _head_bits(models.Shape()) + models.LEVEL_BITS * sum(counts)
    described += escaped_bits(scale_steps(scales, doubling), scale_changes())
    described += escaped_bits(centre_steps(least, Form.LISTED, doubling), centre_changes())
    bits = sum(
        models.histogram(chosen).cost_bits(group)
        for group, chosen in zip(residuals, levels, strict=True)
    )
    return Plan(Form.LISTED, models.Shape(), scales, least, residuals, bits, described, levels)
