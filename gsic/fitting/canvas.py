"""From parameters to a drawing and its loss, and the gradients back.

Raw parameters are what the optimiser moves, float64 (N, 5 + C), or one more with opacities:
positions before a tanh, three numbers of a covariance, the colour, the opacity before a sigmoid.
Columns lie one after the other in memory, as all arithmetic takes them one by one.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gsic.arrays import Float64
from gsic.gaussians import COVARIANCES, compute_factor, factor_backward
from gsic.profiles.gaussianimage.dequantisation import (
    CUTOFF,
    SHAPE_OFFSETS,
    compute_entries,
    compute_means,
)
from gsic_kernels.backend import SumLoss
from gsic_kernels.types import Splats

Float32 = NDArray[np.float32]


def random_start(
    count: int, channels: int, rng: np.random.Generator, opacity: float | None = None
) -> Float64:
    """Raw parameters to begin with: means uniform over the image, all else uniform in 0..1.

    Args:
        count, channels: N and C.
        rng: draws them.
        opacity: the raw opacity of all Gaussians, None for Gaussians without.
    """
    columns = [np.arctanh(rng.uniform(-1.0, 1.0, (2, count)))]
    columns.append(rng.uniform(0.0, 1.0, (3 + channels, count)))
    if opacity is not None:
        columns.append(np.full((1, count), opacity))
    return np.concatenate(columns).T


def sigmoid(raw: Float64) -> Float64:
    """1 / (1 + exp(-raw)), without overflow."""
    half: Float64 = 0.5 * np.tanh(0.5 * raw) + 0.5
    return half


def shape_of(covariance: str, raw: Float64) -> Float64:
    """What is quantised of raw shapes (N, 3): the angle of "rs" is 2 pi times a sigmoid."""
    if covariance != "rs":
        return raw
    shape = raw.copy(order="K")
    shape[:, 2] = 2.0 * math.pi * sigmoid(raw[:, 2])
    return shape


def raw_slope(covariance: str, shape: Float64, gradient: Float64) -> Float64:
    """Gradient by raw shapes from one by what `shape_of` makes of them; may be the same array."""
    if covariance == "rs":
        share = shape[:, 2] / (2.0 * math.pi)
        gradient[:, 2] *= 2.0 * math.pi * share * (1.0 - share)
    return gradient


class Slopes(NamedTuple):
    """A loss and its gradients by what was drawn, float64."""

    loss: float  # mean over all values
    position: Float64  # (N, 2), before the tanh
    shape: Float64  # (N, 3)
    color: Float64  # (N, C)


class Geometry:
    """Where N Gaussians lie: everything of a drawing but colours, and the way back.

    Args:
        covariance: "cholesky" or "rs". width, height: of the image, px.
        position: float64 (N, 2), before the tanh. shape: float64 (N, 3), before `SHAPES`.
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

    def splats(self, color: Float64) -> Splats:
        """The Gaussians for a kernel, cut where the paper cuts sums."""
        cutoff = np.full(len(self.mean), CUTOFF, np.float32)
        cutoff[self._singular] = -1.0
        return Splats(
            self.mean.astype(np.float32, order="C"),
            self.factor.astype(np.float32),
            color.astype(np.float32, order="C"),
            cutoff,
            np.zeros(len(cutoff), np.float32),
        )

    def backward(self, mean: Float32, factor: Float32) -> tuple[Float64, Float64]:
        """Gradients by position and shape from those by what a kernel got."""
        slope = 1.0 - self._tanh * self._tanh
        slope *= self._half_size
        slope *= mean
        by_entries = factor_backward(self.entries, self.factor, factor.astype(np.float64))
        theta = self.theta
        if self._singular.any():
            theta = np.where(self._singular[:, None], 1.0, theta)
        return slope, self._covariance.backward(theta, by_entries)


class Canvas:
    """Sums of Gaussians against one image.

    Args:
        objective: the loss. covariance: "cholesky" or "rs". shape: (H, W, C) of the image.
    """

    def __init__(self, objective: SumLoss, covariance: str, shape: tuple[int, ...]) -> None:
        self.objective = objective
        self.covariance = covariance
        self.height, self.width, self.channels = shape
        self.values = math.prod(shape)
        self._black = np.zeros(self.channels, np.float32)

    def draw(self, position: Float64, shape: Float64, color: Float64) -> Slopes:
        """Draw Gaussians, with the gradients of the loss."""
        geometry = Geometry(self.covariance, self.width, self.height, position, shape)
        loss, drawn = self.objective.step(geometry.splats(color), self._black)
        # The paper's losses are means.
        scale = 1.0 / self.values
        by_position, by_shape = geometry.backward(drawn.mean, drawn.factor)
        by_color = drawn.color.astype(np.float64)
        return Slopes(loss * scale, by_position * scale, by_shape * scale, by_color * scale)

    def slope(self, raw: Float64) -> tuple[float, Float64]:
        """Loss of raw parameters, (N, 5 + C) or (N, 6 + C), and its gradient of that shape.

        Without opacities that is eq. 7 of the paper, with them eq. 6.
        """
        channels = self.channels
        shape, color = shape_of(self.covariance, raw[:, 2:5]), raw[:, 5 : 5 + channels]
        opacity = sigmoid(raw[:, 5 + channels :])
        merged = color * opacity if opacity.size else color
        slopes = self.draw(raw[:, :2], shape, merged)
        gradient = np.empty_like(raw)
        gradient[:, :2] = slopes.position
        gradient[:, 2:5] = raw_slope(self.covariance, shape, slopes.shape)
        gradient[:, 5 : 5 + channels] = slopes.color
        if opacity.size:
            by_opacity = (slopes.color * color).sum(axis=1, keepdims=True)
            gradient[:, 5 : 5 + channels] *= opacity
            gradient[:, 5 + channels :] = by_opacity * opacity * (1.0 - opacity)
        return slopes.loss, gradient

    def sse(self, raw: Float64) -> float:
        """Sum of squared errors of the clamped drawing of raw parameters."""
        channels = self.channels
        shape, color = shape_of(self.covariance, raw[:, 2:5]), raw[:, 5 : 5 + channels]
        if raw.shape[1] > 5 + channels:
            color = color * sigmoid(raw[:, 5 + channels :])
        geometry = Geometry(self.covariance, self.width, self.height, raw[:, :2], shape)
        return self.objective.sse(geometry.splats(color), self._black)
