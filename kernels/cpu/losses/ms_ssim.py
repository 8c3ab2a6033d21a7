"""1 - MS-SSIM of an error to one target, as a weighted squared error that it is tangent to.

MS-SSIM is that of Wang, Simoncelli and Bovik (2003) with the windows of `multiscale`, and with as
many of its five scales as have room for a window.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gsic_kernels.cpu.losses.ms_ssim_scales import F64, ROWS
from gsic_kernels.cpu.losses.ssim import BAND, RADIUS, TAPS, window
from gsic_kernels.cpu.runtime import pool
from gsic_kernels.cpu.runtime.dispatch import kernel
from gsic_kernels.types import F32

_EXPONENTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)

# A mean similarity below this counts as this, so that its logarithm has a slope.
_LEAST = 0.01


class _Scale(NamedTuple):
    """Planes of one scale, each (height, C, pitch), and what is inside of windows on it."""

    error: F32
    target: F32
    slopes: F32
    across: F32
    down: F32
    sums: F64


class MsSsimLoss:
    """How unlike an error makes a target: channels x H x W x (1 - MS-SSIM), times a constant.

    The constant makes the mean weight of a small error 1, so that this can be compared with a sum
    of squared errors.
    """

    def __init__(self, target: F32, width: int, threads: int) -> None:
        """Make the scales of the target.

        Args:
            target: float32 (H, C, pitch), 0..1, kept and not changed.
            width: how much of the pitch is image, px.
            threads: how many threads to use; no result depends on it.
        """
        height, channels, _ = target.shape
        count = 1
        while count < len(_EXPONENTS) and min(height, width) >> count >= TAPS:
            count += 1
        self._threads = threads
        self._exponents = np.array(_EXPONENTS[:count]) / sum(_EXPONENTS[:count])
        self._scales = [_scale(target, width)]
        for k in range(1, count):
            coarse = np.zeros((height >> k, channels, width >> k), np.float32)
            self._scales.append(_scale(coarse, width >> k))
        pool.run(threads, self._halvings("target"))
        self._unit = 1.0
        self._unit = 1.0 / float(self.weights()[..., :width].mean(dtype=np.float64))

    def weights(self) -> F32:
        """Weights of squared errors that stand for small errors, of mean 1: (H, C, pitch)."""
        shape = self._scales[0].target.shape
        weights = np.zeros(shape, np.float32)
        self._measure(np.zeros(shape, np.float32), weights, True)
        return weights

    def measure(self, error: F32, gradient: F32) -> float:
        """The value for an error, and half its gradient.

        Args:
            error: float32 (H, C, pitch), image - target.
            gradient: the same shape, overwritten within the width.
        """
        return self._measure(error, gradient, False)

    def _measure(self, error: F32, out: F32, weights: bool) -> float:
        self._scales[0] = self._scales[0]._replace(error=error, slopes=out)
        last = len(self._scales) - 1
        steps = self._halvings("error")
        for k, scale in enumerate(self._scales):
            images = scale.error, scale.target, scale.across, scale.down
            arguments = *images, int(k == last), int(weights), scale.slopes, scale.sums
            steps.append(pool.Step(kernel("compare_scale"), arguments, scale.sums.size))
        pool.run(self._threads, steps)

        areas = np.array([len(scale.down) * len(scale.across) for scale in self._scales])
        # One band after the other, whoever did it.
        unlike = np.array([scale.sums.sum(axis=1) for scale in self._scales]) / areas[:, None]
        alike = np.maximum(1.0 - unlike, _LEAST)
        similarity = np.prod(alike ** self._exponents[:, None], axis=0)
        factors = similarity * self._exponents[:, None] / alike
        factors *= self._unit * (areas[0] / areas)[:, None]
        self._collect(factors.astype(np.float32))
        return self._unit * float(areas[0]) * float((1.0 - similarity).sum())

    def _collect(self, factors: F32) -> None:
        """Multiply the slopes of each scale and channel, and add coarser ones to finer ones."""
        steps = []
        coarser = self._scales[-1].slopes[:0]
        for scale, factor in zip(self._scales[::-1], factors[::-1], strict=True):
            out = scale.slopes
            arguments = factor, coarser, len(scale.across), out
            steps.append(pool.Step(kernel("add_coarser"), arguments, -(-len(out) // ROWS)))
            coarser = out
        pool.run(self._threads, steps)

    def _halvings(self, name: str) -> list[pool.Step]:
        """The steps that make the coarser scales of errors, or of targets."""
        steps = []
        for fine, coarse in zip(self._scales, self._scales[1:], strict=False):
            out: F32 = getattr(coarse, name)
            arguments = getattr(fine, name), len(fine.across), out
            steps.append(pool.Step(kernel("halve"), arguments, -(-len(out) // ROWS)))
        return steps


def _scale(target: F32, width: int) -> _Scale:
    height, channels, _ = target.shape
    error, slopes = np.zeros_like(target), np.zeros_like(target)
    sums = np.zeros((channels, -(-height // BAND)))
    return _Scale(error, target, slopes, _inside(width), _inside(height), sums)


def _inside(side: int) -> F32:
    """How much of a window around each pixel of a row is inside it."""
    padded = np.pad(np.ones(side, np.float32), RADIUS)
    return np.convolve(padded, window(), "valid").astype(np.float32)
