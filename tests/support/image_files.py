"""Image files and ICC profiles made from their parts, for what Pillow does not write."""

import io
import struct
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

# Colourants of Display P3 in the D50 of profiles, as ICC profiles of Display P3 have them.
P3 = ((0.51512, 0.24120, -0.00105), (0.29198, 0.69225, 0.04189), (0.15710, 0.06657, 0.78407))
SRGB = ((0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.71410))


def file_of(image: Image.Image, format: str = "PNG", **options: Any) -> bytes:
    """A file that Pillow writes."""
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def chunk(kind: bytes, content: bytes) -> bytes:
    """A chunk of a PNG file."""
    checksum = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + checksum


def png(width: int, height: int, depth: int, colour: int, rows: bytes, *extra: bytes) -> bytes:
    """A PNG file of rows, each with its filter byte, and extra chunks before the pixels."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    body = b"".join(extra) + chunk(b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + body + chunk(b"IEND", b"")


def png_of(samples: NDArray[Any], *extra: bytes, depth: int | None = None) -> bytes:
    """A PNG file of uint8 or uint16 samples (H, W) or (H, W, C); less than 8 bits are packed."""
    channels = samples if samples.ndim == 3 else samples[..., None]
    height, width, count = channels.shape
    colour = {1: 0, 2: 4, 3: 2, 4: 6}[count]
    bits = depth or 8 * samples.dtype.itemsize
    if bits < 8:
        shifts = np.arange(bits - 1, -1, -1)
        planes = (channels[..., 0, None] >> shifts & 1).astype(np.uint8)
        rows = [np.packbits(row.reshape(-1)).tobytes() for row in planes]
    else:
        rows = [row.astype(samples.dtype.newbyteorder(">")).tobytes() for row in channels]
    return png(width, height, bits, colour, b"".join(b"\0" + row for row in rows), *extra)


def tiff(samples: NDArray[Any], tags: dict[int, Any] | None = None, planar: bool = False) -> bytes:
    """A little-endian TIFF file of (H, W, C) samples in one strip, or one for each plane.

    Args:
        samples: uint8, uint16 or float32.
        tags: further tags, or other values: ints or tuples of them are stored as 32 bits.
        planar: whether the channels are in separate planes.
    """
    height, width, channels = samples.shape
    bits = 8 * samples.dtype.itemsize
    planes = [samples[..., c] for c in range(channels)] if planar else [samples]
    strips = [plane.tobytes() for plane in planes]
    fields: dict[int, Any] = {
        **{256: width, 257: height, 258: (bits,) * channels, 259: 1, 262: 2 if channels > 2 else 1},
        **{277: channels, 278: height, 279: tuple(map(len, strips)), 284: 2 if planar else 1},
        339: (3 if samples.dtype.kind == "f" else 1,) * channels,
    } | (tags or {})
    at, offsets = 8, []
    for strip in strips:
        offsets.append(at)
        at += len(strip)
    fields[273] = tuple(offsets)
    directory_at = at
    extra_at = directory_at + 2 + 12 * len(fields) + 4
    entries, extra = b"", b""
    for tag in sorted(fields):
        value = fields[tag]
        data = value if isinstance(value, bytes) else b""
        values = value if isinstance(value, tuple) else (value,)
        kind, count = (7, len(data)) if data else (4, len(values))
        content = data or struct.pack(f"<{count}I", *values)
        if len(content) > 4:
            entries += struct.pack("<HHII", tag, kind, count, extra_at + len(extra))
            extra += content + b"\0" * (len(content) % 2)
        else:
            entries += struct.pack("<HHI", tag, kind, count) + content.ljust(4, b"\0")
    head = struct.pack("<2sHI", b"II", 42, directory_at)
    return head + b"".join(strips) + struct.pack("<H", len(fields)) + entries + bytes(4) + extra


def box(kind: bytes, content: bytes) -> bytes:
    """A box of ISO/IEC 14496-12."""
    return struct.pack(">I", 8 + len(content)) + kind + content


def make_profile(space: str = "RGB", colourants: Any = P3, gamma: float = 2.2) -> bytes:
    """An ICC profile of version 2 with one exponent: of RGB pixels, of GRAY ones, or a husk."""
    curve = b"curv" + struct.pack(">IIHH", 0, 1, round(256 * gamma), 0)
    white = b"XYZ " + struct.pack(">I3i", 0, *(round(65536 * v) for v in (0.9642, 1.0, 0.8249)))
    tags = {b"wtpt": white, b"desc": b"desc" + struct.pack(">II", 0, 5) + b"test\0" + bytes(79)}
    if space == "GRAY":
        tags[b"kTRC"] = curve
    elif space == "RGB":
        for name, xyz in zip((b"rXYZ", b"gXYZ", b"bXYZ"), colourants, strict=True):
            tags[name] = b"XYZ " + struct.pack(">I3i", 0, *(round(65536 * v) for v in xyz))
            tags[name[:1] + b"TRC"] = curve
    at, table, body = 128 + 4 + 12 * len(tags), struct.pack(">I", len(tags)), b""
    for name, content in tags.items():
        content += b"\0" * (-len(content) % 4)
        table += struct.pack(">4sII", name, at + len(body), len(content))
        body += content
    header = struct.pack(
        ">I4xI4s4s4s12x4s",
        at + len(body),
        0x02400000,
        b"mntr",
        space.ljust(4).encode(),
        b"XYZ ",
        b"acsp",
    )
    illuminant = struct.pack(">3i", 0xF6D6, 0x10000, 0xD32D)
    return header.ljust(68, b"\0") + illuminant.ljust(60, b"\0") + table + body
