"""The float fit: its schedule, its loop, and `gsic fit` from start to end."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import SupportsFloat

import numpy as np
from numpy.typing import NDArray

from gsic.fit.gaussian_fit import GaussianFit, psnr_of
from gsic.fit.losses import objective
from gsic.fit.recipe import FitRecipe
from gsic.fit.resident_fit import gaussian_fit_on
from gsic.fit.result import Fit
from gsic.gaussians import COVARIANCES
from gsic.options import FitOptions, replace_known
from gsic_kernels.cpu.compiling import compile_seconds
from gsic_kernels.registry import Backend

Float32 = NDArray[np.float32]
Progress = Callable[[int, int, str], None]

Tick = Callable[[SupportsFloat, int], None]
"""Told the loss before each step and the number of Gaussians."""

_HISTORY_STEPS = 50


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
        self._from = recipe.decay_from * steps
        self._length = max(steps - self._from, 1.0)
        self._last_rate = recipe.last_rate
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
    first = round(recipe.first_share * gaussians) if recipe.growth_rounds else gaussians
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
    """Fit float Gaussians to an image.

    Args:
        planes: float32 (H, W, C), 0..1, colour premultiplied by alpha.
        options: how many Gaussians, steps, which loss and so on.
        backend: kernels.
        threads: CPU threads.
        progress: called with (done, total, text).

    Raises:
        OptionError: a setting that `FitRecipe`, or with Adan `AdanRecipe`, does not know.
    """
    if options.optimizer == "adan":
        from gsic.fit.gaussianimage import fitting  # which builds on this module

        return fitting.fit_image(
            planes, options, backend=backend, threads=threads, progress=progress
        )
    recipe: FitRecipe = replace_known(FitRecipe(), options.settings)
    began, compiled = time.perf_counter(), compile_seconds()
    rng = np.random.default_rng(options.seed)
    target = np.ascontiguousarray(planes, np.float32)
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
    history: list[tuple[int, float]] = []
    done = 0

    def tick(_loss: SupportsFloat, count: int) -> None:
        nonlocal done
        if done % _HISTORY_STEPS == 0:
            error = float(np.square(fit.residual(), dtype=np.float64).sum())
            history.append((done, psnr_of(error, target.size)))
            if progress:
                progress(done, steps, f"{count} Gaussians, {history[-1][1]:.2f} dB")
        done += 1

    run(fit, target, options.gaussians, steps, Schedule(recipe, steps), rng, tick)
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
            "blend": options.blend,
            "optimizer": options.optimizer,
            "parameters": len(fit) * (5 + target.shape[2]),
            "seconds": time.perf_counter() - began - compiled,
            "compile_seconds": compiled,
            "device": backend.name,
        },
    )
