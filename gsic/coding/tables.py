"""Frequency tables that a few bits of parameters choose: geometrics over integers.

A *scale* (64 of them, a factor of 1.19 apart) sets how fast the chances of larger magnitudes fall.
A *shape* holds what streams of one kind share: how much likelier 0 is than the scale alone says,
how much of a longer tail is mixed in, and the share of positive values. Fitted streams differ
mostly in scale, so several groups of a stream share one shape and have a scale each.

Tables are built by integer arithmetic alone, so that every decoder on every machine gets the same
one; the formulas are normative and stand in FORMAT.md section 4.
"""

from collections.abc import Sequence
from functools import cache, lru_cache
from math import isqrt
from typing import NamedTuple

import numpy as np

from gsic.coding.ans import TOTAL, Int64Array, Model, Tables, UInt32Array, UInt64Array
from gsic_kernels.cpu.ans import decoder as decoding

SCALES = 64

# The last scale whose values are coded whole. Each octave beyond it moves one more low bit of the
# value out of the table into a raw field.
LAST_WHOLE = 27

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


def magnitudes(scale: int, spread: int) -> UInt32Array:
    """Return the chances of the magnitudes 1..reach in 2^-24, uint32 (reach,)."""
    chances: UInt32Array = _chances()[_whole(scale), spread, : reach(scale)]
    return chances


def zero_share(scale: int, zero: int, signed: bool) -> int:
    """Return the least frequency of 0; what rounding leaves over comes on top.

    Args:
        scale, zero: of the table.
        signed: True for tables of both signs, where 0 is one bin of a two-sided distribution.
    """
    return int(_zero_shares(signed)[_whole(scale), zero])


def _whole(scale: int) -> int:
    """The scale with the same table whose values are coded whole."""
    return scale if scale <= LAST_WHOLE else LAST_WHOLE - 3 + scale % 4


@cache
def _reaches() -> Int64Array:
    """Largest magnitudes, int64 (whole scales,)."""
    return np.array([reach(scale) for scale in range(LAST_WHOLE + 1)])


@cache
def _chances() -> UInt32Array:
    """Chances of magnitudes, uint32 (whole scales, spreads, longest reach)."""
    longest, ends = reach(LAST_WHOLE), _reaches()[:, None]
    near = np.array([stop(scale) for scale in range(LAST_WHOLE + 1)], np.uint64)
    shares = np.array(SPREADS, np.uint64)[:, None]
    near_chances, far_chances = (
        _geometric(stops, longest, ends)[:, None] for stops in (near, near >> np.uint64(2))
    )
    mixed = near_chances * (np.uint64(16) - shares) + far_chances * shares
    return np.asarray(mixed >> np.uint64(12), np.uint32)


def _geometric(stops: UInt64Array, longest: int, ends: Int64Array) -> UInt64Array:
    """Chances of the lengths from 1 on in 2^-32, (stops, longest).

    Args:
        stops: chances that a length goes no further.
        longest: how many lengths to return.
        ends: (stops, 1), the lengths that take in everything beyond them.
    """
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
def _zero_shares(signed: bool) -> Int64Array:
    """Least frequencies of 0, int64 (whole scales, ZERO_ODDS)."""
    rest = [(1 << 32) - stop(scale) for scale in range(LAST_WHOLE + 1)]
    more = np.array([isqrt(r << 32) if signed else r for r in rest], np.uint64)[:, None]
    odds = (np.uint64(1 << 32) - more) * np.array(ZERO_ODDS, np.uint64)
    shares = odds * np.uint64(TOTAL) // (odds + np.uint64(16) * more)
    return shares.astype(np.int64).clip(LEAST_SHARE, TOTAL - LEAST_SHARE)


def tables(scales: Sequence[int], shapes: Sequence[Shape], *, signed: bool) -> list[Model]:
    """Return one table per scale, over -reach..reach or 0..reach.

    Args:
        scales: one or more of 0..63.
        shapes: one per scale.
        signed: True for tables of both signs.
    """
    choices = [(0, scale, *shape) for scale, shape in zip(scales, shapes, strict=True)]
    return _built(choices, (), signed=signed)


def histogram(levels: Sequence[int]) -> Model:
    """Return a table over 0..n - 1 with explicit chances.

    Args:
        levels: n of 0..15, about two to a doubling of the chance; n is 2 to 65.
    """
    return _built([(1, len(levels) - 2, *Shape())], levels, signed=True)[0]


def _built(
    choices: Sequence[tuple[int, ...]], levels: Sequence[int], *, signed: bool
) -> list[Model]:
    """Tables as `gsic_kernels.cpu.ans.tables` makes them."""
    numbers = np.array(choices, np.int64), np.array(levels, np.int64)
    return Tables(*decoding.tables(*numbers, signed, curves(signed))).models()


@cache
def curves(signed: bool) -> decoding.Curves:
    """Return what tables of both signs, or of one, are made from."""
    return decoding.Curves(_chances(), _zero_shares(signed), _reaches())


@lru_cache(maxsize=FLAG_SHARES)
def flags(share: int) -> Model:
    """Return the table over 0 and 1 in which 1 has (2 share + 1) / 64 of the chances."""
    ones = (2 * share + 1) * (TOTAL // (2 * FLAG_SHARES))
    return Model([TOTAL - ones, ones])
