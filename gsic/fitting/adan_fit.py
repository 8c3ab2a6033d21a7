"""The float fit by Adan, that of GaussianImage (Zhang et al., ECCV 2024): its loop.

`gsic fit --optimizer adan` uses all of it; the encoder of profile `gaussianimage` starts with its
loop.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from gsic.arrays import Float32, Float64, Progress
from gsic.fitting.blended_canvas import BlendedCanvas
from gsic.fitting.canvas import Canvas, activate_shape, sample_initial, sigmoid
from gsic.fitting.losses import BlendedLoss, make_loss
from gsic.fitting.optimisers import Adan
from gsic.fitting.progress import FitProgress, Tick
from gsic.fitting.recipe import AdanRecipe
from gsic.fitting.result import FittedGaussians
from gsic.metrics import psnr_from_sse
from gsic.options import FitOptions
from gsic.profiles.gaussianimage.dequantisation import SHAPE_OFFSETS, compute_means
from gsic_kernels.backend import Backend


class RawLoss(Protocol):
    """A loss of raw parameters: a `Canvas` or a `BlendedCanvas`."""

    def evaluate_raw(self, raw: Float64) -> tuple[float, Float64]:
        """Return the loss of raw parameters and its gradient, float64 of the same shape."""


def optimise(canvas: RawLoss, raw: Float64, recipe: AdanRecipe, steps: int, tick: Tick) -> Float64:
    """Optimise a fixed number of Gaussians.

    Args:
        canvas: the loss.
        raw: float64 (N, 5 + C), or (N, 6 + C) with opacities, the initial values; see `canvas`.
        recipe: constants.
        steps: number of steps.
        tick: called with the loss before each step and the number of Gaussians.

    Returns:
        The parameters after the last step.
    """
    adan = make_adan(raw, recipe)
    for step in range(steps):
        loss, gradient = canvas.evaluate_raw(adan.values)
        adan.step(gradient, recipe.learning_rate_factor(step))
        tick(loss, len(raw))
    return adan.values


def make_adan(values: Float64, recipe: AdanRecipe) -> Adan:
    """Return an Adan optimiser with the constants of a recipe."""
    betas = recipe.beta1, recipe.beta2, recipe.beta3
    return Adan(values, recipe.learning_rate, betas, recipe.epsilon)


def fit_gaussians(
    target: Float32,
    options: FitOptions,
    *,
    backend: Backend,
    threads: int,
    progress: Progress | None,
) -> FittedGaussians:
    """Fit float Gaussians to an image by Adan; arguments as for `gsic.fitting.api.fit_image`.

    Raises:
        OptionError: a setting that `AdanRecipe` does not know.
    """
    recipe = AdanRecipe().with_settings(options.settings)
    canvas = _make_canvas(target, options, recipe, backend, threads)
    rng = np.random.default_rng(options.seed)
    opacity = None if options.blend == "sum" else recipe.opacity_start
    raw = sample_initial(options.gaussians, target.shape[2], rng, opacity)
    steps = options.iterations
    watch = FitProgress(canvas.loss.error, steps, progress)
    raw = optimise(canvas, raw, recipe, steps, watch.tick)
    watch.history.append((steps, psnr_from_sse(canvas.sse(raw), target.size)))
    return _convert_raw(raw, options, target.shape, watch.history)


def _make_canvas(
    target: Float32, options: FitOptions, recipe: AdanRecipe, backend: Backend, threads: int
) -> Canvas | BlendedCanvas:
    stopped = recipe.stops_at_clamp
    if options.blend == "alpha":
        blended = BlendedLoss(backend, target, options.loss, threads, stopped=stopped)
        return BlendedCanvas(blended, options.covariance, target.shape)
    loss = make_loss(backend, target, options.loss, threads, stopped=stopped)
    return Canvas(loss, options.covariance, target.shape)


def _convert_raw(
    raw: Float64,
    options: FitOptions,
    shape: tuple[int, ...],
    history: list[tuple[int, float]],
) -> FittedGaussians:
    """Convert raw parameters to those of a `Fit` of an image of `shape` (H, W, C)."""
    height, width, channels = shape
    mean = compute_means(np.tanh(raw[:, :2]), width, height)
    theta = activate_shape(options.covariance, raw[:, 2:5]) + SHAPE_OFFSETS[options.covariance]
    if options.covariance == "rs":
        np.abs(theta[:, :2], out=theta[:, :2])
    color, opacity = raw[:, 5 : 5 + channels], None
    if options.blend == "alpha":
        opacity = sigmoid(raw[:, -1])
    elif options.blend == "sum+opacity":
        # In a sum, an opacity is a factor of the colour.
        color = color * sigmoid(raw[:, -1:])
    return FittedGaussians(mean, theta, color.copy(), np.zeros(channels), opacity, history)
