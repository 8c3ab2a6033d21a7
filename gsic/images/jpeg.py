"""JPEG: the kinds that cannot be read, and files whose last bytes are missing."""

from collections.abc import Iterator

from gsic.errors import InputError
from gsic.images.inspection import Inspected

_END = b"\xff\xd9"
_WITHOUT_LENGTH = (0x01, *range(0xD0, 0xDA))
_FRAMES = tuple(code for code in range(0xC0, 0xD0) if code not in (0xC4, 0xC8, 0xCC))
_BASELINE, _PROGRESSIVE = (0xC0, 0xC1, 0xC9), (0xC2, 0xCA)
_JPEG_LS = 0xF7


def inspect(data: bytes) -> Inspected:
    """Read the frame header of a JPEG file.

    Raises:
        InputError: a lossless or hierarchical JPEG, or one of other than 8 bits.
    """
    for code, content in _iterate_segments(data):
        if code == _JPEG_LS:
            raise InputError(
                "is a JPEG-LS image, which gsic does not read; convert it to PNG first"
            )
        if code in _FRAMES:
            if code not in (*_BASELINE, *_PROGRESSIVE):
                raise InputError(
                    "is a lossless or hierarchical JPEG, which gsic does not read; convert it to "
                    "PNG first"
                )
            if content[:1] and content[0] in (12, 16):
                raise InputError(
                    f"is a JPEG of {content[0]} bits, which gsic does not read; convert it to PNG "
                    "or TIFF first"
                )
            break
    return Inspected(data)


def _iterate_segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield (code, content) of the segments before the first scan."""
    at = 0
    while (at := data.find(b"\xff", at)) >= 0 and at + 4 <= len(data):
        code = data[at + 1]
        if code in (0x00, 0xFF) or code in _WITHOUT_LENGTH:
            at += 1 if code == 0xFF else 2
            continue
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        yield code, data[at + 4 : at + 2 + length]
        if code == 0xDA:
            return
        at += 2 + length


def complete(data: bytes) -> tuple[bytes, bytes]:
    """Return two files that go on differently where a file ends, each with an end marker.

    If both decode to the same pixels, these owe nothing to what was added: only the end marker, or
    less, was missing.
    """
    body = data.rstrip(b"\xff")
    return body + bytes(64) + _END, body + b"\xa5\x5a" * 32 + _END
