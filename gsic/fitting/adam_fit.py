"""The float fit by Adam: its schedule and its loop.

`gsic fit` uses all of it; the encoder of profile `gsic` starts with its loop.
"""

from __future__ import annotations

import math

import numpy as np

from gsic.arrays import Float32, Progress, Rows
from gsic.fitting.adam_state import GaussianFit
from gsic.fitting.adam_state_gpu import make_gaussian_fit
from gsic.fitting.losses import make_loss
from gsic.fitting.progress import FitProgress, Tick
from gsic.fitting.recipe import FitRecipe
from gsic.fitting.result import FittedGaussians
from gsic.gaussians import COVARIANCES
from gsic.options import FitOptions
from gsic_kernels.backend import Backend


class Schedule:
    """When Gaussians are added, and how large the learning rates are, over `steps` steps.

    Args:
        recipe: constants.
        steps: number of all optimiser steps, 0 or more.
        float_steps: number of the steps before quantisation-aware training, in which Gaussians are
            added; None if all steps are float steps.
        scale: factor of all learning rates.
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
        # Of each step at which Gaussians are added, the number of rounds that are left.
        self._rounds_left = {int(last * (i + 1) / (rounds + 1)): rounds - i for i in range(rounds)}
        self._decay_from = recipe.lr_decay_from * steps
        self._decay_steps = max(steps - self._decay_from, 1.0)
        self._last_factor = recipe.lr_last
        self._scale = scale

    def count_growth(self, step: int, missing: int) -> int:
        """Return how many of the `missing` Gaussians are added before a step."""
        left = self._rounds_left.get(step)
        return -(-missing // left) if left else 0

    def learning_rate_factor(self, step: float) -> float:
        """Return the factor of the learning rates at a step: constant, then half a cosine."""
        if step < self._decay_from:
            return self._scale
        phase = min((step - self._decay_from) / self._decay_steps, 1.0)
        last = self._last_factor
        share = last + (1.0 - last) * 0.5 * (1.0 + math.cos(math.pi * phase))
        return self._scale * share


def optimise(
    fit: GaussianFit,
    target: Rows,
    gaussians: int,
    steps: int,
    schedule: Schedule,
    rng: np.random.Generator,
    tick: Tick,
) -> None:
    """Place the first Gaussians, optimise them, and add the others along the way.

    Args:
        fit: without Gaussians; changed in place.
        target: float32 (H, W, C), 0..1, the image.
        gaussians: number of Gaussians at the end, 1 or more.
        steps: number of steps that are taken, the first ones of the schedule.
        schedule: when Gaussians are added, and the learning rates.
        rng: places the first Gaussians.
        tick: called with the loss before each step and the number of Gaussians.
    """
    recipe = fit.recipe
    first = round(recipe.initial_share * gaussians) if recipe.growth_rounds else gaussians
    fit.place_first(target, min(max(first, 1), gaussians), rng)
    for step in range(steps):
        if growth := schedule.count_growth(step, gaussians - len(fit)):
            fit.grow(growth, gaussians)
        tick(fit.step(schedule.learning_rate_factor(step)), len(fit))


def fit_gaussians(
    target: Float32,
    options: FitOptions,
    *,
    backend: Backend,
    threads: int,
    progress: Progress | None,
) -> FittedGaussians:
    """Fit float Gaussians to an image by Adam; arguments as for `gsic.fitting.api.fit_image`.

    Raises:
        OptionError: a setting that `FitRecipe` does not know.
    """
    recipe = FitRecipe().with_settings(options.settings)
    rng = np.random.default_rng(options.seed)
    fit = make_gaussian_fit(
        backend,
        target,
        options.loss,
        make_loss(backend, target, options.loss, threads),
        target.mean(axis=(0, 1), dtype=np.float64),
        COVARIANCES[options.covariance],
        recipe,
        on_lattices=False,
    )
    steps = options.iterations
    watch = FitProgress(fit.error, steps, progress)
    optimise(fit, target, options.gaussians, steps, Schedule(recipe, steps), rng, watch.tick)
    watch.history.append((steps, fit.measure_psnr(fit.make_splats())))
    return FittedGaussians(fit.mean, fit.theta, fit.color, fit.background, None, watch.history)
