"""Encoding with profile 2dgs: rates, sizes, what is refused."""

import math

import numpy as np
import pytest

import gsic
from gsic import container, encoding
from gsic.encoders.two_dgs.ptq import list_bits
from gsic.encoders.two_dgs.recipe import PAPER
from gsic.errors import InputError, OptionError
from gsic.options import EncodeOptions
from gsic.profiles.registry import find_by_name
from gsic.profiles.two_dgs.symbols import Grid

QUICK = {"steps": 40, "interval": 10}


def image(width: int = 48, height: int = 36, channels: int = 3) -> np.ndarray:
    y, x = np.mgrid[0:height, 0:width] / width
    planes = [128 + 100 * np.sin(5 * x + c) * np.cos(4 * y * (c + 1)) for c in range(channels)]
    return np.stack(planes, axis=2).astype(np.uint8)


def encoded(picture: np.ndarray, **options: object) -> encoding.Encoded:
    settings = {**QUICK, **options.pop("settings", {})}
    chosen = EncodeOptions(profile="2dgs", settings=settings, **options)
    return encoding.encode_with_report(picture, chosen, threads=1)


def premultiply(picture: np.ndarray) -> np.ndarray:
    """Levels 0..255 times alpha, which is what the PSNR of an image with alpha compares."""
    levels = picture.astype(float)
    if picture.ndim == 3 and picture.shape[2] in (2, 4):
        levels[..., :-1] *= levels[..., -1:] / 255
    return levels


def check_psnr(result: encoding.Encoded, picture: np.ndarray) -> None:
    """The report must give the PSNR of what a decoder shows."""
    shown = gsic.decode(result.data)
    assert shown.shape == picture.shape
    error = np.square(premultiply(shown) - premultiply(picture)).mean()
    assert result.report.psnr == pytest.approx(10 * math.log10(255**2 / error), abs=1e-6)


def test_a_number_of_gaussians_and_what_the_report_says() -> None:
    result = encoded(image(), gaussians=30)
    report = result.report
    check_psnr(result, image())
    assert report.psnr_float == pytest.approx(report.psnr, abs=0.1)
    assert report.profile == "2dgs"
    assert report.iterations == 40
    assert 30 <= report.gaussians <= 60
    info = gsic.info(result.data)
    assert (info["profile"], info["gaussians"]) == ("2dgs", report.gaussians)
    assert info["axes"] == "pixel"
    assert max(info["shape_rows"], info["color_rows"]) <= 32


@pytest.mark.parametrize("variant", ["paper", "code"])
@pytest.mark.parametrize("channels", [1, 2, 4])
def test_any_number_of_channels(variant: str, channels: int) -> None:
    picture = image(19, 14, channels)[..., slice(None) if channels > 1 else 0]
    result = encoded(picture, gaussians=12, settings={"variant": variant})
    check_psnr(result, picture)
    info = gsic.info(result.data)
    assert info["axes"] == ("normalised" if variant == "code" else "pixel")
    assert info["resolution"] == "half"


@pytest.mark.parametrize(("resolution", "pitch"), [("full", 1), ("half", 2)])
def test_full_resolution(resolution: str, pitch: int) -> None:
    """At full resolution, positions and scales count pixels one by one."""
    result = encoded(image(21, 16), gaussians=12, settings={"resolution": resolution})
    assert gsic.info(result.data)["resolution"] == resolution
    quantised = find_by_name("2dgs").read(container.read(result.data))
    assert quantised.grid == Grid(21, 16, pitch, False)
    expected = (20.0, 15.0) if pitch == 1 else (20.0, 14.0)
    assert quantised.grid.sides.tolist() == list(expected)
    check_psnr(result, image(21, 16))


@pytest.mark.parametrize("limit", [260, 420])
def test_sizes_are_met_and_not_exceeded(limit: int) -> None:
    size = encoded(image(), max_bytes=limit).report.bytes
    assert 0.9 * limit <= size <= limit


def test_bits_per_pixel() -> None:
    report = encoded(image(), bpp=1.5).report
    assert 0.85 * 1.5 <= report.bpp <= 1.5


def test_a_fixed_number_of_rows() -> None:
    info = gsic.info(encoded(image(), gaussians=40, settings={"clusters": 5}).data)
    assert 1 <= info["shape_rows"] <= 5
    assert 1 <= info["color_rows"] <= 5


def test_small_sizes() -> None:
    bare = encoded(image(), max_bytes=40).report
    assert bare.gaussians == 0
    assert bare.iterations == 0
    with pytest.raises(InputError, match="out of reach"):
        encoded(image(), max_bytes=10)
    with pytest.raises(InputError, match=r"bpp 0\.001 is out of reach"):
        encoded(image(), bpp=0.001)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1)])
def test_the_smallest_images(shape: tuple[int, int]) -> None:
    picture = image(*shape)
    result = encoded(picture, gaussians=3)
    assert 1 <= result.report.gaussians <= 6
    check_psnr(result, picture)


def test_the_same_seed_gives_the_same_bytes() -> None:
    one, two, other = (encoded(image(), gaussians=20, seed=seed).data for seed in (4, 4, 5))
    assert one == two
    assert one != other


def test_l1_alone() -> None:
    l1, mixed = (
        encoded(image(), gaussians=20, settings={"loss": loss, "steps": 300})
        for loss in ("l1", "l1+ssim")
    )
    assert l1.report.psnr > 18
    assert l1.data != mixed.data
    check_psnr(l1, image())


@pytest.mark.parametrize("options", [{"quality": 50}, {"psnr": 20.0}])
def test_rates_that_it_does_not_take(options: dict[str, float]) -> None:
    (name,) = options
    with pytest.raises(OptionError, match=f"profile 2dgs takes .*, not {name}"):
        encoded(image(), **options)


def test_it_continues_from_no_fit() -> None:
    fit = gsic.fit(image(), gaussians=5, iterations=2, threads=1)
    options = EncodeOptions(profile="2dgs", gaussians=5)
    with pytest.raises(OptionError, match="does not continue"):
        encoding.encode_with_report(image(), options, init=fit, threads=1)


def test_the_bits_that_are_tried() -> None:
    assert list_bits(PAPER, 1000) == [9, 10, 11, 12, 13, 15]
    assert list_bits(PAPER, 1024) == [10, 11, 12, 13, 14, 16]
    assert list_bits(PAPER, 1) == [1, 2, 3, 4, 5, 7]
    assert list_bits(PAPER, 5000) == [12, 13, 14, 15, 16]


def test_the_chosen_bits_give_the_most_psnr_per_byte() -> None:
    chosen = encoded(image(), gaussians=30).report
    values = [
        encoded(image(), gaussians=30, settings={"more_bits": (more,)}).report
        for more in PAPER.more_bits
    ]
    assert chosen.psnr / chosen.bytes == max(v.psnr / v.bytes for v in values)
