"""Profile `2dgs`: blended Gaussians <-> integers. FORMAT.md section 9 is normative.

Zhang et al., "2D Gaussian Splatting for Image Compression" (APSIPA 2024). Every parameter lies in
0..1: two coordinates, two scales in units of the image's sides, an angle in half turns, C colours
and an opacity. Positions are quantised one by one; (scales, angle) and (colour, opacity) are rows
of two codebooks. The order of the Gaussians is that of blending, the first in front.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gsic.gaussians import COVARIANCES, CovarianceEntries, Float64

Int64 = NDArray[np.int64]

COVARIANCE = COVARIANCES["rs"]

POSITION_COLUMNS, SHAPE_COLUMNS = 2, 3

BOUND_LEVELS = (1 << 16) - 1
"""Bounds of quantisers are multiples of 1 / BOUND_LEVELS."""

MAX_BITS = 16

# A scale of nothing draws nothing; this keeps its factor finite.
_LEAST_SCALE = 1e-9


class Grid(NamedTuple):
    """Where 0..1 lies in an image.

    Attributes:
        width, height: pixels of the image.
        pitch: pixels that a sample of the fit covers, 1 or 2; the first and the last sample along
            a side are at 0 and 1.
        normalised: whether angles turn axes in which each side of the image is 1, as in the public
            code, rather than axes of pixels.
    """

    width: int
    height: int
    pitch: int
    normalised: bool

    @property
    def sides(self) -> Float64:
        """Pixels from 0 to 1 along x and y, float64 (2,)."""
        samples = [-(-side // self.pitch) for side in (self.width, self.height)]
        return self.pitch * np.maximum(np.array(samples, np.float64) - 1.0, 1.0)


def means(grid: Grid, position: Float64) -> Float64:
    """Means in px, float64 (N, 2), of positions float64 (N, 2) in 0..1."""
    # The papers' code puts centres of samples on integers.
    return position * grid.sides + 0.5 * grid.pitch


def entries(grid: Grid, shape: Float64) -> CovarianceEntries:
    """Covariances (eq. 2, 3) of rows (s1, s2, angle), float64 (N, 3) in 0..1."""
    scale, (x, y) = _scales(grid)
    s12, s22, det = COVARIANCE.entries(_theta(shape, scale))
    return CovarianceEntries(s12 * (x * y), s22 * (y * y), det * (x * y) ** 2)


def shape_gradients(grid: Grid, shape: Float64, grad: CovarianceEntries) -> Float64:
    """Gradient by rows (s1, s2, angle) from one on (Sigma12, Sigma22, ln det) in px."""
    scale, (x, y) = _scales(grid)
    by = CovarianceEntries(grad.s12 * (x * y), grad.s22 * (y * y), grad.det)
    return COVARIANCE.backward(_theta(shape, scale), by) * scale


def _scales(grid: Grid) -> tuple[Float64, tuple[float, float]]:
    """What rows are multiplied by before they are turned, and the axes afterwards."""
    x, y = grid.sides.tolist()
    if grid.normalised:
        return np.array([1.0, 1.0, math.pi]), (x, y)
    return np.array([x, y, math.pi]), (1.0, 1.0)


def _theta(shape: Float64, scale: Float64) -> Float64:
    theta = shape * scale
    np.maximum(theta[:, :2], _LEAST_SCALE, out=theta[:, :2])
    return theta


def cutoff_of(opacity: Float64) -> Float64:
    """ln(255 o), where a Gaussian ends, float64 (N,); below 0 where it is not seen at all."""
    return np.asarray(np.log(255.0 * np.maximum(opacity, 1e-6)), np.float64)


@dataclass(frozen=True)
class Quantiser:
    """Uniform levels from one bound to another, by column (eqs. 7, 8).

    Args:
        bits: 1..MAX_BITS, of each value.
        bounds: int64 (columns, 2), lowest and highest in multiples of 1 / BOUND_LEVELS.
    """

    bits: int
    bounds: Int64

    def levels(self, values: Float64) -> Int64:
        """Nearest levels, int64 (N, columns), of values within the bounds."""
        low, high = self.bounds.T / BOUND_LEVELS
        span = np.where(high > low, high - low, 1.0)
        most = (1 << self.bits) - 1
        level = np.floor((values - low) / span * most + 0.5)
        return np.where(high > low, np.clip(level, 0, most), 0).astype(np.int64)

    def values(self, levels: Int64) -> Float64:
        """Values in 0..1, float64 (N, columns), of levels."""
        most = (1 << self.bits) - 1
        low, high = self.bounds.T
        # Integers below 2^53, then one division: no platform rounds another way.
        exact = low * most + levels * (high - low)
        return np.asarray(exact / (BOUND_LEVELS * most), np.float64)


def quantiser(values: Float64, bits: int, shared: bool) -> Quantiser:
    """The quantiser from the smallest to the largest of values in 0..1.

    Args:
        values: float64 (N, columns), N >= 1.
        bits: of each value.
        shared: whether all columns share one range, rather than having one each.
    """
    low, high = values.min(axis=0), values.max(axis=0)
    if shared:
        low, high = np.full_like(low, low.min()), np.full_like(high, high.max())
    bounds = np.stack((np.floor(low * BOUND_LEVELS), np.ceil(high * BOUND_LEVELS)), axis=1)
    return Quantiser(bits, np.clip(bounds, 0, BOUND_LEVELS).astype(np.int64))


@dataclass(frozen=True)
class Book:
    """Rows that Gaussians share.

    Args:
        quantiser: of the rows.
        rows: int64 (k, columns), levels.
        index: int64 (N,), the row of each Gaussian.
    """

    quantiser: Quantiser
    rows: Int64
    index: Int64

    def values(self) -> Float64:
        """The rows of the Gaussians, float64 (N, columns)."""
        return self.quantiser.values(self.rows)[self.index]


@dataclass(frozen=True)
class Scene:
    """N Gaussians as integers, in the order of blending.

    Args:
        grid: what positions and scales mean.
        places: quantiser of the positions.
        position: int64 (N, 2), levels.
        shapes: (s1, s2, angle).
        colors: C colours and the opacity.
    """

    grid: Grid
    places: Quantiser
    position: Int64
    shapes: Book
    colors: Book

    def __len__(self) -> int:
        return len(self.position)


class Seen(NamedTuple):
    """N Gaussians as a decoder sees them, float64."""

    mean: Float64  # (N, 2) px
    entries: CovarianceEntries
    color: Float64  # (N, C), 0..1
    opacity: Float64  # (N,), 0..1


def dequantise(scene: Scene) -> Seen:
    """Gaussians of integers; all of it is float64."""
    colors = scene.colors.values()
    return Seen(
        means(scene.grid, scene.places.values(scene.position)),
        entries(scene.grid, scene.shapes.values()),
        colors[:, :-1],
        colors[:, -1],
    )
