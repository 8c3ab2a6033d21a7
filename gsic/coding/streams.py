"""Parts that streams are made of: symbols with escapes, and integers of any size.

FORMAT.md section 5 is normative.
"""

from collections.abc import Sequence

import numpy as np

from gsic.coding.ans import Int32Array, Int64Array, Model, SymbolReader, SymbolWriter, UInt64Array
from gsic.errors import CorruptFile

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
    write_gamma(writer, np.concatenate([*excess, []]).astype(np.uint64))


def read_escaped(
    reader: SymbolReader, sizes: Sequence[int], tables: Sequence[Model], bound: int
) -> Int64Array:
    """Return what `write_escaped` wrote, one group after the other, int64 (sum of sizes,).

    Args:
        reader: where it is.
        sizes: values of each group.
        tables: one per group.
        bound: at most 2^62; the magnitudes must be less.

    Raises:
        CorruptFile: a magnitude at or above `bound`.
    """
    escapes: int | Int32Array
    if len(tables) == 1:
        (table,) = tables
        symbols, escapes, last = reader.indices(table, sizes[0]), table.escape, table.escape
        symbols += table.lowest
    else:
        symbols = np.concatenate(reader.grouped(tables, sizes))
        ends = np.array([(table.lowest, table.escape) for table in tables], np.int32)
        last = int(ends[:, 1].max())
        symbols += ends[:, 0].repeat(sizes)
        escapes = ends[:, 1].repeat(sizes)
    (escaped,) = (np.abs(symbols) == escapes).nonzero()
    values = symbols.astype(np.int64)
    if len(escaped):
        excess = read_gamma(reader, len(escaped))
        if int(excess.max()) >= bound - last:
            raise CorruptFile("payload: a value out of range")
        values[escaped] += np.sign(symbols[escaped]) * excess.astype(np.int64)
    return values


def escaped_bits(values: Int64Array, table: Model) -> float:
    """Return how many bits `write_escaped` takes for one group."""
    bits = table.cost_bits(np.clip(values, table.lowest, table.highest))
    magnitudes = np.abs(values)
    excess = magnitudes[magnitudes >= table.escape] - table.escape
    return bits + float((_EXPONENT_BITS + np.frexp(excess + 1.0)[1] - 1).sum())


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


def read_gamma(reader: SymbolReader, count: int) -> UInt64Array:
    """Return what `write_gamma` wrote, uint64 (count,)."""
    exponents = reader.narrow(_EXPONENT_BITS, count)
    counts = np.bincount(exponents).tolist()
    present = [exponent for exponent, size in enumerate(counts) if size]
    # Low bits come by exponent; the exponent of the largest, 63, leaves them below 2^63.
    low = reader.raw_arrays(present, [counts[exponent] for exponent in present])
    values = (np.uint64(1) << exponents.astype(np.uint64)) - np.uint64(1)
    values[exponents.argsort(kind="stable")] += low.view(np.uint64)
    return values


def _bit_lengths(values: UInt64Array) -> Int64Array:
    """Bit length of each value, exact over all 64 bits."""
    # frexp is exact on integers below 2^53, so each half goes by itself.
    low = np.frexp((values & np.uint64(0xFFFFFFFF)).astype(np.float64))[1]
    high = np.frexp((values >> np.uint64(32)).astype(np.float64))[1]
    return np.where(high > 0, high + 32, low).astype(np.int64)
