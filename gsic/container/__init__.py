"""The `.gsi` container, which holds the coded Gaussians. FORMAT.md section 2 is normative.

`read` checks magic and version, and hands the rest to the module of that version.
"""

from gsic.container import v1
from gsic.container.fields import ByteReader, encode_varint
from gsic.container.icc import pack_icc, unpack_icc
from gsic.container.v1 import COMMENT, ICC, VERSION, Container, Mode, Section
from gsic.errors import NotGsi, TruncatedFile, UnsupportedVersion
from gsic.options import Limits

__all__ = [
    "COMMENT",
    "ICC",
    "MAGIC",
    "VERSION",
    "ByteReader",
    "Container",
    "Mode",
    "Section",
    "encode_varint",
    "pack_icc",
    "read",
    "unpack_icc",
    "write",
]

MAGIC = b"\xf7G\r\n"
"""A byte that is neither ASCII nor UTF-8, then a line ending: text-mode transfers damage it."""


def write(container: Container) -> bytes:
    """Return the bytes of a file in the newest version of the format.

    Raises:
        ValueError: a field out of range.
    """
    return v1.write(MAGIC, container)


def read(data: bytes, limits: Limits | None = None) -> Container:
    """Read the container of a file.

    Args:
        data: the whole file.
        limits: largest image to accept; None for the default limits.

    Raises:
        NotGsi, TruncatedFile, UnsupportedVersion, CorruptFile: the bytes are not a whole, sound
            file that this version of gsic knows.
        LimitError: the image has more pixels than the limits allow.
    """
    if data[: len(MAGIC)] != MAGIC:
        if MAGIC.startswith(data):
            raise TruncatedFile(f"file: {len(data)} bytes are only the beginning of a .gsi file")
        raise NotGsi(f"file: begins with {data[:4].hex(' ')}, a .gsi file with {MAGIC.hex(' ')}")
    version = data[len(MAGIC) : len(MAGIC) + 1]
    if not version:
        raise TruncatedFile("file: ends after the magic bytes")
    if version[0] != v1.VERSION:
        raise UnsupportedVersion(
            f"file: format version {version[0]}, this gsic reads version {v1.VERSION}"
        )
    return v1.read(data, len(MAGIC) + 1, limits or Limits())
