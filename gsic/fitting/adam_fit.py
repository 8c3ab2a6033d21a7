"""The float fit: its schedule, its loop, and `gsic fit` from start to end."""

from __future__ import annotations

import math
import time

import numpy as np

from gsic.arrays import Float32, Progress
from gsic.fitting.adam_state import GaussianFit
from gsic.fitting.adam_state_gpu import gaussian_fit_on
from gsic.fitting.losses import objective
from gsic.fitting.progress import FitProgress, Tick
from gsic.fitting.recipe import FitRecipe
from gsic.fitting.result import Fit
from gsic.gaussians import COVARIANCES
from gsic.options import FitOptions
from gsic_kernels.backend import Backend
from gsic_kernels.cpu.runtime.compiling import compile_seconds


class Schedule:
    """When to grow, and how large the learning rates are, over `steps` steps.

    Args:
        recipe: constants.
        steps: all of them.
        float_steps: those before tuning, in which Gaussians are added; None for all of them.
        scale: what all learning rates are multiplied by.
    """

    def __init__(
        self,
        recipe: FitRecipe,
        steps: int,
        float_steps: int | None = None,
        scale: float = 1.0,
    ) -> None:
        rounds = recipe.growth_rounds
        last = recipe.growth_until * (steps if float_steps is None else float_steps)
        self._growth = {int(last * (i + 1) / (rounds + 1)): rounds - i for i in range(rounds)}
        self._from = recipe.lr_decay_from * steps
        self._length = max(steps - self._from, 1.0)
        self._last_rate = recipe.lr_last
        self._scale = scale

    def growth(self, step: int, missing: int) -> int:
        """How many of the `missing` Gaussians to add before a step."""
        left = self._growth.get(step)
        return -(-missing // left) if left else 0

    def rate(self, step: int) -> float:
        """What the learning rates are multiplied by."""
        if step < self._from:
            return self._scale
        phase = min((step - self._from) / self._length, 1.0)
        share = self._last_rate + (1.0 - self._last_rate) * 0.5 * (1.0 + math.cos(math.pi * phase))
        return self._scale * share


def run(
    fit: GaussianFit,
    target: Float32,
    gaussians: int,
    steps: int,
    schedule: Schedule,
    rng: np.random.Generator,
    tick: Tick,
) -> None:
    """Place `gaussians`, let them grow and optimise them for `steps` steps of a schedule."""
    recipe = fit.recipe
    first = round(recipe.initial_share * gaussians) if recipe.growth_rounds else gaussians
    fit.place_first(target, min(max(first, 1), gaussians), rng)
    for step in range(steps):
        if growth := schedule.growth(step, gaussians - len(fit)):
            fit.grow(growth, gaussians)
        tick(fit.step(schedule.rate(step)), len(fit))


def fit_image(
    planes: Float32,
    options: FitOptions,
    *,
    backend: Backend,
    threads: int,
    progress: Progress | None,
) -> Fit:
    """Fit float Gaussians to an image by Adam; arguments as for `gsic.fitting.api.fit_image`.

    Raises:
        OptionError: a setting that `FitRecipe` does not know.
    """
    recipe = FitRecipe().with_settings(options.settings)
    began, compiled = time.perf_counter(), compile_seconds()
    rng = np.random.default_rng(options.seed)
    target = planes
    fit = gaussian_fit_on(
        backend,
        target,
        options.loss,
        objective(backend, target, options.loss, threads),
        target.mean(axis=(0, 1), dtype=np.float64),
        COVARIANCES[options.covariance],
        recipe,
    )
    steps = options.iterations
    watch = FitProgress(fit.error, steps, progress)
    run(fit, target, options.gaussians, steps, Schedule(recipe, steps), rng, watch.tick)
    psnr = fit.draw_error(fit.splats())
    watch.history.append((steps, psnr))
    compiled = compile_seconds() - compiled
    return Fit(
        covariance=options.covariance,
        mean=fit.mean,
        theta=fit.theta,
        color=fit.color,
        background=fit.background,
        width=fit.width,
        height=fit.height,
        history=watch.history,
        report={
            "gaussians": len(fit),
            "iterations": steps,
            "psnr": psnr if np.isfinite(psnr) else None,
            "loss": options.loss,
            "covariance": options.covariance,
            "blend": options.blend,
            "optimizer": options.optimizer,
            "parameters": len(fit) * (5 + target.shape[2]),
            "seconds": time.perf_counter() - began - compiled,
            "compile_seconds": compiled,
            "device": backend.name,
        },
    )
