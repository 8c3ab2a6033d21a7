"""TIFF: kinds that Pillow shows right, kinds that tifffile reads, and camera raw files."""

import io
from typing import Any

import numpy as np
import pytest
from image_files import tiff
from PIL import Image

from gsic import images
from gsic.errors import InputError

RNG = np.random.default_rng(0)


def random_samples(channels: int, dtype: Any = np.uint16) -> np.ndarray:
    full = np.iinfo(dtype).max
    return RNG.integers(0, full, (9, 11, channels), dtype, endpoint=True)


def to_8_bits(samples: np.ndarray) -> np.ndarray:
    full = np.iinfo(samples.dtype).max
    return np.floor(samples.astype(np.float64) * 255 / full + 0.5).astype(np.uint8)


@pytest.mark.parametrize("planar", [False, True])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize(
    ("channels", "extra"), [(2, 2), (2, 1), (3, None), (4, 2), (4, 1), (4, 0), (5, (2, 0))]
)
def test_samples_together_and_in_separate_planes(
    channels: int, extra: Any, dtype: Any, planar: bool
) -> None:
    pytest.importorskip("tifffile")
    samples = random_samples(channels, dtype)
    tags = {} if extra is None else {338: extra}
    loaded = images.load(tiff(samples, tags, planar)).image
    if extra == 1:  # premultiplied: what a viewer blends must be what the file says
        alpha = to_8_bits(samples[..., -1:]) / 255.0
        blended = np.minimum(to_8_bits(samples[..., :-1]), 255 * alpha)
        assert np.abs(loaded[..., :-1] * alpha - blended).max() <= 2.0
        return
    expected = to_8_bits(samples)
    if extra == 0:
        expected = expected[..., :3]
    np.testing.assert_array_equal(loaded, expected[..., :4])


def test_sixteen_bits_in_separate_planes_need_tifffile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "tifffile", None)
    with pytest.raises(InputError, match=r"3 x 16-bit samples \(RGB, in separate planes\).*gsic\["):
        images.load(tiff(random_samples(3), planar=True))


def test_grey_whose_white_is_zero() -> None:
    pytest.importorskip("tifffile")
    for dtype in (np.uint8, np.uint16):
        samples = random_samples(1, dtype)
        loaded = images.load(tiff(samples, {262: 0}))
        inverted = to_8_bits(np.iinfo(dtype).max - samples[..., 0])
        np.testing.assert_array_equal(loaded.image, inverted)


def test_float_rgb_is_clipped() -> None:
    pytest.importorskip("tifffile")
    samples = np.array([[[-1.0, 0.5, 2.0]]], np.float32)
    np.testing.assert_array_equal(images.load(tiff(samples)).image, [[[0, 128, 255]]])
    with pytest.raises(InputError, match="not finite"):
        images.load(tiff(samples * np.nan))


@pytest.mark.parametrize(
    ("tags", "said"),
    [
        ({50706: (1, 4, 0, 0)}, "camera raw file"),
        ({262: 32803}, "camera raw file"),
        ({262: 34892}, "camera raw file"),
        ({254: 1}, "begins with a thumbnail"),
        ({262: 9}, "ICC Lab"),
        ({262: 32845}, "photometric interpretation 32845"),
        ({339: (2, 2, 2)}, "signed"),
        ({277: 300_000_000, 258: 16}, "300000000 samples a pixel"),
    ],
)
def test_kinds_that_are_refused_are_named(tags: dict[int, Any], said: str) -> None:
    with pytest.raises(InputError) as caught:
        images.load(tiff(random_samples(3, np.uint8), tags))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_raw_picture_behind_a_preview_is_a_camera_raw_file() -> None:
    preview = tiff(random_samples(3, np.uint8))
    raw = tiff(random_samples(1, np.uint16), {262: 32803})
    # The directory of the second file, moved behind the first, is a sub-directory of it.
    at = int.from_bytes(raw[4:8], "little")
    tagged = tiff(random_samples(3, np.uint8), {330: len(preview) + 12})
    assert len(tagged) == len(preview) + 12
    with pytest.raises(InputError, match="camera raw file"):
        images.load(tagged + raw[at:])


def test_ink_sets_other_than_cmyk_are_refused() -> None:
    samples = random_samples(4, np.uint8)
    assert images.load(tiff(samples, {262: 5, 332: 1})).image.shape == (9, 11, 3)
    with pytest.raises(InputError, match="CMYK"):
        images.load(tiff(samples, {262: 5, 332: 2}))


def test_primaries_of_tags_are_converted() -> None:
    picture = Image.new("RGB", (2, 2), (200, 100, 50))
    buffer = io.BytesIO()
    p3 = {318: (0.3127, 0.3290), 319: (0.680, 0.320, 0.265, 0.690, 0.150, 0.060)}
    picture.save(buffer, "TIFF", tiffinfo=p3)
    loaded = images.load(buffer.getvalue())
    assert np.abs(loaded.image[0, 0].astype(int) - (215, 93, 31)).max() <= 1
    assert loaded.notes == ["image data: colours are converted from those of its tags to sRGB"]


def test_damaged_tags_are_refused_in_one_line() -> None:
    data = tiff(random_samples(3, np.uint8))
    for end in (8, 12, len(data) // 2, len(data) - 60):
        with pytest.raises(InputError) as caught:
            images.load(data[:end])
        assert "\n" not in str(caught.value)
