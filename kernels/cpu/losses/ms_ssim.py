"""1 - MS-SSIM of an error to one target, its gradient, and the weights of small errors.

MS-SSIM is that of Wang, Simoncelli and Bovik (2003), with as many of its five scales as have room
for a window, and with windows that are cut off at the border. `gsic.metrics` computes the published
measure instead, for reports: windows inside the image only, always five scales, no gradient.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gsic_kernels.constants import MS_SSIM_WEIGHTS
from gsic_kernels.cpu.losses.ms_ssim_kernels import ROWS
from gsic_kernels.cpu.losses.window import BAND, RADIUS, TAPS, make_window
from gsic_kernels.cpu.runtime import pool
from gsic_kernels.cpu.runtime.dispatch import kernel
from gsic_kernels.types import F32, F64

# A mean term below this counts as this, so that its logarithm has a finite slope.
_MIN_TERM = 0.01


class _Scale(NamedTuple):
    """One scale.

    Attributes:
        error, target, slopes: planes (height, C, pitch); slopes are derivatives by errors.
        across, down: part of the window around each column and row that lies inside the image.
        sums: (C, bands), of 1 - SSIM, or of 1 - contrast term.
    """

    error: F32
    target: F32
    slopes: F32
    across: F32
    down: F32
    sums: F64


class MsSsimLoss:
    """channels x H x W x (1 - MS-SSIM) of an error to one target, times a constant.

    The constant makes the mean weight of a small error 1, so that the value can be compared with a
    sum of squared errors.
    """

    def __init__(self, target: F32, width: int, threads: int) -> None:
        """Make the scales of the target.

        Args:
            target: float32 (H, C, pitch), 0..1, kept and not changed.
            width: px, the part of the pitch that is image.
            threads: number of threads; no result depends on it.
        """
        height, channels, _ = target.shape
        count = 1
        while count < len(MS_SSIM_WEIGHTS) and min(height, width) >> count >= TAPS:
            count += 1
        self._threads = threads
        # Without the coarsest scales the exponents are scaled up, so that they sum to 1.
        self._exponents = np.array(MS_SSIM_WEIGHTS[:count]) / sum(MS_SSIM_WEIGHTS[:count])
        self._scales = [_make_scale(target, width)]
        for k in range(1, count):
            coarse = np.zeros((height >> k, channels, width >> k), np.float32)
            self._scales.append(_make_scale(coarse, width >> k))
        pool.run(threads, self._plan_halving("target"))
        self._unit = 1.0
        self._unit = 1.0 / float(self.compute_weights()[..., :width].mean(dtype=np.float64))

    def compute_weights(self) -> F32:
        """Compute the weights of squared errors that approximate the value of small errors.

        Returns:
            float32 (H, C, pitch) with a mean of 1 over the image.
        """
        shape = self._scales[0].target.shape
        weights = np.zeros(shape, np.float32)
        self._run(np.zeros(shape, np.float32), weights, True)
        return weights

    def measure(self, error: F32, gradient: F32) -> float:
        """Compute the value for an error, and half its gradient.

        Args:
            error: float32 (H, C, pitch), image - target.
            gradient: the same shape, overwritten within the width.
        """
        return self._run(error, gradient, False)

    def _run(self, error: F32, out: F32, weights: bool) -> float:
        """Compute the value, and half its gradient or the weights."""
        self._scales[0] = self._scales[0]._replace(error=error, slopes=out)
        last = len(self._scales) - 1
        steps = self._plan_halving("error")
        for k, scale in enumerate(self._scales):
            images = scale.error, scale.target, scale.across, scale.down
            # The luminance term belongs to the coarsest scale only.
            arguments = *images, int(k == last), int(weights), scale.slopes, scale.sums
            steps.append(pool.Step(kernel("compare_scale"), arguments, scale.sums.size))
        pool.run(self._threads, steps)

        areas = np.array([len(scale.down) * len(scale.across) for scale in self._scales])
        # Sums are added in the order of the bands, whichever thread computed them.
        losses = np.array([scale.sums.sum(axis=1) for scale in self._scales]) / areas[:, None]
        terms = np.maximum(1.0 - losses, _MIN_TERM)
        ms_ssim = np.prod(terms ** self._exponents[:, None], axis=0)
        # The derivative of MS-SSIM by a mean term, and by a pixel of its scale.
        factors = ms_ssim * self._exponents[:, None] / terms
        factors *= self._unit * (areas[0] / areas)[:, None]
        self._collect_slopes(factors.astype(np.float32))
        return self._unit * float(areas[0]) * float((1.0 - ms_ssim).sum())

    def _collect_slopes(self, factors: F32) -> None:
        """Multiply the slopes of each scale and channel, and add coarser ones to finer ones."""
        steps = []
        coarser = self._scales[-1].slopes[:0]
        for scale, factor in zip(self._scales[::-1], factors[::-1], strict=True):
            out = scale.slopes
            arguments = factor, coarser, len(scale.across), out
            steps.append(pool.Step(kernel("add_coarser"), arguments, -(-len(out) // ROWS)))
            coarser = out
        pool.run(self._threads, steps)

    def _plan_halving(self, name: str) -> list[pool.Step]:
        """Make the steps that compute the coarser scales of the errors, or of the target."""
        steps = []
        for fine, coarse in zip(self._scales, self._scales[1:], strict=False):
            out: F32 = getattr(coarse, name)
            arguments = getattr(fine, name), len(fine.across), out
            steps.append(pool.Step(kernel("halve"), arguments, -(-len(out) // ROWS)))
        return steps


def _make_scale(target: F32, width: int) -> _Scale:
    height, channels, _ = target.shape
    error, slopes = np.zeros_like(target), np.zeros_like(target)
    sums = np.zeros((channels, -(-height // BAND)))
    return _Scale(error, target, slopes, _measure_inside(width), _measure_inside(height), sums)


def _measure_inside(side: int) -> F32:
    """Compute which part of the window around each pixel of a row lies inside the row."""
    padded = np.pad(np.ones(side, np.float32), RADIUS)
    return np.convolve(padded, make_window(), "valid").astype(np.float32)
