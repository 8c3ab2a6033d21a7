"""Parameters that code given values in the fewest bits. Encoders only: floats are allowed here."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import log2

import numpy as np

from gsic.coding import tables as models
from gsic.coding.ans import TOTAL, Float64Array, Int64Array, Model
from gsic.coding.tables import LAST_WHOLE, LEAST_SHARE, SCALES, SPREADS, ZERO_ODDS, Shape

# Magnitudes beyond this are taken for it; they are escapes of every table.
_TOP = 1023

_WHOLE = LAST_WHOLE + 1


@dataclass(frozen=True)
class Fit:
    """Parameters of a column, the bits of its symbols, and those of the scales."""

    shape: Shape
    scales: list[int]
    symbol_bits: float
    scale_bits: float


def fit(groups: Sequence[Int64Array], first: int, steps: Model, growth: int = 0) -> Fit:
    """Return the shape and the scales, one per group, that code the groups in the fewest bits.

    Args:
        groups: one or more int64 arrays of one or more values.
        first: the scale that the first group's scale is coded relative to.
        steps: the table of the changes of scale from group to group, less `growth`.
        growth: the change that is expected.
    """
    costs = _costs(groups, signed=True)
    per_shape = costs.min(axis=1).sum(axis=0)
    spread, zero = np.unravel_index(int(per_shape.argmin()), per_shape.shape)
    scales, bits = _cheapest_path(costs[:, :, spread, zero], first, steps, growth)
    symbol_bits = float(costs[range(len(groups)), scales, spread, zero].sum())
    scale_bits = bits - symbol_bits
    above = sum(int((values > 0).sum()) for values in groups)
    below = sum(int((values < 0).sum()) for values in groups)
    positive = min(15, round(16 * above / max(1, above + below)))
    share = max(1, 2 * positive) / 32
    symbol_bits -= above * log2(share) + below * log2(1 - share)
    return Fit(Shape(int(zero), int(spread), positive), scales, symbol_bits, scale_bits)


def fit_one(values: Int64Array, shape: Shape, scale: int) -> tuple[Shape, int, float]:
    """Return the best shape and whole scale of non-negative values, and what they gain.

    Args:
        values: int64 (n,), n >= 1.
        shape, scale: what the gain is measured against, in bits.
    """
    costs = _costs([values], signed=False)[0, :_WHOLE]
    best, spread, zero = np.unravel_index(int(costs.argmin()), costs.shape)
    gain = costs[scale, shape.spread, shape.zero] - costs[best, spread, zero]
    return Shape(int(zero), int(spread)), int(best), float(gain)


def fit_share(values: Int64Array) -> tuple[int, float]:
    """Return the flag parameter of "is negative?" for the values that are not 0, and its bits."""
    below, above = int((values < 0).sum()), int((values > 0).sum())
    share = min(models.FLAG_SHARES - 1, models.FLAG_SHARES * below // max(1, below + above))
    bits = models.flags(share).bits
    return share, float(below * bits[1] + above * bits[0])


def fit_levels(values: Int64Array, count: int) -> list[int]:
    """Return the levels of `models.histogram` that fit one or more values.

    Args:
        values: integers in 0..count - 1.
        count: size of the table.
    """
    counts = np.bincount(values, minlength=count)
    # The largest count gets level 15, which is 384 to the 2 of level 0.
    octaves = np.log2(np.maximum(counts * (384.0 / counts.max()), 2.0)) - 1.0
    return [min(15, round(2 * octave)) for octave in octaves.tolist()]


def _costs(groups: Sequence[Int64Array], *, signed: bool) -> Float64Array:
    """Bits of each group at each scale, spread and zero but for signs, (G, SCALES, 4, 16)."""
    top = max(max(int(values.max()), -int(values.min())) for values in groups)
    costs = np.full((len(groups), SCALES, len(SPREADS), len(ZERO_ODDS)), np.inf)
    magnitude_bits = _magnitude_bits()
    zero_bits, rest_bits = _zero_bits(signed)
    for low_bits in range(models.low_bits(SCALES - 1) + 1):
        if low_bits and top >> low_bits < 16:
            break
        # Scales beyond the whole ones have the tables of the last octave of those.
        into, rows = slice(0, _WHOLE), slice(0, _WHOLE)
        if low_bits:
            into = slice(_WHOLE + 4 * low_bits - 4, _WHOLE + 4 * low_bits)
            rows = slice(_WHOLE - 4, _WHOLE)
        for group, values in enumerate(groups):
            counts = np.bincount(np.minimum(np.abs(values >> low_bits), _TOP))
            zeros, rest = int(counts[0]), len(values) - int(counts[0])
            # Few of the magnitudes occur in a small group.
            present = np.flatnonzero(counts[1:])
            bits = magnitude_bits[rows][:, :, present] @ counts[1:][present]
            bits += low_bits * len(values)
            of_zeros = zeros * zero_bits[rows] + rest * rest_bits[rows]
            costs[group, into] = bits[:, :, None] + of_zeros[:, None, :]
    return costs


def _cheapest_path(
    costs: Float64Array, first: int, steps: Model, growth: int
) -> tuple[list[int], float]:
    """The scale of each group, costs being (G, SCALES), when changes cost bits too; all bits."""
    scales = np.arange(SCALES)

    def change(difference: Int64Array) -> Float64Array:
        return steps.bits[np.clip(difference, steps.lowest, steps.highest) - steps.lowest]

    total = costs[0] + change(scales - first)
    between = change(np.subtract.outer(scales, scales) - growth)
    choices = []
    for group in costs[1:]:
        reached = between + total
        choices.append(reached.argmin(axis=1))
        total = reached.min(axis=1) + group
    path, bits = [int(total.argmin())], float(total.min())
    for choice in reversed(choices):
        path.append(int(choice[path[-1]]))
    return path[::-1], bits


@lru_cache(maxsize=1)
def _magnitude_bits() -> Float64Array:
    """Bits of the magnitudes 1.._TOP, given that it is not 0, for each whole scale and spread."""
    table = np.empty((_WHOLE, len(SPREADS), _TOP))
    for scale in range(_WHOLE):
        for spread in range(len(SPREADS)):
            chances = models.magnitudes(scale, spread) / TOTAL
            end = len(chances)
            # At half of all chances a frequency of 1 is 2^-23.
            bits = -np.log2(np.maximum(chances, 2.0**-23))
            bits[-1] = min(bits[-1], 15.0)
            table[scale, spread, :end] = bits
            beyond = np.arange(1, _TOP - end + 2)
            table[scale, spread, end - 1 :] = bits[-1] + 6 + np.floor(np.log2(beyond))
    return table


@lru_cache(maxsize=2)
def _zero_bits(signed: bool) -> tuple[Float64Array, Float64Array]:
    """Bits of being 0 and of not being 0 for each whole scale and zero, (scales, 16) each."""
    shares = [
        [models.zero_share(scale, zero, signed) / TOTAL for zero in range(len(ZERO_ODDS))]
        for scale in range(_WHOLE)
    ]
    chance = np.clip(np.array(shares), LEAST_SHARE / TOTAL, 1 - LEAST_SHARE / TOTAL)
    return -np.log2(chance), -np.log2(1 - chance)
