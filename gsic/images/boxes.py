"""Files made of boxes, AVIF and JPEG 2000: the depths and colours that Pillow does not tell.

ISO/IEC 14496-12 has the boxes, 23008-12 the properties of AVIF, 15444-1 annex I those of JPEG 2000.
"""

import io
import struct
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gsic.errors import InputError
from gsic.images import colour
from gsic.images.inspection import MAX_ICC_BYTES, Inspected

# Box -> bytes of its own fields before the boxes in it.
_CONTAINERS = {b"meta": 4, b"iprp": 0, b"ipco": 0, b"jp2h": 0}

# Enumerated colour spaces of JPEG 2000 that Pillow shows right: sRGB, grey, sYCC.
_JP2_SPACES = (16, 17, 18)
_CODESTREAM = b"\xff\x4f\xff\x51"


def inspect_avif(data: bytes) -> Inspected:
    """Read depth and code points of an AVIF file; its crop is what its decoder does not apply."""
    inspected = inspect_heic(data)
    if any(kind == b"clap" for kind, _ in iterate_boxes(data)):
        inspected.notes.append("its crop (clap) is not applied")
    return inspected


def inspect_heic(data: bytes) -> Inspected:
    """Read depth and code points of a HEIC or AVIF file.

    A file of several pictures may have several depths and colours: the first of each is taken,
    which is that of the main picture in files of all known encoders.
    """
    inspected = Inspected(data)
    depths = []
    for kind, content in iterate_boxes(data):
        if kind == b"pixi" and len(content) > 5:
            depths.append(max(content[5 : 5 + content[4]], default=8))
        elif kind == b"av1C" and len(content) > 2:
            high, twelve = content[2] >> 6 & 1, content[2] >> 5 & 1
            depths.append(8 + 2 * high + 2 * (high & twelve))
        elif kind == b"colr" and content[:4] == b"nclx" and not inspected.colours:
            primaries = int.from_bytes(content[4:6], "big")
            transfer = int.from_bytes(content[6:8], "big")
            inspected.colours = colour.from_code_points(primaries, transfer)
    inspected.depth = depths[0] if depths else 8
    return inspected


def inspect_jpeg2000(data: bytes) -> Inspected:
    """Read depth and colours of a JPEG 2000 file.

    Raises:
        InputError: colours or samples that neither Pillow nor imagecodecs shows right.
    """
    inspected = Inspected(data)
    at = data.find(_CODESTREAM)
    if at < 0:
        raise InputError("damaged or truncated: no codestream")
    for kind, content in iterate_boxes(data[:at]):
        if kind == b"colr" and content[:1] == b"\x01":
            space = int.from_bytes(content[3:7], "big")
            if space not in _JP2_SPACES:
                raise InputError(f"has the colour space {space} of JPEG 2000; convert it first")
        elif kind == b"colr" and content[:1] in (b"\x02", b"\x03"):
            inspected.icc = content[3 : 3 + MAX_ICC_BYTES]
    # Marker segment SIZ: sides and tiles, the number of components at 40, 3 bytes for each.
    header = data[at : at + 42]
    count = int.from_bytes(header[40:42], "big")
    components = data[at + 42 : at + 42 + 3 * count]
    if len(header) < 42 or not count or len(components) < 3 * count:
        raise InputError("damaged or truncated: no size")
    depths = {(byte & 0x7F) + 1 for byte in components[::3]}
    if len(depths) > 1 or any(byte & 0x80 for byte in components[::3]):
        raise InputError("has signed samples, or of several depths; convert it to PNG first")
    inspected.depth = depths.pop()
    right, bottom, left, top = struct.unpack_from(">4I", header, 8)
    inspected.size = right - left, bottom - top
    if inspected.depth < 8:
        inspected.read = lambda: _read_shallow_jpeg2000(data, inspected.depth)
    elif inspected.depth > 8 and count > 1:
        inspected.read = lambda: _read_deep_jpeg2000(data, inspected.depth)
    return inspected


def _read_shallow_jpeg2000(data: bytes, depth: int) -> NDArray[np.uint8]:
    """Decode samples of less than 8 bits, which Pillow shifts up: their white would be grey.

    Returns:
        uint8 (H, W), (H, W, 2), (H, W, 3) or (H, W, 4).
    """
    with Image.open(io.BytesIO(data), formats=["JPEG2000"]) as opened:
        if opened.mode not in ("L", "LA", "RGB", "RGBA"):
            raise InputError(f"has {depth}-bit samples ({opened.mode}); convert it to PNG first")
        shifted = np.asarray(opened)
    full = (1 << depth) - 1
    levels = (np.arange(256) >> (8 - depth)) * 255
    scaled: NDArray[np.uint8] = ((levels + full // 2) // full).astype(np.uint8)[shifted]
    return scaled


def _read_deep_jpeg2000(data: bytes, depth: int) -> NDArray[Any]:
    """Decode samples of more than 8 bits, which Pillow gets wrong for more than one channel."""
    try:
        import imagecodecs
    except ImportError:
        raise InputError(
            f"has {depth}-bit JPEG 2000 channels; to read them: pip install 'gsic[images]'"
        ) from None
    samples: NDArray[np.uint32] = imagecodecs.jpeg2k_decode(data).astype(np.uint32)
    full = (1 << depth) - 1
    return ((samples * 65535 + full // 2) // full).astype(np.uint16)


def iterate_boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield (type, content) of boxes, and of those inside containers, in their order."""
    at = 0
    while at + 8 <= len(data):
        length, kind, start = (
            int.from_bytes(data[at : at + 4], "big"),
            data[at + 4 : at + 8],
            at + 8,
        )
        if length == 1:
            length, start = int.from_bytes(data[at + 8 : at + 16], "big"), at + 16
        end = len(data) if length == 0 else at + length
        if end < start:
            return
        content = data[start:end]
        yield kind, content
        if kind in _CONTAINERS:
            yield from iterate_boxes(content[_CONTAINERS[kind] :])
        at = end
