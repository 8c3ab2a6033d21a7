"""BMP: colours, bit fields and alpha of its headers, which Pillow leaves out.

The headers are documented as BITMAPINFOHEADER, BITMAPV4HEADER and BITMAPV5HEADER of Windows.
"""

import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gsic.errors import InputError
from gsic.images import colour
from gsic.images.colour import Colours, Primaries
from gsic.images.inspection import MAX_ICC_BYTES, Inspected

_FILE_HEADER_BYTES = 14
_INFO_BYTES, _V4_BYTES, _V5_BYTES = 40, 108, 124
_V3_BYTES, _BIT_FIELDS, _ALPHA_BIT_FIELDS = 56, 3, 6
_CALIBRATED, _EMBEDDED, _LINKED = 0, int.from_bytes(b"MBED", "big"), int.from_bytes(b"LINK", "big")


def inspect(data: bytes) -> Inspected:
    """Read the profile or the calibrated colours of a BMP file."""
    inspected = Inspected(data)
    header = data[_FILE_HEADER_BYTES:]
    size = int.from_bytes(header[:4], "little")
    if size >= _INFO_BYTES and len(header) >= _INFO_BYTES + 16:
        _find_bit_fields(inspected, header, size)
    if size < _V4_BYTES or len(header) < size:
        return inspected
    (kind,) = struct.unpack_from("<I", header, 56)
    if kind == _CALIBRATED:
        inspected.colours = _read_calibration(header)
    elif kind == _EMBEDDED and size >= _V5_BYTES:
        at, length = struct.unpack_from("<II", header, 112)
        inspected.icc = header[at : at + min(length, MAX_ICC_BYTES)]
    elif kind == _LINKED:
        inspected.notes.append("its colour profile is in another file and is left out")
    return inspected


def _find_bit_fields(inspected: Inspected, header: bytes, size: int) -> None:
    """Let pixels with masks for their channels be read here: Pillow knows few, and no alpha."""
    width, height, _, bits, compression = struct.unpack_from("<iiHHI", header, 4)
    if compression not in (_BIT_FIELDS, _ALPHA_BIT_FIELDS) or bits not in (16, 32):
        return
    # The masks follow the smallest header, and are part of the larger ones.
    has_alpha = size >= _V3_BYTES or compression == _ALPHA_BIT_FIELDS
    masks = struct.unpack_from("<4I", header, _INFO_BYTES)[: 4 if has_alpha else 3]
    inspected.size = width, abs(height)
    inspected.orientation = 1
    inspected.read = lambda: _read_bit_fields(inspected.data, width, height, bits // 8, masks)


def _read_bit_fields(
    data: bytes, width: int, height: int, pixel_bytes: int, masks: tuple[int, ...]
) -> NDArray[np.uint8]:
    """Read pixels as masks of their bits, bottom row first unless the height is negative.

    Returns:
        uint8 (H, W, 3), or (H, W, 4) if any pixel has an alpha above 0.
    """
    start = int.from_bytes(data[10:14], "little")
    rows, stride = abs(height), -(-width * pixel_bytes // 4) * 4
    if len(data) < start + rows * stride:
        raise InputError("damaged or truncated: too few pixels")
    raw = np.frombuffer(data, np.uint8, rows * stride, start).reshape(rows, stride)
    pixels = np.ascontiguousarray(raw[:, : width * pixel_bytes]).view(f"<u{pixel_bytes}")
    channels = [_extract(pixels, mask) for mask in masks]
    if len(masks) == 4 and not channels[3].any():
        channels.pop()
    image = np.stack(channels, axis=-1)
    return image if height < 0 else image[::-1]


def _extract(pixels: NDArray[Any], mask: int) -> NDArray[np.uint8]:
    """Return the bits of a mask, scaled to 0..255."""
    if mask == 0:
        return np.zeros(pixels.shape, np.uint8)
    shift = (mask & -mask).bit_length() - 1
    full = mask >> shift
    values = (pixels.astype(np.uint32) & np.uint32(mask)) >> np.uint32(shift)
    scaled: NDArray[np.uint8] = ((values * np.uint64(510) + full) // (2 * full)).astype(np.uint8)
    return scaled


def _read_calibration(header: bytes) -> Colours | None:
    """Return the colours of end points in XYZ (2.30 fixed point) and exponents (16.16)."""
    ends = [value / (1 << 30) for value in struct.unpack_from("<9i", header, 60)]
    exponents = [value / (1 << 16) for value in struct.unpack_from("<3I", header, 96)]
    triples = [ends[first : first + 3] for first in (0, 3, 6)]
    triples.append([sum(values) for values in zip(*triples, strict=True)])
    if any(sum(triple) <= 0 for triple in triples) or not all(exponents):
        return None
    points = [(triple[0] / sum(triple), triple[1] / sum(triple)) for triple in triples]
    return colour.choose(Primaries(*points), sum(exponents) / 3, "those of its header")
