"""Alpha-blended Gaussians against one image (GaussianImage, eq. 4 and 5), in order of index."""

from __future__ import annotations

import math

import numpy as np

from gsic.arrays import Float64
from gsic.fitting.canvas import Geometry, raw_slope, shape_of, sigmoid
from gsic.fitting.losses import BlendedLoss
from gsic_kernels.types import F32, Splats


class BlendedCanvas:
    """Like `Canvas`, with opacities that hide what lies behind, over black.

    Args:
        objective: the loss. covariance: "cholesky" or "rs". shape: (H, W, C) of the image.
    """

    def __init__(self, objective: BlendedLoss, covariance: str, shape: tuple[int, ...]) -> None:
        self.objective = objective
        self.covariance = covariance
        self.height, self.width, self.channels = shape
        self.values = math.prod(shape)
        self._black = np.zeros(self.channels, np.float32)

    def slope(self, raw: Float64) -> tuple[float, Float64]:
        """Loss of raw parameters (N, 6 + C), and its gradient."""
        geometry, shape, opacity = self._parts(raw)
        splats, seen = self._splats(geometry, raw, opacity)
        loss, drawn = self.objective.step(splats, seen, self._black)
        by_position, by_shape = geometry.backward(drawn.mean, drawn.factor)
        gradient = np.empty_like(raw)
        gradient[:, :2] = by_position
        gradient[:, 2:5] = raw_slope(self.covariance, shape, by_shape)
        gradient[:, 5:-1] = drawn.color
        gradient[:, -1] = drawn.opacity * (opacity * (1.0 - opacity))
        gradient /= self.values
        return loss / self.values, gradient

    def sse(self, raw: Float64) -> float:
        """Sum of squared errors of the clamped drawing of raw parameters."""
        geometry, _, opacity = self._parts(raw)
        return self.objective.sse(*self._splats(geometry, raw, opacity), self._black)

    def _parts(self, raw: Float64) -> tuple[Geometry, Float64, Float64]:
        shape = shape_of(self.covariance, raw[:, 2:5])
        geometry = Geometry(self.covariance, self.width, self.height, raw[:, :2], shape)
        return geometry, shape, sigmoid(raw[:, -1])

    def _splats(self, geometry: Geometry, raw: Float64, opacity: Float64) -> tuple[Splats, F32]:
        """For a kernel: cut where opacity times weight falls below 1/255."""
        splats = geometry.splats(raw[:, 5:-1])
        cutoff = np.log(np.maximum(255.0 * opacity, 1e-30)).astype(np.float32)
        np.minimum(cutoff, splats.cutoff, out=cutoff)
        return splats._replace(cutoff=cutoff), opacity.astype(np.float32)
