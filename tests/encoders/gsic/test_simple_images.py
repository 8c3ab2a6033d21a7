"""Quality means something for any image: halves, stripes, dots, letters, noise, thin images."""

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray

import gsic
from gsic.encoders.gsic.complexity import Complexity, most_gaussians, most_gaussians_at_all
from gsic.encoders.gsic.rate_control import index_of_quality
from gsic.errors import InputError
from gsic.metrics import premultiply

Image = NDArray[np.uint8]

QUALITIES = (10, 40, 60, 80, 100)

# Above this, differences are not seen, and encodings of few steps come out one way or the other.
SEEN_DB = 40.0


def make_images() -> dict[str, Image]:
    y, x = np.mgrid[:32, :32]
    noise = np.random.default_rng(0)
    letters = np.full((24, 48), 255, np.uint8)
    for row in range(3, 21, 6):
        letters[row : row + 4, 3:45:3] = 0
        letters[row, 3:45] = 0
    dot = np.zeros((9, 9, 3), np.uint8)
    dot[3, 5] = 255
    hole = np.full((24, 24, 4), (10, 200, 90, 255), np.uint8)
    hole[:, 12:, 3] = 0
    return {
        "left and right": np.where(x[..., None] < 16, (0, 0, 0), (255, 255, 255)).astype(np.uint8),
        "top and bottom": np.where(y[..., None] < 13, (0, 0, 0), (200, 30, 60)).astype(np.uint8),
        "triangles": np.where(x + y > 31, 255, 0).astype(np.uint8),
        "stripes": (x // 3 % 2 * 255).astype(np.uint8),
        "squares": ((x // 4 + y // 4) % 2 * 255).astype(np.uint8),
        "every other pixel": ((x + y)[:12, :12] % 2 * 255).astype(np.uint8),
        "gradient": (8 * x).astype(np.uint8),
        "dot": dot,
        "letters": letters,
        "alpha alone": hole,
        "noise": noise.integers(0, 256, (8, 8, 3), dtype=np.uint8),
        "row of noise": noise.integers(0, 256, (1, 40), dtype=np.uint8),
        "column of two": np.repeat(np.array([[0], [255]], np.uint8), (7, 20), axis=0),
        "two by two": np.array([[0, 255], [255, 90]], np.uint8),
        "two pixels": np.array([[0, 255]], np.uint8),
    }


IMAGES = make_images()


def measure_psnr(image: Image, data: bytes) -> float:
    """Return the PSNR of a file in dB, at most SEEN_DB."""
    back = gsic.decode(data, threads=1)
    one, other = (
        premultiply(each) if image.shape[2:] == (4,) else each / 255.0 for each in (image, back)
    )
    error = float(np.square(one.astype(np.float64) - other).mean())
    return SEEN_DB if error == 0.0 else min(-10.0 * np.log10(error), SEEN_DB)


@pytest.mark.parametrize("name", IMAGES)
def test_a_higher_quality_looks_better_and_takes_more(name: str) -> None:
    image = IMAGES[name]
    # At effort 1 the last dB of such images is luck.
    files = [gsic.encode(image, quality=q, effort=2, threads=1) for q in QUALITIES]
    psnrs = [measure_psnr(image, data) for data in files]
    sizes = [len(data) for data in files]
    told = list(zip(QUALITIES, psnrs, sizes, strict=True))
    assert all(more >= less - 2.0 for less, more in itertools.pairwise(psnrs)), told
    assert all(more >= 0.85 * less for less, more in itertools.pairwise(sizes)), told
    assert psnrs[-1] >= 37.0, told
    assert sizes[-1] > sizes[0], told


def test_two_halves_take_few_bytes() -> None:
    data = gsic.encode(IMAGES["left and right"], quality=60, effort=1, threads=1)
    assert measure_psnr(IMAGES["left and right"], data) == SEEN_DB
    assert len(data) < 250


@pytest.mark.parametrize("name", ["left and right", "letters", "row of noise", "two by two"])
def test_rates_are_met_or_refused(name: str) -> None:
    image = IMAGES[name]
    for psnr in (20.0, 30.0, 38.0):
        data = gsic.encode(image, psnr=psnr, effort=1, threads=1)
        assert measure_psnr(image, data) >= psnr - 1e-3
    assert len(gsic.encode(image, max_bytes=60, effort=1, threads=1)) <= 60
    with pytest.raises(InputError, match="the smallest file takes 18 bytes"):
        gsic.encode(image, max_bytes=10, effort=1, threads=1)


@pytest.mark.parametrize("shape", [(1, 40), (40, 1), (3, 50), (5, 5)])
def test_thin_images_have_as_many_coefficients_as_pixels(shape: tuple[int, int]) -> None:
    planes = np.random.default_rng(1).random((*shape, 1), np.float32)
    one = Complexity(planes, planes.mean(axis=(0, 1), dtype=np.float64), np.eye(1))
    assert len(one._magnitude) * one._repeats == pytest.approx(planes.size)
    assert one.predict_psnr(index_of_quality(80)) > 25.0


def test_small_images_may_have_a_gaussian_per_pixel() -> None:
    assert most_gaussians_at_all(100) == 100
    assert most_gaussians_at_all(4096) == 4096
    assert most_gaussians_at_all(10**6) == most_gaussians(10**6) == 10**6 // 6


@pytest.mark.parametrize("shape", [(1, 1), (1, 30), (2, 2)])
def test_one_colour_has_no_gaussians(shape: tuple[int, int]) -> None:
    data = gsic.encode(np.full((*shape, 3), 77, np.uint8), quality=100, effort=1, threads=1)
    assert gsic.info(data)["gaussians"] == 0
    assert (gsic.decode(data) == 77).all()
