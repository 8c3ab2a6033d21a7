"""Profile `2dgs`: integers <-> bytes. FORMAT.md sections 9.2 and 9.3 are normative."""

from __future__ import annotations

from math import log2

import numpy as np

from gsic.arrays import Int64
from gsic.coding.range_coder import RangeReader, RangeWriter, build_model_from_counts
from gsic.container import Container
from gsic.errors import CorruptFile
from gsic.profiles.two_dgs.parameters import Parameters, read_parameters, write_parameters
from gsic.profiles.two_dgs.symbols import (
    Codebook,
    QuantisedImage,
    count_columns,
    make_empty_image,
)

# What files take on average: bits of an index relative to the log2 of the number of rows, bits of a
# count, bytes of the other fields of the parameters, and bits of the coder's state.
_INDEX_SHARE = 0.92
_COUNT_BITS = 2.5
_FIELD_BYTES = 6
_STATE_BITS = 32


def write(image: QuantisedImage) -> tuple[bytes, bytes]:
    """Return the parameter bytes and the payload of an image.

    Raises:
        ValueError: a symbol out of range.
    """
    image = canonicalise(image)
    shapes, colors = image.shapes, image.colors
    quantisers = image.position_quantiser, shapes.quantiser, colors.quantiser
    rows = len(shapes.rows), len(colors.rows)
    parameters = write_parameters(Parameters(image.grid, len(image), rows, *quantisers))
    if not len(image):
        return parameters, b""
    writer = RangeWriter()
    for book in (shapes, colors):
        writer.write_raw(book.rows.T.ravel(), book.quantiser.bits)
        counts = np.bincount(book.index)
        writer.write_exp_golomb(np.diff(counts[:0:-1], prepend=1))
        if len(counts) > 1:
            writer.write_symbols(book.index, build_model_from_counts(counts))
    writer.write_raw(image.position.T.ravel(), image.position_quantiser.bits)
    return parameters, writer.finish()


def read(file: Container) -> QuantisedImage:
    """Return the image that `write` wrote.

    Raises:
        CorruptFile: no encoder can have made the parameters and the payload.
    """
    header = read_parameters(file)
    count = header.gaussians
    if count == 0:
        return make_empty_image(header.grid, file.mode.channels)
    reader = RangeReader(file.payload)
    books = []
    for quantiser, rows in zip((header.shapes, header.colors), header.rows, strict=True):
        columns = len(quantiser.bounds)
        levels = reader.read_raw(quantiser.bits, rows * columns).reshape(columns, rows).T
        counts = _read_counts(reader, rows, count)
        index = np.zeros(count, np.int64)
        if rows > 1:
            index = reader.read_symbols(build_model_from_counts(counts), count)
        if not np.array_equal(np.bincount(index, minlength=rows), counts):
            raise CorruptFile("payload: rows of a codebook are not used as often as it says")
        books.append(Codebook(quantiser, levels, index))
    position = reader.read_raw(header.positions.bits, 2 * count).reshape(2, count).T
    reader.finish()
    return QuantisedImage(header.grid, header.positions, position, *books)


def canonicalise(image: QuantisedImage) -> QuantisedImage:
    """Sort the rows of both codebooks and drop unused ones; the Gaussians keep their order."""
    books = _sort_rows(image.shapes), _sort_rows(image.colors)
    return QuantisedImage(image.grid, image.position_quantiser, image.position, *books)


def estimate_bytes(
    count: int, rows: int, channels: int, position_bits: int, codebook_bits: int
) -> float:
    """Estimate how many bytes a file takes beyond that of an image without Gaussians.

    Args:
        count: N >= 1 Gaussians.
        rows: of each codebook.
        channels: coded channels, 1..4.
        position_bits, codebook_bits: bits of each value.
    """
    columns = count_columns(channels)
    each = 2 * position_bits + 2 * _INDEX_SHARE * log2(rows)
    row = (columns[1] + columns[2]) * codebook_bits + 2 * _COUNT_BITS
    fields = 4 * sum(columns) + _FIELD_BYTES
    return fields + (count * each + rows * row + _STATE_BITS) / 8.0


def _sort_rows(book: Codebook) -> Codebook:
    """Sort the used rows by descending count, equal ones by their levels; renumber `index`."""
    if not len(book.index):
        return book
    counts = np.bincount(book.index, minlength=len(book.rows))
    order = np.lexsort((*book.rows.T[::-1], -counts))[: np.count_nonzero(counts)]
    place = np.zeros(len(book.rows), np.int64)
    place[order] = np.arange(len(order))
    return Codebook(book.quantiser, book.rows[order], place[book.index])


def _read_counts(reader: RangeReader, rows: int, total: int) -> Int64:
    """Read how often each row is used, in descending order; the first follows from the sum."""
    counts = np.cumsum(np.concatenate(([1], reader.read_exp_golomb(rows - 1))))[1:][::-1]
    first = total - int(counts.sum())
    if first < (counts[0] if rows > 1 else 1):
        raise CorruptFile(
            "payload: rows of a codebook are used more often than there are Gaussians"
        )
    return np.concatenate(([first], counts)).astype(np.int64)
