"""Profile `gsic`: symbols <-> bytes. FORMAT.md section 7 is normative.

Under sum blending the Gaussians of an image are a set. They are grouped by position class; within
a group they are sorted by their cell in raster order and coded as a sorted set, which saves the
log2 N! bits that an order would cost. Everything else follows stream by stream in that order.
"""

from __future__ import annotations

import numpy as np

from gsic.coding import sorted_set
from gsic.coding.ans import SymbolReader, SymbolWriter
from gsic.coding.contexts import cost_by_class, read_by_class, write_by_class
from gsic.container import ByteReader, varint
from gsic.errors import CorruptFile
from gsic.profiles.gsic import (
    AMPLITUDE_CLASSES,
    MAX_STEP_INDEX,
    POSITION_CLASSES,
    SIZE_EXPONENT,
    Header,
    Int64,
    Symbols,
    grid_size,
)

# A Gaussian takes at least about this many bits, so the payload bounds how many there can be.
_LEAST_BITS = 1 / 16


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
    """
    parameters = varint(header.step_index) + bytes(header.background) + varint(len(symbols))
    if not len(symbols):
        return parameters, b""
    groups, counts = np.unique(symbols.position_class, return_counts=True)
    mask = sum(1 << int(group - POSITION_CLASSES[0]) for group in groups)
    parameters += mask.to_bytes(2, "little") + b"".join(varint(int(n)) for n in counts[:-1])
    writer = SymbolWriter()
    for group in groups:
        columns, rows = grid_size(header, int(group))
        cell = symbols.cell[symbols.position_class == group]
        sorted_set.write(writer, cell[:, 1] * columns + cell[:, 0], columns * rows)
    for values, classes in _streams(symbols):
        write_by_class(writer, values, classes)
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
    fields = ByteReader(parameters, "parameters")
    step_index = fields.varint("global step")
    if step_index > MAX_STEP_INDEX:
        raise CorruptFile(f"parameters: step index {step_index} above {MAX_STEP_INDEX}")
    background = tuple(fields.take(channels, "background"))
    header = Header(width, height, channels, step_index, background)
    count = fields.varint("Gaussian count")
    if count > 8 * len(payload) // _LEAST_BITS:
        raise CorruptFile(f"parameters: {count} Gaussians in a payload of {len(payload)} bytes")
    if count == 0:
        if payload or fields.rest():
            raise CorruptFile("parameters: bytes after the header of an image without Gaussians")
        return header, _empty(channels)
    groups, counts = _read_groups(fields, count)
    reader = SymbolReader(payload)
    cells = []
    for group, size in zip(groups, counts, strict=True):
        columns, rows = grid_size(header, group)
        keys = sorted_set.read(reader, size, columns * rows).astype(np.int64)
        cells.append(np.stack((keys % columns, keys // columns), axis=1))
    position = np.repeat(np.array(groups, np.int64), counts)
    symbols = _read_streams(reader, position, np.concatenate(cells), channels)
    reader.finish()
    return header, symbols


def estimate_bits(header: Header, symbols: Symbols) -> float:
    """About how many bits the payload of `symbols`, in any order, takes; for searches."""
    bits = 0.0
    for group in np.unique(symbols.position_class):
        columns, rows = grid_size(header, int(group))
        count = int((symbols.position_class == group).sum())
        ascending = np.arange(1, count + 1)
        bits += float(np.log2(columns * rows / ascending).sum())
    return bits + sum(cost_by_class(values, classes) for values, classes in _streams(symbols))


def _streams(symbols: Symbols) -> list[tuple[Int64, Int64]]:
    """(values, classes) of each stream after the positions, in file order."""
    amplitude = symbols.amplitude_class
    expected = expected_size(symbols.position_class, amplitude)
    return [
        (amplitude - expected_amplitude(symbols.position_class), symbols.position_class),
        (symbols.size - expected, amplitude),
        (symbols.stretch[:, 0], amplitude),
        (symbols.stretch[:, 1], amplitude),
        *((channel, amplitude) for channel in symbols.color.T),
    ]


def _read_streams(reader: SymbolReader, position: Int64, cell: Int64, channels: int) -> Symbols:
    amplitude = read_by_class(reader, position) + expected_amplitude(position)
    if amplitude.min() < AMPLITUDE_CLASSES[0] or amplitude.max() > AMPLITUDE_CLASSES[-1]:
        raise CorruptFile(
            f"payload: amplitude classes {amplitude.min()}..{amplitude.max()} outside "
            f"{AMPLITUDE_CLASSES[0]}..{AMPLITUDE_CLASSES[-1]}"
        )
    size = read_by_class(reader, amplitude) + expected_size(position, amplitude)
    stretch = np.stack([read_by_class(reader, amplitude) for _ in range(2)], axis=1)
    color = np.stack([read_by_class(reader, amplitude) for _ in range(channels)], axis=1)
    return Symbols(position, amplitude, cell, size, stretch, color)


def expected_amplitude(position_class: Int64) -> Int64:
    """Amplitude class of a Gaussian of 4 px in a position class."""
    return np.maximum(position_class + 2, 0)


def expected_size(position_class: Int64, amplitude_class: Int64) -> Int64:
    """Size symbol that goes with the classes: cells are about sigma times 2^-A."""
    octaves = 2 * (amplitude_class - position_class)
    return octaves << np.maximum(amplitude_class - SIZE_EXPONENT, 0)


def _read_groups(fields: ByteReader, count: int) -> tuple[list[int], list[int]]:
    """Position classes present and the Gaussians in each."""
    mask = int.from_bytes(fields.take(2, "position classes"), "little")
    groups = [c for i, c in enumerate(POSITION_CLASSES) if mask >> i & 1]
    if not groups:
        raise CorruptFile(f"parameters: {count} Gaussians in no position class")
    counts = [fields.varint(f"count of position class {c}") for c in groups[:-1]]
    counts.append(count - sum(counts))
    if min(counts) < 1:
        raise CorruptFile(f"parameters: position classes of {counts} Gaussians")
    if fields.rest():
        raise CorruptFile("parameters: bytes after the last count")
    return groups, counts


def _empty(channels: int) -> Symbols:
    none = np.zeros(0, np.int64)
    pairs = np.zeros((0, 2), np.int64)
    return Symbols(none, none, pairs, none, pairs, np.zeros((0, channels), np.int64))
