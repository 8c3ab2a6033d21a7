"""Symbols with escapes, and the Exp-Golomb-like code of what exceeds the escapes.

An escape is the outermost symbol of a table: it stands for its own magnitude and for all larger
ones. The excess v >= 0 over that magnitude is coded as the exponent e of v + 1, in a fixed field of
5 bits instead of the unary prefix of an Exp-Golomb code, and as the e bits below the leading one.
FORMAT.md section 3 is normative.
"""

from collections.abc import Sequence

import numpy as np

from gsic.arrays import Float64, Int64
from gsic.coding.ans import SymbolWriter
from gsic.coding.models import Model
from gsic_kernels.cpu.ans.layout import EXPONENT_BITS


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
    write_exp_golomb(writer, np.concatenate([*excess, np.empty(0, np.int64)]))


def measure_escaped_bits(values: Int64, table: Model) -> float:
    """Compute how many bits `write_escaped` takes for one group."""
    bits = table.measure_bits(np.clip(values, table.lowest, table.highest))
    magnitudes = np.abs(values)
    excess = magnitudes[magnitudes >= table.escape] - table.escape
    return bits + float(measure_exp_golomb_bits(excess).sum())


def measure_exp_golomb_bits(values: Int64) -> Float64:
    """Compute how many bits `write_exp_golomb` takes for each value."""
    bits: Float64 = EXPONENT_BITS + np.frexp(values + 1.0)[1] - 1.0
    return bits


def write_exp_golomb(writer: SymbolWriter, values: Int64) -> None:
    """Append non-negative integers: the exponents of all of them, then the low bits of each.

    Args:
        writer: receives them.
        values: int64 (n,), below 2^32 - 1.
    """
    exponents = np.frexp(values + 1.0)[1].astype(np.int64) - 1
    writer.write_raw(exponents, EXPONENT_BITS)
    for value, exponent in zip(values.tolist(), exponents.tolist(), strict=True):
        writer.write_raw(np.array([value + 1 - (1 << exponent)]), exponent)
