"""Profile `2dgs`: the parameter bytes of a file. FORMAT.md section 9.1 is normative."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gsic.container import ByteReader, Container, encode_varint
from gsic.errors import CorruptFile
from gsic.profiles.two_dgs.symbols import (
    MAX_BITS,
    POSITION_COLUMNS,
    SHAPE_COLUMNS,
    Grid,
    Quantiser,
    count_columns,
)

MAX_GAUSSIANS = 1 << 16

# Flags.
_NORMALISED, _HALF = 1, 2

# The state of the coder holds 64 bits more than the bytes of the payload.
_STATE_BITS = 64


class Parameters(NamedTuple):
    """The profile's own header.

    Attributes:
        grid: what positions and scales refer to.
        gaussians: number of Gaussians.
        rows: of the codebooks of shapes and of colours.
        positions, shapes, colors: quantisers.
    """

    grid: Grid
    gaussians: int
    rows: tuple[int, int]
    positions: Quantiser
    shapes: Quantiser
    colors: Quantiser


def write_parameters(parameters: Parameters) -> bytes:
    """Return the parameter bytes of an image."""
    grid, count, rows, *quantisers = parameters
    flags = _NORMALISED * grid.normalised + _HALF * (grid.pitch == 2)
    data = encode_varint(flags) + encode_varint(count)
    if count == 0:
        return data
    data += encode_varint(rows[0]) + encode_varint(rows[1])
    data += bytes([parameters.positions.bits, parameters.shapes.bits])
    bounds = np.concatenate([quantiser.bounds for quantiser in quantisers])
    return data + bounds.astype("<u2").tobytes()


def read_parameters(file: Container) -> Parameters:
    """Return what the parameter bytes of a file say, checked against the length of its payload.

    Raises:
        CorruptFile: no encoder can have made these bytes.
    """
    channels, payload_bytes = file.mode.channels, len(file.payload)
    fields = ByteReader(file.parameters, "parameters")
    flags = fields.varint("flags")
    if flags > _NORMALISED + _HALF:
        raise CorruptFile(f"parameters: flags {flags} are not all known")
    grid = Grid(file.width, file.height, 2 if flags & _HALF else 1, bool(flags & _NORMALISED))
    count = fields.varint("Gaussian count")
    if count == 0:
        fields.finish()
        if payload_bytes:
            raise CorruptFile(f"payload: {payload_bytes} bytes for an image without Gaussians")
        none = (Quantiser(1, np.zeros((size, 2), np.int64)) for size in count_columns(channels))
        return Parameters(grid, 0, (0, 0), *none)
    rows = fields.varint("rows of shapes"), fields.varint("rows of colours")
    bits = fields.byte("bits of positions"), fields.byte("bits of codebooks")
    if count > MAX_GAUSSIANS or not all(1 <= each <= count for each in rows):
        raise CorruptFile(f"parameters: {count} Gaussians, codebooks of {rows} rows")
    if not all(1 <= each <= MAX_BITS for each in bits):
        raise CorruptFile(f"parameters: values of {bits} bits, 1 to {MAX_BITS} are allowed")
    # Checked before anything is allocated in proportion to the count.
    values = rows[0] * SHAPE_COLUMNS + rows[1] * (channels + 1)
    needed = POSITION_COLUMNS * count * bits[0] + values * bits[1]
    if needed > 8 * payload_bytes + _STATE_BITS:
        raise CorruptFile(f"parameters: {count} Gaussians in a payload of {payload_bytes} bytes")
    quantisers = []
    for columns, each in zip(count_columns(channels), (*bits, bits[1]), strict=True):
        stored = np.frombuffer(fields.take(4 * columns, "bounds"), "<u2").astype(np.int64)
        bounds = stored.reshape(columns, 2)
        if (bounds[:, 0] > bounds[:, 1]).any():
            raise CorruptFile("parameters: a lower bound above the upper one")
        quantisers.append(Quantiser(each, bounds))
    fields.finish()
    return Parameters(grid, count, rows, *quantisers)
