"""JPEG XL: size, depth and alpha from the header of a codestream."""

import pytest
from image_files import box

from gsic import images
from gsic.errors import InputError
from gsic.images import jpegxl
from gsic.options import Limits

Fields = list[tuple[int, int]]

# (value, bits): 40 x 24 pixels without a ratio, then fields that are not all default.
SMALL: Fields = [(1, 1), (2, 5), (0, 3), (4, 5)]
EXTRA_FIELDS: Fields = [
    *((1, 1), (5, 3)),  # orientation 6
    *((1, 1), (0, 1), (0, 2), (8, 9), (0, 3), (1, 2), (99, 13)),  # intrinsic size
    *((1, 1), (1, 1), (2, 2), (3, 5), (0, 3), (3, 2), (9, 9)),  # preview
    *((1, 1), (0, 2), (2, 2), (7, 8), (1, 2), (3, 3), (1, 1)),  # animation
]
TEN_BITS: Fields = [(0, 1), (1, 2), (1, 1)]
HALF_FLOATS: Fields = [(1, 1), (1, 2), (4, 4), (0, 1)]


def codestream(*fields: tuple[int, int]) -> bytes:
    """A codestream of (value, bits) fields, and some bytes of zeros."""
    value = at = 0
    for field, count in fields:
        value |= field << at
        at += count
    return b"\xff\x0a" + value.to_bytes(at // 8 + 1, "little") + bytes(20)


def alpha(*, premultiplied: bool, name: bytes = b"") -> Fields:
    named = [(1, 2), (len(name), 4), *((byte, 8) for byte in name)] if name else [(0, 2)]
    return [(0, 1), (0, 2), (0, 1), (0, 2), (0, 2), *named, (premultiplied, 1)]


@pytest.mark.parametrize(
    ("fields", "size", "depth", "premultiplied"),
    [
        ([*SMALL, (1, 1)], (40, 24), 8, False),
        ([(0, 1), (1, 2), (999, 13), (4, 3), (1, 1)], (1500, 1000), 8, False),
        ([(1, 1), (2, 5), (7, 3), (1, 1)], (48, 24), 8, False),
        ([*SMALL, (0, 1), (0, 1), *TEN_BITS, (0, 2)], (40, 24), 10, False),
        ([*SMALL, (0, 1), (0, 1), *HALF_FLOATS, (0, 2)], (40, 24), 16, False),
        ([*SMALL, (0, 1), *EXTRA_FIELDS, *TEN_BITS, (1, 2), (1, 1)], (40, 24), 10, False),
        (
            [*SMALL, (0, 1), *EXTRA_FIELDS, *TEN_BITS, (1, 2), *alpha(premultiplied=True)],
            *((40, 24), 10, True),
        ),
        (
            [*SMALL, (0, 1), (0, 1), *TEN_BITS, (1, 2), *alpha(premultiplied=True, name=b"A")],
            *((40, 24), 10, True),
        ),
        (
            [
                *(*SMALL, (0, 1), (0, 1), *TEN_BITS, (2, 2), (0, 4)),  # two extra channels
                *((0, 1), (2, 2), (0, 4), (0, 1), (0, 2), (0, 2), (0, 2), (0, 64)),  # spot colour
                *alpha(premultiplied=True),
            ],
            *((40, 24), 10, True),
        ),
        (
            [*SMALL, (0, 1), (0, 1), *TEN_BITS, (1, 2), *alpha(premultiplied=False)],
            *((40, 24), 10, False),
        ),
    ],
)
def test_headers(fields: Fields, size: tuple[int, int], depth: int, premultiplied: bool) -> None:
    stream = codestream(*fields)
    signature = box(b"JXL ", b"\r\n\x87\n")
    for data in (
        stream,
        signature + box(b"ftyp", b"jxl ") + box(b"jxlc", stream),
        signature + box(b"Exif", bytes(9)) + box(b"jxlp", bytes(4) + stream[:30]),
    ):
        inspected = jpegxl.inspect(data)
        assert inspected.size == size
        assert inspected.depth == depth
        assert inspected.premultiplied == premultiplied


def test_headers_that_end_are_refused() -> None:
    stream = codestream(*SMALL, (0, 1), *EXTRA_FIELDS)
    for end in (2, 3, 4, 9):
        with pytest.raises(InputError, match="truncated"):
            jpegxl.inspect(stream[:end])
    with pytest.raises(InputError, match="no JPEG XL codestream"):
        jpegxl.inspect(box(b"JXL ", b"\r\n\x87\n") + box(b"jxlc", b"xx"))


def test_the_limit_of_pixels_holds_before_the_decoder_runs() -> None:
    huge = codestream((0, 1), (3, 2), (2**30 - 1, 30), (1, 3), (1, 1))
    with pytest.raises(InputError, match="1073741824x1073741824 pixels are more than the limit"):
        images.load(huge, Limits(pixels=1000))
