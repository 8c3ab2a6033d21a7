"""BMP: bit fields, alpha, and the colours of its headers."""

import struct

import numpy as np
import pytest
from image_files import make_profile

from gsic import images
from gsic.errors import InputError


def bmp(
    pixels: np.ndarray, masks: tuple[int, ...], size: int = 124, tail: bytes = b"", **fields: bytes
) -> bytes:
    """A BMP file of pixels with masks; `fields` are bytes to put at `at_N` of the header."""
    height, width = pixels.shape
    bits = 8 * pixels.dtype.itemsize
    head = struct.pack("<IiiHHIIiiII", size, width, height, 1, bits, 3, 0, 0, 0, 0, 0)
    header = bytearray(head + struct.pack("<4I", *masks, *[0] * (4 - len(masks))))
    header = header.ljust(size, b"\0")
    for name, content in fields.items():
        at = int(name.removeprefix("at_"))
        header[at : at + len(content)] = content
    padding = -width * pixels.dtype.itemsize % 4
    rows = b"".join(row.tobytes() + bytes(padding) for row in pixels[::-1])
    start = 14 + len(header)
    return struct.pack("<2sI4xI", b"BM", start + len(rows), start) + bytes(header) + rows + tail


@pytest.mark.parametrize(
    ("dtype", "masks"),
    [
        ("<u2", (0xF800, 0x07E0, 0x001F)),
        ("<u2", (0x7C00, 0x03E0, 0x001F, 0x8000)),
        ("<u2", (0x0F00, 0x00F0, 0x000F, 0xF000)),
        ("<u4", (0xFF0000, 0xFF00, 0xFF, 0xFF000000)),
        ("<u4", (0xFFE00000, 0x1FFC00, 0x3FF)),
        ("<u4", (0xFF000000, 0xFF0000, 0xFF00, 0xFF)),
    ],
)
def test_bit_fields_and_alpha(dtype: str, masks: tuple[int, ...]) -> None:
    bits = 8 * np.dtype(dtype).itemsize
    pixels = np.random.default_rng(0).integers(0, 1 << bits, (5, 3), np.uint64).astype(dtype)
    loaded = images.load(bmp(pixels, masks))
    for channel, mask in enumerate(masks):
        shift = (mask & -mask).bit_length() - 1
        fraction = (pixels.astype(np.uint64) & np.uint64(mask)) / float(mask >> shift << shift)
        assert np.abs(loaded.image[..., channel] - 255 * fraction).max() <= 0.51


def test_alpha_that_is_zero_everywhere_is_no_alpha() -> None:
    pixels = np.full((2, 2), 0x00FF8040, "<u4")
    loaded = images.load(bmp(pixels, (0xFF0000, 0xFF00, 0xFF, 0xFF000000)))
    np.testing.assert_array_equal(loaded.image, np.full((2, 2, 3), (255, 128, 64)))


def test_too_few_pixels_are_refused() -> None:
    with pytest.raises(InputError, match="truncated"):
        images.load(bmp(np.zeros((5, 3), "<u4"), (0xFF0000, 0xFF00, 0xFF))[:-4])


def test_the_embedded_profile_is_found() -> None:
    profile, pixels = make_profile(), np.zeros((2, 2), "<u4")
    where = struct.pack("<II", 124 + 16, len(profile))
    data = bmp(pixels, (0xFF0000, 0xFF00, 0xFF), 124, profile, at_56=b"DEBM", at_112=where)
    assert images.load(data).icc == profile


def test_a_linked_profile_is_said_to_be_left_out() -> None:
    data = bmp(np.zeros((2, 2), "<u4"), (0xFF0000, 0xFF00, 0xFF), at_56=b"KNIL")
    assert "in another file" in images.load(data).notes[0]


def test_calibrated_colours_are_converted() -> None:
    # Columns of the matrix from Display P3 to XYZ.
    ends = (0.4866, 0.2290, 0.0, 0.2657, 0.6917, 0.0451, 0.1982, 0.0793, 1.0439)
    calibration = struct.pack("<9i3I", *(round(v * (1 << 30)) for v in ends), *[144179] * 3)
    data = bmp(np.full((2, 2), 0xC86432, "<u4"), (0xFF0000, 0xFF00, 0xFF), at_60=calibration)
    loaded = images.load(data)
    assert np.abs(loaded.image[0, 0].astype(int) - (215, 93, 31)).max() <= 1
    assert loaded.notes == ["image data: colours are converted from those of its header to sRGB"]
