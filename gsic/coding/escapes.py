"""Parts that streams are made of: symbols with escapes, and integers of any size.

FORMAT.md section 5 is normative.
"""

from collections.abc import Sequence

import numpy as np

from gsic.coding.ans import Float64Array, Int64Array, Model, SymbolWriter, UInt64Array

_EXPONENT_BITS = 6


def write_escaped(
    writer: SymbolWriter, groups: Sequence[Int64Array], tables: Sequence[Model]
) -> None:
    """Append groups of values whose tables end in escapes, then what exceeds the escapes.

    Args:
        groups: int64 arrays, each of one or more values.
        tables: one per group; values outside an alphabet need an escape at that end.
    """
    excess = []
    for values, table in zip(groups, tables, strict=True):
        writer.symbols(np.clip(values, table.lowest, table.highest), table)
        if table.escape >= 0:
            magnitudes = np.abs(values)
            excess.append(magnitudes[magnitudes >= table.escape] - table.escape)
    write_gamma(writer, np.concatenate([*excess, np.empty(0, np.int64)]).astype(np.uint64))


def escaped_bits(values: Int64Array, table: Model) -> float:
    """Return how many bits `write_escaped` takes for one group."""
    bits = table.cost_bits(np.clip(values, table.lowest, table.highest))
    magnitudes = np.abs(values)
    excess = magnitudes[magnitudes >= table.escape] - table.escape
    return bits + float(gamma_bits(excess).sum())


def gamma_bits(values: Int64Array) -> Float64Array:
    """Return how many bits `write_gamma` takes for each value."""
    bits: Float64Array = _EXPONENT_BITS + np.frexp(values + 1.0)[1] - 1.0
    return bits


def write_gamma(writer: SymbolWriter, values: UInt64Array) -> None:
    """Append non-negative integers of any size: exponents of value + 1, then their low bits.

    Args:
        writer: where to.
        values: uint64 (n,), below 2^64 - 1.
    """
    if values.size == 0:
        return
    plus_one = values + np.uint64(1)
    exponents = _bit_lengths(plus_one) - 1
    writer.raw(exponents, _EXPONENT_BITS)
    for exponent in sorted(set(exponents.tolist())):
        low = plus_one[exponents == exponent] & np.uint64((1 << exponent) - 1)
        writer.raw(low, exponent)


def _bit_lengths(values: UInt64Array) -> Int64Array:
    """Bit length of each value, exact over all 64 bits."""
    # frexp is exact on integers below 2^53, so each half goes by itself.
    low = np.frexp((values & np.uint64(0xFFFFFFFF)).astype(np.float64))[1]
    high = np.frexp((values >> np.uint64(32)).astype(np.float64))[1]
    return np.where(high > 0, high + 32, low).astype(np.int64)
