"""Profile `gaussianimage`: the parameter bytes of a file. FORMAT.md section 8.1 is normative."""

from __future__ import annotations

from math import lgamma, log
from typing import NamedTuple

import numpy as np

from gsic.arrays import Float32, Int64
from gsic.coding.bit_packing import pack_bits, unpack_bits
from gsic.container import ByteReader, Container, encode_varint
from gsic.errors import CorruptFile
from gsic.profiles.gaussianimage.dequantisation import SHAPE_OFFSETS
from gsic.profiles.gaussianimage.symbols import (
    POSITION_BITS,
    Codebooks,
    QuantisedImage,
    Quantiser,
)
from gsic_kernels.constants import MAX_SIDE_PX

MAX_NUMBER = 2.0**32
"""Largest magnitude of a step, an origin or a component of a code vector."""

_COVARIANCES = tuple(SHAPE_OFFSETS)
_CODINGS = ("packed", "ans")
# Bits of the byte `kind`.
_RS, _SCALAR, _ANS, _BITS_BACK = 1, 2, 4, 8

_MAX_BITS = 8
_MAX_STAGES = 8
_MAX_COUNT_BITS = 26
# The state of the coder holds 64 bits more than the bytes of the payload.
_STATE_BITS = 64


class Parameters(NamedTuple):
    """The profile's own header.

    Attributes:
        gaussians: number of Gaussians.
        image: everything else that the parameters say, as an image without Gaussians.
        histograms: counts of the symbols of shapes and of colours; empty without histograms.
    """

    gaussians: int
    image: QuantisedImage
    histograms: tuple[Int64, ...]


def write_parameters(parameters: Parameters) -> bytes:
    """Return the parameter bytes of an image."""
    count, image, histograms = parameters
    colors = image.color_quantiser
    kind = _RS * _COVARIANCES.index(image.covariance) + _ANS * _CODINGS.index(image.coding)
    kind += _SCALAR * isinstance(colors, Quantiser) + _BITS_BACK * (image.plain is not None)
    data = encode_varint(count) + bytes((kind, image.shape_quantiser.bits))
    if isinstance(colors, Codebooks):
        stages, size, _ = colors.vectors.shape
        data += bytes((stages, size - 1)) + _quantiser_bytes(image.shape_quantiser)
        data += colors.vectors.astype("<f4").tobytes()
    else:
        data += bytes((colors.bits,)) + _quantiser_bytes(image.shape_quantiser)
        data += _quantiser_bytes(colors)
    if image.plain is not None:
        data += encode_varint(image.plain)
    for histogram in histograms:
        width = int(histogram.max()).bit_length()
        data += bytes((width,)) + pack_bits([(histogram, width)])
    return data


def read_parameters(file: Container) -> Parameters:
    """Return what the parameter bytes of a file say, checked against the length of its payload.

    Raises:
        CorruptFile: no encoder can have made these bytes.
    """
    if max(file.width, file.height) > MAX_SIDE_PX:
        raise CorruptFile(f"header: a side beyond {MAX_SIDE_PX} pixels")
    channels = file.mode.channels
    fields = ByteReader(file.parameters, "parameters")
    count = fields.varint("number of Gaussians")
    kind = fields.byte("kind")
    if kind >= 16 or count == 0:
        raise CorruptFile(f"parameters: {count} Gaussians of kind {kind}")
    shape_bits = _check_range(fields.byte("bits of covariances"), 1, _MAX_BITS)
    colors: Codebooks | Quantiser
    if kind & _SCALAR:
        color_bits = _check_range(fields.byte("bits of colours"), 1, _MAX_BITS)
        stages = channels
    else:
        stages = _check_range(fields.byte("stages"), 1, _MAX_STAGES)
        size = 1 + _check_range(fields.byte("size of codebooks"), 1, 255)
    shapes = _read_quantiser(fields, shape_bits, 3)
    if kind & _SCALAR:
        colors = _read_quantiser(fields, color_bits, channels)
    else:
        vectors = _read_floats(fields, stages * size * channels, "codebooks")
        colors = Codebooks(vectors.reshape(stages, size, channels))
    plain = None
    if kind & _BITS_BACK:
        plain = fields.varint("plain Gaussians")
        if not 1 <= plain <= count:
            raise CorruptFile(f"parameters: {plain} of {count} Gaussians are plain")
    image = QuantisedImage(
        width=file.width,
        height=file.height,
        channels=channels,
        covariance=_COVARIANCES[kind & _RS],
        position=np.zeros((0, 2), np.uint16),
        shape=np.zeros((0, 3), np.int64),
        shape_quantiser=shapes,
        color=np.zeros((0, stages), np.int64),
        color_quantiser=colors,
        coding=_CODINGS[bool(kind & _ANS)],
        plain=plain,
    )
    # Positions are never compressed; only the log2 N! bits of the order of a set may be saved.
    # Checked before anything is allocated in proportion to the count.
    saved = 0.0 if plain is None else lgamma(count + 1.0) / log(2.0)
    if 2 * POSITION_BITS * count - saved > 8 * len(file.payload) + _STATE_BITS:
        raise CorruptFile(
            f"parameters: {count} Gaussians in a payload of {len(file.payload)} bytes"
        )
    histograms: tuple[Int64, ...] = ()
    if kind & _ANS:
        histograms = (
            _read_histogram(fields, 1 << shape_bits, 3 * count),
            _read_histogram(fields, image.color_alphabet, stages * count),
        )
    fields.finish()
    return Parameters(count, image, histograms)


def _quantiser_bytes(quantiser: Quantiser) -> bytes:
    return quantiser.step.astype("<f4").tobytes() + quantiser.origin.astype("<f4").tobytes()


def _read_quantiser(fields: ByteReader, bits: int, columns: int) -> Quantiser:
    step = _read_floats(fields, columns, "steps")
    return Quantiser(bits, step, _read_floats(fields, columns, "origins"))


def _read_floats(fields: ByteReader, count: int, name: str) -> Float32:
    """Read float32 numbers, and check that they are finite and not too large."""
    values = np.frombuffer(fields.take(4 * count, name), "<f4").astype(np.float32)
    if not (np.abs(values) <= MAX_NUMBER).all():
        raise CorruptFile(f"parameters: {name} that are not finite or too large")
    return values


def _read_histogram(fields: ByteReader, size: int, total: int) -> Int64:
    """Read the counts of `size` symbols, and check that they sum to `total`."""
    width = _check_range(fields.byte("bits of counts"), 1, _MAX_COUNT_BITS)
    data = fields.take(-(-size * width // 8), "histogram")
    (histogram,) = unpack_bits(data, [(size, width)], "histogram")
    if histogram.sum() != total:
        raise CorruptFile(f"parameters: a histogram of {histogram.sum()} symbols and not {total}")
    return histogram


def _check_range(value: int, low: int, high: int) -> int:
    """Return a value if it is in low..high; raise CorruptFile if it is not."""
    if not low <= value <= high:
        raise CorruptFile(f"parameters: {value} where {low} to {high} is possible")
    return value
