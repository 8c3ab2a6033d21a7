"""Profile `2dgs`: a scene <-> bytes. FORMAT.md section 9 is normative."""

from __future__ import annotations

from math import log2
from typing import NamedTuple

import numpy as np

from gsic.coding.range_coder import RangeReader, RangeWriter, table_of_counts
from gsic.container import ByteReader, varint
from gsic.errors import CorruptFile
from gsic.profiles.two_dgs.symbols import (
    MAX_BITS,
    POSITION_COLUMNS,
    SHAPE_COLUMNS,
    Book,
    Grid,
    Int64,
    Quantiser,
    Scene,
)

_NORMALISED, _HALF = 1, 2

# The state of the coder holds more than the bytes.
_STATE_BITS = 64

MAX_GAUSSIANS = 1 << 16

# What files come to: bits of an index over those of as many equally frequent rows, bits of a count,
# and bytes of the other fields of the parameters.
_INDEX_SHARE = 0.92
_COUNT_BITS = 2.5
_FIELD_BYTES = 6


class Parameters(NamedTuple):
    """The profile's own header.

    Attributes:
        grid: what positions and scales mean.
        gaussians: how many.
        rows: of the codebooks of shapes and of colours.
        places, shapes, colors: quantisers.
    """

    grid: Grid
    gaussians: int
    rows: tuple[int, int]
    places: Quantiser
    shapes: Quantiser
    colors: Quantiser


def write(scene: Scene) -> tuple[bytes, bytes]:
    """Return (parameter bytes, payload) of a scene; rows of codebooks come in canonical order.

    Raises:
        ValueError: a symbol out of range.
    """
    count = len(scene)
    grid = scene.grid
    shapes, colors = _canonical(scene.shapes), _canonical(scene.colors)
    flags = _NORMALISED * grid.normalised + _HALF * (grid.pitch == 2)
    data = varint(flags) + varint(count)
    if count == 0:
        return data, b""
    data += varint(len(shapes.rows)) + varint(len(colors.rows))
    data += bytes([scene.places.bits, shapes.quantiser.bits])
    quantisers = scene.places, shapes.quantiser, colors.quantiser
    bounds = np.concatenate([quantiser.bounds for quantiser in quantisers])
    data += bounds.astype("<u2").tobytes()
    writer = RangeWriter()
    for book in (shapes, colors):
        writer.raw(book.rows.T.ravel(), book.quantiser.bits)
        counts = np.bincount(book.index)
        writer.gamma(np.diff(counts[:0:-1], prepend=1))
        if len(counts) > 1:
            writer.symbols(book.index, table_of_counts(counts))
    writer.raw(scene.position.T.ravel(), scene.places.bits)
    return data, writer.finish()


def read(width: int, height: int, channels: int, parameters: bytes, payload: bytes) -> Scene:
    """Return what `write` wrote.

    Args:
        width, height: pixels, from the container. channels: 1..4, from its mode.
        parameters, payload: the profile's bytes.

    Raises:
        CorruptFile: no encoder can have made these bytes.
    """
    header = read_parameters(width, height, channels, parameters, len(payload))
    if header.gaussians == 0:
        return empty(header.grid, channels)
    reader = RangeReader(payload)
    books = []
    for quantiser, rows in zip((header.shapes, header.colors), header.rows, strict=True):
        columns = len(quantiser.bounds)
        levels = reader.raw(quantiser.bits, rows * columns).reshape(columns, rows).T
        counts = _read_counts(reader, rows, header.gaussians)
        index = np.zeros(header.gaussians, np.int64)
        if rows > 1:
            index = reader.symbols(table_of_counts(counts), header.gaussians)
        if not np.array_equal(np.bincount(index, minlength=rows), counts):
            raise CorruptFile("payload: rows of a codebook are not used as often as it says")
        books.append(Book(quantiser, levels, index))
    position = reader.raw(header.places.bits, 2 * header.gaussians).reshape(2, header.gaussians).T
    reader.finish()
    return Scene(header.grid, header.places, position, *books)


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
    fields = ByteReader(parameters, "parameters")
    flags = fields.varint("flags")
    if flags > _NORMALISED + _HALF:
        raise CorruptFile(f"parameters: flags {flags} are not all known")
    grid = Grid(width, height, 2 if flags & _HALF else 1, bool(flags & _NORMALISED))
    count = fields.varint("Gaussian count")
    if count == 0:
        fields.finish()
        if payload_bytes:
            raise CorruptFile(f"payload: {payload_bytes} bytes for an image without Gaussians")
        none = (Quantiser(1, np.zeros((size, 2), np.int64)) for size in _columns(channels))
        return Parameters(grid, 0, (0, 0), *none)
    rows = fields.varint("rows of shapes"), fields.varint("rows of colours")
    bits = fields.byte("bits of positions"), fields.byte("bits of codebooks")
    if count > MAX_GAUSSIANS or not all(1 <= each <= count for each in rows):
        raise CorruptFile(f"parameters: {count} Gaussians, codebooks of {rows} rows")
    if not all(1 <= each <= MAX_BITS for each in bits):
        raise CorruptFile(f"parameters: values of {bits} bits, 1 to {MAX_BITS} are allowed")
    values = rows[0] * SHAPE_COLUMNS + rows[1] * (channels + 1)
    needed = POSITION_COLUMNS * count * bits[0] + values * bits[1]
    if needed > 8 * payload_bytes + _STATE_BITS:
        raise CorruptFile(f"parameters: {count} Gaussians in a payload of {payload_bytes} bytes")
    quantisers = []
    for columns, each in zip(_columns(channels), (*bits, bits[1]), strict=True):
        stored = np.frombuffer(fields.take(4 * columns, "bounds"), "<u2").astype(np.int64)
        bounds = stored.reshape(columns, 2)
        if (bounds[:, 0] > bounds[:, 1]).any():
            raise CorruptFile("parameters: a lower bound above the upper one")
        quantisers.append(Quantiser(each, bounds))
    fields.finish()
    return Parameters(grid, count, rows, *quantisers)


def empty(grid: Grid, channels: int) -> Scene:
    """The scene of an image without Gaussians."""
    none = np.zeros(0, np.int64)
    books = (
        Book(Quantiser(1, np.zeros((columns, 2), np.int64)), np.zeros((0, columns), np.int64), none)
        for columns in _columns(channels)
    )
    places, shapes, colors = books
    return Scene(grid, places.quantiser, places.rows, shapes, colors)


def expected_bytes(
    count: int, rows: int, channels: int, position_bits: int, codebook_bits: int
) -> float:
    """About how many bytes parameters and payload of a scene take beside those of none.

    Args:
        count: N >= 1 Gaussians.
        rows: of each codebook.
        channels: 1..4.
        position_bits, codebook_bits: of each value.
    """
    columns = _columns(channels)
    each = 2 * position_bits + 2 * _INDEX_SHARE * log2(rows)
    row = (columns[1] + columns[2]) * codebook_bits + 2 * _COUNT_BITS
    fields = 4 * sum(columns) + _FIELD_BYTES
    return fields + (count * each + rows * row + _STATE_BITS // 2) / 8.0


def _canonical(book: Book) -> Book:
    """The rows that are used, the most used first, equals by their levels; `index` follows."""
    if not len(book.index):
        return book
    counts = np.bincount(book.index, minlength=len(book.rows))
    order = np.lexsort((*book.rows.T[::-1], -counts))[: np.count_nonzero(counts)]
    place = np.zeros(len(book.rows), np.int64)
    place[order] = np.arange(len(order))
    return Book(book.quantiser, book.rows[order], place[book.index])


def _read_counts(reader: RangeReader, rows: int, total: int) -> Int64:
    """How often each row is used, the most used first; that one follows from the sum."""
    counts = np.cumsum(np.concatenate(([1], reader.gamma(rows - 1))))[1:][::-1]
    first = total - int(counts.sum())
    if first < (counts[0] if rows > 1 else 1):
        raise CorruptFile(
            "payload: rows of a codebook are used more often than there are Gaussians"
        )
    return np.concatenate(([first], counts)).astype(np.int64)


def _columns(channels: int) -> tuple[int, int, int]:
    """Columns of positions, shapes and colours."""
    return POSITION_COLUMNS, SHAPE_COLUMNS, channels + 1
