"""Profile `gsic`: symbols <-> bytes. FORMAT.md section 7 is normative.

Under sum blending the Gaussians of an image are a set. They are grouped by position class; within
a group they are sorted by their cell in raster order and coded as a sorted set, which saves the
log2 N! bits that an order would cost. Everything else follows column by column in that order.
"""

from __future__ import annotations

from math import log2
from typing import NamedTuple

import numpy as np

from gsic.coding.ans import SymbolReader, SymbolWriter
from gsic.coding.columns import Contexts, Prices, cost_bits, prices, read_columns, write_columns
from gsic.coding.sorted_set import read_sets, write_sets
from gsic.container import ByteReader, varint
from gsic.errors import CorruptFile
from gsic.gaussians import Float64
from gsic.profiles.gsic.symbols import (
    AMPLITUDE_CLASSES,
    MAX_STEP_INDEX,
    POSITION_CLASSES,
    SIZE_EXPONENT,
    Header,
    Int64,
    Symbols,
    grid_size,
    no_symbols,
)
from gsic_kernels.constants import MAX_SIDE_PX

"""Pixels; beyond it float32 does not tell pixel centres apart."""

# A Gaussian is at least a gap, a class, a size, two numbers of stretch and a colour. No table lets
# a symbol cost less than 1/200 bit, and the state holds 64 bits more than the bytes.
_SYMBOLS = 5
_SYMBOLS_PER_BIT = 200
_STATE_BITS = 64

# Fewer rows than this are not worth statistics of their own.
_LEAST_ROWS = 16

_MASK_BYTES = len(POSITION_CLASSES) // 8


class Parameters(NamedTuple):
    """The profile's own header.

    Attributes:
        header: what all Gaussians share.
        groups: position classes that occur, ascending.
        counts: Gaussians in each.
    """

    header: Header
    groups: list[int]
    counts: list[int]


def canonical(header: Header, symbols: Symbols) -> Symbols:
    """The Gaussians in file order: by position class, cell in raster order, then all symbols.

    Gaussians whose amplitudes are all zero draw nothing and are left out.
    """
    symbols = symbols.take(np.flatnonzero(symbols.color.any(axis=1)))
    keys = (
        *symbols.color.T,
        *symbols.stretch.T,
        symbols.size,
        symbols.amplitude_class,
        symbols.cell[:, 0],
        symbols.cell[:, 1],
        symbols.position_class,
    )
    return symbols.take(np.lexsort(keys))


def write(header: Header, symbols: Symbols) -> tuple[bytes, bytes]:
    """Return (parameter bytes, payload) of an image.

    Args:
        header: what all Gaussians share.
        symbols: in `canonical` order.

    Raises:
        ValueError: a symbol out of range.
    """
    groups, counts = np.unique(symbols.position_class, return_counts=True)
    parameters = _parameter_bytes(Parameters(header, groups.tolist(), counts.tolist()))
    if not len(symbols):
        return parameters, b""
    writer = SymbolWriter()
    grids = [grid_size(header, group) for group in groups.tolist()]
    cells = np.split(symbols.cell, np.cumsum(counts)[:-1])
    keys = [
        cell[:, 1] * columns + cell[:, 0] for cell, (columns, _) in zip(cells, grids, strict=True)
    ]
    write_sets(writer, keys, [columns * rows for columns, rows in grids])
    amplitudes, others = _columns(symbols)
    write_columns(writer, amplitudes, _by_position(symbols.position_class))
    write_columns(writer, others, _by_amplitude(symbols.amplitude_class))
    return parameters, writer.finish()


def read(
    width: int, height: int, channels: int, parameters: bytes, payload: bytes
) -> tuple[Header, Symbols]:
    """Return what `write` wrote.

    Args:
        width, height: pixels, from the container. channels: 1..4, from its mode.
        parameters, payload: the profile's bytes.

    Raises:
        CorruptFile: no encoder can have made these bytes.
    """
    header, groups, counts = read_parameters(width, height, channels, parameters, len(payload))
    if not groups:
        return header, no_symbols(channels)
    reader = SymbolReader(payload)
    grids = [grid_size(header, group) for group in groups]
    sets = read_sets(reader, counts, [columns * rows for columns, rows in grids])
    cell = np.empty((sum(counts), 2), np.int64)
    columns = np.repeat([columns for columns, _ in grids], counts)
    np.divmod(np.concatenate(sets), columns, out=(cell[:, 1], cell[:, 0]))
    position = np.repeat(np.array(groups, np.int64), counts)
    amplitude = read_columns(reader, 1, Contexts.runs(counts, least=_LEAST_ROWS))[0]
    amplitude += expected_amplitude(position)
    if amplitude.min() < AMPLITUDE_CLASSES[0] or amplitude.max() > AMPLITUDE_CLASSES[-1]:
        raise CorruptFile(
            f"payload: amplitude classes {amplitude.min()}..{amplitude.max()} outside "
            f"{AMPLITUDE_CLASSES[0]}..{AMPLITUDE_CLASSES[-1]}"
        )
    others = read_columns(reader, 3 + channels, _by_amplitude(amplitude))
    reader.finish()
    size = others[0] + expected_size(position, amplitude)
    return header, Symbols(position, amplitude, cell, size, others[1:3].T, others[3:].T)


def read_parameters(
    width: int, height: int, channels: int, parameters: bytes, payload_bytes: int
) -> Parameters:
    """Return the profile's own header.

    Args:
        width, height, channels, parameters: as for `read`.
        payload_bytes: length of the payload.

    Raises:
        CorruptFile: no encoder can have made these bytes.
    """
    if max(width, height) > MAX_SIDE_PX:
        raise CorruptFile(f"header: a side of {max(width, height)} pixels, above {MAX_SIDE_PX}")
    fields = ByteReader(parameters, "parameters")
    step_index = fields.varint("global step")
    if step_index > MAX_STEP_INDEX:
        raise CorruptFile(f"parameters: step index {step_index} above {MAX_STEP_INDEX}")
    background = tuple(fields.take(channels, "background"))
    header = Header(width, height, channels, step_index, background)
    count = fields.varint("Gaussian count")
    if count == 0:
        fields.finish()
        if payload_bytes:
            raise CorruptFile(f"payload: {payload_bytes} bytes for an image without Gaussians")
        return Parameters(header, [], [])
    bits = 8 * payload_bytes + _STATE_BITS
    if count * (_SYMBOLS + channels) > _SYMBOLS_PER_BIT * bits:
        raise CorruptFile(f"parameters: {count} Gaussians in a payload of {payload_bytes} bytes")
    mask = int.from_bytes(fields.take(_MASK_BYTES, "position classes"), "little")
    groups = [c for i, c in enumerate(POSITION_CLASSES) if mask >> i & 1]
    if not groups:
        raise CorruptFile(f"parameters: {count} Gaussians in no position class")
    counts = [fields.varint(f"count of position class {c}") for c in groups[:-1]]
    counts.append(count - sum(counts))
    if min(counts) < 1:
        raise CorruptFile(f"parameters: position classes of {counts} Gaussians")
    fields.finish()
    return Parameters(header, groups, counts)


def estimate_bits(header: Header, symbols: Symbols) -> float:
    """About how many bits the payload of `symbols`, in any order, takes; for searches."""
    return sum(bits_by_attribute(header, symbols).values())


def bits_by_attribute(header: Header, symbols: Symbols) -> dict[str, float]:
    """About how many bits of the payload go where, for symbols in any order.

    Returns:
        Bits of the positions, the amplitude classes, the scales, the anisotropy, the luma (or grey)
        channel, the others, and of the tables that describe all of them.
    """
    names = "position", "classes", "scale", "anisotropy", "luma", "chroma", "tables"
    bits = dict.fromkeys(names, 0.0)
    if not len(symbols):
        return bits
    groups, counts = np.unique(symbols.position_class, return_counts=True)
    for group, count in zip(groups.tolist(), counts.tolist(), strict=True):
        columns, rows = grid_size(header, group)
        bits["position"] += _set_bits(count, columns * rows)
    amplitudes, others = _columns(symbols)
    of_others = ["scale", "anisotropy", "anisotropy", "luma", *["chroma"] * (header.channels - 1)]
    bits["tables"] = float(_STATE_BITS // 2)
    for columns_of, owners, contexts in (
        (amplitudes, ["classes"], _by_position(symbols.position_class)),
        (others, of_others, _by_amplitude(symbols.amplitude_class)),
    ):
        for column, owner in zip(columns_of, owners, strict=True):
            values, described = cost_bits(column, contexts)
            bits[owner] += values
            bits["tables"] += described
    return bits


class CodeLengths(NamedTuple):
    """Bits of the symbols of N Gaussians, and of others near them.

    Attributes:
        values: of size, both numbers of stretch and each amplitude; rows in the order given, each
            value as `Symbols` has it.
        own: float64 (N,), of cell and classes.
    """

    values: list[Prices]
    own: Float64


def code_lengths(header: Header, symbols: Symbols, around: int) -> CodeLengths:
    """Return about what each symbol costs in the tables that a file of these Gaussians has.

    Args:
        header: what all Gaussians share.
        symbols: one or more Gaussians, in any order.
        around: by how much other symbols may lie outside the range of those.
    """
    position, amplitude = symbols.position_class, symbols.amplitude_class
    (classes,), others = _columns(symbols)
    of_classes = prices(classes, _by_position(position), 0)
    own = of_classes.bits[of_classes.origins + classes]
    for group, count in zip(*np.unique(position, return_counts=True), strict=True):
        columns, rows = grid_size(header, int(group))
        # By what the bits of the set grow with one more key.
        own[position == group] += log2(1.0 + columns * rows / count)
    contexts = _by_amplitude(amplitude)
    values = [prices(column, contexts, around) for column in others]
    expected = expected_size(position, amplitude)
    bits, origins, lowest, highest = values[0]
    values[0] = Prices(bits, origins - expected, lowest + expected, highest + expected)
    return CodeLengths(values, own)


def expected_amplitude(position_class: Int64) -> Int64:
    """Amplitude class of a Gaussian of 4 px in a position class."""
    return np.maximum(position_class + 2, 0)


def expected_size(position_class: Int64, amplitude_class: Int64) -> Int64:
    """Size symbol that goes with the classes: cells are about sigma times 2^-A."""
    octaves = 2 * (amplitude_class - position_class)
    return octaves << np.maximum(amplitude_class - SIZE_EXPONENT, 0)


def _columns(symbols: Symbols) -> tuple[list[Int64], list[Int64]]:
    """Columns whose contexts are position classes, and those whose are amplitude classes."""
    position, amplitude = symbols.position_class, symbols.amplitude_class
    size = symbols.size - expected_size(position, amplitude)
    return (
        [amplitude - expected_amplitude(position)],
        [size, *symbols.stretch.T, *symbols.color.T],
    )


def _by_position(position_class: Int64) -> Contexts:
    return Contexts(position_class, least=_LEAST_ROWS)


def _by_amplitude(amplitude_class: Int64) -> Contexts:
    # The steps of shapes halve from class to class, and amplitudes are about 2^A.
    return Contexts(amplitude_class, least=_LEAST_ROWS, doubling=True)


def _parameter_bytes(parameters: Parameters) -> bytes:
    header, groups, counts = parameters
    data = varint(header.step_index) + bytes(header.background) + varint(sum(counts))
    if groups:
        mask = sum(1 << group - POSITION_CLASSES[0] for group in groups)
        data += mask.to_bytes(_MASK_BYTES, "little")
    return data + b"".join(varint(count) for count in counts[:-1])


def _set_bits(count: int, cells: int) -> float:
    """About what a sorted set of uniform keys takes: log2 of how many such sets there are."""
    ratio = cells / count
    return count * (log2(1.0 + ratio) + ratio * log2(1.0 + 1.0 / ratio))
