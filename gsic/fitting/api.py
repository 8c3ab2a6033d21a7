"""`gsic fit` from an image to a `Fit`."""

from __future__ import annotations

import numpy as np

from gsic.arrays import Float32, Progress
from gsic.fitting import adam_fit, adan_fit
from gsic.fitting.result import Fit
from gsic.options import FitOptions
from gsic_kernels.backend import Backend


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
    fit = adan_fit.fit_image if options.optimizer == "adan" else adam_fit.fit_image
    target = np.ascontiguousarray(planes, np.float32)
    return fit(target, options, backend=backend, threads=threads, progress=progress)
