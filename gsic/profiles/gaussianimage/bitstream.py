"""Profile `gaussianimage`: Gaussians <-> bytes. FORMAT.md section 8 is normative.

Bit-packed, every symbol takes its bits. With ANS, covariances and colours have a histogram each.
With bits-back, the Gaussians come as a set, and their order costs nothing (eq. 11 to 13).
"""

from __future__ import annotations

from dataclasses import replace
from math import lgamma, log
from typing import NamedTuple

import numpy as np

from gsic.coding import bits_back
from gsic.coding.ans import (
    TOTAL,
    CoderModel,
    Model,
    SymbolReader,
    SymbolWriter,
    UniformModel,
)
from gsic.coding.bit_packing import packed_bytes, unpacked
from gsic.container import ByteReader, Container, varint
from gsic.errors import CorruptFile
from gsic.gaussians import Float64
from gsic.profiles.gaussianimage.symbols import (
    SHAPES,
    Codebooks,
    Float32,
    Grid,
    Int64,
    Quantised,
    canonical,
)
from gsic_kernels.constants import MAX_SIDE_PX

"""Pixels; beyond it float32 does not tell pixel centres apart."""

LARGEST = 2.0**32
"""No number of a grid or a codebook is larger in magnitude."""

_COVARIANCES = tuple(SHAPES)
_CODINGS = ("packed", "ans")
# Bits of the byte that says how a file is written.
_RS, _SCALAR, _ANS, _BITS_BACK = 1, 2, 4, 8

_HALF_BITS = 16
_MOST_BITS = 8
_MOST_STAGES = 8
_COUNT_BITS = 26
_STATE_BITS = 64


class Parameters(NamedTuple):
    """The profile's own header.

    Attributes:
        gaussians: how many. image: none of them, with everything else.
        histograms: counts of the symbols of covariances and of colours; empty for uniform ones.
    """

    gaussians: int
    image: Quantised
    histograms: tuple[Int64, ...]


def write(image: Quantised) -> tuple[bytes, bytes]:
    """Return (parameter bytes, payload) of Gaussians in any order.

    Raises:
        ValueError: a symbol out of range; fewer plain Gaussians than some that occur again.
    """
    image = canonical(image)
    histograms = _histograms(image)
    if image.plain is not None:
        models = _models(image, histograms)
        payload = bits_back.encode(image.rows.astype(np.int32), models, image.plain)
    elif image.coding == "packed":
        payload = packed_bytes(
            [
                (image.position.astype(np.int64).ravel(), _HALF_BITS),
                (image.shape.ravel(), image.shape_grid.bits),
                (image.color.ravel(), image.palette.bits),
            ]
        )
    else:
        writer = SymbolWriter()
        for column in image.position.T:
            writer.raw(column, _HALF_BITS)
        shape, color = (table_of(histogram) for histogram in histograms)
        writer.symbols(image.shape.T.ravel(), shape)
        writer.symbols(image.color.T.ravel(), color)
        payload = writer.finish()
    return _parameter_bytes(Parameters(len(image), image, histograms)), payload


def with_bits_back(image: Quantised, strategy: str) -> Quantised:
    """An image whose order costs nothing, whichever it is.

    Args:
        image: Gaussians.
        strategy: "none"; "partial", as many plain Gaussians as hold the bits that the others take
            (eq. 13); or "full", one.
    """
    if strategy == "none":
        return replace(image, plain=None)
    rows = bits_back.coding_order(image.rows.tolist())
    again = len(rows) - len(set(rows))
    plain = 1
    if strategy == "partial":
        plain = bits_back.plain_count(row_bits(image, np.array(rows, np.int64)).tolist())
    return replace(image, plain=max(plain, again, 1))


def row_bits(image: Quantised, rows: Int64) -> Float64:
    """Bits of Gaussians, float64 (N,), given by all their symbols (N, 5 + S)."""
    histograms = _histograms(image)
    if not histograms:
        return np.full(len(rows), float(image.gaussian_bits))
    shape, color = (table_of(histogram).bits for histogram in histograms)
    bits: Float64 = shape[rows[:, 2:5]].sum(axis=1) + color[rows[:, 5:]].sum(axis=1)
    return bits + 2.0 * _HALF_BITS


def read(file: Container) -> Quantised:
    """Return what `write` wrote.

    Raises:
        CorruptFile: no encoder can have made the file.
    """
    count, image, histograms = read_parameters(file)
    stages = image.color.shape[1]
    if image.plain is not None:
        models = _models(image, histograms)
        rows = bits_back.decode(file.payload, models, count, image.plain).astype(np.int64)
        position, shape, color = rows[:, :2], rows[:, 2:5], rows[:, 5:]
    elif image.coding == "packed":
        sizes = (
            (2 * count, _HALF_BITS),
            (3 * count, image.shape_grid.bits),
            (stages * count, image.palette.bits),
        )
        position, shape, color = (
            array.reshape(count, -1) for array in unpacked(file.payload, list(sizes), "payload")
        )
    else:
        reader = SymbolReader(file.payload)
        x, y = (reader.narrow(_HALF_BITS, count) for _ in range(2))
        position = np.stack((x, y), axis=1)
        tables = [table_of(histogram) for histogram in histograms]
        shape, color = (
            reader.symbols(table, columns * count).reshape(columns, count).T.astype(np.int64)
            for table, columns in zip(tables, (3, stages), strict=True)
        )
        reader.finish()
    halves = position.astype(np.uint16)
    if not np.isfinite(halves.view(np.float16)).all():
        raise CorruptFile("payload: a position that is not finite")
    if color.max(initial=0) >= alphabet(image):
        raise CorruptFile("payload: an index beyond its codebook")
    return replace(image, position=halves, shape=shape, color=color)


def read_parameters(file: Container) -> Parameters:
    """Return what the parameter bytes say, checked against the length of the payload."""
    if max(file.width, file.height) > MAX_SIDE_PX:
        raise CorruptFile(f"header: a side beyond {MAX_SIDE_PX} pixels")
    channels = file.mode.channels
    fields = ByteReader(file.parameters, "parameters")
    count = fields.varint("number of Gaussians")
    kind = fields.byte("kind")
    if kind >= 16 or count == 0:
        raise CorruptFile(f"parameters: {count} Gaussians of kind {kind}")
    shape_bits = _within(fields.byte("bits of covariances"), 1, _MOST_BITS)
    palette: Codebooks | Grid
    if kind & _SCALAR:
        color_bits = _within(fields.byte("bits of colours"), 1, _MOST_BITS)
        stages = channels
    else:
        stages = _within(fields.byte("stages"), 1, _MOST_STAGES)
        size = 1 + _within(fields.byte("size of codebooks"), 1, 255)
    shape_grid = _grid(fields, shape_bits, 3)
    if kind & _SCALAR:
        palette = _grid(fields, color_bits, channels)
    else:
        vectors = _floats(fields, stages * size * channels, "codebooks")
        palette = Codebooks(vectors.reshape(stages, size, channels))
    plain = None
    if kind & _BITS_BACK:
        plain = fields.varint("plain Gaussians")
        if not 1 <= plain <= count:
            raise CorruptFile(f"parameters: {plain} of {count} Gaussians are plain")
    image = Quantised(
        width=file.width,
        height=file.height,
        channels=channels,
        covariance=_COVARIANCES[kind & _RS],
        position=np.zeros((0, 2), np.uint16),
        shape=np.zeros((0, 3), np.int64),
        shape_grid=shape_grid,
        color=np.zeros((0, stages), np.int64),
        palette=palette,
        coding=_CODINGS[bool(kind & _ANS)],
        plain=plain,
    )
    # Positions are never compressed; only the order of a set may be saved.
    saved = 0.0 if plain is None else lgamma(count + 1.0) / log(2.0)
    if 2 * _HALF_BITS * count - saved > 8 * len(file.payload) + _STATE_BITS:
        raise CorruptFile(
            f"parameters: {count} Gaussians in a payload of {len(file.payload)} bytes"
        )
    histograms: tuple[Int64, ...] = ()
    if kind & _ANS:
        histograms = (
            _histogram(fields, 1 << shape_bits, 3 * count),
            _histogram(fields, alphabet(image), stages * count),
        )
    fields.finish()
    return Parameters(count, image, histograms)


def alphabet(image: Quantised) -> int:
    """How many symbols colours choose from."""
    palette = image.palette
    return palette.vectors.shape[1] if isinstance(palette, Codebooks) else 1 << palette.bits


def table_of(histogram: Int64) -> Model:
    """The table of a histogram: frequencies in proportion to the counts, none of them 0."""
    total, size = int(histogram.sum()), len(histogram)
    table = 1 + histogram * (TOTAL - size) // total
    table[histogram.argmax()] += TOTAL - table.sum()
    return Model(table)


def _models(image: Quantised, histograms: tuple[Int64, ...]) -> list[CoderModel]:
    """A model for every symbol of a Gaussian."""
    half = UniformModel(1 << _HALF_BITS)
    shape: CoderModel
    color: CoderModel
    if histograms:
        shape, color = (table_of(histogram) for histogram in histograms)
    else:
        shape = UniformModel(1 << image.shape_grid.bits)
        color = UniformModel(1 << image.palette.bits)
    return [half, half, *[shape] * 3, *[color] * image.color.shape[1]]


def _histograms(image: Quantised) -> tuple[Int64, ...]:
    if image.coding == "packed":
        return ()
    return (
        np.bincount(image.shape.ravel(), minlength=1 << image.shape_grid.bits),
        np.bincount(image.color.ravel(), minlength=alphabet(image)),
    )


def _parameter_bytes(parameters: Parameters) -> bytes:
    count, image, histograms = parameters
    palette = image.palette
    kind = _RS * _COVARIANCES.index(image.covariance) + _ANS * _CODINGS.index(image.coding)
    kind += _SCALAR * isinstance(palette, Grid) + _BITS_BACK * (image.plain is not None)
    data = varint(count) + bytes((kind, image.shape_grid.bits))
    if isinstance(palette, Codebooks):
        stages, size, _ = palette.vectors.shape
        data += bytes((stages, size - 1)) + _grid_bytes(image.shape_grid)
        data += palette.vectors.astype("<f4").tobytes()
    else:
        data += bytes((palette.bits,)) + _grid_bytes(image.shape_grid) + _grid_bytes(palette)
    if image.plain is not None:
        data += varint(image.plain)
    for histogram in histograms:
        width = int(histogram.max()).bit_length()
        data += bytes((width,)) + packed_bytes([(histogram, width)])
    return data


def _grid_bytes(grid: Grid) -> bytes:
    return grid.step.astype("<f4").tobytes() + grid.origin.astype("<f4").tobytes()


def _grid(fields: ByteReader, bits: int, columns: int) -> Grid:
    step = _floats(fields, columns, "steps")
    return Grid(bits, step, _floats(fields, columns, "origins"))


def _floats(fields: ByteReader, count: int, name: str) -> Float32:
    values = np.frombuffer(fields.take(4 * count, name), "<f4").astype(np.float32)
    if not (np.abs(values) <= LARGEST).all():
        raise CorruptFile(f"parameters: {name} that are not finite or too large")
    return values


def _histogram(fields: ByteReader, size: int, total: int) -> Int64:
    width = _within(fields.byte("bits of counts"), 1, _COUNT_BITS)
    data = fields.take(-(-size * width // 8), "histogram")
    (histogram,) = unpacked(data, [(size, width)], "histogram")
    if histogram.sum() != total:
        raise CorruptFile(f"parameters: a histogram of {histogram.sum()} symbols and not {total}")
    return histogram


def _within(value: int, low: int, high: int) -> int:
    if not low <= value <= high:
        raise CorruptFile(f"parameters: {value} where {low} to {high} is possible")
    return value
