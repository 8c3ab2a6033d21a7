"""Mean absolute error, mean squared error and mean SSIM against one target, with a gradient.

The encoder of the profile `2dgs` trains with it: every pixel has a window, which sees zeros outside
the image. `gsic.fitting.ssim` takes only windows that lie inside the image, and uses torch;
`gsic.metrics` does so too, without a gradient, for the figures that are reported; `ms_ssim` cuts
windows off at the border.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gsic_kernels import validation
from gsic_kernels.constants import CHANNELS_MAX
from gsic_kernels.cpu.losses.ssim_kernel import ABSOLUTE, SQUARED, SSIM
from gsic_kernels.cpu.losses.window import BAND, RADIUS, TAPS, make_window
from gsic_kernels.cpu.runtime import pool
from gsic_kernels.cpu.runtime.dispatch import kernel
from gsic_kernels.types import F32


class Comparison(NamedTuple):
    """Means over all values of an image, and a gradient."""

    absolute: float
    squared: float
    ssim: float
    gradient: F32  # (H, W, C)


class SsimLoss:
    """Mean absolute error and mean SSIM against one target, zeros outside both images."""

    def __init__(self, target: F32, threads: int = 1) -> None:
        """Filter the target.

        Args:
            target: float32 (H, W, C), 0..1, C = 1..4.
            threads: number of threads; no result depends on it.

        Raises:
            TypeError: the target is not float32.
            ValueError: its shape does not fit.
        """
        if getattr(target, "ndim", 0) != 3 or not 1 <= target.shape[2] <= CHANNELS_MAX:
            raise ValueError(f"target must be (H, W, 1..4), got {np.shape(target)}")
        self._shape = height, _, channels = target.shape
        validation.check_image("target", target, self._shape)
        self._threads = validation.check_threads(threads)
        self._target = np.ascontiguousarray(target.transpose(2, 0, 1))
        self._mean = _filter_planes(self._target)
        self._variance = _filter_planes(self._target * self._target) - self._mean**2
        self._sums = np.zeros((channels * -(-height // BAND), 3))
        self._gradient = np.empty(self._shape, np.float32)

    def compare(self, image: F32, absolute: float, structure: float) -> Comparison:
        """Measure an image, and compute the gradient of absolute MAE + structure (1 - SSIM).

        Args:
            image: float32, the shape of the target; not modified.
            absolute, structure: weights of the mean absolute error and of 1 - SSIM.

        Returns:
            Means over all values, and the gradient; the next call overwrites the gradient.
        """
        image = validation.check_image("image", image, self._shape)
        count = image.size
        weights = np.array([absolute / count, structure / count], np.float32)
        maps = image, self._target, self._mean, self._variance
        arguments = *maps, weights, self._gradient, self._sums
        pool.run(self._threads, [pool.Step(kernel("compare_ssim"), arguments, len(self._sums))])
        # Sums are added in the order of the bands, whichever thread computed them.
        sums = (self._sums.sum(axis=0) / count).tolist()
        return Comparison(sums[ABSOLUTE], sums[SQUARED], sums[SSIM], self._gradient)


def _filter_planes(planes: F32) -> F32:
    """Compute the weighted means of (C, H, W) under the window, zeros outside, in float64."""
    for axis in (1, 2):
        margin = [(0, 0)] * 3
        margin[axis] = (RADIUS, RADIUS)
        padded = np.pad(planes.astype(np.float64), margin)
        side = planes.shape[axis]
        parts = [np.take(padded, np.arange(k, k + side), axis) for k in range(TAPS)]
        planes = np.tensordot(make_window().astype(np.float64), np.stack(parts), 1)
    return np.ascontiguousarray(planes, np.float32)
