"""`gsic fit`: a float fit, start to end."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from gsic_kernels.cpu.compiling import compile_seconds
from gsic_kernels.registry import Backend
from numpy.typing import NDArray

from gsic.fit.gaussian_fit import GaussianFit, Schedule, psnr_of
from gsic.fit.losses import objective
from gsic.fit.recipe import FitRecipe
from gsic.fit.result import Fit
from gsic.gaussians import COVARIANCES
from gsic.options import FitOptions, replace_known

Float32 = NDArray[np.float32]
Progress = Callable[[int, int, str], None]

_HISTORY_STEPS = 50


def fit_image(
    planes: Float32,
    options: FitOptions,
    *,
    backend: Backend,
    threads: int,
    progress: Progress | None,
) -> Fit:
    """Fit float Gaussians to an image.

    Args:
        planes: float32 (H, W, C), 0..1, colour premultiplied by alpha.
        options: how many Gaussians, steps, which loss and so on.
        backend: kernels.
        threads: CPU threads.
        progress: called with (done, total, text).

    Raises:
        OptionError: a setting that `FitRecipe` does not know.
    """
    recipe: FitRecipe = replace_known(FitRecipe(), options.settings)
    began, compiled = time.perf_counter(), compile_seconds()
    rng = np.random.default_rng(options.seed)
    target = np.ascontiguousarray(planes, np.float32)
    fit = GaussianFit(
        target,
        objective(backend, target, options.loss, threads),
        target.mean(axis=(0, 1), dtype=np.float64),
        COVARIANCES[options.covariance],
        recipe,
    )
    steps = options.iterations
    schedule = Schedule(recipe, steps)
    history = run(fit, target, options.gaussians, steps, rng, progress, schedule)
    psnr = fit.draw_error(fit.splats())
    history.append((steps, psnr))
    compiled = compile_seconds() - compiled
    return Fit(
        covariance=options.covariance,
        mean=fit.mean,
        theta=fit.theta,
        color=fit.color,
        background=fit.background,
        width=fit.width,
        height=fit.height,
        history=history,
        report={
            "gaussians": len(fit),
            "iterations": steps,
            "psnr": psnr if np.isfinite(psnr) else None,
            "loss": options.loss,
            "covariance": options.covariance,
            "seconds": time.perf_counter() - began - compiled,
            "compile_seconds": compiled,
            "device": backend.name,
        },
    )


def run(
    fit: GaussianFit,
    target: Float32,
    gaussians: int,
    steps: int,
    rng: np.random.Generator,
    progress: Progress | None,
    schedule: Schedule,
) -> list[tuple[int, float]]:
    """Place, grow and optimise; return (step, PSNR in dB) along the way."""
    recipe = fit.recipe
    first = round(recipe.first_share * gaussians) if recipe.growth_rounds else gaussians
    fit.place_first(target, min(max(first, 1), gaussians), rng)
    history = []
    for step in range(steps):
        if growth := schedule.growth(step, gaussians - len(fit)):
            fit.grow(growth, gaussians)
        fit.step(schedule.rate(step))
        if step % _HISTORY_STEPS == 0:
            error = float(np.square(fit.objective.residual(), dtype=np.float64).sum())
            history.append((step, psnr_of(error, target.size)))
            if progress:
                progress(step, steps, f"{len(fit)} Gaussians, {history[-1][1]:.2f} dB")
    if progress:
        progress(steps, steps, f"{len(fit)} Gaussians")
    return history
