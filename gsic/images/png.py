"""PNG: chunks, and the colours and transparency that Pillow leaves out or gets wrong.

The chunks that decode to pixels are passed on; the others are read here, so that damage in them
does no harm, as in browsers. PNG (third edition) sections 11 and 12.
"""

import struct
import zlib
from collections.abc import Iterator

from gsic.errors import InputError
from gsic.images import colour
from gsic.images.colour import Colours, Primaries
from gsic.images.inspection import MAX_ICC_BYTES, Inspected

_SIGNATURE_BYTES = 8
_DECODED = (b"IHDR", b"PLTE", b"IDAT", b"eXIf")
_GREY, _RGB, _PALETTE = 0, 2, 3
_MOST_PIXEL_BYTES = 8
_KEY_SAMPLES = {_GREY: 1, _RGB: 3}


def inspect(data: bytes) -> Inspected:
    """Read the chunks of a PNG file.

    Raises:
        InputError: a chunk that the pixels need is damaged, or Apple's variant of PNG.
    """
    inspected = Inspected(data)
    kept = [data[:_SIGNATURE_BYTES]]
    others: dict[bytes, bytes] = {}
    header = b""
    for kind, content, whole, sound in _iterate_chunks(data):
        if kind == b"CgBI":
            raise InputError("is Apple's variant of PNG; convert it to PNG first")
        if not header and kind != b"IHDR":
            raise InputError("damaged or truncated: no chunk IHDR")
        if not sound and not kind[0] & 0x20 and kind != b"IEND":
            raise InputError(f"damaged or truncated: {_name(kind)}")
        if not sound and kind != b"IEND":
            inspected.notes.append(f"the damaged {_name(kind)} is left out")
        elif kind in _DECODED:
            kept.append(whole)
            header = header or content
        elif kind == b"IEND":
            break
        else:
            others.setdefault(kind, content)
    if len(header) != 13:
        raise InputError("damaged or truncated: no chunk IHDR")
    inspected.depth, colour_type = header[8], header[9]
    _read_transparency(others, colour_type, kept, inspected)
    _read_colours(others, inspected)
    if b"acTL" in others and int.from_bytes(others[b"acTL"][:4], "big") > 1:
        inspected.notes.append("holds several frames; the first one is used")
    inspected.data = b"".join(kept) + _make_chunk(b"IEND", b"")
    return inspected


def _iterate_chunks(data: bytes) -> Iterator[tuple[bytes, bytes, bytes, bool]]:
    """Yield (type, content, whole chunk, whether it is complete with the right checksum)."""
    at = _SIGNATURE_BYTES
    while at + 8 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        kind, end = data[at + 4 : at + 8], at + 12 + length
        content, whole = data[at + 8 : end - 4], data[at:end]
        checksum = int.from_bytes(data[end - 4 : end], "big")
        sound = end <= len(data) and zlib.crc32(data[at + 4 : end - 4]) == checksum
        if kind == b"IDAT" and end > len(data):
            # Whether pixels are missing is for the decoder to find.
            sound, whole = True, _make_chunk(kind, content)
        yield kind, content, whole, sound
        at = end


def _name(kind: bytes) -> str:
    return f"chunk {kind.decode()}" if kind.isalpha() else "chunk without a name"


def _make_chunk(kind: bytes, content: bytes) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + checksum


def recompress(data: bytes) -> tuple[bytes, ...]:
    """Return a file whose pixels are whole though their checksum is wrong, with a right one.

    Args:
        data: a file as `inspect` leaves it.

    Returns:
        That file; nothing if the pixels are not whole.
    """
    chunks = list(_iterate_chunks(data))
    width, height = struct.unpack_from(">II", chunks[0][1])
    stream = b"".join(content for kind, content, _, _ in chunks if kind == b"IDAT")
    inflater = zlib.decompressobj(wbits=-15)  # without the header of two bytes and the checksum
    try:
        rows = inflater.decompress(stream[2:], 2 * height * (_MOST_PIXEL_BYTES * width + 1))
    except zlib.error:
        return ()
    if not inflater.eof:
        return ()
    pixels = _make_chunk(b"IDAT", zlib.compress(rows, 1))
    before = b"".join(w for k, _, w, _ in chunks if k not in (b"IDAT", b"IEND"))
    return (data[:_SIGNATURE_BYTES] + before + pixels + _make_chunk(b"IEND", b""),)


def _read_transparency(
    others: dict[bytes, bytes], colour_type: int, kept: list[bytes], inspected: Inspected
) -> None:
    """Take tRNS as a colour of grey and RGB images; Pillow knows that of palettes only."""
    if (content := others.get(b"tRNS")) is None:
        return
    samples = _KEY_SAMPLES.get(colour_type)
    if colour_type == _PALETTE:
        at = next((i for i, chunk in enumerate(kept) if chunk[4:8] == b"IDAT"), len(kept))
        kept.insert(at, _make_chunk(b"tRNS", content))
    elif samples and len(content) >= 2 * samples:
        mask = (1 << inspected.depth) - 1
        values = struct.unpack(f">{samples}H", content[: 2 * samples])
        inspected.transparent = tuple(value & mask for value in values)
    else:
        inspected.notes.append("the damaged chunk tRNS is left out")


def _read_colours(others: dict[bytes, bytes], inspected: Inspected) -> None:
    """Take the colours from the chunk of highest precedence: cICP, iCCP, sRGB, gAMA and cHRM."""
    if len(code_points := others.get(b"cICP", b"")) == 4:
        inspected.colours = colour.from_code_points(code_points[0], code_points[1])
        inspected.colours_before_icc = True
        if code_points[3] == 0:
            inspected.notes.append("the samples of video range are taken as full range")
    elif (profile := others.get(b"iCCP")) is not None:
        inspected.icc = _inflate_profile(profile)
        if inspected.icc is None:
            inspected.notes.append("the damaged ICC profile is left out")
    elif b"sRGB" not in others:
        inspected.colours = _read_gamma(others.get(b"gAMA", b""), others.get(b"cHRM", b""))


def _inflate_profile(content: bytes) -> bytes | None:
    """Return the profile of a chunk iCCP: a name, a zero, the method 0, and a zlib stream."""
    start = content.find(b"\0") + 2
    if start < 2:
        return None
    inflater = zlib.decompressobj()
    try:
        profile = inflater.decompress(content[start:], MAX_ICC_BYTES)
    except zlib.error:
        return None
    return profile if inflater.eof and profile else None


def _read_gamma(gamma: bytes, chromaticities: bytes) -> Colours | None:
    """Return the colours of gAMA and cHRM; what is missing of the two is that of sRGB."""
    transfer: str | float = "srgb"
    if len(gamma) == 4 and (encoded := int.from_bytes(gamma, "big")):
        transfer = 100_000 / encoded
    primaries = colour.BT709
    if len(chromaticities) == 32:
        values = [value / 100_000 for value in struct.unpack(">8I", chromaticities)]
        white, red, green, blue = zip(values[::2], values[1::2], strict=True)
        primaries = Primaries(red, green, blue, white)
    return colour.choose(primaries, transfer, "those of gAMA and cHRM")
