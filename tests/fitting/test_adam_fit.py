"""The float fit: its schedule, what it starts from, what it leaves."""

import math
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from fit_images import photo_cut, planes_of

from gsic.arrays import Float32
from gsic.errors import OptionError
from gsic.fitting.adam_fit import Schedule
from gsic.fitting.adam_state import FIT_MAX_ASPECT, FIT_MIN_SIGMA_PX
from gsic.fitting.api import fit_image
from gsic.fitting.recipe import FitRecipe
from gsic.fitting.result import Fit
from gsic.gaussians import COVARIANCES, compute_factor
from gsic.metrics import psnr_from_sse
from gsic.options import LOSSES, FitOptions
from gsic_kernels import registry, types
from gsic_kernels.types import Window

BACKEND = registry.get("cpu")
LENGTHS = [0, 1, 2, 3, 5, 13, 100, 1500]


def fit(planes: Float32, threads: int = 1, progress: Any = None, **options: Any) -> Fit:
    asked = FitOptions(**({"gaussians": 60, "iterations": 60} | options))
    return fit_image(planes, asked, backend=BACKEND, threads=threads, progress=progress)


def drawn(fitted: Fit) -> Float32:
    """The clamped drawing of a fit, by way of its public arrays."""
    covariance = COVARIANCES[fitted.covariance]
    peak = np.abs(fitted.color).max(axis=1, initial=0.0)
    cutoff = np.log(np.maximum(255.0 * FitRecipe().cutoff_divisor * peak, 1.0))
    factor = compute_factor(covariance.entries(fitted.theta))
    splats = types.round_splats(fitted.mean, factor, fitted.color, cutoff, np.exp(-cutoff))
    window = Window(0, 0, fitted.width, fitted.height)
    render = BACKEND.render_sum(splats, window, fitted.background.astype(np.float32))
    return np.clip(render, 0, 1)


@pytest.mark.parametrize("missing", [0, 1, 5, 1000])
@pytest.mark.parametrize("steps", LENGTHS[1:])
def test_all_that_is_missing_is_added_by_the_middle(steps: int, missing: int) -> None:
    schedule, left, rounds = Schedule(FitRecipe(), steps), missing, 0
    for step in range(steps):
        growth = schedule.count_growth(step, left)
        assert 0 <= growth <= left
        left -= growth
        if growth:
            rounds += 1
            assert step <= 0.5 * steps
    assert left == 0
    assert rounds <= FitRecipe().growth_rounds
    if steps >= 100 and missing == 1000:
        assert rounds == FitRecipe().growth_rounds


@pytest.mark.parametrize("steps", LENGTHS)
def test_learning_rates_stay_and_then_fall(steps: int) -> None:
    schedule = Schedule(FitRecipe(), steps)
    factors = [schedule.learning_rate_factor(step) for step in range(steps + 1)]
    assert all(factor == 1.0 for factor in factors[: steps // 2])
    assert factors == sorted(factors, reverse=True)
    assert min(factors) >= FitRecipe().lr_last
    if steps >= 2:
        assert factors[-1] == pytest.approx(FitRecipe().lr_last)
    if steps == 1500:
        # Half a cosine: half way down at half time.
        assert factors[1125] == pytest.approx((1 + FitRecipe().lr_last) / 2)


def test_without_growth_all_are_there_from_the_start() -> None:
    schedule = Schedule(replace(FitRecipe(), growth_rounds=0), 100)
    assert [schedule.count_growth(step, 9) for step in range(100)] == [0] * 100
    assert len(fit(planes_of(24, 32), settings={"growth_rounds": 0}).mean) == 60


def same(one: Fit, other: Fit) -> bool:
    names = ("mean", "theta", "color", "background")
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in names)


def test_the_seed_alone_decides() -> None:
    planes = planes_of(32, 48)
    first = fit(planes, seed=3)
    assert same(first, fit(planes, seed=3))
    assert first.history == fit(planes, seed=3).history
    assert not same(first, fit(planes, seed=4))


@pytest.mark.parametrize("loss", ["l2", "l1+ssim"])
def test_threads_change_nothing(loss: str) -> None:
    planes = planes_of(70, 48)
    fits = [fit(planes, threads, loss=loss, iterations=20) for threads in (1, 2, 5)]
    assert same(fits[0], fits[1])
    assert same(fits[0], fits[2])


@pytest.mark.parametrize("covariance", COVARIANCES)
@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_and_covariance_gains(loss: str, covariance: str) -> None:
    planes = planes_of(32, 48)
    fitted = fit(planes, loss=loss, covariance=covariance)
    assert fitted.history[0][1] < 22
    assert fitted.psnr > fitted.history[0][1] + 8
    assert fitted.report.loss == loss
    assert fitted.report.covariance == fitted.covariance == covariance


def test_history_rises() -> None:
    fitted = fit(planes_of(32, 48), iterations=201)
    steps, psnrs = zip(*fitted.history, strict=True)
    assert steps == (0, 50, 100, 150, 200, 201)
    assert all(later > earlier for earlier, later in pairwise(psnrs))
    assert fitted.psnr == psnrs[-1]


@pytest.mark.parametrize("iterations", [1, 2, 3, 7, 30])
@pytest.mark.parametrize("gaussians", [1, 2, 9, 200])
def test_as_many_gaussians_and_steps_as_asked(gaussians: int, iterations: int) -> None:
    fitted = fit(planes_of(24, 32), gaussians=gaussians, iterations=iterations)
    assert len(fitted.mean) == fitted.report.gaussians == gaussians
    assert fitted.report.iterations == iterations
    assert fitted.history[-1][0] == iterations


def test_the_psnr_is_that_of_the_drawing() -> None:
    planes = planes_of(32, 48)
    for covariance in COVARIANCES:
        fitted = fit(planes, covariance=covariance)
        error = np.square(drawn(fitted).astype(np.float64) - planes).mean()
        assert fitted.psnr == pytest.approx(-10 * math.log10(error), abs=1e-4)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("shape", [(1, 1), (1, 13), (17, 1), (2, 2)])
def test_small_images(shape: tuple[int, int], channels: int) -> None:
    """With more Gaussians than pixels."""
    fitted = fit(planes_of(*shape, channels), gaussians=20, iterations=30)
    assert (fitted.height, fitted.width) == shape
    assert fitted.color.shape[1] == channels
    assert np.isfinite(fitted.mean).all()
    assert np.isfinite(fitted.theta).all()
    # One pixel has room for one more Gaussian in each of six rounds of growth.
    assert len(fitted.mean) == (16 if shape == (1, 1) else 20)
    assert fitted.psnr > 35
    error = np.square(drawn(fitted).astype(np.float64) - planes_of(*shape, channels)).mean()
    # Nearly exact renderings differ by roundings of float32.
    assert error == pytest.approx(10 ** (-fitted.psnr / 10), rel=1e-3, abs=1e-13)


@pytest.mark.parametrize("level", [0.0, 0.4, 1.0])
def test_flat_images_are_left_to_the_background(level: float) -> None:
    fitted = fit(np.full((16, 16, 3), level, np.float32))
    assert fitted.psnr > 60
    np.testing.assert_allclose(fitted.background, level, atol=1e-6)


def test_shapes_stay_within_what_a_file_holds() -> None:
    """Lines of a pixel and a gradient over all of the image ask for more than that."""
    planes = planes_of(40, 40)
    planes[::7] = 1.0
    fitted = fit(planes, iterations=150, settings={"lr_log": 0.3})
    eigenvalues = np.linalg.eigvalsh(fitted.gaussians.covariance)
    assert np.sqrt(eigenvalues[:, 0]).min() > 0.999 * FIT_MIN_SIGMA_PX
    assert np.sqrt(eigenvalues[:, 1]).max() < 2.0 * math.hypot(40, 40) * math.sqrt(FIT_MAX_ASPECT)
    ratio = np.sqrt(eigenvalues[:, 1] / eigenvalues[:, 0])
    assert ratio.max() < 1.001 * FIT_MAX_ASPECT
    assert ratio.max() > 5


def test_photos_are_fitted_as_well_as_before() -> None:
    """A broken gradient, schedule or growth costs several dB."""
    planes = photo_cut("hats").astype(np.float32) / np.float32(255)
    fitted = fit(planes, 2, gaussians=400, iterations=200)
    assert fitted.psnr > 31.5
    assert fit(planes, 2, gaussians=100, iterations=200).psnr < fitted.psnr - 2


def test_settings_are_those_of_the_recipe() -> None:
    planes = planes_of(24, 32)
    assert not same(fit(planes), fit(planes, settings={"lr_color": "0.03"}))
    assert same(fit(planes), fit(planes, settings={"lr_color": 0.015}))
    with pytest.raises(OptionError, match=r"'lr_colour'; known: .*\blr_color\b"):
        fit(planes, settings={"lr_colour": 1})


def test_progress_is_told() -> None:
    told: list[tuple[int, int, str]] = []
    fit(planes_of(24, 32), progress=lambda *what: told.append(what), iterations=120)
    assert [(done, total) for done, total, _ in told] == [(0, 120), (50, 120), (100, 120)]
    assert told[0][2].startswith("30 Gaussians, ")
    assert told[-1][2].startswith("60 Gaussians, ")
    assert told[-1][2].endswith(" dB")


def test_decibels() -> None:
    assert psnr_from_sse(0.0, 5) == math.inf
    assert psnr_from_sse(5 * 0.01, 5) == pytest.approx(20.0)
