"""Frequency tables that a few bits of parameters choose: geometrics over integers.

A *scale* (64 of them, a factor of 1.19 apart) sets how fast the chances of larger magnitudes fall.
A *shape* holds what streams of one kind share: how much likelier 0 is than the scale alone says,
how much of a longer tail is mixed in, and the share of positive values. Fitted streams differ
mostly in scale, so several groups of a stream share one shape and have a scale each.

Tables are built by integer arithmetic alone, so that every decoder on every machine gets the same
one; the formulas are normative and stand in FORMAT.md section 4.
"""

from collections.abc import Sequence
from functools import lru_cache
from math import isqrt
from typing import NamedTuple

import numpy as np

from gsic.coding.ans import PRECISION, TOTAL, Model, UInt64Array

SCALES = 64

# The last scale whose values are coded whole. Each octave beyond it moves one more low bit of the
# value out of the table into a raw field.
LAST_WHOLE = 27

# Least frequency of the outermost symbols, which stand for everything beyond them.
ESCAPE_FREQUENCY = 256

# Least frequency of 0 and of everything else together: no symbol may become so likely that a few
# bytes could carry millions of it.
LEAST_SHARE = TOTAL >> 7

# Odds of 0 against the rest, in sixteenths of what the scale alone gives.
ZERO_ODDS = (4, 5, 6, 8, 10, 13, 16, 20, 25, 32, 40, 51, 64, 81, 102, 128)

# Sixteenths of the magnitudes that follow the second, four times longer geometric.
SPREADS = (0, 1, 3, 6)

# The chance that a magnitude goes no further, in 2^-32: first the scales of nearly always 0, then
# a falling series with four steps per octave.
_STEEP = (
    *((1 << 32) - (1 << power) for power in (18, 20, 22, 24, 25, 26, 27, 28)),
    *(chance << 24 for chance in (218, 194, 172, 152)),
)
_MANTISSAS = (136, 114, 96, 81)

MOST_POSITIVE = 15

LEVEL_BITS = 4

FLAG_BITS = 5
FLAG_SHARES = 1 << FLAG_BITS


class Shape(NamedTuple):
    """What the groups of a stream share.

    Args:
        zero: index into ZERO_ODDS, 0..15.
        spread: index into SPREADS, 0..3.
        positive: share of positive values among those that are not 0, in sixteenths, 0..15;
            0 stands for a thirty-second. Tables of non-negative values ignore it.
    """

    zero: int = 6
    spread: int = 0
    positive: int = 8


def low_bits(scale: int) -> int:
    """Return how many low bits of a value are coded raw at a scale."""
    return scale - LAST_WHOLE + 3 >> 2 if scale > LAST_WHOLE else 0


def stop(scale: int) -> int:
    """Return the chance that a magnitude goes no further, as a fraction of 2^32.

    Args:
        scale: 0..63. Beyond LAST_WHOLE it counts in steps of 2^low_bits.
    """
    if scale < len(_STEEP):
        return _STEEP[scale]
    octave, step = divmod(scale - len(_STEEP), 4)
    return _MANTISSAS[step] << 24 - (octave - low_bits(scale))


def reach(scale: int) -> int:
    """Return the largest magnitude in the table of a scale; it stands for all larger ones too."""
    octave = max(0, min(scale, LAST_WHOLE) - len(_STEEP) + 4) >> 2
    return (12 << octave) - 1


@lru_cache(maxsize=SCALES * len(SPREADS))
def magnitudes(scale: int, spread: int) -> UInt64Array:
    """Return the chances of the magnitudes 1..reach in 2^-24, uint64 (reach,)."""
    near = stop(scale)
    count = reach(scale)
    share = SPREADS[spread]
    chances = _geometric(near, count) * np.uint64(16 - share)
    if share:
        chances += _geometric(near >> 2, count) * np.uint64(share)
    return chances >> np.uint64(12)


def _geometric(stop: int, count: int) -> UInt64Array:
    """Chances of the lengths 1..count in 2^-32; the last takes in everything beyond it."""
    powers = np.empty(count, np.uint64)
    powers[0] = 1 << 32
    done, step = 1, (1 << 32) - stop
    while done < count:
        more = min(done, count - done)
        powers[done : done + more] = (powers[:more] * np.uint64(step)) >> np.uint64(32)
        step = step * step >> 32
        done += more
    powers[:-1] = (powers[:-1] * np.uint64(stop)) >> np.uint64(32)
    return powers


@lru_cache(maxsize=2 * SCALES * len(ZERO_ODDS))
def zero_share(scale: int, zero: int, signed: bool) -> int:
    """Return the least frequency of 0; what rounding leaves over comes on top.

    Args:
        scale, zero: of the table.
        signed: True for tables of both signs, where 0 is one bin of a two-sided distribution.
    """
    more = (1 << 32) - stop(scale)
    if signed:
        more = isqrt(more << 32)
    odds = ((1 << 32) - more) * ZERO_ODDS[zero]
    share = odds * TOTAL // (odds + 16 * more)
    return min(max(share, LEAST_SHARE), TOTAL - LEAST_SHARE)


_Key = tuple[int, Shape, bool]

# Who looks at a file decodes it again for every region and scale. Other files share few of its
# tables. All of these together stay below 10 MB.
_KEPT = 1024
_known: dict[_Key, Model] = {}


def tables(scales: Sequence[int], shapes: Sequence[Shape], *, signed: bool) -> list[Model]:
    """Return one table per scale, over -reach..reach or 0..reach.

    Args:
        scales: one or more of 0..63.
        shapes: one per scale.
        signed: True for tables of both signs.
    """
    wanted = [(scale, shape, signed) for scale, shape in zip(scales, shapes, strict=True)]
    found = [_known.get(key) for key in wanted]
    built = _built([key for key, table in zip(wanted, found, strict=True) if table is None])
    if built:
        if len(_known) + len(built) > _KEPT:
            _known.clear()
        _known.update(built)
    return [table or built[key] for key, table in zip(wanted, found, strict=True)]


def _built(keys: Sequence[_Key]) -> dict[_Key, Model]:
    """Tables of (scale, shape, signed), with `signed` the same in all.

    They are built together, because a table is short and each NumPy call takes longer than the
    arithmetic in it.
    """
    keys = list(dict.fromkeys(keys))
    if not keys:
        return {}
    sides = [_side(scale, shape.spread, signed) for scale, shape, signed in keys]
    lengths = np.array([side.lengths for side in sides])
    free = np.array([_free(*key) for key in keys], np.uint64)
    ends = lengths.sum(axis=1).cumsum()
    first = np.zeros_like(ends)
    first[1:] = ends[:-1]
    last = ends - 1
    # Until the very end `weights` are frequencies less 1.
    weights = np.concatenate([side.chances for side in sides])
    weights *= free.repeat(lengths.ravel())
    weights >>= np.uint64(PRECISION)
    weights[last] += np.uint64(ESCAPE_FREQUENCY - 1)
    zeros = first
    if keys[0][2]:
        weights[first] += np.uint64(ESCAPE_FREQUENCY - 1)
        zeros = (first + last) >> 1
    # What rounding leaves over goes to 0.
    sums = np.add.reduceat(weights, first) + (ends - first).astype(np.uint64)
    weights[zeros] = np.uint64(TOTAL) - sums
    largest = np.maximum.reduceat(weights, first) + np.uint64(1)
    floats = weights.astype(np.float64)
    return {
        key: Model.from_weights(floats[start:end], side.lowest, most, side.escape)
        for key, side, start, end, most in zip(
            keys, sides, first.tolist(), ends.tolist(), largest.tolist(), strict=True
        )
    }


class _Side(NamedTuple):
    """What tables of a scale and a spread share: segments below 0, of 0 and above it."""

    lowest: int
    escape: int
    chances: UInt64Array
    lengths: tuple[int, int, int]


@lru_cache(maxsize=2 * SCALES * len(SPREADS))
def _side(scale: int, spread: int, signed: bool) -> _Side:
    above = magnitudes(scale, spread)
    zero = np.zeros(1, np.uint64)
    count = len(above)
    if not signed:
        return _Side(0, count, np.concatenate((zero, above)), (0, 1, count))
    both = np.concatenate((above[::-1], zero, above))
    return _Side(-count, count, both, (count, 1, count))


def _free(scale: int, shape: Shape, signed: bool) -> tuple[int, int, int]:
    """Frequencies that the chances of each segment share; those of 0 are what is left at last."""
    # Every symbol has 1 of its side's frequencies and the escape some more; the rest is shared.
    fixed = reach(scale) + ESCAPE_FREQUENCY - 1
    rest = TOTAL - zero_share(scale, shape.zero, signed)
    if not signed:
        return 0, 0, rest - fixed
    positive = max(1, 2 * shape.positive)
    return rest * (32 - positive) // 32 - fixed, 0, rest * positive // 32 - fixed


@lru_cache(maxsize=FLAG_SHARES)
def flags(share: int) -> Model:
    """Return the table over 0 and 1 in which 1 has (2 share + 1) / 64 of the chances."""
    ones = (2 * share + 1) * (TOTAL // (2 * FLAG_SHARES))
    return Model([TOTAL - ones, ones])


def histogram(levels: Sequence[int]) -> Model:
    """Return a table over 0..n - 1 with explicit chances.

    Args:
        levels: n >= 2 of 0..15, about two to a doubling of the chance.
    """
    weights = [(2 + (level & 1)) << (level >> 1) for level in levels]
    free, total = TOTAL - len(weights), sum(weights)
    # Frequencies less 1; what rounding leaves over goes to the first value.
    shares = [weight * free // total for weight in weights]
    shares[0] += free - sum(shares)
    return Model.from_weights(np.array(shares, np.float64), 0, max(shares) + 1, -1)
