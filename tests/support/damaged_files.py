"""Files whose bytes were changed: how to make them, and whether gsic refuses them."""

import zlib

import gsic
from gsic import container
from gsic.container import ByteReader, encode_varint
from gsic.errors import FormatError, LimitError
from gsic.options import Limits

# The default limits allow images that take seconds to fill.
LIMITS = Limits(pixels=2**18)


def seal(body: bytes, version: int = 1) -> bytes:
    """Make a file of a body, with the right length and checksum."""
    data = container.MAGIC + encode_varint(version) + encode_varint(len(body) + 4) + body
    return data + zlib.crc32(data).to_bytes(4, "little")


def extract_body(data: bytes) -> bytes:
    """Return the bytes between the length and the checksum of a sound file."""
    fields = ByteReader(data[5:-4], "file")
    fields.varint("length")
    return fields.rest()


def flip_bit(data: bytes, bit: int) -> bytes:
    """Return a copy in which one bit is changed."""
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def is_refused(data: bytes, limits: Limits = LIMITS) -> bool:
    """Tell whether decoding raises a declared error; any other error is a failure of the test."""
    try:
        gsic.decode(data, limits=limits, threads=1)
    except (FormatError, LimitError):
        return True
    return False
