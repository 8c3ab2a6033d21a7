"""Decoding: modes, sizes, scales, regions, threads, limits, and what is refused."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gsic_scenes import file_of, random_scene
from numpy.typing import NDArray

import gsic
from gsic import container, decoding
from gsic.container import COMMENT, ICC, Container, Mode, Section
from gsic.container import write as write_container
from gsic.errors import (
    BackendError,
    CorruptFile,
    InputError,
    LimitError,
    OptionError,
    UnsupportedVersion,
)
from gsic.metrics import premultiply, psnr
from gsic.options import Limits
from gsic.profiles.gsic.dequantisation import dequantise_gaussians
from gsic.profiles.gsic.quantisation import Classes, quantise
from gsic.profiles.gsic.symbols import Header, find_step_index

RGB = file_of(*random_scene(61, 43, 3, 120, seed=1), Mode.RGB)
ALPHA = file_of(*random_scene(29, 37, 4, 80, seed=2), Mode.RGBA)


def make_smooth_file(width: int, height: int, sigma: float) -> bytes:
    """Make an RGB file of Gaussians of about `sigma` px, inside 0..1 nearly everywhere."""
    rng = np.random.default_rng(3)
    count = math.ceil(3 * width * height / sigma**2 / 10)
    header = Header(width, height, 3, find_step_index(0.01), (128, 120, 110))
    mean = rng.uniform(0, 1, (count, 2)) * (width, height)
    theta = rng.normal(0, 0.3, (count, 3))
    theta[:, 0] += 2 * math.log(sigma)
    color = rng.uniform(-0.1, 0.1, (count, 3))
    classes = Classes(np.full(count, 5), np.full(count, 5))
    return file_of(header, quantise(header, classes, mean, theta, color), Mode.RGB)


def average(image: NDArray[np.uint8], k: int) -> NDArray[np.float64]:
    """Average blocks of k x k pixels, in 0..1."""
    height, width, channels = image.shape
    means: NDArray[np.float64] = image.reshape(height // k, k, width // k, k, channels).mean((1, 3))
    return means / 255


@pytest.mark.parametrize("mode", Mode)
def test_every_mode_has_its_shape(mode: Mode) -> None:
    data = file_of(*random_scene(31, 17, mode.channels, 40, seed=mode), mode)
    image = gsic.decode(data)
    shape = {Mode.L: (17, 31), Mode.LA: (17, 31, 2), Mode.RGB: (17, 31, 3), Mode.RGBA: (17, 31, 4)}
    shape |= {Mode.RGB_AS_L: (17, 31, 3), Mode.RGBA_AS_LA: (17, 31, 4)}
    assert image.shape == shape[mode]
    assert image.dtype == np.uint8
    assert image.flags.c_contiguous
    if mode in (Mode.RGB_AS_L, Mode.RGBA_AS_LA):
        assert (image[..., 0] == image[..., 1]).all()
        assert (image[..., 0] == image[..., 2]).all()
    if mode.alpha:
        assert (image[image[..., -1] == 0][..., :-1] == 0).all()


@pytest.mark.parametrize("mode", Mode)
def test_an_array_receives_the_image(mode: Mode) -> None:
    data = file_of(*random_scene(31, 17, mode.channels, 40, seed=mode), mode)
    whole = gsic.decode(data)
    out = np.full_like(whole, 7)
    assert gsic.decode(data, out=out) is out
    np.testing.assert_array_equal(out, whole)
    part = np.zeros((5, 9, *whole.shape[2:]), np.uint8)
    assert gsic.decode(data, scale=0.5, region=(2, 1, 9, 5), out=part) is part
    np.testing.assert_array_equal(part, gsic.decode(data, scale=0.5)[1:6, 2:11])


def test_one_array_receives_many_images() -> None:
    other = file_of(*random_scene(61, 43, 3, 90, seed=9), Mode.RGB)
    out = np.zeros((43, 61, 3), np.uint8)
    seen = []
    for image in gsic.decode_many([RGB, other, RGB], out=out):
        assert image is out
        seen.append(image.copy())
    for image, data in zip(seen, (RGB, other, RGB), strict=True):
        np.testing.assert_array_equal(image, gsic.decode(data))
    with pytest.raises(OptionError, match=r"out must be of shape \(37, 29, 4\)"):
        list(gsic.decode_many([RGB, ALPHA], out=out))


@pytest.mark.parametrize(
    ("out", "message"),
    [
        (np.zeros((43, 61, 3), np.float32), "uint8 or None, got an array of dtype"),
        (np.zeros((43, 61, 3), np.int8), "uint8 or None"),
        (np.zeros((43, 61, 3), np.uint8).tolist(), "uint8 or None"),
        (np.zeros((61, 43, 3), np.uint8).transpose(1, 0, 2), "C-contiguous and writeable"),
        (np.zeros((43, 122, 3), np.uint8)[:, ::2], "C-contiguous and writeable"),
        (np.broadcast_to(np.uint8(0), (43, 61, 3)), "C-contiguous and writeable"),
        (
            np.frombuffer(bytes(43 * 61 * 3), np.uint8),
            "C-contiguous and writeable, got a read-only",
        ),
        (np.zeros((61, 43, 3), np.uint8), r"shape \(43, 61, 3\) for this image, got \(61, 43, 3\)"),
        (np.zeros((43, 61), np.uint8), r"shape \(43, 61, 3\)"),
        (np.zeros((43, 61, 4), np.uint8), r"shape \(43, 61, 3\)"),
    ],
)
def test_other_arrays_are_refused(out: Any, message: str) -> None:
    with pytest.raises(OptionError, match=message) as caught:
        gsic.decode(RGB, out=out)
    assert str(caught.value).isprintable()


def test_grey_is_the_same_restored_to_rgb() -> None:
    scene = random_scene(20, 20, 1, 30, seed=4)
    grey, restored = (gsic.decode(file_of(*scene, mode)) for mode in (Mode.L, Mode.RGB_AS_L))
    np.testing.assert_array_equal(restored[..., 1], grey)


def test_colour_is_divided_by_the_alpha_that_is_shown() -> None:
    header = Header(3, 2, 2, 0, (60, 100))
    _, none = random_scene(3, 2, 2, 0, seed=0)
    image = gsic.decode(file_of(header, none, Mode.LA))
    np.testing.assert_array_equal(image, np.broadcast_to([153, 100], (2, 3, 2)))
    again = premultiply(image)[..., 0] * 255
    assert np.abs(again - 60).max() < 0.5


@pytest.mark.parametrize(("width", "height"), [(1, 1), (1, 31), (37, 1), (2, 3), (17, 19)])
@pytest.mark.parametrize("mode", [Mode.L, Mode.RGBA])
def test_any_size(width: int, height: int, mode: Mode) -> None:
    data = file_of(*random_scene(width, height, mode.channels, 12, seed=6), mode)
    assert gsic.decode(data).shape[:2] == (height, width)
    assert gsic.decode(data, scale=0.01).shape[:2] == (1, 1)


def test_an_image_without_gaussians_is_its_background() -> None:
    header, none = random_scene(8, 5, 3, 0, seed=8)
    data = file_of(header, none, Mode.RGB)
    assert len(data) < 24
    assert (gsic.decode(data) == header.background).all()


@pytest.mark.parametrize("data", [RGB, ALPHA], ids=["rgb", "rgba"])
@pytest.mark.parametrize("scale", [1.0, 0.37, 2.6])
def test_a_region_is_the_crop_of_the_whole(data: bytes, scale: float) -> None:
    whole = gsic.decode(data, scale=scale)
    height, width = whole.shape[:2]
    for x, y, w, h in [
        (0, 0, 1, 1),
        (width - 1, height - 1, 1, 1),
        (2, 3, 7, 5),
        (1, 0, width - 1, height),
    ]:
        part = gsic.decode(data, scale=scale, region=(x, y, w, h))
        np.testing.assert_array_equal(part, whole[y : y + h, x : x + w])


@pytest.mark.parametrize("data", [RGB, ALPHA], ids=["rgb", "rgba"])
@pytest.mark.parametrize("scale", [1.0, 0.5, 3.1])
def test_threads_change_no_bit(data: bytes, scale: float) -> None:
    one = gsic.decode(data, scale=scale, threads=1)
    for threads in (2, 3, 7):
        np.testing.assert_array_equal(gsic.decode(data, scale=scale, threads=threads), one)


@pytest.mark.parametrize(("k", "least"), [(2, 56.0), (4, 55.0), (8, 48.0)])
def test_small_outputs_are_means_of_pixels(k: int, least: float) -> None:
    data = make_smooth_file(96, 64, 4.0)
    small = gsic.decode(data, scale=1 / k)
    assert small.shape == (64 // k, 96 // k, 3)
    # 8 bits of the small image alone leave 58.9 dB.
    assert psnr(small / 255.0, average(gsic.decode(data), k)) > least


@pytest.mark.parametrize("sigma", [0.4, 1.0, 4.0])
def test_large_outputs_have_the_image_as_their_means(sigma: float) -> None:
    data = make_smooth_file(48, 32, sigma)
    large = gsic.decode(data, scale=2.0)
    means = average(large, 2)
    plain = psnr(means, gsic.decode(data) / 255.0)
    assert plain > {0.4: 27.0, 1.0: 45.0, 4.0: 52.0}[sigma]


def test_the_least_gaussian_stays_one_at_any_scale() -> None:
    header = Header(5, 5, 1, find_step_index(0.01), (0,))
    theta = np.array([[2 * math.log(0.1), 3.0, 1.0], [-9.0, 0.0, 0.0]])
    classes = Classes(np.full(2, 4), np.full(2, 6))
    symbols = quantise(header, classes, np.full((2, 2), 2.5), theta, np.full((2, 1), 0.2))
    data = file_of(header, symbols, Mode.L)
    assert np.isfinite(dequantise_gaussians(header, symbols).place_on_lattices().factor).all()
    for scale in (1.0, 1.9, 7.0, 200.0):
        image = gsic.decode(data, scale=scale)
        assert 0 < image.max() <= 255
        middle = image.shape[0] // 2
        assert image[middle, middle] >= 0.9 * image.max()


def test_the_size_of_the_output_is_rounded() -> None:
    assert gsic.decode(RGB, scale=0.5).shape == (22, 31, 3)
    assert gsic.decode(RGB, scale=1.49).shape == (64, 91, 3)


def test_the_report() -> None:
    decoded = decoding.decode_with_report(RGB, scale=2.0, region=(1, 2, 50, 40), threads=1)
    report = decoded.report
    assert (report.width, report.height, report.channels) == (50, 40, 3)
    assert report.gaussians == gsic.info(RGB)["gaussians"] > 100
    stages = report.entropy_ms + report.dequantise_ms + report.render_ms
    assert stages == pytest.approx(report.total_ms)
    assert min(report.to_json().values()) >= 0
    assert decoded.icc is None
    assert set(report.to_json()) == {
        *("width", "height", "channels", "gaussians", "entropy_ms", "dequantise_ms"),
        *("render_ms", "total_ms", "compile_ms"),
    }


def test_sources(tmp_path: Path) -> None:
    path = tmp_path / "image.gsi"
    path.write_bytes(RGB)
    for source in (path, str(path), bytearray(RGB), memoryview(RGB)):
        np.testing.assert_array_equal(gsic.decode(source), gsic.decode(RGB))
        assert gsic.info(source) == gsic.info(RGB)
    with pytest.raises(InputError, match="missing"):
        gsic.decode(tmp_path / "missing")
    with pytest.raises(InputError, match="ndarray"):
        gsic.decode(np.zeros(3))  # type: ignore[arg-type]


def test_info() -> None:
    sections = (Section(ICC, container.pack_icc(b"profile")), Section(COMMENT, b"hello"))
    header, symbols = random_scene(61, 43, 3, 120, seed=1)
    data = file_of(header, symbols, Mode.RGB, sections)
    info = gsic.info(data)
    assert info["bytes"] == len(data)
    assert info["bpp"] == pytest.approx(8 * len(data) / (61 * 43))
    assert (info["width"], info["height"], info["mode"]) == (61, 43, "RGB")
    assert (info["version"], info["profile"]) == (1, "gsic")
    assert info["gaussians"] == np.count_nonzero(symbols.color.any(axis=1)) > 100
    assert info["background"] == list(header.background)
    assert (info["icc_bytes"], info["comment"]) == (len(sections[0].data), "hello")
    assert decoding.decode_with_report(data).icc == b"profile"


@pytest.mark.parametrize("scale", [0.0, -1.0, math.nan, math.inf, "2"])
def test_bad_scales(scale: float) -> None:
    with pytest.raises(OptionError, match="scale"):
        gsic.decode(RGB, scale=scale)


@pytest.mark.parametrize(
    "region", [(0, 0, 62, 43), (61, 0, 1, 1), (0, 0, 0, 1), (-1, 0, 1, 1), (0.5, 0, 1, 1), 3]
)
def test_bad_regions(region: tuple[int, int, int, int]) -> None:
    with pytest.raises(OptionError, match="region"):
        gsic.decode(RGB, region=region)


def test_bad_threads_and_devices() -> None:
    with pytest.raises(OptionError, match="threads"):
        gsic.decode(RGB, threads=0)
    with pytest.raises(OptionError, match="device"):
        gsic.decode(RGB, device="tpu")


def test_a_gpu_that_is_not_there() -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    with pytest.raises(BackendError, match="cuda"):
        gsic.decode(RGB, device="cuda")


def test_limits_of_pixels() -> None:
    assert gsic.decode(RGB, limits=Limits(pixels=61 * 43)).shape == (43, 61, 3)
    with pytest.raises(LimitError):
        gsic.decode(RGB, limits=Limits(pixels=61 * 43 - 1))
    with pytest.raises(LimitError, match="output"):
        gsic.decode(RGB, scale=2.0, limits=Limits(pixels=10000))
    for scale in (1e5, 1e9, 1e308):
        with pytest.raises(LimitError, match="output"):
            gsic.decode(RGB, scale=scale)
    part = gsic.decode(RGB, scale=1000.0, region=(30000, 20000, 9, 9))
    assert part.shape == (9, 9, 3)


def test_limits_of_area() -> None:
    with pytest.raises(LimitError, match="image: 120 Gaussians cover"):
        gsic.decode(RGB, limits=Limits(area_per_pixel=0.5))
    small = Limits(area_per_pixel=200.0)
    for scale in (0.01, 0.1, 1.0, 3.0):
        gsic.decode(RGB, scale=scale, limits=small)


def test_a_profile_from_the_future() -> None:
    data = write_container(Container(9, 4, 4, Mode.RGB, b"", b""))
    for call in (gsic.decode, gsic.info):
        with pytest.raises(UnsupportedVersion, match="profile 9"):
            call(data)


def test_a_side_too_long_for_float32() -> None:
    header, none = random_scene(2**22 + 1, 1, 1, 0, seed=0)
    with pytest.raises(CorruptFile, match="side"):
        gsic.decode(file_of(header, none, Mode.L))


def test_many_files_are_decoded_in_their_order(tmp_path: Path) -> None:
    scenes = [random_scene(17 + k, 12, 3, 20 + k, seed=k) for k in range(5)]
    files = [file_of(*scene, Mode.RGB) for scene in scenes]
    path = tmp_path / "last.gsi"
    path.write_bytes(files[-1])
    images = list(gsic.decode_many([*files[:-1], path], threads=1))
    assert len(images) == len(files)
    for image, data in zip(images, files, strict=True):
        np.testing.assert_array_equal(image, gsic.decode(data))
    assert list(gsic.decode_many([])) == []


def test_files_before_a_bad_one_are_decoded() -> None:
    good = file_of(*random_scene(9, 8, 3, 10, seed=1), Mode.RGB)
    images = gsic.decode_many(iter([good, b"bad", good]))
    assert next(images).shape == (8, 9, 3)
    with pytest.raises(gsic.FormatError, match="begins with"):
        next(images)
