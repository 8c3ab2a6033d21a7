"""`gsic fit --optimizer adan` from start to end: the float fits of GaussianImage."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import SupportsFloat

import numpy as np
from numpy.typing import NDArray

from gsic.fit.gaussian_fit import psnr_of
from gsic.fit.gaussianimage.blended import BlendedCanvas
from gsic.fit.gaussianimage.canvas import Canvas, random_start, shape_of, sigmoid
from gsic.fit.gaussianimage.float_fit import optimise
from gsic.fit.gaussianimage.recipe import AdanRecipe
from gsic.fit.losses import BlendedLoss, objective
from gsic.fit.result import Fit
from gsic.gaussians import Float64
from gsic.options import FitOptions, replace_known
from gsic.profiles.gaussianimage import SHAPES, mean_px
from gsic_kernels.cpu.compiling import compile_seconds
from gsic_kernels.registry import Backend

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
    """Fit float Gaussians to an image; as `gsic.fit.loop.fit_image`, with settings of `AdanRecipe`.

    Raises:
        OptionError: a setting that `AdanRecipe` does not know.
    """
    recipe: AdanRecipe = replace_known(AdanRecipe(), options.settings)
    began, compiled = time.perf_counter(), compile_seconds()
    target = np.ascontiguousarray(planes, np.float32)
    loss, steps = options.loss, options.iterations
    canvas: Canvas | BlendedCanvas
    if options.blend == "alpha":
        blended = BlendedLoss(backend, target, loss, threads, stopped=recipe.stopped)
        canvas = BlendedCanvas(blended, options.covariance, target.shape)
    else:
        canvas = Canvas(
            objective(backend, target, loss, threads, stopped=recipe.stopped),
            options.covariance,
            target.shape,
        )
    rng = np.random.default_rng(options.seed)
    opacity = None if options.blend == "sum" else recipe.opacity_start
    raw = random_start(options.gaussians, target.shape[2], rng, opacity)
    history: list[tuple[int, float]] = []
    done = 0

    def tick(_loss: SupportsFloat, count: int) -> None:
        nonlocal done
        if done % _HISTORY_STEPS == 0:
            error = float(np.square(canvas.objective.residual(), dtype=np.float64).sum())
            history.append((done, psnr_of(error, target.size)))
            if progress:
                progress(done, steps, f"{count} Gaussians, {history[-1][1]:.2f} dB")
        done += 1

    raw = optimise(canvas, raw, recipe, steps, tick)
    psnr = psnr_of(canvas.sse(raw), target.size)
    history.append((steps, psnr))
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
        history=history,
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
    mean = mean_px(np.tanh(raw[:, :2]), width, height)
    theta = shape_of(options.covariance, raw[:, 2:5]) + SHAPES[options.covariance]
    if options.covariance == "rs":
        np.abs(theta[:, :2], out=theta[:, :2])
    color = raw[:, 5 : 5 + channels]
    if options.blend == "alpha":
        return mean, theta, color.copy(), sigmoid(raw[:, -1])
    if options.blend == "sum+opacity":
        # In a sum an opacity is a factor of the colour.
        color = color * sigmoid(raw[:, -1:])
    return mean, theta, color.copy(), None
