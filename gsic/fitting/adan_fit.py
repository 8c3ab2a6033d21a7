"""`gsic fit --optimizer adan` from start to end: the float fits of GaussianImage."""

from __future__ import annotations

import math
import time
from typing import Protocol

import numpy as np

from gsic.arrays import Float32, Float64, Progress
from gsic.fitting.blended_canvas import BlendedCanvas
from gsic.fitting.canvas import Canvas, random_start, shape_of, sigmoid
from gsic.fitting.losses import BlendedLoss, objective
from gsic.fitting.optimisers import Adan
from gsic.fitting.progress import FitProgress, Tick
from gsic.fitting.recipe import AdanRecipe
from gsic.fitting.result import Fit
from gsic.metrics import psnr_from_sse
from gsic.options import FitOptions
from gsic.profiles.gaussianimage.dequantisation import SHAPE_OFFSETS, compute_means
from gsic_kernels.backend import Backend
from gsic_kernels.cpu.runtime.compiling import compile_seconds


class Slope(Protocol):
    """What is minimised: a `Canvas` or a `BlendedCanvas`."""

    def slope(self, raw: Float64) -> tuple[float, Float64]:
        """Loss of raw parameters, and its gradient."""


def optimise(canvas: Slope, raw: Float64, recipe: AdanRecipe, steps: int, tick: Tick) -> Float64:
    """Move Gaussians for a number of steps.

    Args:
        canvas: what they are drawn on.
        raw: float64 (N, 5 + C), or (N, 6 + C) with opacities, to begin with; see `canvas`.
        recipe: constants. steps: how many.
        tick: told the loss before each step and the number of Gaussians.

    Returns:
        The parameters after the last step.
    """
    adan = make_adan(raw, recipe)
    for step in range(steps):
        loss, gradient = canvas.slope(adan.values)
        adan.step(gradient, recipe.learning_rate_factor(step))
        tick(loss, len(raw))
    return adan.values


def make_adan(values: Float64, recipe: AdanRecipe) -> Adan:
    """Return an Adan optimiser with the constants of a recipe."""
    betas = recipe.beta1, recipe.beta2, recipe.beta3
    return Adan(values, recipe.learning_rate, betas, recipe.epsilon)


def fit_image(
    planes: Float32,
    options: FitOptions,
    *,
    backend: Backend,
    threads: int,
    progress: Progress | None,
) -> Fit:
    """Fit float Gaussians to an image by Adan; arguments as for `gsic.fitting.api.fit_image`.

    Raises:
        OptionError: a setting that `AdanRecipe` does not know.
    """
    recipe = AdanRecipe().with_settings(options.settings)
    began, compiled = time.perf_counter(), compile_seconds()
    target = np.ascontiguousarray(planes, np.float32)
    loss, steps = options.loss, options.iterations
    canvas: Canvas | BlendedCanvas
    if options.blend == "alpha":
        blended = BlendedLoss(backend, target, loss, threads, stopped=recipe.stops_at_clamp)
        canvas = BlendedCanvas(blended, options.covariance, target.shape)
    else:
        canvas = Canvas(
            objective(backend, target, loss, threads, stopped=recipe.stops_at_clamp),
            options.covariance,
            target.shape,
        )
    rng = np.random.default_rng(options.seed)
    opacity = None if options.blend == "sum" else recipe.opacity_start
    raw = random_start(options.gaussians, target.shape[2], rng, opacity)
    watch = FitProgress(canvas.objective.error, steps, progress)
    raw = optimise(canvas, raw, recipe, steps, watch.tick)
    psnr = psnr_from_sse(canvas.sse(raw), target.size)
    watch.history.append((steps, psnr))
    compiled = compile_seconds() - compiled
    height, width, channels = target.shape
    mean, theta, color, alpha = _drawn(raw, options, width, height, channels)
    return Fit(
        covariance=options.covariance,
        mean=mean,
        theta=theta,
        color=color,
        background=np.zeros(channels),
        width=width,
        height=height,
        history=watch.history,
        report={
            "gaussians": len(raw),
            "iterations": steps,
            "psnr": psnr if math.isfinite(psnr) else None,
            "loss": loss,
            "covariance": options.covariance,
            "blend": options.blend,
            "optimizer": options.optimizer,
            "parameters": raw.size,
            "seconds": time.perf_counter() - began - compiled,
            "compile_seconds": compiled,
            "device": backend.name,
        },
        opacity=alpha,
    )


def _drawn(
    raw: Float64, options: FitOptions, width: int, height: int, channels: int
) -> tuple[Float64, Float64, Float64, Float64 | None]:
    """Means, covariance parameters, colours, and opacities where Gaussians are blended."""
    mean = compute_means(np.tanh(raw[:, :2]), width, height)
    theta = shape_of(options.covariance, raw[:, 2:5]) + SHAPE_OFFSETS[options.covariance]
    if options.covariance == "rs":
        np.abs(theta[:, :2], out=theta[:, :2])
    color = raw[:, 5 : 5 + channels]
    if options.blend == "alpha":
        return mean, theta, color.copy(), sigmoid(raw[:, -1])
    if options.blend == "sum+opacity":
        # In a sum an opacity is a factor of the colour.
        color = color * sigmoid(raw[:, -1:])
    return mean, theta, color.copy(), None
