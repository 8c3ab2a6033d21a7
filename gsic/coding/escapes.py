"""Symbols with escapes, and the Exp-Golomb-like code of what exceeds the escapes.

An escape is the outermost symbol of a table: it stands for its own magnitude and for all larger
ones. The excess v >= 0 over that magnitude is coded as the exponent e of v + 1, in a fixed field of
6 bits instead of the unary prefix of an Exp-Golomb code, and as the e bits below the leading one.
FORMAT.md section 5 is normative.
"""

from collections.abc import Sequence

import numpy as np

from gsic.arrays import Float64, Int64, UInt64
from gsic.coding.ans import SymbolWriter
from gsic.coding.models import Model

_EXPONENT_BITS = 6


def write_escaped(writer: SymbolWriter, groups: Sequence[Int64], tables: Sequence[Model]) -> None:
    """Append groups of values: the symbols of all groups, then the excesses of all escapes.

    Args:
        writer: receives them.
        groups: int64 arrays, each of one or more values.
        tables: one per group; a value beyond either end needs an escape at that end.
    """
    excess = []
    for values, table in zip(groups, tables, strict=True):
        writer.write_symbols(np.clip(values, table.lowest, table.highest), table)
        if table.escape >= 0:
            magnitudes = np.abs(values)
            excess.append(magnitudes[magnitudes >= table.escape] - table.escape)
    write_exp_golomb(writer, np.concatenate([*excess, np.empty(0, np.int64)]).astype(np.uint64))


def measure_escaped_bits(values: Int64, table: Model) -> float:
    """Compute how many bits `write_escaped` takes for one group."""
    bits = table.measure_bits(np.clip(values, table.lowest, table.highest))
    magnitudes = np.abs(values)
    excess = magnitudes[magnitudes >= table.escape] - table.escape
    return bits + float(measure_exp_golomb_bits(excess).sum())


def measure_exp_golomb_bits(values: Int64) -> Float64:
    """Compute how many bits `write_exp_golomb` takes for each value."""
    bits: Float64 = _EXPONENT_BITS + np.frexp(values + 1.0)[1] - 1.0
    return bits


def write_exp_golomb(writer: SymbolWriter, values: UInt64) -> None:
    """Append non-negative integers: the exponents of all of them, then their low bits.

    The low bits are grouped by exponent, in ascending order, so that each group is one array of raw
    fields of equal width.

    Args:
        writer: receives them.
        values: uint64 (n,), below 2^64 - 1.
    """
    if values.size == 0:
        return
    plus_one = values + np.uint64(1)
    exponents = _compute_bit_lengths(plus_one) - 1
    writer.write_raw(exponents, _EXPONENT_BITS)
    for exponent in sorted(set(exponents.tolist())):
        low = plus_one[exponents == exponent] & np.uint64((1 << exponent) - 1)
        writer.write_raw(low, exponent)


def _compute_bit_lengths(values: UInt64) -> Int64:
    """Compute the bit length of each value, exactly over all 64 bits."""
    # frexp is exact on integers below 2^53 only, so each half of 32 bits goes by itself.
    low = np.frexp((values & np.uint64(0xFFFFFFFF)).astype(np.float64))[1]
    high = np.frexp((values >> np.uint64(32)).astype(np.float64))[1]
    return np.where(high > 0, high + 32, low).astype(np.int64)
