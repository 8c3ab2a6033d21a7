"""Search for the table parameters that code given values in the fewest bits.

Only encoders use it, so floating point is allowed here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import log2

import numpy as np

from gsic.arrays import Float64, Int64
from gsic.coding import tables
from gsic.coding.models import TOTAL, Model
from gsic.coding.tables import LAST_WHOLE, LEAST_SHARE, SCALES, SPREADS, ZERO_ODDS, Shape
from gsic_kernels.cpu.ans.layout import EVEN_SHARE

# Larger magnitudes are counted as this one; all of them are escapes of every table.
_TOP = 1023

_WHOLE = LAST_WHOLE + 1

# Bits that a table of signs must save.
_LEAST_SAVING = 2.0


@dataclass(frozen=True)
class Fit:
    """The parameters of a column, the bits of its symbols, and the bits of its scales."""

    shape: Shape
    scales: list[int]
    symbol_bits: float
    scale_bits: float


def fit(groups: Sequence[Int64], first: int, steps: Model, growth: int = 0) -> Fit:
    """Find the shape, and the scale of each group, that code the groups in the fewest bits.

    Args:
        groups: one or more int64 arrays of one or more values.
        first: the scale that the first group's scale is coded relative to.
        steps: the table of the changes of scale from group to group, less `growth`.
        growth: the change of scale that is expected.
    """
    costs = _measure_costs(groups, signed=True)
    per_shape = costs.min(axis=1).sum(axis=0)
    spread, zero = np.unravel_index(int(per_shape.argmin()), per_shape.shape)
    scales, bits = _find_cheapest_path(costs[:, :, spread, zero], first, steps, growth)
    symbol_bits = float(costs[range(len(groups)), scales, spread, zero].sum())
    scale_bits = bits - symbol_bits
    values = np.concatenate(groups)
    above, below = int((values > 0).sum()), int((values < 0).sum())
    positive = min(15, round(16 * above / max(1, above + below)))
    share = max(1, 2 * positive) / 32
    symbol_bits -= above * log2(share) + below * log2(1 - share)
    return Fit(Shape(int(zero), int(spread), positive), scales, symbol_bits, scale_bits)


def fit_one(values: Int64, shape: Shape, scale: int) -> tuple[Shape, int, float]:
    """Find the best shape and scale, up to LAST_WHOLE, of non-negative values.

    Args:
        values: int64 (n,), n >= 1.
        shape, scale: the parameters that the saving is measured against.

    Returns:
        The shape, the scale, and the saving in bits.
    """
    costs = _measure_costs([values], signed=False)[0, :_WHOLE]
    best, spread, zero = np.unravel_index(int(costs.argmin()), costs.shape)
    saving = costs[scale, shape.spread, shape.zero] - costs[best, spread, zero]
    return Shape(int(zero), int(spread)), int(best), float(saving)


def fit_share(values: Int64) -> tuple[int, float]:
    """Find the parameter of the flags "is negative?" of the values that are not 0.

    Returns:
        The share for `tables.build_flag_table`, and the bits of all flags. Raw flags decode faster,
        so they are preferred to a table that saves a bit or two.
    """
    below, above = int((values < 0).sum()), int((values > 0).sum())
    share = min(tables.SHARES - 1, round(tables.SHARES * below / max(1, below + above)))
    bits = tables.build_flag_table(share).code_lengths
    adaptive = float(below * bits[1] + above * bits[0])
    if adaptive > below + above - _LEAST_SAVING:
        return EVEN_SHARE, float(below + above)
    return share, adaptive


def fit_levels(values: Int64, count: int) -> list[int]:
    """Find the levels of the explicit histogram of one or more values.

    Args:
        values: integers in 0..count - 1.
        count: size of the table.

    Returns:
        The levels for `tables.build_histogram`.
    """
    counts = np.bincount(values, minlength=count)
    # The largest count gets level 15, whose weight is 384 where that of level 0 is 2.
    octaves = np.log2(np.maximum(counts * (384.0 / counts.max()), 2.0)) - 1.0
    return [min(15, round(2 * octave)) for octave in octaves.tolist()]


def _measure_costs(groups: Sequence[Int64], *, signed: bool) -> Float64:
    """Bits of each group, signs left out, for every scale, spread and zero: (G, SCALES, 4, 16)."""
    values = np.concatenate(groups)
    sizes = np.array([len(group) for group in groups])
    owners = np.repeat(np.arange(len(groups)), sizes)
    top = max(int(values.max()), -int(values.min()))
    costs = np.full((len(groups), SCALES, len(SPREADS), len(ZERO_ODDS)), np.inf)
    magnitude_bits = _compute_magnitude_bits()
    zero_bits, rest_bits = _compute_zero_bits(signed)
    for low_bits in range(tables.count_low_bits(SCALES - 1) + 1):
        if low_bits and top >> low_bits < 16:
            break
        # Scales beyond LAST_WHOLE have the tables of the last octave up to it.
        into, rows = slice(0, _WHOLE), slice(0, _WHOLE)
        if low_bits:
            into = slice(_WHOLE + 4 * low_bits - 4, _WHOLE + 4 * low_bits)
            rows = slice(_WHOLE - 4, _WHOLE)
        # How often each magnitude occurs in each group; rounded down, a negative one may grow by 1.
        width = min((top >> low_bits) + 1, _TOP) + 1
        places = np.minimum(np.abs(values >> low_bits), _TOP) + owners * width
        counts = np.bincount(places, minlength=len(groups) * width).reshape(-1, width)
        present = np.flatnonzero(counts[:, 1:].any(axis=0))
        of_present = magnitude_bits[present, rows]
        scales = of_present.shape[1]
        of_present = of_present.reshape(len(present), scales * len(SPREADS))
        bits = counts[:, 1:][:, present].astype(np.float64) @ of_present
        bits += low_bits * sizes[:, None]
        zeros = counts[:, :1, None]
        of_zeros = zeros * zero_bits[rows] + (sizes[:, None, None] - zeros) * rest_bits[rows]
        by_spread = bits.reshape(len(groups), scales, len(SPREADS))
        costs[:, into] = by_spread[:, :, :, None] + of_zeros[:, :, None, :]
    return costs


def _find_cheapest_path(
    costs: Float64, first: int, steps: Model, growth: int
) -> tuple[list[int], float]:
    """Choose the scale of each group by dynamic programming, as changes of scale take bits too.

    Args:
        costs: (G, SCALES), bits of each group at each scale.
        first, steps, growth: as for `fit`.

    Returns:
        The scales, and all bits.
    """
    scales = np.arange(SCALES)
    total = costs[0] + _measure_change(scales - first, steps)
    between = _measure_changes(steps, growth)
    choices = []
    for group in costs[1:]:
        reached = between + total
        choice = reached.argmin(axis=1)
        choices.append(choice)
        total = reached[scales, choice] + group
    path, bits = [int(total.argmin())], float(total.min())
    for choice in reversed(choices):
        path.append(int(choice[path[-1]]))
    return path[::-1], bits


@lru_cache(maxsize=4)
def _measure_changes(steps: Model, growth: int) -> Float64:
    """Bits of the change to each scale from each one, (SCALES, SCALES)."""
    scales = np.arange(SCALES)
    return _measure_change(np.subtract.outer(scales, scales) - growth, steps)


def _measure_change(difference: Int64, steps: Model) -> Float64:
    clipped = np.clip(difference, steps.lowest, steps.highest)
    return steps.code_lengths[clipped - steps.lowest]


@lru_cache(maxsize=1)
def _compute_magnitude_bits() -> Float64:
    """Bits of the magnitudes 1.._TOP of values that are not 0, for each scale and spread.

    Returns:
        float64 (_TOP, _WHOLE, 4).
    """
    table = np.empty((_TOP, _WHOLE, len(SPREADS)))
    for scale in range(_WHOLE):
        for spread in range(len(SPREADS)):
            chances = tables.get_magnitude_chances(scale, spread) / TOTAL
            end = len(chances)
            # Every frequency is at least 1, which is 2^-23 of a side with half of all chances.
            bits = -np.log2(np.maximum(chances, 2.0**-23))
            bits[-1] = min(bits[-1], 15.0)
            table[:end, scale, spread] = bits
            beyond = np.arange(1, _TOP - end + 2)
            table[end - 1 :, scale, spread] = bits[-1] + 6 + np.floor(np.log2(beyond))
    return table


@lru_cache(maxsize=2)
def _compute_zero_bits(signed: bool) -> tuple[Float64, Float64]:
    """Bits of being 0, and of not being 0, for each scale and zero, (_WHOLE, 16) each."""
    shares = [
        [tables.get_zero_frequency(scale, zero, signed) / TOTAL for zero in range(len(ZERO_ODDS))]
        for scale in range(_WHOLE)
    ]
    chance = np.clip(np.array(shares), LEAST_SHARE / TOTAL, 1 - LEAST_SHARE / TOTAL)
    return -np.log2(chance), -np.log2(1 - chance)
