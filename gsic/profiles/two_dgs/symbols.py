"""The integers that an image consists of in profile `2dgs`.

Zhang et al., "2D Gaussian Splatting for Image Compression" (APSIPA 2024). Every parameter of a
Gaussian lies in 0..1: two coordinates, two scales in units of the image's sides, an angle in half
turns, C colours and an opacity. Positions are quantised one by one; (scales, angle) and (colour,
opacity) are rows of two codebooks that the Gaussians share.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from gsic.arrays import Float64, Int64

POSITION_COLUMNS, SHAPE_COLUMNS = 2, 3

BOUND_LEVELS = (1 << 16) - 1
"""Bounds of quantisers are multiples of 1 / BOUND_LEVELS."""

MAX_BITS = 16


class Grid(NamedTuple):
    """The sampling grid that positions and scales in 0..1 refer to.

    Attributes:
        width, height: pixels of the image.
        pitch: pixels that a sample of the fit covers, 1 or 2; the first and the last sample along
            a side are at 0 and 1.
        normalised: whether angles rotate axes in which each side of the image is 1, as in the
            public code, rather than axes of pixels.
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


@dataclass(frozen=True)
class Quantiser:
    """Uniform quantiser between two bounds of each column (eqs. 7, 8).

    Args:
        bits: bits of a level, 1..MAX_BITS.
        bounds: int64 (K, 2), lowest and highest value of each column in multiples of
            1 / BOUND_LEVELS.
    """

    bits: int
    bounds: Int64

    def quantise(self, values: Float64) -> Int64:
        """Round values (N, K) within the bounds to the nearest levels, int64 (N, K)."""
        low, high = self.bounds.T / BOUND_LEVELS
        span = np.where(high > low, high - low, 1.0)
        most = (1 << self.bits) - 1
        level = np.floor((values - low) / span * most + 0.5)
        return np.where(high > low, np.clip(level, 0, most), 0).astype(np.int64)

    def dequantise(self, levels: Int64) -> Float64:
        """Convert levels (N, K) to values in 0..1, float64 (N, K)."""
        most = (1 << self.bits) - 1
        low, high = self.bounds.T
        # Integers below 2^53, then one division, so that no platform rounds it in another way.
        exact = low * most + levels * (high - low)
        return np.asarray(exact / (BOUND_LEVELS * most), np.float64)


def fit_quantiser(values: Float64, bits: int, shared: bool) -> Quantiser:
    """Make the quantiser that spans the smallest to the largest of some values.

    Args:
        values: float64 (N, K) in 0..1, N >= 1.
        bits: bits of a level, 1..MAX_BITS.
        shared: whether all columns share one range, rather than having one each.
    """
    low, high = values.min(axis=0), values.max(axis=0)
    if shared:
        low, high = np.full_like(low, low.min()), np.full_like(high, high.max())
    bounds = np.stack((np.floor(low * BOUND_LEVELS), np.ceil(high * BOUND_LEVELS)), axis=1)
    return Quantiser(bits, np.clip(bounds, 0, BOUND_LEVELS).astype(np.int64))


@dataclass(frozen=True)
class Codebook:
    """Quantised rows that Gaussians share.

    Args:
        quantiser: of the rows.
        rows: int64 (R, K), levels.
        index: int64 (N,), the row of each Gaussian.
    """

    quantiser: Quantiser
    rows: Int64
    index: Int64

    def dequantise(self) -> Float64:
        """Return the row of each Gaussian as values in 0..1, float64 (N, K)."""
        return self.quantiser.dequantise(self.rows)[self.index]


@dataclass(frozen=True)
class QuantisedImage:
    """N Gaussians as integers, in the order of blending, the first in front.

    Args:
        grid: what positions and scales refer to.
        position_quantiser: of the positions.
        position: int64 (N, 2), levels of x and y.
        shapes: codebook of (s1, s2, angle).
        colors: codebook of C colours and the opacity.
    """

    grid: Grid
    position_quantiser: Quantiser
    position: Int64
    shapes: Codebook
    colors: Codebook

    def __len__(self) -> int:
        return len(self.position)


def count_columns(channels: int) -> tuple[int, int, int]:
    """Count the columns of positions, of shapes and of colours with the opacity."""
    return POSITION_COLUMNS, SHAPE_COLUMNS, channels + 1


def make_empty_image(grid: Grid, channels: int) -> QuantisedImage:
    """Make an image without Gaussians."""
    none = np.zeros(0, np.int64)
    positions, shapes, colors = (
        Codebook(
            Quantiser(1, np.zeros((columns, 2), np.int64)), np.zeros((0, columns), np.int64), none
        )
        for columns in count_columns(channels)
    )
    return QuantisedImage(grid, positions.quantiser, positions.rows, shapes, colors)
