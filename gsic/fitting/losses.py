"""What a fit minimises: errors, structural dissimilarity, and mixes of both as in the papers."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gsic.options import LOSSES, check_one_of
from gsic_kernels.backend import Backend, SumLoss
from gsic_kernels.types import AlphaGradients, Gradients, Splats, Window

Float32 = NDArray[np.float32]


class _Mix(NamedTuple):
    """Weights of the mean squared error, the mean absolute error, and 1 - SSIM."""

    squared: float
    absolute: float
    structure: float


# GaussianImage (Zhang et al., 2024), as its code has them.
_MIXES = {
    "ssim": _Mix(0.0, 0.0, 1.0),
    "l1+ssim": _Mix(0.0, 0.7, 0.3),
    "l2+ssim": _Mix(0.7, 0.0, 0.3),
}


def objective(
    backend: Backend, target: Float32, loss: str, threads: int, *, stopped: bool = False
) -> SumLoss:
    """A loss of rendered Gaussians against one image, summed over all values.

    Args:
        backend: kernels.
        target: float32 (H, W, C), 0..1, C = 1..4.
        loss: one of `gsic.options.LOSSES`.
        threads: CPU threads, those of torch included.
        stopped: the gradient is 0 where the rendering is clamped, and passes straight otherwise.

    Returns:
        An object whose `step(splats, background)` gives the loss and its gradients, whose `sse`
        gives the sum of squared errors, and whose `residual()` is what is left of the last call.

    Raises:
        OptionError: there is no such loss.
    """
    mix = _MIXES.get(check_one_of("loss", loss, LOSSES))
    if mix is None:
        return backend.SumLoss(target, loss, threads, stopped=stopped)
    return StructuralLoss(backend, target, mix, threads, stopped)


class _ImageLoss:
    """A mix for clamped images, times the number of values.

    The gradient passes straight through the clamp, or is stopped by it.
    """

    def __init__(self, target: Float32, mix: _Mix, threads: int, stopped: bool) -> None:
        self._target, self._mix, self._stopped = target, mix, stopped
        self._similarity = None
        if mix.structure:
            from gsic.fitting.ssim import Similarity  # torch, which other losses do without

            self._similarity = Similarity(target, threads)
        self.error = np.zeros_like(target)
        """clamp(image) - target of the last call."""

    def measure(self, image: Float32) -> tuple[float, Float32]:
        """Loss of an image, float32 (H, W, C), clamped first, and its gradient."""
        clamped = self._clamped(image)
        error, mix = self.error, self._mix
        gradient, loss = np.zeros_like(error), 0.0
        if self._similarity is not None:
            similarity, slope = self._similarity.compare(clamped)
            gradient = slope * np.float32(-mix.structure * error.size)
            loss = mix.structure * error.size * (1.0 - similarity)
        if mix.squared:
            gradient += np.float32(2.0 * mix.squared) * error
            loss += mix.squared * _sum_of_squares(error)
        if mix.absolute:
            gradient += np.float32(mix.absolute) * np.sign(error)
            loss += mix.absolute * float(np.abs(error).sum(dtype=np.float64))
        if self._stopped:
            gradient[clamped != image] = 0.0
        return loss, gradient

    def sse(self, image: Float32) -> float:
        """Sum of squared errors of an image, clamped first."""
        self._clamped(image)
        return _sum_of_squares(self.error)

    def _clamped(self, image: Float32) -> Float32:
        clamped = np.clip(image, 0.0, 1.0)
        self.error = clamped - self._target
        return clamped


class StructuralLoss:
    """A mix with 1 - SSIM of the clamped rendering, times the number of values.

    As in `SumLoss`, the gradient passes straight through the clamp unless it is `stopped` there.
    """

    def __init__(
        self,
        backend: Backend,
        target: Float32,
        mix: _Mix,
        threads: int,
        stopped: bool = False,
    ) -> None:
        height, width, _ = target.shape
        self._backend, self._threads = backend, threads
        self._window = Window(0, 0, width, height)
        self._loss = _ImageLoss(target, mix, threads, stopped)

    def step(self, splats: Splats, background: Float32) -> tuple[float, Gradients]:
        """Loss and its gradients, by the Gaussians alone."""
        loss, gradient = self._loss.measure(self._render(splats, background))
        return loss, self._backend.render_sum_backward(
            splats, self._window, gradient, self._threads
        )

    def sse(self, splats: Splats, background: Float32) -> float:
        """Sum of squared errors of the clamped rendering over all values."""
        return self._loss.sse(self._render(splats, background))

    def error(self) -> Float32:
        """clamp(render) - target of the last call: float32 (H, W, C)."""
        return self._loss.error

    def _render(self, splats: Splats, background: Float32) -> Float32:
        return self._backend.render_sum(splats, self._window, background, self._threads)


class BlendedLoss:
    """A loss of alpha-blended Gaussians against one image, summed over all values.

    Args:
        backend: kernels.
        target: float32 (H, W, C), 0..1, C = 1..4.
        loss: one of `gsic.options.LOSSES`.
        threads: CPU threads, those of torch included.
        stopped: the gradient is 0 where the rendering is clamped, and passes straight otherwise.

    Raises:
        OptionError: there is no such loss.
    """

    def __init__(
        self,
        backend: Backend,
        target: Float32,
        loss: str,
        threads: int,
        *,
        stopped: bool = False,
    ) -> None:
        height, width, _ = target.shape
        self._backend, self._threads = backend, threads
        self._window = Window(0, 0, width, height)
        mix = {"l2": _Mix(1.0, 0.0, 0.0), "l1": _Mix(0.0, 1.0, 0.0), **_MIXES}
        self._loss = _ImageLoss(target, mix[check_one_of("loss", loss, LOSSES)], threads, stopped)

    def step(
        self, splats: Splats, opacity: Float32, background: Float32
    ) -> tuple[float, AlphaGradients]:
        """Loss and its gradients; Gaussians are in order from the front to the back.

        Args:
            splats: N Gaussians. opacity: float32 (N,). background: float32 (C,).
        """
        blended = self._backend.render_alpha(
            splats, opacity, self._window, background, self._threads
        )
        loss, gradient = self._loss.measure(blended.image)
        return loss, self._backend.render_alpha_backward(
            splats, opacity, self._window, background, blended, gradient, self._threads
        )

    def sse(self, splats: Splats, opacity: Float32, background: Float32) -> float:
        """Sum of squared errors of the clamped rendering over all values."""
        blended = self._backend.render_alpha(
            splats, opacity, self._window, background, self._threads
        )
        return self._loss.sse(blended.image)

    def error(self) -> Float32:
        """clamp(render) - target of the last call: float32 (H, W, C)."""
        return self._loss.error


def _sum_of_squares(error: Float32) -> float:
    return float(np.square(error, dtype=np.float64).sum())
