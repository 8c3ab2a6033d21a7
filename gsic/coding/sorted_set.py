"""Sets of integers below a bound, coded as gaps between neighbours in ascending order.

The order of a set carries no information, and sorting avoids its cost: N uniformly random keys
below M take close to log2(M^N / N!) bits. Several sets are written together, because that decodes
faster. FORMAT.md section 6 is normative.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gsic.arrays import Int64
from gsic.coding import parameter_fit, tables
from gsic.coding.ans import SymbolWriter
from gsic.coding.escapes import write_escaped
from gsic_kernels.cpu.ans.layout import CHUNK_BITS, OWN_BITS

MAX_CELLS = 1 << 60
"""Largest bound of keys."""

# The mean of the quotients of gaps by 2^low_bits lies between 2^_MEAN_BITS and twice that.
_MEAN_BITS = 3


def write_sets(
    writer: SymbolWriter, sets: Sequence[npt.NDArray[np.integer]], cells: Sequence[int]
) -> None:
    """Append sets.

    Args:
        writer: receives them.
        sets: arrays of one or more integers, ascending, equal neighbours allowed, each key in
            0..cells - 1.
        cells: the bound of each set, 1..2^60.

    Raises:
        ValueError: keys are out of range or out of order.
    """
    plans = [_plan_set(np.asarray(keys), bound) for keys, bound in zip(sets, cells, strict=True)]
    if not plans:
        return
    writer.write_raw(np.array([plan.own for plan in plans]), 1)
    own = [plan.scale | plan.shape.zero << 5 | plan.shape.spread << 9 for plan in plans if plan.own]
    writer.write_raw(np.array(own, np.int64), OWN_BITS)
    scales, shapes = [plan.scale for plan in plans], [plan.shape for plan in plans]
    quotients = [plan.gaps >> plan.low_bits for plan in plans]
    write_escaped(writer, quotients, tables.build_tables(scales, shapes, signed=False))
    for plan in plans:
        low = plan.gaps & ((1 << plan.low_bits) - 1)
        lower = min(plan.low_bits, CHUNK_BITS)
        writer.write_raw(low & ((1 << lower) - 1), lower)
        writer.write_raw(low >> lower, plan.low_bits - lower)


@dataclass(frozen=True)
class _Plan:
    """How to code a set.

    Attributes:
        gaps: int64 (n,), the first key and the differences of the others.
        low_bits: how many low bits of a gap are raw.
        own: whether scale and shape are written, because the predicted ones cost more.
        scale, shape: parameters of the table of the quotients.
    """

    gaps: Int64
    low_bits: int
    own: bool
    scale: int
    shape: tables.Shape


def _plan_set(keys: npt.NDArray[np.integer], cells: int) -> _Plan:
    gaps = keys.astype(np.int64)
    gaps[1:] -= gaps[:-1].copy()
    if gaps.min() < 0 or int(keys[-1]) >= cells or cells > MAX_CELLS:
        raise ValueError(f"a sorted set needs ascending keys in 0..{cells - 1}")
    low_bits, scale = _predict_gaps(len(keys), cells)
    shape, own_scale, saving = parameter_fit.fit_one(gaps >> low_bits, tables.Shape(), scale)
    if saving > OWN_BITS:
        return _Plan(gaps, low_bits, True, own_scale, shape)
    return _Plan(gaps, low_bits, False, scale, tables.Shape())


def _predict_gaps(count: int, cells: int) -> tuple[int, int]:
    """Return (raw low bits of a gap, scale of the quotients) of a uniformly random set."""
    low_bits = max(0, (cells // count).bit_length() - 1 - _MEAN_BITS)
    # The probability that a gap goes no further in each step of 2^low_bits cells, in 2^-32.
    chance = (count << low_bits + 32) // ((count << low_bits) + cells)
    return low_bits, bisect_left(_FALLING, -chance)


# Stop probabilities fall with the scale. The first scale whose probability is at most the predicted
# one is taken; they are negated because `bisect_left` needs ascending numbers.
_FALLING = [-tables.get_stop_chance(scale) for scale in range(tables.LAST_WHOLE)]
