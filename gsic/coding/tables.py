"""Frequency tables that a few bits of parameters choose: geometric distributions over integers.

A *scale* (64 of them, a factor of 1.19 apart) says how fast the probabilities of larger magnitudes
fall. A *shape* says what the streams of one kind have in common: how much likelier 0 is than the
scale alone says, how much of a distribution with a longer tail is mixed in, and the share of
positive values. Streams differ mostly in scale, so the groups of a column share one shape and have
a scale each.

Tables are built in integer arithmetic alone, so that every decoder on every machine gets the same
ones. The formulas are normative and stand in FORMAT.md section 4.
"""

from collections.abc import Sequence
from functools import cache, lru_cache
from math import isqrt
from typing import NamedTuple

import numpy as np

from gsic.arrays import Int64, UInt32, UInt64
from gsic.coding.models import TOTAL, Model
from gsic_kernels.cpu.ans import coder, layout

SCALES = layout.SCALES

LAST_WHOLE = layout.LAST_WHOLE
"""The last scale whose values are coded by the table alone. Each octave of scales beyond it moves
one more low bit of the value out of the table into a raw field."""

# Least frequency of 0 and of everything else together: no symbol may become so likely that a few
# bytes could carry millions of it.
LEAST_SHARE = TOTAL >> 7

# Odds of 0 against the rest, in sixteenths of what the scale alone gives.
ZERO_ODDS = (4, 5, 6, 8, 10, 13, 16, 20, 25, 32, 40, 51, 64, 81, 102, 128)

# Share of magnitudes, in sixteenths, that follow the second, four times longer distribution.
SPREADS = (0, 1, 3, 6)

# The probability that a magnitude goes no further, in 2^-32: first the scales that are nearly
# always 0, then a falling series with four steps per octave.
_STEEP = (
    *((1 << 32) - (1 << power) for power in (18, 20, 22, 24, 25, 26, 27, 28)),
    *(chance << 24 for chance in (218, 194, 172, 152)),
)
_MANTISSAS = (136, 114, 96, 81)

SHARES = 1 << layout.SHARE_BITS
"""Shares of signs."""


class Shape(NamedTuple):
    """The parameters that the groups of a column share.

    Args:
        zero: index into ZERO_ODDS, 0..15.
        spread: index into SPREADS, 0..3.
        positive: share of positive values among those that are not 0, in sixteenths, 0..15;
            0 stands for a thirty-second. Tables of non-negative values ignore it.
    """

    zero: int = 6
    spread: int = 0
    positive: int = 8


def count_low_bits(scale: int) -> int:
    """Return how many low bits of a value are coded raw at a scale."""
    return scale - LAST_WHOLE + 3 >> 2 if scale > LAST_WHOLE else 0


def get_stop_chance(scale: int) -> int:
    """Return the probability that a magnitude goes no further, as a fraction of 2^32.

    Args:
        scale: 0..63. Beyond LAST_WHOLE, magnitudes count in steps of 2^low_bits.
    """
    if scale < len(_STEEP):
        return _STEEP[scale]
    octave, step = divmod(scale - len(_STEEP), 4)
    return _MANTISSAS[step] << 24 - (octave - count_low_bits(scale))


def get_largest_magnitude(scale: int) -> int:
    """Return the largest magnitude in the table of a scale; it is the escape of the table."""
    octave = max(0, min(scale, LAST_WHOLE) - len(_STEEP) + 4) >> 2
    return (12 << octave) - 1


def get_magnitude_chances(scale: int, spread: int) -> UInt32:
    """Return the probabilities of the magnitudes 1..largest in 2^-24, uint32 (largest,)."""
    chances: UInt32 = _compute_chances()[_fold_scale(scale), spread, : get_largest_magnitude(scale)]
    return chances


def get_zero_frequency(scale: int, zero: int, signed: bool) -> int:
    """Return the frequency of 0, which may be 1 more where a side of the table rounds down.

    Args:
        scale, zero: parameters of the table.
        signed: True for tables of both signs, where 0 is one bin of a two-sided distribution.
    """
    return int(_compute_zero_frequencies(signed)[_fold_scale(scale), zero])


def build_tables(scales: Sequence[int], shapes: Sequence[Shape], *, signed: bool) -> list[Model]:
    """Build one table per scale, over -largest..largest or 0..largest.

    Args:
        scales: one or more of 0..63.
        shapes: one per scale.
        signed: True for tables of both signs.
    """
    choices = [(scale, *shape) for scale, shape in zip(scales, shapes, strict=True)]
    # Built with the kernel of the decoder, so that the rules stand in one place.
    built = coder.build_tables(np.array(choices, np.int64), signed, build_curves())
    return [Model(np.diff(starts), lowest, len(starts) - 2 + lowest) for starts, lowest in built]


def build_histogram(levels: Sequence[int]) -> Model:
    """Build a table over 0..n - 1 with explicit probabilities.

    Args:
        levels: n of 0..15; two levels more double the probability, roughly. n is 2 to 65.
    """
    steps = np.asarray(levels, np.int64)
    weights = 2 + steps % 2 << steps // 2
    frequencies = 1 + weights * (TOTAL - len(weights)) // weights.sum()
    frequencies[0] += TOTAL - frequencies.sum()
    return Model(frequencies)


@lru_cache(maxsize=SHARES)
def build_flag_table(share: int) -> Model:
    """Build the table over 0 and 1 in which 1 has a probability of share / 32, for 0 of 1 / 64.

    Args:
        share: 0..31.
    """
    ones = max(1, 2 * share) * (TOTAL // (2 * SHARES))
    return Model([TOTAL - ones, ones])


@cache
def build_curves() -> coder.Curves:
    """Compute what tables are made from, as the kernels take it."""
    chances = _compute_chances().astype(np.uint64)
    below = np.zeros_like(chances)
    below[:, :, 1:] = chances[:, :, :-1].cumsum(axis=2)
    scales = np.empty((LAST_WHOLE + 1, layout.SCALE_FIELDS), np.uint32)
    scales[:, layout.LARGEST] = _list_largest_magnitudes()
    scales[:, layout.STOP] = [get_stop_chance(scale) for scale in range(LAST_WHOLE + 1)]
    zeros = np.hstack([_compute_zero_frequencies(signed) for signed in (False, True)])
    scales[:, layout.ZEROS :] = zeros
    return coder.Curves(below.astype(np.uint32).reshape(-1), scales.reshape(-1))


def _fold_scale(scale: int) -> int:
    """Find the scale up to LAST_WHOLE that has the same table."""
    return scale if scale <= LAST_WHOLE else LAST_WHOLE - 3 + scale % 4


@cache
def _list_largest_magnitudes() -> Int64:
    """Largest magnitudes, int64 (LAST_WHOLE + 1,)."""
    return np.array([get_largest_magnitude(scale) for scale in range(LAST_WHOLE + 1)])


@cache
def _compute_chances() -> UInt32:
    """Probabilities of the magnitudes from 1 on, uint32 (LAST_WHOLE + 1, spreads, longest)."""
    longest, ends = get_largest_magnitude(LAST_WHOLE), _list_largest_magnitudes()[:, None]
    near = np.array([get_stop_chance(scale) for scale in range(LAST_WHOLE + 1)], np.uint64)
    shares = np.array(SPREADS, np.uint64)[:, None]
    near_chances, far_chances = (
        _compute_geometric(stops, longest, ends)[:, None] for stops in (near, near >> np.uint64(2))
    )
    mixed = near_chances * (np.uint64(16) - shares) + far_chances * shares
    return np.asarray(mixed >> np.uint64(12), np.uint32)


def _compute_geometric(stops: UInt64, longest: int, ends: Int64) -> UInt64:
    """Compute the probabilities of the lengths from 1 on in 2^-32, (stops, longest).

    Args:
        stops: probabilities that a length goes no further, in 2^-32.
        longest: how many lengths to return.
        ends: (stops, 1), the lengths that also stand for everything beyond them.
    """
    # Powers by doubling: the order of these roundings is part of the format.
    powers = np.empty((len(stops), longest), np.uint64)
    powers[:, 0] = 1 << 32
    steps = (np.uint64(1 << 32) - stops)[:, None]
    done = 1
    while done < longest:
        more = min(done, longest - done)
        powers[:, done : done + more] = powers[:, :more] * steps >> np.uint64(32)
        steps = steps * steps >> np.uint64(32)
        done += more
    stopping = powers * stops[:, None] >> np.uint64(32)
    np.put_along_axis(stopping, ends - 1, np.take_along_axis(powers, ends - 1, 1), 1)
    return stopping


@cache
def _compute_zero_frequencies(signed: bool) -> Int64:
    """Least frequencies of 0, int64 (LAST_WHOLE + 1, ZERO_ODDS)."""
    rest = [(1 << 32) - get_stop_chance(scale) for scale in range(LAST_WHOLE + 1)]
    more = np.array([isqrt(r << 32) if signed else r for r in rest], np.uint64)[:, None]
    odds = (np.uint64(1 << 32) - more) * np.array(ZERO_ODDS, np.uint64)
    shares = odds * np.uint64(TOTAL) // (odds + np.uint64(16) * more)
    return shares.astype(np.int64).clip(LEAST_SHARE, TOTAL - LEAST_SHARE)
