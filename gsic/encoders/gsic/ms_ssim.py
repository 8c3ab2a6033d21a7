"""The loss of `--tune ms-ssim`: a surrogate that raises MS-SSIM at the cost of a squared error."""

from __future__ import annotations

import numpy as np

from gsic.arrays import Float32
from gsic_kernels.backend import Backend, SurrogateLoss
from gsic_kernels.types import Gradients, Splats, Window


def make_surrogate_loss(
    backend: Backend, target: Float32, share: float, period: int, threads: int
) -> SurrogateLoss:
    """Make a loss that raises MS-SSIM, in the scale of a sum of squared errors.

    Args:
        backend: kernels.
        target: float32 (H, W, C), 0..1, C = 1..4.
        share: share of the squared error in the loss, 0..1; the rest is 1 - MS-SSIM.
        period: number of steps between two comparisons of the rendering with the target.
        threads: number of CPU threads.
    """
    if backend.SurrogateLoss:
        return backend.SurrogateLoss(target, share, period, threads)
    return HostSurrogateLoss(backend, target, share, period, threads)


class HostSurrogateLoss:
    """The loss for a backend that has none of its own: renderings are compared on the CPU."""

    def __init__(
        self, backend: Backend, target: Float32, share: float, period: int, threads: int
    ) -> None:
        height, width, _ = target.shape
        self._backend, self._threads = backend, threads
        self._window = Window(0, 0, width, height)
        self._target = np.ascontiguousarray(target.transpose(0, 2, 1))
        self._error = np.zeros_like(self._target)
        self.surrogate = backend.Surrogate(self._target, width, share, period, threads)

    def step(self, splats: Splats, background: Float32) -> tuple[float, Gradients]:
        """Return the loss and its gradients."""
        self._render(splats, background)
        error, surrogate = self._error, self.surrogate
        slopes = surrogate.weights * error
        slopes += surrogate.offsets
        loss = float(((slopes + surrogate.offsets) * error).sum(dtype=np.float64))
        loss += surrogate.constant
        slopes *= np.float32(2.0)
        if surrogate.is_due:
            surrogate.follow(error)
        else:
            surrogate.skip()
        gradient = np.ascontiguousarray(slopes.transpose(0, 2, 1))
        return loss, self._backend.render_sum_backward(
            splats, self._window, gradient, self._threads
        )

    def sse(self, splats: Splats, background: Float32) -> float:
        """Return the sum of squared errors of the clamped rendering over all values."""
        self._render(splats, background)
        return float(np.square(self._error, dtype=np.float64).sum())

    def error(self) -> Float32:
        """Return clamp(render) - target of the last call: float32 (H, W, C), not contiguous."""
        return self._error.transpose(0, 2, 1)

    def _render(self, splats: Splats, background: Float32) -> None:
        image = self._backend.render_sum(splats, self._window, background, self._threads)
        np.clip(image.transpose(0, 2, 1), 0.0, 1.0, out=self._error)
        self._error -= self._target
