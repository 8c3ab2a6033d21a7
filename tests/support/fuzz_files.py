"""Mutations of `.gsi` files that know the container and the parameters of each profile.

A file is taken apart into its fields, some of them are changed, and it is put together again with
the right lengths and the right checksum, so that what reads the fields is really reached.
"""

import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from gsic import container
from gsic.container import ByteReader, encode_varint

# Numbers at which something changes: sizes of fields, limits of the format, and their neighbours.
EDGES = (0, 1, 2, 3, 7, 8, 15, 16, 63, 64, 127, 128, 255, 256, 1279, 1280, 2**16 - 1, 2**16)
LARGE = (2**20, 2**22, 2**22 + 1, 2**24, 2**26, 2**27, 2**30, 2**31 - 1, 2**31, 2**32 - 1, 2**32)


@dataclass
class Parts:
    """The fields of a file as bytes; None where `join` computes the right ones.

    Args:
        profile: number of the profile that the parameters were made for.
        fields: the varints of the header by name, as they are written.
        sections: tag, length and content of each section.
        parameters, payload: of the profile.
        section_count, parameter_length: varints, as they are written.
    """

    profile: int
    fields: dict[str, bytes]
    sections: list[tuple[bytes, bytes, bytes]]
    parameters: bytearray
    payload: bytearray
    section_count: bytes | None = None
    parameter_length: bytes | None = None
    changes: list[str] = field(default_factory=list)


def split(data: bytes) -> Parts:
    """Take a sound file apart."""
    file = container.read(data)
    names = ("profile", "width", "height", "mode")
    values = (file.profile, file.width, file.height, file.mode | 8 * bool(file.sections))
    sections = [
        (encode_varint(2 * s.id + s.critical), encode_varint(len(s.data)), s.data)
        for s in file.sections
    ]
    fields = {name: encode_varint(value) for name, value in zip(names, values, strict=True)}
    return Parts(
        file.profile, fields, sections, bytearray(file.parameters), bytearray(file.payload)
    )


def join(parts: Parts) -> bytes:
    """Put a file together, with the right length and checksum."""
    body = b"".join(parts.fields.values())
    if parts.sections or parts.section_count is not None:
        count = parts.section_count
        body += encode_varint(len(parts.sections)) if count is None else count
        body += b"".join(b"".join(section) for section in parts.sections)
    length = parts.parameter_length
    body += encode_varint(len(parts.parameters)) if length is None else length
    body += bytes(parts.parameters) + bytes(parts.payload)
    data = container.MAGIC + encode_varint(container.VERSION) + encode_varint(len(body) + 4) + body
    return data + zlib.crc32(data).to_bytes(4, "little")


def mutate(rng: Random, parts: Parts) -> None:
    """Make one change, most often to what the profile reads."""
    kinds = rng.choices((_HEADER, _PARAMETERS, _PAYLOAD), (2, 4, 4))[0]
    change = rng.choice(kinds)
    change(rng, parts)
    parts.changes.append(change.__name__.strip("_"))


def damage(rng: Random, data: bytes) -> bytes:
    """Damage a whole file and leave its checksum as it is: cut, extend, or change bytes."""
    changed = bytearray(data)
    kind = rng.randrange(4)
    if kind == 0:
        return data[: rng.randrange(len(data) + 1)]
    if kind == 1:
        return data + rng.randbytes(rng.randint(1, 9))
    at = rng.randrange(min(len(data), 12) if kind == 2 else len(data))
    changed[at] ^= rng.randint(1, 255)
    return bytes(changed)


def pick_number(rng: Random) -> int:
    """Choose a number near an edge, large, or any of up to 34 bits."""
    kind = rng.random()
    if kind < 0.5:
        return max(0, rng.choice(EDGES) + rng.randint(-1, 1))
    if kind < 0.75:
        return max(0, rng.choice(LARGE) + rng.randint(-1, 1))
    return rng.getrandbits(rng.randint(1, 34))


def pick_side(rng: Random) -> int:
    """Choose a side of an image: mostly small, seldom at a limit of the format."""
    if rng.random() < 0.9:
        return rng.choice((1, 2, 3, 5, 8, 15, 16, 17, 31, 33, 64, 100, 255, 256))
    return max(1, rng.choice((1 << 10, 1 << 12, 1 << 14, 1 << 18, *LARGE)) + rng.randint(-1, 0))


def _written(rng: Random, value: int) -> bytes:
    """Write a varint, sometimes longer than it must be, or with bits beyond the last one."""
    data = bytearray(encode_varint(min(value, 2**64 - 1)))
    if rng.random() < 0.1:
        data[-1] |= 0x80
        data += bytes([0x80] * rng.randint(0, 4)) + rng.choice((b"\0", b"\1", b"\x7f", b""))
    return bytes(data)


def _size(rng: Random, parts: Parts) -> None:
    """Change width or height or both."""
    for name in rng.choice((("width",), ("height",), ("width", "height"))):
        parts.fields[name] = _written(rng, pick_side(rng))


def _mode(rng: Random, parts: Parts) -> None:
    parts.fields["mode"] = _written(rng, rng.choice((*range(16), 255, pick_number(rng))))


def _profile(rng: Random, parts: Parts) -> None:
    parts.fields["profile"] = _written(rng, rng.choice((0, 1, 2, 3, 4, pick_number(rng))))


def _sections(rng: Random, parts: Parts) -> None:
    """Add sections, known or not, in any order; or announce other numbers of them."""
    for _ in range(rng.randint(0, 3)):
        content = rng.randbytes(rng.choice((0, 1, 5, 40)))
        tag = rng.choice((0, 1, 2, 3, 4, 5, 6, 7, 2**32 - 1, pick_number(rng)))
        length = len(content) if rng.random() < 0.8 else pick_number(rng)
        parts.sections.append((_written(rng, tag), _written(rng, length), content))
    if rng.random() < 0.3:
        parts.section_count = _written(rng, pick_number(rng))
    mode = parts.fields["mode"][0] & 7
    parts.fields["mode"] = bytes([mode | 8 * (rng.random() < 0.9)])


def _parameter_length(rng: Random, parts: Parts) -> None:
    near = max(0, len(parts.parameters) + rng.choice((-9, -2, -1, 1, 2, 9)))
    parts.parameter_length = _written(rng, rng.choice((near, pick_number(rng))))


def _change_bytes(rng: Random, data: bytearray) -> None:
    """Change, repeat, move, cut or insert bytes anywhere."""
    at = rng.randrange(len(data) + 1)
    count = rng.choice((1, 1, 2, 4, 8, rng.randint(1, 64)))
    kind = rng.randrange(7)
    if kind == 0 and at < len(data):
        data[at] ^= 1 << rng.randrange(8)
    elif kind == 1:
        data[at : at + count] = bytes([rng.choice((0, 1, 0x7F, 0x80, 0xFF))]) * count
    elif kind == 2:
        data[at : at + count] = rng.randbytes(count)
    elif kind == 3:
        del data[at : at + count]
    elif kind == 4:
        data[at:at] = rng.randbytes(count)
    elif kind == 5:
        data[at:at] = data[at : at + count]
    else:
        del data[at:]


def _parameter_bytes(rng: Random, parts: Parts) -> None:
    _change_bytes(rng, parts.parameters)


def _parameter_fields(rng: Random, parts: Parts) -> None:
    """Change one of the fields that the profile's parameters begin with."""
    fields = _split_parameters(parts)
    at = rng.randrange(len(fields))
    kind, old = fields[at]
    if kind == "varint":
        value = ByteReader(old, "field").varint("field")
        near = max(0, rng.choice((value - 1, value + 1, 2 * value, value // 2, 8 * value)))
        fields[at] = kind, _written(rng, rng.choice((near, pick_number(rng))))
    elif kind == "byte":
        fields[at] = kind, bytes([rng.choice((0, 1, 2, 7, 8, 9, 15, 16, 17, 254, 255))])
    else:
        new = bytearray(old)
        if kind == "floats" and len(new) >= 4 and rng.random() < 0.7:
            place = rng.randrange(len(new) // 4) * 4
            new[place : place + 4] = rng.choice(_FLOATS)
        else:
            _change_bytes(rng, new)
        fields[at] = kind, bytes(new)
    parts.parameters[:] = b"".join(data for _, data in fields)


# Bytes of float32: 0, the smallest, 1, 2^32 and its neighbours, the largest, infinite, not numbers.
_FLOATS = tuple(
    bits.to_bytes(4, "little")
    for bits in (
        *(0, 1, 0x80000000, 0x0DA24260, 0x3F800000, 0x4F7FFFFF, 0x4F800000, 0x4F800001),
        *(0xCF800000, 0x7F7FFFFF, 0x7F800000, 0xFF800000, 0x7FC00000),
    )
)


def _split_parameters(parts: Parts) -> list[tuple[str, bytes]]:
    """Split sound parameters into fields, and what cannot be split into one piece."""
    data, fields = bytes(parts.parameters), []
    channels = (1, 2, 3, 4, 1, 2, 1, 1)[parts.fields["mode"][0] & 7]
    layouts = {
        1: ("varint", channels, "varint", "byte", "byte", *["varint"] * 16),
        2: ("varint", "byte", "byte", "byte", "byte", -4 * 6, -4 * 2 * channels, "varint", "byte"),
        3: ("varint", "varint", "varint", "varint", "byte", "byte", 4 * (6 + channels)),
    }
    for kind in layouts[parts.profile]:
        if kind == "varint":
            size = next((i + 1 for i, byte in enumerate(data[:5]) if byte < 0x80), 0)
            if (size > 1 and data[size - 1] == 0) or (size == 5 and data[4] >= 16):
                size = 0
            if not size:
                break
        else:
            size = 1 if kind == "byte" else abs(int(kind))
        if not data:
            break
        name = kind if isinstance(kind, str) else ("bytes" if kind > 0 else "floats")
        fields.append((name, data[:size]))
        data = data[size:]
    return [*fields, ("bytes", data)]


def _payload_bytes(rng: Random, parts: Parts) -> None:
    _change_bytes(rng, parts.payload)
    _begin_payload(rng, parts)


def _payload_words(rng: Random, parts: Parts) -> None:
    """Swap, clear, fill, repeat, cut or add words of 32 bits."""
    padded = bytes(-len(parts.payload) % 4) + bytes(parts.payload)
    words = [padded[i : i + 4] for i in range(0, len(padded), 4)] or [bytes(4)]
    at, other = rng.randrange(len(words)), rng.randrange(len(words))
    kind = rng.randrange(7)
    if kind == 0:
        words[at], words[other] = words[other], words[at]
    elif kind == 1:
        words[at:other] = [bytes(4)] * max(0, other - at)
    elif kind == 2:
        words[at] = b"\xff" * 4
    elif kind == 3:
        words[at:at] = words[at : at + rng.randint(1, 8)]
    elif kind == 4:
        del words[at : at + rng.randint(1, 4)]
    elif kind == 5:
        words += [rng.randbytes(4) for _ in range(rng.choice((1, 2, 64, 512)))]
    else:
        words.reverse()
    parts.payload[:] = b"".join(words).lstrip(b"\0")
    _begin_payload(rng, parts)


def _payload_noise(rng: Random, parts: Parts) -> None:
    size = rng.choice((0, 1, 4, 5, 8, 40, 400, rng.randint(0, 2000)))
    noise = rng.choice((rng.randbytes(size), bytes(size), b"\xff" * size))
    parts.payload[:] = noise
    _begin_payload(rng, parts)


def _begin_payload(rng: Random, parts: Parts) -> None:
    """Give an ANS payload the first byte that it must have, mostly."""
    payload = parts.payload
    if payload and payload[0] == 0 and rng.random() < 0.9:
        payload[0] = 1


Change = Callable[[Random, Parts], None]
_HEADER: tuple[Change, ...] = (_size, _size, _mode, _profile, _sections, _parameter_length)
_PARAMETERS: tuple[Change, ...] = (_parameter_fields, _parameter_fields, _parameter_bytes)
_PAYLOAD: tuple[Change, ...] = (_payload_bytes, _payload_words, _payload_noise)
