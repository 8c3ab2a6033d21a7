"""Version 1 of the container. FORMAT.md section 2 is normative and changes with this file."""

import zlib
from dataclasses import dataclass
from enum import IntEnum

from gsic.container.fields import VARINT_BYTES, ByteReader, encode_varint
from gsic.errors import CorruptFile, LimitError, TruncatedFile, UnsupportedVersion
from gsic.options import Limits

VERSION = 1

MAX_SIDE = (1 << 32) - 1

_CRC_BYTES = 4


class Mode(IntEnum):
    """What the pixels of an image are; the values are those in the file."""

    L = 0
    LA = 1
    RGB = 2
    RGBA = 3
    RGB_AS_L = 4
    RGBA_AS_LA = 5

    @property
    def channels(self) -> int:
        """Number of coded channels."""
        return (1, 2, 3, 4, 1, 2)[self]

    @property
    def alpha(self) -> bool:
        """Whether the last coded channel is alpha, by which the others are multiplied."""
        return self.channels in (2, 4)


# The bit of the field that says that sections follow; the mode has the bits below it.
_SECTIONS_PRESENT = 1 << 3

ICC = 1
COMMENT = 2

_KNOWN_SECTIONS = (ICC, COMMENT)


@dataclass(frozen=True)
class Section:
    """Optional data beside the image.

    Args:
        id: kind of data, 1..2^31 - 1; ICC and COMMENT are the known kinds.
        data: bytes.
        critical: whether a decoder must understand the section to show the right image.
    """

    id: int
    data: bytes
    critical: bool = False


@dataclass(frozen=True)
class Container:
    """The content of a file.

    Args:
        profile: id of the profile that understands `parameters` and `payload`.
        width, height: pixels, 1..2^32 - 1.
        mode: what the pixels are.
        parameters: the profile's own header.
        payload: the coded symbols.
        sections: optional data, at most one of each id, ids ascending.
    """

    profile: int
    width: int
    height: int
    mode: Mode
    parameters: bytes
    payload: bytes
    sections: tuple[Section, ...] = ()

    def find_section(self, id: int) -> bytes | None:
        """Return the data of a section, None if the file has no such section."""
        return next((s.data for s in self.sections if s.id == id), None)


def write(magic: bytes, container: Container) -> bytes:
    """Return the bytes of a file: magic, version, length, body and checksum."""
    if not 1 <= container.width <= MAX_SIDE or not 1 <= container.height <= MAX_SIDE:
        raise ValueError(
            f"sides are 1 to {MAX_SIDE} pixels, got {container.width} x {container.height}"
        )
    ids = [section.id for section in container.sections]
    if any(not 1 <= id < 1 << 31 for id in ids) or ids != sorted(set(ids)):
        raise ValueError(f"section ids ascend from 1 without repetition, got {ids}")
    flags = _SECTIONS_PRESENT if ids else 0
    body = bytearray()
    for value in (container.profile, container.width, container.height, container.mode | flags):
        body += encode_varint(value)
    if ids:
        body += encode_varint(len(ids))
        for section in container.sections:
            body += encode_varint(2 * section.id + section.critical)
            body += encode_varint(len(section.data)) + section.data
    body += encode_varint(len(container.parameters)) + container.parameters + container.payload
    data = magic + encode_varint(VERSION) + encode_varint(len(body) + _CRC_BYTES) + body
    return data + zlib.crc32(data).to_bytes(_CRC_BYTES, "little")


def read(data: bytes, start: int, limits: Limits) -> Container:
    """Read the container of a file whose length field begins at `start`."""
    body = _check_body(data, start)
    profile = body.varint("profile")
    width = body.varint("width")
    height = body.varint("height")
    if width == 0 or height == 0:
        raise CorruptFile(f"header: an image of {width} x {height} pixels")
    if width * height > limits.pixels:
        raise LimitError(f"header: {width} x {height} pixels, the limit is {limits.pixels} in all")
    field = body.varint("mode")
    mode, flags = field & (_SECTIONS_PRESENT - 1), field & -_SECTIONS_PRESENT
    if mode not in Mode.__members__.values() or flags & ~_SECTIONS_PRESENT:
        raise CorruptFile(f"header: mode {field} is not one of version {VERSION}")
    sections = _read_sections(body) if flags else ()
    parameters = body.take(body.varint("parameter length"), "parameters")
    return Container(profile, width, height, Mode(mode), parameters, body.rest(), sections)


def _check_body(data: bytes, start: int) -> ByteReader:
    """Check length and CRC, and return a reader of the bytes between them."""
    head = data[start : start + VARINT_BYTES]
    if len(head) < VARINT_BYTES and all(byte >= 0x80 for byte in head):
        raise TruncatedFile(f"file: ends after {len(data)} bytes, inside its length field")
    fields = ByteReader(head, "file", start)
    length = fields.varint("length")
    begin, end = fields.offset, fields.offset + length
    if len(data) < end:
        raise TruncatedFile(f"file: {len(data)} bytes of {end}")
    if len(data) > end or length < _CRC_BYTES:
        raise CorruptFile(f"file: {len(data)} bytes where its length field says {end}")
    stored = int.from_bytes(data[end - _CRC_BYTES :], "little")
    computed = zlib.crc32(data[: end - _CRC_BYTES])
    if stored != computed:
        raise CorruptFile(f"file: CRC-32 {computed:08x} where it says {stored:08x}")
    return ByteReader(data[begin : end - _CRC_BYTES], "header", begin)


def _read_sections(body: ByteReader) -> tuple[Section, ...]:
    """Read the known sections; skip unknown ones unless they are critical."""
    count = body.varint("section count")
    if count == 0:
        raise CorruptFile("header: sections are announced and there are none")
    sections = []
    last = 0
    for _ in range(count):
        tag = body.varint("section id")
        id, critical = tag >> 1, bool(tag & 1)
        content = body.take(body.varint("section length"), f"section {id}")
        if id <= last:
            raise CorruptFile(f"header: section {id} after section {last}")
        last = id
        if id in _KNOWN_SECTIONS:
            sections.append(Section(id, content, critical))
        elif critical:
            raise UnsupportedVersion(f"header: critical section {id} is unknown to this gsic")
    return tuple(sections)
