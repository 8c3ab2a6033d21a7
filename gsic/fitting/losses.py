"""The losses of float fits: errors, 1 - SSIM, and the mixes of both of GaussianImage."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gsic.arrays import Float32, Rows
from gsic.options import LOSSES, check_one_of
from gsic_kernels.backend import Backend, SumLoss
from gsic_kernels.types import AlphaGradients, Gradients, Splats, Window


class _Mix(NamedTuple):
    """Weights of the mean squared error, the mean absolute error, and 1 - SSIM."""

    squared: float
    absolute: float
    structure: float


# The weights of the public code of GaussianImage (Zhang et al., ECCV 2024).
_MIXES = {
    "ssim": _Mix(0.0, 0.0, 1.0),
    "l1+ssim": _Mix(0.0, 0.7, 0.3),
    "l2+ssim": _Mix(0.7, 0.0, 0.3),
}


def make_loss(
    backend: Backend, target: Rows, loss: str, threads: int, *, stopped: bool = False
) -> SumLoss:
    """Make a loss of summed Gaussians against one image, summed over all values.

    Args:
        backend: kernels.
        target: float32 (H, W, C), 0..1, C = 1..4, the image.
        loss: one of `gsic.options.LOSSES`.
        threads: number of CPU threads, those of torch included.
        stopped: whether the gradient is 0 where the rendering is clamped to 0..1; otherwise it
            passes straight through the clamp.

    Returns:
        An object whose `step(splats, background)` returns the loss and its gradients, whose `sse`
        returns the sum of squared errors, and whose `error()` is the clamped rendering of the last
        call minus the image.

    Raises:
        OptionError: there is no such loss.
    """
    mix = _MIXES.get(check_one_of("loss", loss, LOSSES))
    if mix is None:
        return backend.SumLoss(target, loss, threads, stopped=stopped)
    return StructuralLoss(backend, target[:], mix, threads, stopped)


class _ImageLoss:
    """A mix of losses of an image that is clamped first, times the number of values.

    Args:
        target: float32 (H, W, C), 0..1.
        mix: weights of the losses.
        threads: number of torch threads.
        stopped: whether the clamp stops the gradient, which otherwise passes straight through.
    """

    def __init__(self, target: Float32, mix: _Mix, threads: int, stopped: bool) -> None:
        self._target, self._mix, self._stopped = target, mix, stopped
        self._similarity = None
        if mix.structure:
            from gsic.fitting.ssim import Similarity  # loads torch, which other losses do not need

            self._similarity = Similarity(target, threads)
        self.error = np.zeros_like(target)
        """The clamped image of the last call minus the target, float32 (H, W, C)."""

    def measure(self, image: Float32) -> tuple[float, Float32]:
        """Return the loss of an image, float32 (H, W, C), and its gradient of the same shape."""
        clamped = self._clamp(image)
        error, mix = self.error, self._mix
        gradient, loss = np.zeros_like(error), 0.0
        if self._similarity is not None:
            similarity, by_image = self._similarity.compare(clamped)
            gradient = by_image * np.float32(-mix.structure * error.size)
            loss = mix.structure * error.size * (1.0 - similarity)
        if mix.squared:
            gradient += np.float32(2.0 * mix.squared) * error
            loss += mix.squared * _sum_squares(error)
        if mix.absolute:
            gradient += np.float32(mix.absolute) * np.sign(error)
            loss += mix.absolute * float(np.abs(error).sum(dtype=np.float64))
        if self._stopped:
            gradient[clamped != image] = 0.0
        return loss, gradient

    def sse(self, image: Float32) -> float:
        """Return the sum of squared errors of an image."""
        self._clamp(image)
        return _sum_squares(self.error)

    def _clamp(self, image: Float32) -> Float32:
        """Clamp an image to 0..1, and keep its error."""
        clamped = np.clip(image, 0.0, 1.0)
        self.error = clamped - self._target
        return clamped


class StructuralLoss:
    """A mix of losses of summed Gaussians against one image, which no kernel computes.

    Args:
        backend, target, threads, stopped: as for `make_loss`.
        mix: weights of the losses.
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
        """Return the loss, and its gradients by the arrays of the splats."""
        loss, gradient = self._loss.measure(self._render(splats, background))
        return loss, self._backend.render_sum_backward(
            splats, self._window, gradient, self._threads
        )

    def sse(self, splats: Splats, background: Float32) -> float:
        """Return the sum of squared errors of the clamped rendering over all values."""
        return self._loss.sse(self._render(splats, background))

    def error(self) -> Float32:
        """Return the clamped rendering of the last call minus the image, float32 (H, W, C)."""
        return self._loss.error

    def _render(self, splats: Splats, background: Float32) -> Float32:
        return self._backend.render_sum(splats, self._window, background, self._threads)


class BlendedLoss:
    """A loss of alpha-blended Gaussians against one image, summed over all values.

    Args:
        backend, target, loss, threads, stopped: as for `make_loss`.

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
        """Return the loss, and its gradients by the arrays of the splats and by the opacities.

        Args:
            splats: N Gaussians, the first in front.
            opacity: float32 (N,), 0..1.
            background: float32 (C,), 1.0 = full scale.
        """
        blended = self._backend.render_alpha(
            splats, opacity, self._window, background, self._threads
        )
        loss, gradient = self._loss.measure(blended.image)
        return loss, self._backend.render_alpha_backward(
            splats, opacity, self._window, background, blended, gradient, self._threads
        )

    def sse(self, splats: Splats, opacity: Float32, background: Float32) -> float:
        """Return the sum of squared errors of the clamped rendering over all values."""
        blended = self._backend.render_alpha(
            splats, opacity, self._window, background, self._threads
        )
        return self._loss.sse(blended.image)

    def error(self) -> Float32:
        """Return the clamped rendering of the last call minus the image, float32 (H, W, C)."""
        return self._loss.error


def _sum_squares(error: Float32) -> float:
    return float(np.square(error, dtype=np.float64).sum())
