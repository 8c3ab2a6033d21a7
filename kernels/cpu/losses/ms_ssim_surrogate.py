"""A quadratic surrogate of MS-SSIM for fits, at about the cost of a sum of squared errors.

Comparing an image with the target under MS-SSIM takes as long as several renderings, but its result
changes slowly. So the comparison is made every few steps only. In the steps between, a quadratic
function of the error replaces it: it has the value and the gradient of the loss at the last
comparison, and a curvature that depends on the target alone.
"""

from __future__ import annotations

import numpy as np

from gsic_kernels.cpu.losses.ms_ssim import MsSsimLoss
from gsic_kernels.cpu.losses.sum_loss import SumLoss
from gsic_kernels.cpu.runtime.planar_rows import row_pitch
from gsic_kernels.cpu.sums import layout
from gsic_kernels.types import F32, F64

# Share of the weights of small errors that the quadratic function takes as its curvature. All of
# them are too much: an error that is even under a window does not count in the contrast term, and
# the full weights would hold it in place.
_STIFFNESS = 0.25


class Surrogate:
    """A quadratic loss: the sum of weights e^2 + 2 offsets e over all errors e, plus constant.

    It approximates the mix share SSE + (1 - share) channels H W (1 - MS-SSIM), in which the second
    term is scaled so that small errors have a mean weight of 1, as in `MsSsimLoss`.

    Attributes:
        weights, offsets: float32 (H, C, pitch).
        constant: of the value; the gradient does not need it.
    """

    weights: F32
    offsets: F32

    def __init__(self, target: F32, width: int, share: float, period: int, threads: int) -> None:
        """Begin as a weighted sum of squared errors.

        Args:
            target: float32 (H, C, pitch), 0..1, kept and not changed.
            width: px, the part of the pitch that is image.
            share: share of the squared error in the mix, 0..1.
            period: number of steps from one comparison to the next.
            threads: number of threads; no result depends on it.
        """
        self._loss = MsSsimLoss(target, width, threads)
        self._share, self._period, self._age = share, period, 0
        self._width = width
        self.weights = self._loss.compute_weights() * np.float32((1.0 - share) * _STIFFNESS)
        self.weights[..., :width] += np.float32(share)
        self.offsets = np.zeros_like(target)
        self.constant = 0.0

    @property
    def is_due(self) -> bool:
        """Whether this step compares the image with the target."""
        return self._age % self._period == 0

    def skip(self) -> None:
        """Pass over a step at which no comparison is due."""
        self._age += 1

    def follow(self, error: F32) -> None:
        """Compare an image with the target, and fit the function to the mix there.

        Args:
            error: float32 (H, C, pitch), image - target of this step.
        """
        rest = 1.0 - self._share
        value = rest * self._loss.measure(error, self.offsets)
        # `offsets` is half the gradient of the second term. Half the gradient of the quadratic
        # function is weights e + offsets, which must be that plus share e.
        self.offsets *= np.float32(rest)
        product = (self.weights - np.float32(self._share)) * error
        self.offsets -= product
        product += 2.0 * self.offsets
        product *= error
        self.constant = value - float(product.sum(dtype=np.float64))
        self._age += 1

    def weight_at(self, mean: F64) -> F64:
        """Return the mean weight over the channels at the pixels nearest to positions.

        Args:
            mean: float64 (N, 2) in px, x then y; positions may lie outside the image.

        Returns:
            float64 (N,).
        """
        # The pitch is wider than the image, and the weights beyond the image are 0.
        last = [self._width - 1, len(self.weights) - 1]
        columns, rows = np.clip(np.floor(mean), 0, last).astype(np.int64).T
        weight: F64 = self.weights[rows, :, columns].mean(axis=1, dtype=np.float64)
        return weight


class SurrogateLoss(SumLoss):
    """The `Surrogate` of clamp(render, 0, 1) against a target, fused with the rendering pass."""

    def __init__(self, target: F32, share: float, period: int, threads: int = 1) -> None:
        """Prepare the target.

        Args:
            target, threads: as for `SumLoss`.
            share, period: as for `Surrogate`.

        Raises:
            TypeError, ValueError: as `SumLoss`.
        """
        super().__init__(target, "l2", threads)
        planes, width = make_planar(target), target.shape[1]
        self.surrogate = Surrogate(planes, width, share, period, threads)
        self._own_slopes = True
        self._use_levels(self._workspace.levels)
        self._weights = layout.to_blocks(_view_pixels(self.surrogate.weights, width))
        self._shifts = np.zeros_like(self._weights)

    def _finish_step(self) -> float:
        surrogate = self.surrogate
        loss = super()._finish_step() + surrogate.constant
        if surrogate.is_due:
            surrogate.follow(make_planar(self.error()[:]))
            self._shifts = layout.to_blocks(_view_pixels(surrogate.offsets, self.shape[1]))
        else:
            surrogate.skip()
        return loss


def make_planar(image: F32) -> F32:
    """Copy an image (H, W, C) to planar rows (H, C, pitch), with 0 in the slack."""
    rows, width, channels = image.shape
    planes = np.zeros((rows, channels, row_pitch(width)), np.float32)
    planes[:, :, :width] = image.transpose(0, 2, 1)
    return planes


def _view_pixels(planes: F32, width: int) -> F32:
    """View planar rows (H, C, pitch) as an image (H, W, C)."""
    return planes[:, :, :width].transpose(0, 2, 1)
