"""Images to files of the profile gaussianimage and back."""

import json
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fit_images import Bytes, photo_cut, planes_of

import gsic
from gsic import api as codec
from gsic import container, encoding, metrics
from gsic.encoders.gaussianimage.lsq import LearnedGrid
from gsic.encoders.gaussianimage.qat import QuantisedTraining, train_quantised
from gsic.encoders.gaussianimage.recipe import VARIANTS, GaussianImageRecipe, recipe_of_effort
from gsic.encoding import Encoded
from gsic.errors import InputError, OptionError
from gsic.fitting.adan_fit import optimise
from gsic.fitting.canvas import Canvas, activate_shape, sample_initial
from gsic.fitting.losses import make_loss
from gsic.options import EncodeOptions
from gsic.profiles.gaussianimage.symbols import Codebooks, QuantisedImage, round_position
from gsic.profiles.registry import find_by_name
from gsic_kernels import registry

QUICK = {"learning_rate": 0.02, "lr_halve_every": 60, "fit_steps": 120, "qat_steps": 80}


def encoded(image: Bytes, init: Any = None, **options: Any) -> Encoded:
    settings = QUICK | options.pop("settings", {})
    asked = EncodeOptions(profile="gaussianimage", settings=settings, **options)
    return encoding.encode_with_report(image, asked, init=init, device="cpu", threads=1)


def quantised(data: bytes) -> QuantisedImage:
    image: QuantisedImage = find_by_name("gaussianimage").read(container.read(data))
    return image


@pytest.fixture(scope="module")
def photo() -> Bytes:
    return photo_cut("hats", 4)


def test_a_photo_there_and_back(photo: Bytes) -> None:
    made = encoded(photo, gaussians=150, settings={"coding": "packed"})
    assert made.report.gaussians == 150
    assert made.report.bytes == 7 * 150 + 216 + 23
    assert made.report.psnr > 23.0
    assert made.report.psnr_float == pytest.approx(made.report.psnr, abs=0.1)
    assert made.report.iterations == 200
    shown = codec.decode(made.data, device="cpu")
    assert metrics.psnr(photo, shown) == made.report.psnr


def test_bits_back_and_coding_change_no_pixel(photo: Bytes) -> None:
    pictures, sizes = [], {}
    for coding in ("packed", "ans"):
        for bits_back in ("none", "partial", "full"):
            settings = {"coding": coding, "bits_back": bits_back}
            made = encoded(photo, gaussians=300, settings=settings)
            pictures.append(codec.decode(made.data, device="cpu"))
            sizes[coding, bits_back] = len(made.data)
    for picture in pictures[1:]:
        np.testing.assert_array_equal(picture, pictures[0])
    for coding in ("packed", "ans"):
        assert sizes[coding, "none"] > sizes[coding, "partial"] > sizes[coding, "full"]


def test_the_same_seed_gives_the_same_bytes(photo: Bytes) -> None:
    one, same, other = (encoded(photo, gaussians=60, seed=seed).data for seed in (1, 1, 2))
    assert one == same
    assert one != other


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_all_kinds_of_pixels(channels: int) -> None:
    planes = np.rint(255 * planes_of(20, 28, channels)).astype(np.uint8)
    image = planes[..., 0] if channels == 1 else planes
    made = encoded(image, gaussians=40)
    shown = codec.decode(made.data, device="cpu")
    assert shown.shape == image.shape
    assert made.report.psnr > 26.0
    if channels in (1, 3):  # without alpha, what is measured is what is shown
        assert metrics.psnr(image, shown) == made.report.psnr


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1)])
def test_tiny_images(size: tuple[int, int]) -> None:
    image = np.full((*size, 3), 90, np.uint8)
    made = encoded(image, gaussians=3, settings={"fit_steps": 5, "qat_steps": 5})
    assert (made.report.gaussians, made.report.iterations) == (3, 10)
    shown = codec.decode(made.data, device="cpu")
    assert shown.shape == image.shape
    assert metrics.psnr(image, shown) == made.report.psnr


@pytest.mark.parametrize(
    "settings",
    [
        {"covariance": "rs"},
        {"variant": "paper"},
        {"stages": 1, "codebook": 16},
        {"covariance_bits": "8", "kmeans_iterations": "0", "decay": "0.99"},
        *VARIANTS.values(),
    ],
)
def test_every_scheme_makes_a_file(photo: Bytes, settings: dict[str, Any]) -> None:
    made = encoded(photo, gaussians=150, settings=settings)
    image = quantised(made.data)
    assert image.covariance == settings.get("covariance", "cholesky")
    assert image.shape_quantiser.bits == int(settings.get("covariance_bits", 6))
    assert isinstance(image.color_quantiser, Codebooks) == (settings.get("color", "rvq") == "rvq")
    assert made.report.psnr > 20.0


def test_fine_tuning_gains_over_rounding(photo: Bytes) -> None:
    """By more than 1 dB over the same fit whose colours and covariances are only rounded."""
    planes = photo.astype(np.float32) / np.float32(255.0)
    canvas = Canvas(make_loss(registry.get("cpu"), planes, "l2", 1), "cholesky", planes.shape)
    recipe = GaussianImageRecipe(**QUICK | {"qat_steps": 250})
    rng = np.random.default_rng(0)
    raw = optimise(canvas, sample_initial(200, 3, rng), recipe, 300, lambda loss, count: None)
    first, second = np.random.default_rng(1), np.random.default_rng(1)
    rounded = QuantisedTraining(canvas, raw, recipe, first).step(1.0).sse
    best = train_quantised(canvas, raw, recipe, second, lambda loss, count: None)
    assert best.sse < 10.0**-0.1 * rounded
    assert len(best.image) == 200


def test_the_best_state_is_kept(photo: Bytes) -> None:
    planes = photo.astype(np.float32) / np.float32(255.0)
    canvas = Canvas(make_loss(registry.get("cpu"), planes, "l2", 1), "cholesky", planes.shape)
    recipe = GaussianImageRecipe(learning_rate=3.0, qat_steps=50)  # far too fast
    losses: list[float] = []
    rng = np.random.default_rng(0)
    raw = sample_initial(30, 3, rng)
    best = train_quantised(canvas, raw, recipe, rng, lambda loss, count: losses.append(loss))
    assert best.sse == pytest.approx(min(losses) * canvas.values, rel=1e-12)
    assert min(losses) < losses[-1]


def test_the_first_step_sees_plain_rounding(photo: Bytes) -> None:
    planes = photo.astype(np.float32) / np.float32(255.0)
    canvas = Canvas(make_loss(registry.get("cpu"), planes, "l2", 1), "rs", planes.shape)
    rng = np.random.default_rng(3)
    raw = sample_initial(50, 3, rng)
    recipe = GaussianImageRecipe(covariance="rs")
    image = QuantisedTraining(canvas, raw, recipe, rng).step(1.0).image
    np.testing.assert_array_equal(image.position.view(np.float16), round_position(raw[:, :2]))
    shape = activate_shape("rs", raw[:, 2:5])
    grid = LearnedGrid(shape, 6)
    expected = grid.quantise(shape, grid.freeze()).symbols
    np.testing.assert_array_equal(image.shape, expected)
    assert expected.min() == 0
    assert expected.max() == 63


def test_a_fit_is_continued(photo: Bytes) -> None:
    fitted = codec.fit(
        photo,
        gaussians=150,
        iterations=120,
        optimizer="adan",
        covariance="rs",
        settings={"learning_rate": 0.02},
        device="cpu",
        threads=1,
    )
    made = encoded(photo, init=fitted)
    assert made.report.gaussians == 150
    assert made.report.iterations == 80
    assert made.report.psnr > fitted.psnr - 1.5
    with pytest.raises(OptionError, match="contradicts"):
        encoded(photo, init=fitted, gaussians=151)


@pytest.mark.parametrize("bits_back", ["none", "full"])
def test_sizes_are_never_exceeded(photo: Bytes, bits_back: str) -> None:
    for limit in (500, 1500):
        made = encoded(photo, max_bytes=limit, settings={"bits_back": bits_back})
        assert 0.8 * limit < len(made.data) <= limit
    made = encoded(photo, bpp=1.5, settings={"bits_back": bits_back})
    assert made.report.bpp <= 1.5


def test_a_size_out_of_reach(photo: Bytes) -> None:
    with pytest.raises(InputError, match=r"max-bytes 100 is out of reach .* takes \d+ bytes"):
        encoded(photo, max_bytes=100)


@pytest.mark.parametrize("rate", [{"quality": 50}, {"psnr": 30.0}])
def test_rates_that_the_profile_does_not_know(photo: Bytes, rate: dict[str, float]) -> None:
    with pytest.raises(OptionError, match=r"and profile gaussianimage exclude each other"):
        encoded(photo, **rate)


@pytest.mark.parametrize(
    ("settings", "cause"),
    [
        ({"variant": "other"}, "one of paper, code"),
        ({"covariance": "log"}, "one of cholesky, rs"),
        ({"bits_back": "some"}, "one of none, partial, full"),
        ({"stages": 9}, "from 1 to 8"),
        ({"codebook": 1}, "from 2 to 256"),
        ({"decay": 1.5}, "from 0 to 1"),
        ({"learning_rate": "fast"}, "of type float"),
        ({"growth_rounds": 3}, "unknown setting"),
    ],
)
def test_bad_settings(photo: Bytes, settings: dict[str, Any], cause: str) -> None:
    with pytest.raises(OptionError, match=cause):
        encoded(photo, gaussians=5, settings=settings)


def test_the_defaults_are_the_papers() -> None:
    recipe = recipe_of_effort(9)
    assert (recipe.fit_steps, recipe.qat_steps) == (50000, 50000)
    assert (recipe.covariance, recipe.covariance_bits) == ("cholesky", 6)
    assert (recipe.color, recipe.stages, recipe.codebook) == ("rvq", 2, 8)
    assert (recipe.kmeans_iterations, recipe.decay, recipe.commitment) == (5, 0.8, 1.0)
    assert (recipe.coding, recipe.bits_back, recipe.variant) == ("ans", "none", "code")
    steps = [recipe_of_effort(effort).fit_steps for effort in range(1, 10)]
    assert steps == sorted(set(steps))


def test_every_constant_has_a_domain() -> None:
    for field in fields(GaussianImageRecipe):
        default = getattr(GaussianImageRecipe(), field.name)
        bad = "?" if isinstance(default, str) else -1e10
        with pytest.raises(OptionError, match=field.name):
            GaussianImageRecipe(**{field.name: bad})


def test_decoding_needs_no_torch(photo: Bytes, tmp_path: Path) -> None:
    data = encoded(photo, gaussians=20, settings={"fit_steps": 2, "qat_steps": 2}).data
    (tmp_path / "photo.gsi").write_bytes(data)
    code = (
        "import gsic, json, sys; print(json.dumps([gsic.decode('photo.gsi').shape,"
        "gsic.info('photo.gsi')['profile'], 'torch' in sys.modules]))"
    )
    told = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, check=True, text=True
    )
    assert json.loads(told.stdout) == [list(photo.shape), "gaussianimage", False]
    assert gsic.info(data)["gaussians"] == 20
