"""`gsic fit` from an image to a `Fit`."""

from __future__ import annotations

import math
import time

import numpy as np

from gsic.arrays import Float32, Progress
from gsic.fitting import adam_fit, adan_fit
from gsic.fitting.report import FitReport
from gsic.fitting.result import Fit
from gsic.options import FitOptions
from gsic_kernels.backend import Backend
from gsic_kernels.cpu.runtime.compiling import compile_seconds


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
        options: number of Gaussians, steps, loss, optimiser and so on.
        backend: kernels.
        threads: number of CPU threads.
        progress: called with (done, total, text) now and then; None for no calls.

    Raises:
        OptionError: a setting that `FitRecipe`, or with Adan `AdanRecipe`, does not know.
    """
    fit = adan_fit.fit_gaussians if options.optimizer == "adan" else adam_fit.fit_gaussians
    began, compiled = time.perf_counter(), compile_seconds()
    target = np.ascontiguousarray(planes, np.float32)
    fitted = fit(target, options, backend=backend, threads=threads, progress=progress)
    compiled = compile_seconds() - compiled
    height, width, channels = target.shape
    count, (steps, psnr) = len(fitted.mean), fitted.history[-1]
    report = FitReport(
        gaussians=count,
        iterations=steps,
        psnr=psnr if math.isfinite(psnr) else None,
        loss=options.loss,
        covariance=options.covariance,
        blend=options.blend,
        optimizer=options.optimizer,
        # Mean, covariance and colour, and an opacity where the optimiser moves one.
        parameters=count * (5 + channels + (options.blend != "sum")),
        seconds=time.perf_counter() - began - compiled,
        compile_seconds=compiled,
        device=backend.name,
    )
    return Fit(
        covariance=options.covariance,
        mean=fitted.mean,
        theta=fitted.theta,
        color=fitted.color,
        background=fitted.background,
        width=width,
        height=height,
        history=fitted.history,
        report=report,
        opacity=fitted.opacity,
    )
