"""The ICC profile of a file, as the zlib stream that its section holds (FORMAT.md section 2)."""

import zlib

from gsic.errors import CorruptFile, InputError, LimitError

MAX_BYTES = 1 << 24


def pack_icc(profile: bytes) -> bytes:
    """Return a profile as the data of a section.

    Raises:
        InputError: more bytes than a file may hold.
    """
    if len(profile) > MAX_BYTES:
        raise InputError(f"icc: a profile of {len(profile)} bytes, {MAX_BYTES} are allowed")
    return zlib.compress(profile, 9)


def unpack_icc(section: bytes) -> bytes:
    """Return the profile in the data of a section.

    Raises:
        CorruptFile: no zlib stream, or bytes after its end.
        LimitError: a profile of more bytes than a file may hold.
    """
    inflater = zlib.decompressobj()
    try:
        profile = inflater.decompress(section, MAX_BYTES + 1)
    except zlib.error as error:
        raise CorruptFile(f"section 1: ICC profile: {error}") from error
    if len(profile) > MAX_BYTES:
        raise LimitError(f"section 1: an ICC profile of more than {MAX_BYTES} bytes")
    if not inflater.eof or inflater.unused_data:
        raise CorruptFile("section 1: the ICC profile is not one whole zlib stream")
    return profile
