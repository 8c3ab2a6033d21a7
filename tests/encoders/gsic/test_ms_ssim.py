"""Encodings that are tuned for MS-SSIM: the loss on every backend, and what comes of it."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from fit_images import EXAMPLES, decoded, encoded, planes_of
from PIL import Image

from gsic.encoders.gsic.ms_ssim import HostSurrogateLoss, make_surrogate_loss
from gsic.encoders.gsic.recipe import EncodeRecipe
from gsic.errors import OptionError
from gsic.fitting.adam_state import GaussianFit
from gsic.fitting.losses import make_loss
from gsic.gaussians import COVARIANCES
from gsic.metrics import ms_ssim, psnr
from gsic_kernels import reference, registry
from gsic_kernels.types import Splats, Window

BACKEND = registry.get("cpu")


def splats_on(planes: np.ndarray, count: int = 40) -> tuple[Splats, np.ndarray]:
    """Gaussians that begin to draw an image, and the background."""
    background = planes.mean(axis=(0, 1), dtype=np.float64)
    fit = GaussianFit(
        planes,
        make_loss(BACKEND, planes, "l2", 1),
        background,
        COVARIANCES["log"],
        EncodeRecipe(initial_strength=0.6),
        on_lattices=True,
    )
    fit.place_first(planes, count, np.random.default_rng(0))
    return fit.make_splats(), background.astype(np.float32)


@pytest.mark.parametrize("shape", [(30, 41, 3), (1, 60, 1), (17, 1, 4), (70, 33, 2)])
def test_the_pass_that_renders_and_the_host_agree(shape: tuple[int, int, int]) -> None:
    planes = planes_of(*shape)
    splats, background = splats_on(planes)
    host = HostSurrogateLoss(BACKEND, planes, 0.1, 2, 1)
    kernel = make_surrogate_loss(BACKEND, planes, 0.1, 2, 1)
    for scale in (1.0, 1.1, 1.2, 1.3):
        moved = splats._replace(color=np.float32(scale) * splats.color)
        loss, gradients = host.step(moved, background)
        again, same = kernel.step(moved, background)
        assert again == pytest.approx(loss, rel=1e-4, abs=1e-4)
        for one, other in zip(gradients, same, strict=True):
            np.testing.assert_allclose(one, other, atol=2e-4 * abs(one).max() + 1e-7)
        np.testing.assert_allclose(host.error()[:], kernel.error()[:], atol=1e-5)
        squares = kernel.sse(moved, background)
        assert squares == pytest.approx(host.sse(moved, background), rel=1e-4)


def test_the_gradient_is_that_of_the_loss() -> None:
    """Against the float64 renderer, under the surrogate of the step before."""
    planes = planes_of(40, 50)
    splats, background = splats_on(planes)
    loss = make_surrogate_loss(BACKEND, planes, 0.1, 100, 1)
    loss.step(splats._replace(color=np.float32(1.1) * splats.color), background)
    value, gradients = loss.step(splats, background)
    weights, offsets = (
        array[:, :, :50].transpose(0, 2, 1).astype(np.float64)
        for array in (loss.surrogate.weights, loss.surrogate.offsets)
    )
    window = Window(0, 0, 50, 40)
    error = np.clip(reference.render_sum(splats, window, background), 0, 1) - planes
    slopes = weights * error + offsets
    exact = float((error * (slopes + offsets)).sum()) + loss.surrogate.constant
    assert value == pytest.approx(exact, rel=1e-4)
    expected = reference.render_sum_backward(splats, window, 2 * slopes)
    for one, other in zip(gradients, expected, strict=False):
        np.testing.assert_allclose(one, other, atol=1e-4 * abs(other).max())


def photo(side: int = 192) -> np.ndarray:
    with Image.open(EXAMPLES / "kodim23.png") as image:
        return np.array(image.crop((80, 120, 80 + 2 * side, 120 + 2 * side)).reduce(2))


def test_ms_ssim_rises_at_equal_bytes() -> None:
    image = photo()
    plain, tuned = (encoded(image, max_bytes=1500, steps=150, tune=t) for t in ("psnr", "ms-ssim"))
    assert 0.97 * 1500 <= len(tuned.data) <= 1500
    before, after = (ms_ssim(image, decoded(each.data).image) for each in (plain, tuned))
    assert before is not None
    assert after is not None
    assert 1 - after < 0.95 * (1 - before)
    assert tuned.report.psnr > plain.report.psnr - 1.5


def test_psnr_is_the_default() -> None:
    image = photo(48)
    kinds: list[dict[str, Any]] = [{}, {"tune": "psnr"}, {"tune": "ms-ssim"}]
    files = [encoded(image, bpp=0.5, steps=40, **kind).data for kind in kinds]
    assert files[0] == files[1] != files[2]


def test_a_psnr_is_reached() -> None:
    image = photo(96)
    data, report = encoded(image, psnr=26.0, steps=200, tune="ms-ssim")
    assert 26.0 <= report.psnr <= 26.4
    assert psnr(image, decoded(data).image) == pytest.approx(report.psnr, abs=1e-5)


@pytest.mark.parametrize("shape", [(1, 50, 3), (40, 1), (1, 1, 3), (33, 35, 4), (20, 21, 2)])
def test_any_size_and_mode(shape: tuple[int, ...]) -> None:
    image = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    data, report = encoded(image, quality=60, steps=30, tune="ms-ssim")
    assert decoded(data).image.shape == shape
    assert report.ms_ssim is None


def test_flat_images() -> None:
    assert encoded(np.full((30, 40, 3), 90, np.uint8), tune="ms-ssim").report.psnr is None


def test_threads_change_nothing() -> None:
    image = photo(80)
    files = [
        encoded(image, bpp=0.4, steps=40, tune="ms-ssim", threads=threads).data
        for threads in (1, 3)
    ]
    assert files[0] == files[1]


@pytest.mark.parametrize("name", ["ms_ssim_every", "squared_share"])
def test_its_constants_are_checked(name: str) -> None:
    with pytest.raises(OptionError, match=name):
        replace(EncodeRecipe(), **{name: -1})
