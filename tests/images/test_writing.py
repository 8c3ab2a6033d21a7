"""Arrays to image files: every format, its alpha, and its ICC profile."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from image_files import make_profile
from numpy.typing import NDArray
from PIL import Image

from gsic import images
from gsic.errors import InputError, OptionError

Scene = Callable[..., NDArray[np.uint8]]


@pytest.mark.parametrize("suffix", [".png", ".webp", ".tif", ".tiff", ".bmp", ".ppm", ".jp2"])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_lossless_formats_give_the_same_pixels_back(
    suffix: str, channels: int, scene: Scene, tmp_path: Path
) -> None:
    image = scene(40, 33, channels)
    target = tmp_path / f"out{suffix}"
    assert images.choose_writer(target).lossless
    if channels in (2, 4) and not images.choose_writer(target).alpha:
        with pytest.raises(InputError, match="cannot hold an alpha channel"):
            images.save(target, image)
        assert list(tmp_path.iterdir()) == []
        return
    images.save(target, image)
    back = images.load(target).image
    if suffix == ".webp" and channels < 3:  # WebP has no grey
        assert (back[..., 0] == back[..., 1]).all()
        back = back[..., 0] if channels == 1 else back[..., [0, 3]]
    np.testing.assert_array_equal(back, image)


@pytest.mark.parametrize("suffix", [".jpg", ".jpeg", ".JPG", ".avif"])
def test_lossy_formats_are_marked_and_close(suffix: str, scene: Scene, tmp_path: Path) -> None:
    target = tmp_path / f"out{suffix}"
    assert not images.choose_writer(target).lossless
    image = scene(40, 33)
    images.save(target, image)
    difference = images.load(target).image.astype(int) - image
    assert np.abs(difference).mean() < 4


def test_the_profile_is_written(scene: Scene, tmp_path: Path) -> None:
    profile = make_profile()
    for suffix in (".png", ".jpg", ".webp", ".avif", ".tif"):
        notes = images.save(tmp_path / f"out{suffix}", scene(40, 50), profile)
        assert images.load(tmp_path / f"out{suffix}").icc == profile
        assert not any("profile" in note.removeprefix(str(tmp_path)) for note in notes)


@pytest.mark.parametrize("suffix", [".jp2", ".bmp", ".ppm"])
def test_a_profile_that_a_format_cannot_hold_is_said(
    suffix: str, scene: Scene, tmp_path: Path
) -> None:
    target = tmp_path / f"out{suffix}"
    (note,) = images.save(target, scene(40, 50), make_profile())
    assert note.startswith(f"{target}: ")
    assert note.endswith("cannot hold the ICC profile, which is left out")
    assert images.load(target).icc is None


@pytest.mark.parametrize(
    ("suffix", "channels", "kept"),
    [
        *((".png", 1, True), (".png", 2, True), (".jpg", 1, True), (".tif", 2, True)),
        *((".webp", 1, False), (".webp", 2, False), (".avif", 1, True), (".avif", 2, False)),
    ],
)
def test_a_grey_profile_is_kept_where_grey_pixels_stay_grey(
    suffix: str, channels: int, kept: bool, scene: Scene, tmp_path: Path
) -> None:
    profile, target = make_profile("GRAY"), tmp_path / f"out{suffix}"
    notes = images.save(target, scene(40, 50, channels), profile)
    with Image.open(target) as opened:
        assert opened.info.get("icc_profile") == (profile if kept else None)
    assert kept != any("describes GRAY pixels" in note for note in notes)


def test_a_damaged_profile_is_not_written(scene: Scene, tmp_path: Path) -> None:
    notes = images.save(tmp_path / "out.png", scene(4, 5), b"profile")
    assert notes == [f"{tmp_path / 'out.png'}: the damaged ICC profile is left out"]


def test_lossy_formats_are_said(scene: Scene, tmp_path: Path) -> None:
    (note,) = images.save(tmp_path / "out.jpg", scene(40, 50))
    assert note.endswith("JPEG is lossy and changes the decoded pixels")


def test_the_lossless_size_is_that_of_a_file_with_these_pixels(scene: Scene) -> None:
    flat = np.zeros((300, 200, 3), np.uint8)
    assert images.measure_lossless(flat) < 100  # type: ignore[operator]
    noisy = np.random.default_rng(0).integers(0, 256, (100, 100, 3), dtype=np.uint8)
    assert images.measure_lossless(noisy) > 25_000  # type: ignore[operator]
    assert images.measure_lossless(np.zeros((1, 20_000), np.uint8)) is None


def test_unknown_suffixes_are_refused_with_the_known_ones() -> None:
    for name in ("out.xyz", "out", "out.gsi"):
        with pytest.raises(OptionError, match=r"known: \.png, \.jpg"):
            images.choose_writer(name)
    assert images.choose_writer("-").name == "PNG"
    assert images.choose_writer("/dev/stdout").name == "PNG"


def test_the_level_of_png_changes_bytes_and_no_pixel(scene: Scene, tmp_path: Path) -> None:
    target, image = tmp_path / "out.png", scene(120, 160)
    sizes = []
    for level in (None, 0, 1, 9):
        images.save(target, image, format=images.choose_writer(target, level))
        np.testing.assert_array_equal(images.load(target).image, image)
        sizes.append(target.stat().st_size)
    fast, none, least, most = sizes
    assert none > image.size > least >= most
    assert fast < 1.25 * most
    for level in (-1, 10):
        with pytest.raises(OptionError, match="png-level"):
            images.choose_writer(target, level)
    with pytest.raises(OptionError, match="png-level is for PNG files, this one is WEBP"):
        images.choose_writer("out.webp", 3)
