"""The modes in which the values of a column become symbols, and the choice of the cheapest one.

Only encoders use this module; the decoder reads the modes in `gsic_kernels.cpu.ans.columns`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from functools import cache

import numpy as np

from gsic.arrays import Float64, Int64
from gsic.coding import parameter_fit, tables
from gsic.coding.ans import SymbolWriter
from gsic.coding.escapes import measure_escaped_bits, measure_exp_golomb_bits
from gsic.coding.models import Model
from gsic.coding.tables import Shape
from gsic_kernels.cpu.ans import layout
from gsic_kernels.cpu.ans.layout import (
    FIRST_SCALE,
    HEAD_BITS,
    HISTOGRAM_SIZE_MIN,
    LEVEL_BITS,
    MODE_BITS,
    POSITIVE_EVEN,
    SCALE_GROWTH,
    SHARE_BITS,
)


class ColumnMode(IntEnum):
    """How the values of a column become symbols.

    PLAIN: the values themselves. CENTRED: values less a centre that each group has. SIGN_MAGNITUDE:
    magnitudes less a centre, and flags for the signs of those that are not 0. HISTOGRAM: values
    less the least value of the group, with an explicit histogram per group, for few values that
    follow no geometric distribution.
    """

    PLAIN = layout.PLAIN
    CENTRED = layout.CENTRED
    SIGN_MAGNITUDE = layout.SIGN_MAGNITUDE
    HISTOGRAM = layout.HISTOGRAM


# A penalty in bits for values that a histogram does not hold: more than any value costs.
_MISSING_BITS = 40.0


@cache
def build_spread_table() -> Model:
    """Build the table of spreads."""
    return tables.build_histogram(layout.SPREAD_LEVELS)


@cache
def build_positive_table() -> Model:
    """Build the table of shares of positive values, less POSITIVE_EVEN."""
    return _build_table(layout.POSITIVE_TABLE)


@cache
def build_scale_step_table() -> Model:
    """Build the table of the differences from one group's scale to the next."""
    return _build_table(layout.SCALE_STEP_TABLE)


@cache
def build_centre_step_table() -> Model:
    """Build the table of the differences from one group's centre to the next."""
    return _build_table(layout.CENTRE_STEP_TABLE)


def _build_table(parameters: tuple[int, int, int, int]) -> Model:
    scale, *shape = parameters
    return tables.build_tables((scale,), (Shape(*shape),), signed=True)[0]


@dataclass(frozen=True)
class ColumnPlan:
    """How to code a column; lists have an entry per group.

    Args:
        mode, shape: of the column.
        scales, centres: of each group; centres are 0 in plain columns.
        residuals: int64 arrays, the numbers that the tables code.
        symbol_bits, parameter_bits: estimates of what the values take, and the parameters.
        levels: of the histograms of columns of mode HISTOGRAM.
        shares: flag parameters of the signs of columns of mode SIGN_MAGNITUDE.
    """

    mode: ColumnMode
    shape: Shape
    scales: list[int]
    centres: list[int]
    residuals: list[Int64]
    symbol_bits: float
    parameter_bits: float
    levels: list[list[int]] = field(default_factory=list)
    shares: list[int] = field(default_factory=list)

    @property
    def bits(self) -> float:
        """Estimate of what values and parameters take together."""
        return self.symbol_bits + self.parameter_bits

    def build_tables(self) -> list[Model]:
        """Build the table of each group."""
        if self.mode is ColumnMode.HISTOGRAM:
            return [tables.build_histogram(levels) for levels in self.levels]
        return tables.build_tables(self.scales, [self.shape] * len(self.scales), signed=True)

    def measure_values(self, values: Sequence[Int64]) -> list[Float64]:
        """Compute the code length in bits of any values in each group.

        Args:
            values: int64 arrays, one per group; not only values that the column holds.
        """
        bits = []
        group_tables, low_bits = self.build_tables(), self.count_low_bits()
        for group, (table, low) in enumerate(zip(group_tables, low_bits, strict=True)):
            value = values[group]
            signs = np.zeros(len(value))
            if self.mode is ColumnMode.SIGN_MAGNITUDE:
                flags = tables.build_flag_table(self.shares[group])
                positive, negative = flags.code_lengths
                signs = np.where(value == 0, 0.0, np.where(value < 0, negative, positive))
                value = np.abs(value)
            high = value - self.centres[group] >> low
            clipped = np.clip(high, table.lowest, table.highest)
            cost = table.code_lengths[clipped - table.lowest] + low + signs
            if table.escape < 0:
                # Another histogram would have to be written for values that this one lacks.
                cost += _MISSING_BITS * (high != clipped)
            else:
                excess = np.abs(high) - table.escape
                excess_bits = measure_exp_golomb_bits(np.maximum(excess, 0))
                cost += np.where(excess < 0, 0.0, excess_bits)
            bits.append(cost)
        return bits

    def count_low_bits(self) -> list[int]:
        """Return how many low bits of a residual are raw in each group."""
        if self.mode is ColumnMode.HISTOGRAM:
            return [0] * len(self.scales)
        return [tables.count_low_bits(scale) for scale in self.scales]


def choose_plan(groups: Sequence[Int64], doubling: bool = False) -> ColumnPlan:
    """Choose the plan that codes a column in the fewest bits.

    Args:
        groups: one or more int64 arrays of one or more values.
        doubling: values of each group are expected to be about twice those of the one before.
    """
    modes = ColumnMode.PLAIN, ColumnMode.CENTRED, ColumnMode.SIGN_MAGNITUDE
    plans = [_fit_mode(mode, groups, doubling) for mode in modes]
    if max(int(group.max() - group.min()) for group in groups) < tables.SCALES:
        plans.append(_fit_histogram(groups, doubling))
    return min(plans, key=lambda plan: plan.bits)


def write_heads(writer: SymbolWriter, plans: Sequence[ColumnPlan]) -> None:
    """Append the mode and the shape of each column."""
    shapes = [plan.shape for plan in plans]
    heads = [plan.mode | plan.shape.zero << MODE_BITS for plan in plans]
    writer.write_raw(np.array(heads), HEAD_BITS)
    writer.write_symbols(np.array([shape.spread for shape in shapes]), build_spread_table())
    positive = np.array([shape.positive for shape in shapes])
    writer.write_symbols(positive - POSITIVE_EVEN, build_positive_table())


def compute_scale_steps(scales: Sequence[int], doubling: bool) -> Int64:
    """Compute the differences of the scales of a column's groups from the predicted ones."""
    path = np.array([FIRST_SCALE, *scales], np.int64)
    steps = path[1:] - path[:-1]
    steps[1:] -= SCALE_GROWTH * doubling
    return steps


def compute_centre_steps(centres: Sequence[int], mode: ColumnMode, doubling: bool) -> Int64:
    """Compute the differences of the centres of a column's groups from the predicted ones."""
    before = np.array([0, *centres[:-1]], np.int64)
    # Where values double from group to group, only the centre of magnitudes doubles with them.
    factor = 2 if doubling and mode is ColumnMode.SIGN_MAGNITUDE else 1
    return np.array(centres, np.int64) - before * factor


def _measure_head(shape: Shape) -> float:
    """Bits of a column's head."""
    spread = build_spread_table().measure_bits(np.array([shape.spread]))
    positive = np.array([shape.positive - POSITIVE_EVEN])
    return HEAD_BITS + spread + build_positive_table().measure_bits(positive)


def _fit_mode(mode: ColumnMode, groups: Sequence[Int64], doubling: bool) -> ColumnPlan:
    """Plan a column in any mode but HISTOGRAM."""
    sign_bits = parameter_bits = 0.0
    centres, shares = [0] * len(groups), []
    if mode is ColumnMode.SIGN_MAGNITUDE:
        fits = [parameter_fit.fit_share(group) for group in groups]
        shares, sign_bits = [share for share, _ in fits], sum(bits for _, bits in fits)
        parameter_bits += SHARE_BITS * len(groups)
        groups = [np.abs(group) for group in groups]
    if mode is not ColumnMode.PLAIN:
        centres = [int(np.sort(group)[len(group) // 2]) for group in groups]
        groups = [group - centre for group, centre in zip(groups, centres, strict=True)]
        steps = compute_centre_steps(centres, mode, doubling)
        parameter_bits += measure_escaped_bits(steps, build_centre_step_table())
    fit = parameter_fit.fit(groups, FIRST_SCALE, build_scale_step_table(), SCALE_GROWTH * doubling)
    parameter_bits += _measure_head(fit.shape) + fit.scale_bits
    return ColumnPlan(
        mode,
        fit.shape,
        fit.scales,
        centres,
        list(groups),
        sign_bits + fit.symbol_bits,
        parameter_bits,
        shares=shares,
    )


def _fit_histogram(groups: Sequence[Int64], doubling: bool) -> ColumnPlan:
    """Plan a column in mode HISTOGRAM; the scale of a group is then the size of its histogram."""
    least = [int(group.min()) for group in groups]
    residuals = [group - low for group, low in zip(groups, least, strict=True)]
    counts = [max(HISTOGRAM_SIZE_MIN, 1 + int(group.max())) for group in residuals]
    scales = [count - HISTOGRAM_SIZE_MIN for count in counts]
    levels = [
        parameter_fit.fit_levels(group, count)
        for group, count in zip(residuals, counts, strict=True)
    ]
    scale_steps = compute_scale_steps(scales, doubling)
    centre_steps = compute_centre_steps(least, ColumnMode.HISTOGRAM, doubling)
    parameter_bits = _measure_head(Shape()) + LEVEL_BITS * sum(counts)
    parameter_bits += measure_escaped_bits(scale_steps, build_scale_step_table())
    parameter_bits += measure_escaped_bits(centre_steps, build_centre_step_table())
    symbol_bits = sum(
        tables.build_histogram(chosen).measure_bits(group)
        for group, chosen in zip(residuals, levels, strict=True)
    )
    return ColumnPlan(
        ColumnMode.HISTOGRAM,
        Shape(),
        scales,
        least,
        residuals,
        symbol_bits,
        parameter_bits,
        levels,
    )
