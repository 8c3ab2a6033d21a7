"""Alpha-blended Gaussians against one image (GaussianImage, eq. 4 and 5), in order of index."""

from __future__ import annotations

import math

import numpy as np

from gsic.arrays import Float32, Float64
from gsic.fitting.canvas import Geometry, activate_shape, activate_shape_backward, sigmoid
from gsic.fitting.losses import BlendedLoss
from gsic_kernels.types import Splats


class BlendedCanvas:
    """Gaussians that are blended over black, the first in front, compared with one image.

    Args:
        loss: the loss against the image.
        covariance: "cholesky" or "rs".
        shape: (H, W, C) of the image.
    """

    def __init__(self, loss: BlendedLoss, covariance: str, shape: tuple[int, ...]) -> None:
        self.loss = loss
        self.covariance = covariance
        self.height, self.width, self.channels = shape
        self.values = math.prod(shape)
        self._black = np.zeros(self.channels, np.float32)

    def evaluate_raw(self, raw: Float64) -> tuple[float, Float64]:
        """Return the loss of raw parameters, float64 (N, 6 + C), and its gradient."""
        geometry, shape, opacity = self._split(raw)
        loss, by_splats = self.loss.step(*self._make_splats(geometry, raw, opacity), self._black)
        by_position, by_shape = geometry.backward(by_splats.mean, by_splats.factor)
        gradient = np.empty_like(raw)
        gradient[:, :2] = by_position
        gradient[:, 2:5] = activate_shape_backward(self.covariance, shape, by_shape)
        gradient[:, 5:-1] = by_splats.color
        gradient[:, -1] = by_splats.opacity * (opacity * (1.0 - opacity))
        # The losses are sums over all values, those of the paper are means.
        gradient /= self.values
        return loss / self.values, gradient

    def sse(self, raw: Float64) -> float:
        """Return the sum of squared errors of the clamped rendering of raw parameters."""
        geometry, _, opacity = self._split(raw)
        return self.loss.sse(*self._make_splats(geometry, raw, opacity), self._black)

    def _split(self, raw: Float64) -> tuple[Geometry, Float64, Float64]:
        """Split raw parameters into geometry, shapes (N, 3) and opacities (N,)."""
        shape = activate_shape(self.covariance, raw[:, 2:5])
        geometry = Geometry(self.covariance, self.width, self.height, raw[:, :2], shape)
        return geometry, shape, sigmoid(raw[:, -1])

    def _make_splats(
        self, geometry: Geometry, raw: Float64, opacity: Float64
    ) -> tuple[Splats, Float32]:
        """Return splats, cut off where opacity times weight falls below 1/255, and opacities."""
        splats = geometry.make_splats(raw[:, 5:-1])
        cutoff = np.log(np.maximum(255.0 * opacity, 1e-30)).astype(np.float32)
        np.minimum(cutoff, splats.cutoff, out=cutoff)
        return splats._replace(cutoff=cutoff), opacity.astype(np.float32)
