"""The loss of a fit that is tuned for MS-SSIM, at about the cost of a sum of squared errors.

Comparing an image with the target costs several renderings, but the comparison changes slowly. So
it is made every few steps only, and in the steps between a quadratic function of the error stands
for it: tangent to it, with weights from the target alone.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from gsic_kernels.cpu.losses.ms_ssim import MsSsimLoss
from gsic_kernels.cpu.losses.sum_loss import SumLoss
from gsic_kernels.types import F32, Gradients, Splats

F64: TypeAlias = NDArray[np.float64]

# Share of the weights of small errors that the quadratic function gets. All of them are too much:
# they also hold errors in place that are even under a window, and do not count there.
_STIFFNESS = 0.25


class Surrogate:
    """Weights and offsets of a quadratic loss: the sum of weights e^2 + 2 offsets e + constant.

    It stands for a mix of the sum of squared errors e and of channels x H x W x (1 - MS-SSIM),
    whose weights have the mean 1 for small errors.
    """

    weights: F32
    offsets: F32

    def __init__(self, target: F32, width: int, share: float, period: int, threads: int) -> None:
        """Begin as a weighted sum of squared errors.

        Args:
            target: float32 (H, C, pitch), 0..1, kept and not changed.
            width: how much of the pitch is image, px.
            share: of squared errors in the mix, 0..1.
            period: every how many steps to compare.
            threads: how many threads to use; no result depends on it.
        """
        self._model = MsSsimLoss(target, width, threads)
        self._share, self._period, self._age = share, period, 0
        self._width = width
        self.weights = self._model.weights() * np.float32((1.0 - share) * _STIFFNESS)
        self.weights[..., :width] += np.float32(share)
        self.offsets = np.zeros_like(target)
        self.constant = 0.0

    def follow(self, error: F32) -> None:
        """Go on from the errors of a step, float32 (H, C, pitch), and compare when it is time."""
        if self._age % self._period == 0:
            rest = 1.0 - self._share
            value = rest * self._model.measure(error, self.offsets)
            self.offsets *= np.float32(rest)
            product = (self.weights - np.float32(self._share)) * error
            self.offsets -= product
            product += 2.0 * self.offsets
            product *= error
            self.constant = value - float(product.sum(dtype=np.float64))
        self._age += 1

    def weight_at(self, mean: F64) -> F64:
        """Weight of a small error at the pixels nearest to positions (N, 2) in px, float64 (N,).

        It is the mean of the channels.
        """
        # The pitch is wider than the image, and what is beyond the image weighs nothing.
        last = [self._width - 1, len(self.weights) - 1]
        columns, rows = np.clip(np.floor(mean), 0, last).astype(np.int64).T
        weight: F64 = self.weights[rows, :, columns].mean(axis=1, dtype=np.float64)
        return weight


class SurrogateLoss(SumLoss):
    """A `Surrogate` of clamp(render, 0, 1) against a target, as `SumLoss` is a sum of errors."""

    def __init__(
        self, target: F32, share: float, period: int, threads: int = 1, *, plain: bool = False
    ) -> None:
        """Prepare the target.

        Args:
            target, threads, plain: as for `SumLoss`.
            share, period: as for `Surrogate`.

        Raises:
            TypeError, ValueError: as `SumLoss`.
        """
        super().__init__(target, "l2", threads, plain=plain)
        rows, width, channels = self._shape
        self._planar = rows, channels, self._workspace.pitch
        planes = self._target.reshape(self._planar)
        self.surrogate = Surrogate(planes, width, share, period, threads)
        self._slopes = np.zeros_like(self._residual)
        self._weights = self.surrogate.weights.reshape(-1)
        self._offsets = self.surrogate.offsets.reshape(-1)

    def step(self, splats: Splats, background: F32) -> tuple[float, Gradients]:
        """The loss and its gradient; see `SumLoss.step`."""
        loss, gradients = super().step(splats, background)
        loss += self.surrogate.constant
        self.surrogate.follow(self._residual.reshape(self._planar))
        return loss, gradients
