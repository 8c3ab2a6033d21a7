"""PSNR and MS-SSIM against values computed by hand and by pytorch-msssim 1.0.0."""

import math
import sys
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from gsic.metrics import ms_ssim, premultiply, psnr, ssimulacra2


def pattern(height: int, width: int, seed: int) -> NDArray[np.float64]:
    """Twelve sines a channel, without a random generator whose stream could change."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    planes = []
    for channel in range(3):
        plane = np.full((height, width), 128.0)
        for term in range(12):
            key = 37 * seed + 11 * channel + 7 * term
            plane += (5 + key % 23) * np.sin(
                (key % 41 - 20) / 100 * x + (key * 5 % 37 - 18) / 100 * y + key
            )
        planes.append(plane)
    return np.stack(planes, axis=-1)


def hash_noise(shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Values in -1..1 without visible structure."""
    y, x, channel = np.indices(shape)
    mixed = (x * 73856093) ^ (y * 19349663) ^ (channel * 83492791)
    return (mixed % 2003) / 1001.0 - 1.0


def to_bytes(image: NDArray[np.float64]) -> NDArray[np.uint8]:
    return np.rint(np.clip(image, 0, 255)).astype(np.uint8)


DISTORTIONS = {
    "noise": lambda image: image + 25 * hash_noise(image.shape),
    "blur": lambda image: (
        (image + np.roll(image, 1, 0) + np.roll(image, 1, 1) + np.roll(image, 2, 0)) / 4
    ),
    "shift": lambda image: np.roll(image, 3, 1),
    "posterise": lambda image: np.floor(image / 32) * 32 + 16,
    "contrast": lambda image: 128 + (image - 128) * 0.4,
}

# (seed, height, width, distortion, ms_ssim(..., data_range=255) of pytorch-msssim in float32)
PINNED = [
    (0, 161, 161, "noise", 0.932125),
    (1, 192, 256, "noise", 0.934055),
    (2, 177, 203, "blur", 0.994995),
    (3, 256, 163, "shift", 0.916464),
    (4, 331, 517, "posterise", 0.949276),
    (5, 240, 240, "contrast", 0.741431),
]


@pytest.mark.parametrize(("seed", "height", "width", "distortion", "expected"), PINNED)
def test_ms_ssim_equals_the_published_implementation(
    seed: int, height: int, width: int, distortion: str, expected: float
) -> None:
    image = pattern(height, width, seed)
    a, b = to_bytes(image), to_bytes(DISTORTIONS[distortion](image))
    assert ms_ssim(a, b) == pytest.approx(expected, abs=1e-4)


def test_ms_ssim_of_floats_equals_that_of_bytes() -> None:
    image = pattern(170, 180, 7)
    a, b = to_bytes(image), to_bytes(DISTORTIONS["noise"](image))
    in_bytes = ms_ssim(a, b)
    in_floats = ms_ssim(a.astype(np.float32) / 255, b.astype(np.float32) / 255)
    assert in_floats == pytest.approx(in_bytes, abs=1e-6)


def test_ms_ssim_of_grey_is_that_of_three_equal_channels() -> None:
    image = pattern(170, 180, 8)
    a, b = to_bytes(image), to_bytes(DISTORTIONS["blur"](image))
    grey = ms_ssim(a[..., 0], b[..., 0])
    channels = ms_ssim(np.repeat(a[..., :1], 3, axis=2), np.repeat(b[..., :1], 3, axis=2))
    assert grey == channels


def test_ms_ssim_of_equal_images_is_one() -> None:
    image = to_bytes(pattern(161, 300, 9))
    assert ms_ssim(image, image) == pytest.approx(1.0, abs=1e-6)


def test_ms_ssim_needs_sides_over_160() -> None:
    assert ms_ssim(np.zeros((160, 400), np.uint8), np.zeros((160, 400), np.uint8)) is None
    assert ms_ssim(np.zeros((161, 161), np.uint8), np.zeros((161, 161), np.uint8)) is not None


def test_psnr_uses_one_mse_over_all_channels() -> None:
    a = np.zeros((2, 2, 3), np.uint8)
    b = a.copy()
    b[0, 0] = (3, 4, 0)
    assert psnr(a, b) == pytest.approx(10 * math.log10(255**2 / (25 / 12)))


def test_psnr_of_bytes_does_not_wrap_around() -> None:
    black, white = np.zeros((3, 5), np.uint8), np.full((3, 5), 255, np.uint8)
    assert psnr(black, white) == psnr(white, black) == 0.0


def test_psnr_mixes_floats_and_bytes() -> None:
    a = np.arange(12, dtype=np.uint8).reshape(3, 4) * 20
    assert psnr(a, a.astype(np.float32) / np.float32(255)) > 130
    assert psnr(a / 255.0, a / 255.0 + 0.1) == pytest.approx(20.0)


def test_psnr_of_equal_images_is_infinite() -> None:
    image = np.full((1, 1, 3), 77, np.uint8)
    assert psnr(image, image) == math.inf


@pytest.mark.parametrize("metric", [psnr, ms_ssim])
def test_shapes_must_agree(metric: Callable[..., object]) -> None:
    with pytest.raises(ValueError, match=r"differ in shape: \(3, 4\) and \(3, 4, 3\)"):
        metric(np.zeros((3, 4), np.uint8), np.zeros((3, 4, 3), np.uint8))
    with pytest.raises(ValueError, match="no values"):
        metric(np.zeros((0, 4), np.uint8), np.zeros((0, 4), np.uint8))


def test_premultiply_hides_the_colour_under_alpha_zero() -> None:
    image = np.array([[[200, 100, 50, 0], [200, 100, 50, 255], [255, 0, 51, 51]]], np.uint8)
    expected = [[0, 0, 0, 0], [200 / 255, 100 / 255, 50 / 255, 1], [0.2, 0, 0.04, 0.2]]
    np.testing.assert_allclose(premultiply(image)[0], expected, atol=1e-6)
    assert image[0, 0, 0] == 200


@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 3)])
def test_premultiply_only_scales_without_alpha(shape: tuple[int, ...]) -> None:
    image = np.full(shape, 51, np.uint8)
    unit = premultiply(image)
    assert unit.dtype == np.float32
    np.testing.assert_allclose(unit, np.full(shape, 0.2), atol=1e-7)


def noisy(image: NDArray[np.uint8], amplitude: int) -> NDArray[np.uint8]:
    noise = np.random.default_rng(3).integers(-amplitude, amplitude + 1, image.shape)
    return np.clip(image.astype(np.int16) + noise, 0, 255).astype(np.uint8)


def test_ssimulacra2_is_100_of_equals_and_falls_with_noise() -> None:
    pytest.importorskip("ssimulacra2")
    image = np.clip(pattern(96, 128, 1), 0, 255).astype(np.uint8)
    assert ssimulacra2(image, image) == 100.0
    scores = [ssimulacra2(image, noisy(image, amplitude)) for amplitude in (2, 8, 24)]
    assert None not in scores
    assert scores == sorted(scores, reverse=True)  # type: ignore[type-var]
    grey = image[..., 0]
    three = [np.repeat(plane[..., None], 3, axis=2) for plane in (grey, noisy(grey, 8))]
    assert ssimulacra2(grey, noisy(grey, 8)) == pytest.approx(ssimulacra2(*three))


def test_ssimulacra2_reads_pixels_as_they_are() -> None:
    """The images reach the package in their own shape and values, for any width."""
    package = pytest.importorskip("ssimulacra2")
    image = np.clip(pattern(33, 47, 2), 0, 255).astype(np.uint8)
    import io

    from PIL import Image

    files = [io.BytesIO(), io.BytesIO()]
    for file, pixels in zip(files, (image, noisy(image, 8)), strict=True):
        Image.fromarray(pixels).save(file, "PNG")
    assert ssimulacra2(image, noisy(image, 8)) == package.compute_ssimulacra2(*files)


def test_ssimulacra2_is_none_where_it_does_not_apply(monkeypatch: pytest.MonkeyPatch) -> None:
    image = np.zeros((16, 16, 4), np.uint8)
    assert ssimulacra2(image, image) is None
    assert ssimulacra2(image[:7, :, :3], image[:7, :, :3]) is None
    monkeypatch.setitem(sys.modules, "ssimulacra2", None)
    assert ssimulacra2(image[..., :3], image[..., :3]) is None
    with pytest.raises(ValueError, match="shape"):
        ssimulacra2(image, image[1:])
