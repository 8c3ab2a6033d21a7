"""Families of frequency tables that a few bits of parameters choose from.

A table is built by integer arithmetic alone, so that every decoder on every machine gets the same
one; the formulas are normative and stand in FORMAT.md section 4. Fitting parameters to data is the
encoder's business and may use floats.
"""

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from gsic.coding.ans import TOTAL, Int64Array, Model, UInt64Array

IntArray = npt.NDArray[np.integer]

ZERO_BITS = 6
DECAY_BITS = 7
SPREAD_BITS = 3
PARAMETER_BITS = ZERO_BITS + DECAY_BITS + SPREAD_BITS

# Sixteenths of the magnitudes that follow the second, four times longer geometric.
SPREAD = (0, 1, 2, 3, 4, 6, 8, 12)

# Octaves of the decay beyond this one move into raw low bits of the value.
LAST_OCTAVE = 4

# Least frequency of the outermost symbols, which stand for everything beyond them.
ESCAPE_FREQUENCY = 256

_ONE = 1 << 32


def reach(decay: int) -> int:
    """Return the largest magnitude in the table of a decay; it stands for all larger ones too."""
    return (16 << min(decay >> 3, LAST_OCTAVE)) - 1


def shift(decay: int) -> int:
    """Return how many low bits of a value are coded raw under a decay."""
    return max(0, (decay >> 3) - LAST_OCTAVE)


def stop(decay: int) -> int:
    """Return the chance that a magnitude goes no further, as a fraction of 2^32.

    Args:
        decay: 0..127; each step makes it about 8 percent smaller, eight steps halve it.
    """
    octave = min(decay >> 3, LAST_OCTAVE)
    return (15 - (decay & 7)) << (28 - octave)


def _powers(base: int, count: int) -> UInt64Array:
    """base^0 .. base^(count - 1), all of them fractions of 2^32 rounded down at each product."""
    powers = np.empty(count, np.uint64)
    powers[0] = _ONE
    done = 1
    step = base
    while done < count:
        more = min(done, count - done)
        powers[done : done + more] = (powers[:more] * np.uint64(step)) >> np.uint64(32)
        step = step * step >> 32
        done += more
    return powers


@lru_cache(maxsize=512)
def _magnitudes(decay: int, spread: int) -> UInt64Array:
    """Weights of the magnitudes 1..reach: two geometrics, the second four times longer."""
    count = reach(decay)
    near = stop(decay)
    weights = _geometric(near, count)
    share = SPREAD[spread]
    if share:
        far = _geometric(near >> 2, count)
        weights = weights * np.uint64(16 - share) + far * np.uint64(share)
    return weights


def _geometric(stop: int, count: int) -> UInt64Array:
    """Chances of the lengths 1..count in 2^-32; the last takes in everything beyond it."""
    weights = _powers(_ONE - stop, count)
    weights[:-1] = weights[:-1] * np.uint64(stop) >> np.uint64(32)
    return weights


def _share_out(weights: UInt64Array, total: int) -> Int64Array:
    """Frequencies in proportion to the weights, each at least 1, with a sum of at most `total`."""
    free = total - len(weights) - (ESCAPE_FREQUENCY - 1)
    frequencies: Int64Array = (weights * np.uint64(free) // weights.sum()).astype(np.int64) + 1
    frequencies[-1] += ESCAPE_FREQUENCY - 1
    return frequencies


def zero_frequency(zero: int) -> int:
    """Return the frequency that a zero parameter, 0..63, gives to the value 0."""
    return (2 * zero + 1) << 17


def split(parameters: int) -> tuple[int, int, int]:
    """Return (zero, decay, spread) of a packed parameter."""
    return (
        parameters & 63,
        parameters >> ZERO_BITS & 127,
        parameters >> (ZERO_BITS + DECAY_BITS),
    )


def pack(zero: int, decay: int, spread: int) -> int:
    """Return the three parameters in one number of PARAMETER_BITS bits."""
    return zero | decay << ZERO_BITS | spread << (ZERO_BITS + DECAY_BITS)


@lru_cache(maxsize=256)
def two_sided(parameters: int) -> Model:
    """Return the table over -reach..reach: a weight for 0, equal mirrored decays on both sides.

    Args:
        parameters: packed zero, decay and spread.
    """
    zero, decay, spread = split(parameters)
    centre = zero_frequency(zero)
    side = _share_out(_magnitudes(decay, spread), (TOTAL - centre) // 2)
    # What rounding left over goes to 0.
    middle = TOTAL - 2 * int(side.sum())
    return Model(np.concatenate((side[::-1], [middle], side)), -len(side))


@lru_cache(maxsize=256)
def one_sided(parameters: int) -> Model:
    """Return the table over 0..reach: a weight for 0, then a decay.

    Args:
        parameters: packed zero, decay and spread.
    """
    zero, decay, spread = split(parameters)
    side = _share_out(_magnitudes(decay, spread), TOTAL - zero_frequency(zero))
    return Model(np.concatenate(([TOTAL - int(side.sum())], side)))


def fit(values: IntArray) -> int:
    """Return the packed parameters that code an array in the fewest bits (encoder only).

    Args:
        values: integers (n,), n >= 1. The same search serves both families: the side of a value
            costs one bit whatever the parameters are.
    """
    values = np.asarray(values)
    top = max(int(values.max()), -int(values.min()))
    best = (np.inf, 0)
    for low_bits in range(max(1, top.bit_length() - 4)):
        if low_bits > shift(127):
            break
        magnitudes = np.abs(values >> low_bits)
        counts = np.bincount(np.minimum(magnitudes, _FIT_TOP), minlength=_FIT_TOP + 1)
        rows = slice(8 * LAST_OCTAVE, None) if low_bits else slice(None)
        costs = _cost_table()[rows] @ counts[1:].astype(np.float32)
        row = int(costs.argmin())
        zero = min(63, int(64 * counts[0] / len(values)))
        chance = (2 * zero + 1) / 128
        cost = float(costs.flat[row]) + low_bits * len(values)
        cost -= counts[0] * np.log2(chance) + (len(values) - counts[0]) * np.log2(1 - chance)
        if cost < best[0]:
            decay, spread = divmod(row, len(SPREAD))
            decay += 8 * (LAST_OCTAVE + low_bits) if low_bits else 0
            best = (cost, pack(zero, decay, spread))
    return best[1]


_FIT_TOP = 1023


@lru_cache(maxsize=1)
def _cost_table() -> npt.NDArray[np.float32]:
    """Bits of the magnitudes 1.._FIT_TOP (last axis) for each decay without shift and spread."""
    decays = 8 * (LAST_OCTAVE + 1)
    table = np.empty((decays, len(SPREAD), _FIT_TOP), np.float32)
    for decay in range(decays):
        for spread in range(len(SPREAD)):
            weights = _share_out(_magnitudes(decay, spread), TOTAL)
            end = len(weights)
            bits = -np.log2(weights / TOTAL)
            table[decay, spread, :end] = bits
            beyond = np.arange(1, _FIT_TOP - end + 2)
            table[decay, spread, end - 1 :] = bits[-1] + 6 + np.floor(np.log2(beyond))
    return table
