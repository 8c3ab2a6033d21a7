"""PNG: transparency of every depth and colour type, colours, and harmless damage."""

import itertools
import struct
import zlib

import numpy as np
import pytest
from image_files import chunk, make_profile, png, png_of

from gsic import images
from gsic.errors import InputError

SIGNATURE_AND_HEADER = 33


@pytest.mark.parametrize("depth", [1, 2, 4, 8, 16])
def test_the_transparent_grey_of_every_depth(depth: int) -> None:
    full = (1 << depth) - 1
    values = np.array([[0, full, full // 2, full // 2 + 1]])
    key = full // 2
    samples = values.astype(np.uint16 if depth == 16 else np.uint8)
    loaded = images.load(png_of(samples, chunk(b"tRNS", struct.pack(">H", key)), depth=depth))
    np.testing.assert_array_equal(loaded.image[..., 0], np.round(values * 255 / full))
    np.testing.assert_array_equal(loaded.image[..., 1], np.where(values == key, 0, 255))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_the_transparent_colour_of_rgb(dtype: type) -> None:
    full = np.iinfo(dtype).max
    key = (full // 2, 3, full)
    samples = np.array([[key, (full // 2 + 1, 3, full), (0, 0, 0)]], dtype)
    loaded = images.load(png_of(samples, chunk(b"tRNS", struct.pack(">3H", *key))))
    assert loaded.image.shape == (1, 3, 4)
    # In 16 bits the second pixel differs from the transparent one by one of 65535.
    np.testing.assert_array_equal(loaded.image[0, :, 3], [0, 255, 255])


def test_the_transparent_entry_of_a_palette() -> None:
    extra = chunk(b"PLTE", bytes([9, 8, 7, 1, 2, 3])), chunk(b"tRNS", b"\x80")
    loaded = images.load(png(2, 1, 1, 3, b"\0\x40", *extra))
    np.testing.assert_array_equal(loaded.image, [[[9, 8, 7, 128], [1, 2, 3, 255]]])


@pytest.mark.parametrize("channels", [2, 4])
def test_sixteen_bits_with_alpha(channels: int) -> None:
    samples = np.random.default_rng(0).integers(0, 65536, (5, 7, channels), dtype=np.uint16)
    loaded = images.load(png_of(samples))
    shown = loaded.image if channels == 4 else loaded.image[..., [0, -1]]
    # Pillow drops the second byte of grey with alpha; of RGBA it counts.
    assert np.abs(shown - samples / 257).max() <= (0.5 if channels == 4 else 1.0)
    assert loaded.notes == ["image data: 16-bit channels are reduced to 8 bits"]


def colours(image: np.ndarray, *extra: bytes) -> tuple[np.ndarray, list[str]]:
    loaded = images.load(png_of(image, *extra))
    return loaded.image, loaded.notes


GREYS = np.array([[0, 10, 128, 255]], np.uint8)
RED = np.array([[[255, 0, 0], [200, 100, 50]]], np.uint8)
SRGB_PRIMARIES = (31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)
P3_PRIMARIES = (31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000)


def gamma(value: float) -> bytes:
    return chunk(b"gAMA", struct.pack(">I", round(value * 100_000)))


def chromaticities(values: tuple[int, ...]) -> bytes:
    return chunk(b"cHRM", struct.pack(">8I", *values))


def test_the_gamma_of_srgb_changes_nothing() -> None:
    for extra in ((gamma(0.45455),), (gamma(0.45455), chromaticities(SRGB_PRIMARIES))):
        image, notes = colours(RED, *extra)
        np.testing.assert_array_equal(image, RED)
        assert notes == []


def test_linear_samples_are_brightened() -> None:
    image, notes = colours(GREYS, gamma(1.0))
    linear = GREYS / 255
    expected = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    assert np.abs(image - 255 * expected).max() <= 0.51
    assert notes == ["image data: colours are converted from those of gAMA and cHRM to sRGB"]


def test_other_primaries_are_converted() -> None:
    by_chromaticities, _ = colours(RED, gamma(0.45455), chromaticities(P3_PRIMARIES))
    by_code_points, notes = colours(RED, chunk(b"cICP", bytes([12, 13, 0, 1])))
    np.testing.assert_array_equal(by_chromaticities, by_code_points)
    # Display P3 (200, 100, 50) is sRGB (215, 93, 31) by the matrices of CSS Color 4.
    np.testing.assert_array_equal(by_code_points[0, 1], [215, 93, 31])
    assert notes == ["image data: colours are converted from Display P3 to sRGB"]


def test_hdr_is_tone_mapped_and_said() -> None:
    image, notes = colours(GREYS, chunk(b"cICP", bytes([9, 16, 0, 1])))
    assert image[0, 0] == 0
    assert (np.diff(image[0].astype(int)) > 0).all()
    assert notes == [
        "image data: colours are converted from BT.2020 PQ to sRGB, highlights compressed"
    ]


def test_the_chunk_of_the_highest_precedence_counts() -> None:
    profile = chunk(b"iCCP", b"x\0\0" + zlib.compress(make_profile()))
    srgb, p3 = chunk(b"sRGB", b"\0"), chunk(b"cICP", bytes([12, 13, 0, 1]))
    assert images.load(png_of(RED, profile, gamma(1.0))).icc == make_profile()
    np.testing.assert_array_equal(colours(RED, srgb, gamma(1.0))[0], RED)
    for order in itertools.permutations((p3, profile, gamma(1.0))):
        loaded = images.load(png_of(RED, *order))
        assert loaded.icc is None
        np.testing.assert_array_equal(loaded.image[0, 1], [215, 93, 31])


@pytest.mark.parametrize(
    "values", [(0,) * 8, (31270, 0, *SRGB_PRIMARIES[2:]), (30000,) * 8, (2**32 - 1,) * 8]
)
def test_primaries_without_sense_are_left_out(values: tuple[int, ...]) -> None:
    np.testing.assert_array_equal(colours(RED, chromaticities(values))[0], RED)
    for encoded in (0, 1, 2**32 - 1):
        np.testing.assert_array_equal(
            colours(GREYS, chunk(b"gAMA", struct.pack(">I", encoded)))[0], GREYS
        )


def test_damage_beside_the_pixels_does_no_harm() -> None:
    text = bytearray(chunk(b"tEXt", b"Comment\0hello"))
    text[-1] ^= 1
    loaded = images.load(png_of(GREYS, bytes(text)))
    np.testing.assert_array_equal(loaded.image, GREYS)
    assert loaded.notes == ["image data: the damaged chunk tEXt is left out"]
    for content in (b"", b"x", b"x\0\0", b"x\0\0garbage", b"x\0\0" + zlib.compress(b"")):
        loaded = images.load(png_of(GREYS, chunk(b"iCCP", content)))
        assert loaded.notes == ["image data: the damaged ICC profile is left out"]
    loaded = images.load(png_of(GREYS, chunk(b"tRNS", b"\0")))
    assert loaded.notes == ["image data: the damaged chunk tRNS is left out"]


def test_what_is_missing_after_the_pixels_does_no_harm() -> None:
    whole = png_of(GREYS)
    for end in range(len(whole) - 16, len(whole)):
        np.testing.assert_array_equal(images.load(whole[:end]).image, GREYS)
    np.testing.assert_array_equal(images.load(whole + b"garbage" * 9).image, GREYS)


def test_a_wrong_checksum_of_whole_pixels_does_no_harm() -> None:
    samples = np.random.default_rng(0).integers(0, 256, (50, 60, 3), dtype=np.uint8)
    rows = b"".join(b"\0" + row.tobytes() for row in samples)
    stream = zlib.compress(rows)
    head = png(60, 50, 8, 2, b"")[:SIGNATURE_AND_HEADER]
    wrong = chunk(b"IDAT", stream[:-1] + bytes([stream[-1] ^ 1])) + chunk(b"IEND", b"")
    loaded = images.load(head + wrong)
    np.testing.assert_array_equal(loaded.image, samples)
    assert loaded.notes == ["image data: is damaged after its last pixel"]
    with pytest.raises(InputError, match="truncated"):
        images.load(head + chunk(b"IDAT", stream[:-400]) + chunk(b"IEND", b""))


@pytest.mark.parametrize("kind", [b"IHDR", b"IDAT", b"PLTE"])
def test_damage_in_what_pixels_need_is_refused(kind: bytes) -> None:
    data = bytearray(png(2, 1, 1, 3, b"\0\x40", chunk(b"PLTE", bytes(6))))
    data[data.index(kind) + 4] ^= 0x10
    with pytest.raises(InputError, match=f"chunk {kind.decode()}"):
        images.load(bytes(data))


@pytest.mark.parametrize("kind", [b"ZZZZ", b"Z\nZZ", bytes(4)])
def test_unknown_chunks_with_damage_are_named_in_one_line(kind: bytes) -> None:
    broken = chunk(kind, b"hello")[:-1] + b"!"
    with pytest.raises(InputError) as caught:
        images.load(png_of(GREYS, broken))
    assert "\n" not in str(caught.value)


def test_the_variant_of_apple_is_refused_by_name() -> None:
    data = png_of(GREYS)
    with pytest.raises(InputError, match="Apple's variant of PNG"):
        images.load(data[:8] + chunk(b"CgBI", bytes(4)) + data[8:])
