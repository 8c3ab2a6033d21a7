"""AVIF and JPEG 2000: depths and colours that Pillow does not tell."""

import numpy as np
import pytest
from image_files import box, file_of, make_profile
from PIL import Image

from gsic import images
from gsic.errors import InputError
from gsic.images import boxes

PICTURE = Image.new("RGB", (64, 48), (200, 100, 50))


def avif_with(primaries: int, transfer: int) -> bytes:
    """An AVIF file whose code points are changed after it was written."""
    data = file_of(PICTURE, "AVIF", quality=100, subsampling="4:4:4")
    at = data.index(b"nclx") + 4
    code_points = primaries.to_bytes(2, "big") + transfer.to_bytes(2, "big")
    return data[:at] + code_points + data[at + 4 :]


def test_the_code_points_of_avif_are_converted() -> None:
    plain = images.load(avif_with(1, 13))
    assert plain.notes == []
    assert np.abs(plain.image.astype(int) - (200, 100, 50)).max() <= 2
    wide = images.load(avif_with(12, 13))
    assert np.abs(wide.image.astype(int) - (215, 93, 31)).max() <= 3
    assert wide.notes == ["image data: colours are converted from Display P3 to sRGB"]
    hdr = images.load(avif_with(9, 16))
    assert hdr.notes[0].endswith("from BT.2020 PQ to sRGB, highlights compressed")


def test_a_profile_stands_above_code_points() -> None:
    data = file_of(PICTURE, "AVIF", icc_profile=make_profile())
    loaded = images.load(data)
    assert loaded.icc == make_profile()
    assert loaded.notes == []


@pytest.mark.parametrize(("depth", "high", "twelve"), [(8, 0, 0), (10, 1, 0), (12, 1, 1)])
def test_the_depth_of_avif(depth: int, high: int, twelve: int) -> None:
    configuration = box(b"av1C", bytes([0x81, 0, high << 6 | twelve << 5, 0]))
    properties = box(b"iprp", box(b"ipco", configuration))
    inspected = boxes.inspect_avif(box(b"ftyp", b"avif") + box(b"meta", bytes(4) + properties))
    assert inspected.depth == depth


@pytest.mark.parametrize("depth", [1, 2, 4, 7, 8, 12, 16])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("format", ["jp2", "j2k"])
def test_the_depths_of_jpeg_2000(depth: int, channels: int, format: str) -> None:
    imagecodecs = pytest.importorskip("imagecodecs")
    full = (1 << depth) - 1
    shape = (17, 19) if channels == 1 else (17, 19, channels)
    dtype = np.uint8 if depth <= 8 else np.uint16
    samples = np.random.default_rng(0).integers(0, full, shape, dtype, endpoint=True)
    data = imagecodecs.jpeg2k_encode(
        samples, level=0, codecformat=format, bitspersample=depth, reversible=True
    )
    loaded = images.load(data)
    # Pillow scales deep grey by a shift, others are rounded.
    assert np.abs(loaded.image - samples * 255.0 / full).max() <= 0.6
    said = [f"image data: {depth}-bit channels are reduced to 8 bits"] if depth > 8 else []
    assert loaded.notes == said


def test_deep_jpeg_2000_needs_imagecodecs(monkeypatch: pytest.MonkeyPatch) -> None:
    codestream = b"\xff\x4f\xff\x51" + bytes(4)
    sides = b"".join(value.to_bytes(4, "big") for value in (8, 8, 0, 0, 8, 8, 0, 0))
    data = codestream + sides + b"\0\3" + b"\x0f\1\1" * 3
    monkeypatch.setitem(__import__("sys").modules, "imagecodecs", None)
    with pytest.raises(InputError, match=r"16-bit JPEG 2000 channels.*gsic\[images\]"):
        images.load(data)


def test_the_profile_of_jpeg_2000_is_found() -> None:
    data = file_of(PICTURE, "JPEG2000")
    at = data.index(b"colr") - 4
    length = int.from_bytes(data[at : at + 4], "big")
    header_at = data.index(b"jp2h") - 4
    colour = box(b"colr", b"\x02\0\0" + make_profile())
    header = data[header_at + 8 : at] + colour + data[at + length : data.index(b"jp2c") - 4]
    loaded = images.load(data[:header_at] + box(b"jp2h", header) + data[data.index(b"jp2c") - 4 :])
    assert loaded.icc == make_profile()


def test_colour_spaces_that_would_be_wrong_are_refused() -> None:
    data = file_of(PICTURE, "JPEG2000")
    at = data.index(b"colr") + 7
    with pytest.raises(InputError, match="colour space 14 of JPEG 2000"):
        images.load(data[:at] + (14).to_bytes(4, "big") + data[at + 4 :])


@pytest.mark.parametrize("data", [box(b"meta", b""), b"\0\0\0\1meta", b"\0\0\0\0meta", bytes(40)])
def test_boxes_that_make_no_sense_say_nothing(data: bytes) -> None:
    assert boxes.inspect_avif(data).colours is None
