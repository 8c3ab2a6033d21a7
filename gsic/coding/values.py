"""Arrays of integers whose table is fitted to them: parameters, symbols, escapes, low bits.

Everything goes into the ANS payload, the parameters too, so a stream needs no side information but
its length. FORMAT.md section 5 lists the order.
"""

import numpy as np
import numpy.typing as npt

from gsic.coding import models
from gsic.coding.ans import Model, SymbolReader, SymbolWriter
from gsic.errors import CorruptFile

IntArray = npt.NDArray[np.integer]
Int64Array = npt.NDArray[np.int64]
UInt64Array = npt.NDArray[np.uint64]

BOUND = 1 << 30
"""Values of a stream lie strictly between -BOUND and BOUND."""

_EXPONENT_BITS = 6


def write_values(writer: SymbolWriter, values: IntArray, *, signed: bool = True) -> None:
    """Append an array of integers with parameters fitted to it.

    Args:
        values: integers (n,), strictly between -2^30 and 2^30. Nothing is written for n = 0.
        signed: False for arrays without negative values.

    Raises:
        ValueError: a value out of range.
    """
    values = np.asarray(values, np.int64)
    if values.size == 0:
        return
    if max(values.max(), -values.min()) >= BOUND or (not signed and values.min() < 0):
        raise ValueError(f"values {values.min()}..{values.max()} are out of range")
    parameters = models.fit(values)
    writer.raw(np.array([parameters]), models.PARAMETER_BITS)
    low_bits = models.shift(models.split(parameters)[1])
    table = (models.two_sided if signed else models.one_sided)(parameters)
    write_escaped(writer, values >> low_bits, table)
    writer.raw(values & ((1 << low_bits) - 1), low_bits)


def read_values(reader: SymbolReader, count: int, *, signed: bool = True) -> Int64Array:
    """Return the next `count` integers that `write_values` wrote, int64 (count,).

    Raises:
        CorruptFile: a value out of range, or more values than the payload can hold.
    """
    if count == 0:
        return np.empty(0, np.int64)
    parameters = int(reader.raw(models.PARAMETER_BITS, 1)[0])
    low_bits = models.shift(models.split(parameters)[1])
    table = (models.two_sided if signed else models.one_sided)(parameters)
    values = read_escaped(reader, table, count)
    if low_bits:
        if max(values.max(), -values.min()) >= BOUND:
            raise CorruptFile("payload: a value is out of range")
        values = (values << low_bits) + reader.raw(low_bits, count).astype(np.int64)
    if max(values.max(), -values.min()) >= BOUND:
        raise CorruptFile("payload: a value is out of range")
    return values


def write_escaped(writer: SymbolWriter, values: Int64Array, table: Model) -> None:
    """Append symbols of a table whose ends stand for everything beyond them, then the excess.

    Args:
        values: int64 (n,), not below the table's lowest symbol when that is 0.
        table: its highest symbol, and its lowest if negative, are escapes.
    """
    symbols = np.clip(values, table.lowest, table.highest)
    writer.symbols(symbols, table)
    escaped = np.abs(values[(symbols == table.highest) | (-symbols == table.highest)])
    write_gamma(writer, (escaped - table.highest).astype(np.uint64))


def read_escaped(reader: SymbolReader, table: Model, count: int) -> Int64Array:
    """Return what `write_escaped` wrote, int64 (count,); excesses of 2^62 or more are corrupt."""
    values = reader.symbols(table, count).astype(np.int64)
    escaped = np.flatnonzero(np.abs(values) == table.highest)
    if len(escaped):
        excess = read_gamma(reader, len(escaped))
        if excess.max() >= 1 << 62:
            raise CorruptFile("payload: a value is out of range")
        values[escaped] += np.sign(values[escaped]) * excess.astype(np.int64)
    return values


def write_gamma(writer: SymbolWriter, values: UInt64Array) -> None:
    """Append non-negative integers of any size: exponents of value + 1, then their low bits.

    Args:
        values: uint64 (n,), below 2^64 - 1.
    """
    if values.size == 0:
        return
    plus_one = values + np.uint64(1)
    exponents = _bit_lengths(plus_one) - 1
    writer.raw(exponents, _EXPONENT_BITS)
    for exponent in np.unique(exponents):
        mask = np.uint64((1 << int(exponent)) - 1)
        writer.raw(plus_one[exponents == exponent] & mask, int(exponent))


def read_gamma(reader: SymbolReader, count: int) -> UInt64Array:
    """Return what `write_gamma` wrote, uint64 (count,)."""
    exponents = reader.raw(_EXPONENT_BITS, count)
    plus_one = np.uint64(1) << exponents
    for exponent in np.unique(exponents):
        chosen = exponents == exponent
        plus_one[chosen] += reader.raw(int(exponent), int(chosen.sum()))
    return plus_one - np.uint64(1)


def _bit_lengths(values: UInt64Array) -> Int64Array:
    """Bit length of each value, exact over all 64 bits."""
    high = values >> np.uint64(32)
    # frexp is exact on integers below 2^53, so each half goes by itself.
    lengths = np.frexp((values & np.uint64(0xFFFFFFFF)).astype(np.float64))[1]
    return np.where(high > 0, np.frexp(high.astype(np.float64))[1] + 32, lengths).astype(np.int64)
