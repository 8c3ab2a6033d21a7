"""From raw parameters to a sum of Gaussians and its loss, and the gradients back.

Raw parameters are what the optimiser moves, float64 (N, 5 + C), or (N, 6 + C) with opacities:
positions before a tanh, three numbers of a covariance, the colour, the opacity before a sigmoid.
They are in column-major order, because all arithmetic takes columns one by one.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from gsic.arrays import Float32, Float64
from gsic.gaussians import COVARIANCES, compute_factor, factor_backward
from gsic.profiles.gaussianimage.dequantisation import (
    CUTOFF,
    SHAPE_OFFSETS,
    compute_entries,
    compute_means,
)
from gsic_kernels.backend import SumLoss
from gsic_kernels.types import Splats


def sample_initial(
    count: int, channels: int, rng: np.random.Generator, opacity: float | None = None
) -> Float64:
    """Sample initial raw parameters: means uniform over the image, all else uniform in 0..1.

    Args:
        count: number of Gaussians N.
        channels: number of channels C.
        rng: the source of the samples.
        opacity: the raw opacity of all Gaussians; None for Gaussians without opacities.

    Returns:
        float64 (N, 5 + C), or (N, 6 + C) with opacities.
    """
    columns = [np.arctanh(rng.uniform(-1.0, 1.0, (2, count)))]
    columns.append(rng.uniform(0.0, 1.0, (3 + channels, count)))
    if opacity is not None:
        columns.append(np.full((1, count), opacity))
    return np.concatenate(columns).T


def sigmoid(raw: Float64) -> Float64:
    """Compute 1 / (1 + exp(-raw)) without overflow."""
    half: Float64 = 0.5 * np.tanh(0.5 * raw) + 0.5
    return half


def activate_shape(covariance: str, raw: Float64) -> Float64:
    """Convert raw shapes, float64 (N, 3), to the shapes that are quantised.

    Only the angle of "rs" differs: it is 2 pi times a sigmoid.
    """
    if covariance != "rs":
        return raw
    shape = raw.copy(order="K")
    shape[:, 2] = 2.0 * math.pi * sigmoid(raw[:, 2])
    return shape


def activate_shape_backward(covariance: str, shape: Float64, gradient: Float64) -> Float64:
    """Compute the vector-Jacobian product of `activate_shape`.

    Args:
        covariance: "cholesky" or "rs".
        shape: float64 (N, 3), what `activate_shape` returned.
        gradient: float64 (N, 3), by `shape`; changed in place.

    Returns:
        `gradient`, now by the raw shapes.
    """
    if covariance == "rs":
        share = shape[:, 2] / (2.0 * math.pi)
        gradient[:, 2] *= 2.0 * math.pi * share * (1.0 - share)
    return gradient


class CanvasGradients(NamedTuple):
    """A loss and its gradients by the parameters that were drawn, float64."""

    loss: float  # mean over all values of the image
    position: Float64  # (N, 2), before the tanh
    shape: Float64  # (N, 3)
    color: Float64  # (N, C)


class Geometry:
    """Where N Gaussians lie: the forward pass of all parameters but colours, kept for backward.

    Args:
        covariance: "cholesky" or "rs".
        width, height: size of the image, px.
        position: float64 (N, 2), before the tanh.
        shape: float64 (N, 3), before `SHAPE_OFFSETS` is added.
    """

    def __init__(
        self, covariance: str, width: int, height: int, position: Float64, shape: Float64
    ) -> None:
        self._covariance = COVARIANCES[covariance]
        self._tanh = np.tanh(position)
        self._half_size = 0.5 * width, 0.5 * height
        self.mean = compute_means(self._tanh, width, height)
        self.theta = shape + SHAPE_OFFSETS[covariance]
        self.entries, self._singular = compute_entries(covariance, self.theta)
        self.factor = compute_factor(self.entries)

    def make_splats(self, color: Float64) -> Splats:
        """Return splats of colours, float64 (N, C), with the cutoff of the paper for sums."""
        cutoff = np.full(len(self.mean), CUTOFF, np.float32)
        cutoff[self._singular] = -1.0
        return Splats(
            self.mean.astype(np.float32, order="C"),
            self.factor.astype(np.float32),
            color.astype(np.float32, order="C"),
            cutoff,
            np.zeros(len(cutoff), np.float32),
            np.zeros(len(cutoff), np.int32),
        )

    def backward(self, mean: Float32, factor: Float32) -> tuple[Float64, Float64]:
        """Compute the vector-Jacobian product from splats to position and shape.

        Args:
            mean: float32 (N, 2), the gradient by the means of the splats.
            factor: float32 (N, 3), the gradient by their factors.

        Returns:
            The gradients by position, float64 (N, 2), and by shape, float64 (N, 3).
        """
        by_position = 1.0 - self._tanh * self._tanh
        by_position *= self._half_size
        by_position *= mean
        by_entries = factor_backward(self.entries, self.factor, factor.astype(np.float64))
        theta = self.theta
        if self._singular.any():
            # Singular covariances draw nothing, so their gradient is 0; with any regular theta in
            # their place the product below has no division by 0.
            theta = np.where(self._singular[:, None], 1.0, theta)
        return by_position, self._covariance.backward(theta, by_entries)


class Canvas:
    """Sums of Gaussians over black, compared with one image (GaussianImage, eq. 6 and 7).

    Args:
        loss: the loss against the image.
        covariance: "cholesky" or "rs".
        shape: (H, W, C) of the image.
    """

    def __init__(self, loss: SumLoss, covariance: str, shape: tuple[int, ...]) -> None:
        self.loss = loss
        self.covariance = covariance
        self.height, self.width, self.channels = shape
        self.values = math.prod(shape)
        self._black = np.zeros(self.channels, np.float32)

    def evaluate(self, position: Float64, shape: Float64, color: Float64) -> CanvasGradients:
        """Draw Gaussians and compute the loss and its gradients.

        Args:
            position: float64 (N, 2), before the tanh.
            shape: float64 (N, 3), before `SHAPE_OFFSETS` is added.
            color: float64 (N, C), 1.0 = full scale.
        """
        geometry = Geometry(self.covariance, self.width, self.height, position, shape)
        loss, by_splats = self.loss.step(geometry.make_splats(color), self._black)
        # The kernels' losses are sums over all values, those of the paper are means.
        scale = 1.0 / self.values
        by_position, by_shape = geometry.backward(by_splats.mean, by_splats.factor)
        by_color = by_splats.color.astype(np.float64)
        return CanvasGradients(
            loss * scale, by_position * scale, by_shape * scale, by_color * scale
        )

    def evaluate_raw(self, raw: Float64) -> tuple[float, Float64]:
        """Return the loss of raw parameters and its gradient, float64 of the same shape.

        Raw parameters (N, 5 + C) are drawn by eq. 7 of the paper, (N, 6 + C) by eq. 6.
        """
        channels = self.channels
        shape, color = activate_shape(self.covariance, raw[:, 2:5]), raw[:, 5 : 5 + channels]
        opacity = sigmoid(raw[:, 5 + channels :])
        merged = color * opacity if opacity.size else color
        by = self.evaluate(raw[:, :2], shape, merged)
        gradient = np.empty_like(raw)
        gradient[:, :2] = by.position
        gradient[:, 2:5] = activate_shape_backward(self.covariance, shape, by.shape)
        gradient[:, 5 : 5 + channels] = by.color
        if opacity.size:
            by_opacity = (by.color * color).sum(axis=1, keepdims=True)
            gradient[:, 5 : 5 + channels] *= opacity
            gradient[:, 5 + channels :] = by_opacity * opacity * (1.0 - opacity)
        return by.loss, gradient

    def sse(self, raw: Float64) -> float:
        """Return the sum of squared errors of the clamped rendering of raw parameters."""
        channels = self.channels
        shape, color = activate_shape(self.covariance, raw[:, 2:5]), raw[:, 5 : 5 + channels]
        if raw.shape[1] > 5 + channels:
            color = color * sigmoid(raw[:, 5 + channels :])
        geometry = Geometry(self.covariance, self.width, self.height, raw[:, :2], shape)
        return self.loss.sse(geometry.make_splats(color), self._black)
