"""Image files to arrays: modes, depths, orientation, profiles, and everything refused."""

import struct
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from image_files import chunk, file_of, make_profile, png
from numpy.typing import NDArray
from PIL import Image, ImageCms

from gsic import images
from gsic.errors import InputError
from gsic.options import Limits

Scene = Callable[..., NDArray[np.uint8]]


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_eight_bit_channels_are_taken_as_they_are(channels: int, scene: Scene) -> None:
    image = scene(5, 7, channels)
    loaded = images.load(file_of(Image.fromarray(image)))
    np.testing.assert_array_equal(loaded.image, image)
    assert loaded.image.dtype == np.uint8
    assert loaded.image.flags.writeable
    assert loaded.icc is None
    assert loaded.notes == []


def test_palette_becomes_rgb(scene: Scene) -> None:
    picture = Image.fromarray(scene(9, 8)).quantize(7)
    loaded = images.load(file_of(picture))
    np.testing.assert_array_equal(loaded.image, np.asarray(picture.convert("RGB")))
    assert loaded.image.shape == (9, 8, 3)


def test_palette_with_a_transparent_entry_becomes_rgba(scene: Scene) -> None:
    picture = Image.fromarray(scene(9, 8)).quantize(7)
    loaded = images.load(file_of(picture, transparency=0))
    assert loaded.image.shape == (9, 8, 4)
    np.testing.assert_array_equal(loaded.image[..., 3] == 0, np.asarray(picture) == 0)


@pytest.mark.parametrize(("mode", "key", "channels"), [("L", 0, 2), ("RGB", (0, 0, 0), 4)])
def test_a_transparent_colour_becomes_alpha(mode: str, key: Any, channels: int) -> None:
    picture = Image.new(mode, (4, 3), 255 if mode == "L" else (255, 9, 9))
    picture.putpixel((1, 2), key)
    loaded = images.load(file_of(picture, transparency=key))
    assert loaded.image.shape == (3, 4, channels)
    expected = np.full((3, 4), 255)
    expected[2, 1] = 0
    np.testing.assert_array_equal(loaded.image[..., -1], expected)


def test_one_bit_becomes_grey() -> None:
    picture = Image.new("1", (3, 2), 0)
    picture.putpixel((2, 1), 1)
    loaded = images.load(file_of(picture))
    np.testing.assert_array_equal(loaded.image, [[0, 0, 0], [0, 0, 255]])


def test_cmyk_becomes_rgb() -> None:
    loaded = images.load(file_of(Image.new("CMYK", (3, 2), (0, 255, 255, 0)), "TIFF"))
    np.testing.assert_array_equal(loaded.image, np.full((2, 3, 3), (255, 0, 0)))


def test_lab_becomes_srgb() -> None:
    loaded = images.load(file_of(Image.new("LAB", (3, 2), (255, 128, 128)), "TIFF"))
    assert loaded.image.shape == (2, 3, 3)
    assert loaded.image.min() >= 250


def test_sixteen_bit_grey_is_rounded_and_said() -> None:
    values = np.array([[0, 128, 129, 65535], [32768, 257, 385, 386]], np.uint16)
    loaded = images.load(file_of(Image.fromarray(values)))
    np.testing.assert_array_equal(loaded.image, [[0, 0, 1, 255], [128, 1, 1, 2]])
    assert loaded.notes == ["image data: 16-bit channels are reduced to 8 bits"]


def test_sixteen_bit_rgb_is_said_too() -> None:
    loaded = images.load(png(1, 1, 16, 2, b"\x00" + bytes([200, 7, 100, 7, 50, 7])))
    # 51207, 25607 and 12807 of 65535, rounded: the second byte of a sample counts.
    np.testing.assert_array_equal(loaded.image, [[[199, 100, 50]]])
    assert loaded.notes == ["image data: 16-bit channels are reduced to 8 bits"]


def test_sixteen_bit_pgm_is_read() -> None:
    loaded = images.load(b"P5 2 1 65535\n" + bytes([0xFF, 0xFF, 0x01, 0x01]))
    np.testing.assert_array_equal(loaded.image, [[255, 1]])


def test_sixteen_bit_sgi_is_said_too() -> None:
    header = struct.pack(">HBBHHHH", 474, 0, 2, 3, 2, 1, 3).ljust(512, b"\0")
    samples = np.array([[0, 65535], [32768, 257], [65535, 0]], ">u2")  # a row for each channel
    loaded = images.load(header + samples.tobytes())
    np.testing.assert_array_equal(loaded.image, [[[0, 128, 255], [255, 1, 0]]])
    assert loaded.notes == ["image data: 16-bit channels are reduced to 8 bits"]


def test_integers_beyond_sixteen_bits_are_refused() -> None:
    data = file_of(Image.fromarray(np.array([[0, 70000]], np.int32)), "TIFF")
    with pytest.raises(InputError, match="integer samples from 0 to 70000"):
        images.load(data)


def test_floats_are_clipped_and_said() -> None:
    values = np.array([[-1.0, 0.0, 0.5, 1.0, 2.0]], np.float32)
    loaded = images.load(file_of(Image.fromarray(values), "TIFF"))
    np.testing.assert_array_equal(loaded.image, [[0, 0, 128, 255, 255]])
    assert "float samples from -1 to 2 are clipped to 0..1" in loaded.notes[0]


def test_floats_that_are_not_finite_are_refused() -> None:
    values = np.array([[0.0, np.nan]], np.float32)
    with pytest.raises(InputError, match="not finite"):
        images.load(file_of(Image.fromarray(values), "TIFF"))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["PNG", "TIFF"])
def test_exif_orientation_is_applied_once(orientation: int, format: str, scene: Scene) -> None:
    upright = scene(5, 7)
    # What a camera stores so that the viewer's turn gives `upright`.
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.swapaxes(0, 1),
        6: upright.swapaxes(0, 1)[::-1],
        7: upright.swapaxes(0, 1)[::-1, ::-1],
        8: upright.swapaxes(0, 1)[:, ::-1],
    }[orientation]
    picture = Image.fromarray(np.ascontiguousarray(stored))
    exif = picture.getexif()
    exif[0x0112] = orientation
    loaded = images.load(file_of(picture, format, exif=exif))
    np.testing.assert_array_equal(loaded.image, upright)


def test_a_profile_is_kept(scene: Scene) -> None:
    profile = make_profile()
    loaded = images.load(file_of(Image.fromarray(scene(4, 5)), icc_profile=profile))
    assert loaded.icc == profile
    assert loaded.notes == []


def test_an_srgb_profile_is_left_out(scene: Scene) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    loaded = images.load(file_of(Image.fromarray(scene(4, 5)), icc_profile=profile))
    np.testing.assert_array_equal(loaded.image, scene(4, 5))
    assert loaded.icc is None
    assert loaded.notes == []


@pytest.mark.parametrize("space", ["GRAY", "CMYK", "Lab"])
def test_a_profile_of_other_channels_is_left_out_and_said(space: str, scene: Scene) -> None:
    loaded = images.load(file_of(Image.fromarray(scene(4, 5)), icc_profile=make_profile(space)))
    assert loaded.icc is None
    assert f"describes other channels ({space}) than the file has (RGB)" in loaded.notes[0]


@pytest.mark.parametrize("profile", [b"profile", make_profile()[:300], bytes(500)])
def test_a_damaged_profile_is_left_out_and_said(profile: bytes, scene: Scene) -> None:
    loaded = images.load(file_of(Image.fromarray(scene(4, 5)), "TIFF", icc_profile=profile))
    assert loaded.icc is None
    assert loaded.notes == ["image data: the damaged ICC profile is left out"]


def test_a_profile_of_rgb_does_not_stay_with_pixels_that_were_cmyk() -> None:
    picture = Image.new("CMYK", (3, 2), (0, 255, 255, 0))
    loaded = images.load(file_of(picture, "JPEG", icc_profile=make_profile(), quality=100))
    assert loaded.icc is None
    assert np.abs(loaded.image.astype(int) - (255, 0, 0)).max() <= 3
    assert "CMYK is converted to RGB by a plain formula" in loaded.notes[0]
    assert "(RGB) than the file has (CMYK)" in loaded.notes[1]


def test_adobe_rgb_that_only_exif_tells_is_converted() -> None:
    picture = Image.new("RGB", (3, 2), (100, 200, 50))
    exif = picture.getexif()
    exif[0x0112] = 1
    exif.get_ifd(0x8769).update({0xA001: 0xFFFF, 0xA005: {1: "R03"}})
    loaded = images.load(file_of(picture, "PNG", exif=exif))
    assert loaded.notes == ["image data: colours are converted from Adobe RGB to sRGB"]
    # Linear light (0.127, 0.586, 0.028), XYZ (0.187, 0.408, 0.072) by Lindbloom's matrices.
    assert np.abs(loaded.image[0, 0].astype(int) - (0, 201, 12)).max() <= 1


def test_the_orientation_counts_where_the_rest_of_exif_is_damaged(scene: Scene) -> None:
    upright = scene(5, 7)
    # Little-endian EXIF: orientation 6, and a folder far behind the end.
    entries = struct.pack("<HHIHHHHII", 0x0112, 3, 1, 6, 0, 0x8769, 4, 1, 0xFFFFFF)
    exif = b"Exif\0\0II*\0\x08\0\0\0\x02\0" + entries + bytes(4)
    stored = Image.fromarray(np.ascontiguousarray(upright.swapaxes(0, 1)[::-1]))
    for format in ("PNG", "WEBP"):
        options = {"lossless": True} if format == "WEBP" else {}
        loaded = images.load(file_of(stored, format, exif=exif, **options))
        np.testing.assert_array_equal(loaded.image, upright)


def test_the_orientation_of_xmp_is_left_out_as_in_browsers(scene: Scene) -> None:
    xmp = b'<x:xmpmeta><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
    loaded = images.load(file_of(Image.fromarray(scene(5, 7)), "WEBP", lossless=True, xmp=xmp))
    np.testing.assert_array_equal(loaded.image, scene(5, 7))


def test_several_pictures_are_said(scene: Scene) -> None:
    first, second = Image.fromarray(scene(40, 40)), Image.new("RGB", (40, 40))
    notes = images.load(file_of(first, "MPO", save_all=True, append_images=[second])).notes
    assert notes == ["image data: holds several pictures; the first one is used"]
    loaded = images.load(file_of(first, "ICO", sizes=[(16, 16), (32, 32)]))
    assert loaded.image.shape[:2] == (32, 32)
    assert loaded.notes == ["image data: holds several pictures; the largest one is used"]


def test_a_truncated_picture_is_read_where_that_is_asked_for(scene: Scene) -> None:
    image = scene(64, 64)
    data = file_of(Image.fromarray(image), "PNG")
    half = data[: len(data) // 2]
    with pytest.raises(InputError, match="truncated"):
        images.load(half)
    loaded = images.load(half, accept_truncated=True)
    np.testing.assert_array_equal(loaded.image[:8], image[:8])
    assert loaded.notes == ["image data: is cut off; the pixels that are missing are grey or black"]
    assert images.load(data, accept_truncated=True).notes == []
    with pytest.raises(InputError, match="truncated"):  # the next picture is refused again
        images.load(half)


@pytest.mark.parametrize("format", ["GIF", "PNG", "WEBP"])
def test_the_first_frame_of_an_animation_is_used_and_said(format: str) -> None:
    frames = [Image.new("RGB", (6, 4), (shade, 0, 0)) for shade in (255, 128, 0)]
    options = {"lossless": True} if format == "WEBP" else {}
    data = file_of(frames[0], format, save_all=True, append_images=frames[1:], **options)
    loaded = images.load(data)
    np.testing.assert_array_equal(loaded.image[..., :3], np.full((4, 6, 3), (255, 0, 0)))
    assert loaded.notes == ["image data: holds several frames; the first one is used"]


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "TIFF", "BMP", "PPM", "JPEG2000"])
def test_a_truncated_file_is_refused_or_read_whole(format: str, scene: Scene) -> None:
    data = file_of(Image.fromarray(scene(40, 50)), format)
    for length in (len(data) // 2, len(data) // 8, 20, 5):
        with pytest.raises(InputError, match=r"^image data: ") as caught:
            images.load(data[:length])
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("data", [b"\x00", b"hello, I am a text\n" * 40, bytes(5000)])
def test_what_is_not_an_image_is_refused(data: bytes) -> None:
    with pytest.raises(InputError, match=r"^image data: not an image that gsic can read$"):
        images.load(data)


@pytest.mark.parametrize(("width", "height"), [(0, 5), (5, 0), (60000, 60000), (2**31 - 1, 3)])
def test_absurd_sizes_are_refused_before_any_pixel_is_made(width: int, height: int) -> None:
    with pytest.raises(InputError, match=r"^image data: "):
        images.load(png(width, height, 8, 0, b"\x00" * 100))


def test_the_limit_of_pixels_is_exact(scene: Scene) -> None:
    data = file_of(Image.fromarray(scene(6, 7)))
    assert images.load(data, Limits(pixels=42)).image.shape == (6, 7, 3)
    with pytest.raises(InputError, match="7x6 pixels are more than the limit of 41"):
        images.load(data, Limits(pixels=41))


def test_a_decompression_bomb_in_metadata_is_not_inflated() -> None:
    plain = png(2, 2, 8, 0, b"\x00\x01\x02\x00\x03\x04")
    bomb = zlib.compress(bytes(80_000_000), 9)
    loaded = images.load(plain[:33] + chunk(b"zTXt", b"Comment\x00\x00" + bomb) + plain[33:])
    np.testing.assert_array_equal(loaded.image, [[1, 2], [3, 4]])
    loaded = images.load(plain[:33] + chunk(b"iCCP", b"x\x00\x00" + bomb) + plain[33:])
    assert loaded.notes == ["image data: the damaged ICC profile is left out"]


def test_messages_name_the_file(tmp_path: Path) -> None:
    path = tmp_path / "nothing.png"
    with pytest.raises(InputError, match=r"nothing\.png: no such file or directory$"):
        images.load(path)
    path.write_text("text")
    with pytest.raises(InputError, match=r"nothing\.png: not an image that gsic can read$"):
        images.load(path)
    with pytest.raises(InputError, match="is a directory"):
        images.load(tmp_path)
    with pytest.raises(InputError, match="is a device"):
        images.load("/dev/zero")
    with pytest.raises(InputError, match="null byte"):
        images.load("photo\x00.png")


@pytest.mark.parametrize(
    ("format", "module", "register"),
    [("JXL", "pillow_jxl", None), ("HEIF", "pillow_heif", "register_heif_opener")],
)
def test_formats_of_other_packages(
    format: str, module: str, register: str | None, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin = pytest.importorskip(module)
    if register:
        getattr(plugin, register)()
    image, exif = scene(50, 60), Image.Exif()
    exif[0x0112] = 6
    quality: dict[str, Any] = {"lossless": True} if format == "JXL" else {"quality": -1}
    options = quality | {"exif": exif.tobytes()}
    data = file_of(Image.fromarray(image), format, **options)
    loaded = images.load(data)
    # The container of HEIC has an orientation, which its writer takes from EXIF; that of JPEG XL
    # has one, too, and its EXIF does not count.
    expected = image if format == "JXL" else image.swapaxes(0, 1)[:, ::-1]
    assert loaded.image.shape == expected.shape
    assert np.abs(loaded.image.astype(int) - expected).mean() < 3  # HEIC halves its chroma
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(InputError, match="to read it: pip install pillow-"):
        images.load(data)
