"""Sets of integers below a bound, coded as gaps between neighbours in ascending order.

The order of a set carries no information, and sorting is how not to pay for it: N uniformly random
keys below M cost close to log2(M^N / N!) bits. Several sets are written together, because that
decodes faster. FORMAT.md section 6 is normative.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
import numpy.typing as npt

from gsic.coding import parameter_fit as fitting
from gsic.coding import tables as models
from gsic.coding.ans import Int64Array, SymbolReader, SymbolWriter
from gsic.coding.escapes import write_escaped
from gsic_kernels.cpu.ans import decoder as decoding

MAX_CELLS = 1 << 60
"""Keys are below this."""

# Quotients of gaps by 2^low_bits have a mean of 2^_MEAN_BITS to twice that.
_MEAN_BITS = 3

_SCALE_BITS = 5
_OWN_BITS = _SCALE_BITS + 6


def write_sets(
    writer: SymbolWriter, sets: Sequence[npt.NDArray[np.integer]], cells: Sequence[int]
) -> None:
    """Append sets.

    Args:
        writer: where to.
        sets: arrays of one or more integers, ascending, equal neighbours allowed, each key in
            0..cells - 1.
        cells: 1..2^60 for each set.

    Raises:
        ValueError: keys out of range or out of order.
    """
    plans = [_planned(np.asarray(keys), bound) for keys, bound in zip(sets, cells, strict=True)]
    if not plans:
        return
    writer.raw(np.array([plan.own for plan in plans]), 1)
    own = [plan.scale | plan.shape.zero << 5 | plan.shape.spread << 9 for plan in plans if plan.own]
    writer.raw(np.array(own, np.int64), _OWN_BITS)
    scales, shapes = [plan.scale for plan in plans], [plan.shape for plan in plans]
    quotients = [plan.gaps >> plan.low_bits for plan in plans]
    write_escaped(writer, quotients, models.tables(scales, shapes, signed=False))
    for plan in plans:
        writer.raw(plan.gaps & ((1 << plan.low_bits) - 1), plan.low_bits)


def read_sets(
    reader: SymbolReader, counts: Sequence[int], cells: Sequence[int]
) -> list[Int64Array]:
    """Return the sets that `write_sets` wrote, int64 (count,) each, ascending.

    Args:
        reader: where they are.
        counts: how many keys each set has, 1 or more.
        cells: the bound of each, 1..2^60.

    Raises:
        CorruptFile: a key at or above its bound, or more keys than the payload can hold.
    """
    if not counts:
        return []
    total = sum(counts)
    reader.check_room(total)
    zero = models.Shape().zero
    sets = [
        (count, bound, *_expected(count, bound), zero)
        for count, bound in zip(counts, cells, strict=True)
    ]
    keys = np.empty(total, np.int64)
    curves = models.curves(False)
    reader.read(decoding.read_sets, curves, np.array(sets, np.int64), MAX_CELLS, keys)
    ends = [*accumulate(counts)]
    return [keys[end - count : end] for count, end in zip(counts, ends, strict=True)]


def write(writer: SymbolWriter, keys: npt.NDArray[np.integer], cells: int) -> None:
    """Append one set, or nothing for an empty one; arguments as for `write_sets`."""
    if keys.size:
        write_sets(writer, [keys], [cells])


def read(reader: SymbolReader, count: int, cells: int) -> Int64Array:
    """Return the set that `write` wrote, int64 (count,); arguments as for `read_sets`."""
    return read_sets(reader, [count], [cells])[0] if count else np.empty(0, np.int64)


@dataclass(frozen=True)
class _Plan:
    """How to code a set."""

    gaps: Int64Array
    low_bits: int
    own: bool
    scale: int
    shape: models.Shape


def _planned(keys: npt.NDArray[np.integer], cells: int) -> _Plan:
    gaps = keys.astype(np.int64)
    gaps[1:] -= gaps[:-1].copy()
    if gaps.min() < 0 or int(keys[-1]) >= cells or cells > MAX_CELLS:
        raise ValueError(f"a sorted set needs ascending keys in 0..{cells - 1}")
    low_bits, scale = _expected(len(keys), cells)
    shape, own_scale, gain = fitting.fit_one(gaps >> low_bits, models.Shape(), scale)
    if gain > _OWN_BITS:
        return _Plan(gaps, low_bits, True, own_scale, shape)
    return _Plan(gaps, low_bits, False, scale, models.Shape())


def _expected(count: int, cells: int) -> tuple[int, int]:
    """(raw low bits of a gap, scale of the quotients) of a uniformly random set."""
    low_bits = max(0, (cells // count).bit_length() - 1 - _MEAN_BITS)
    # The chance that a gap goes no further in each step of 2^low_bits cells, in 2^-32.
    chance = (count << low_bits + 32) // ((count << low_bits) + cells)
    return low_bits, bisect_left(_FALLING, -chance)


# Scales stop ever less often; the first that stops no more often than expected is taken.
_FALLING = [-models.stop(scale) for scale in range(models.LAST_WHOLE)]
