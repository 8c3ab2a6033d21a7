"""Profile `gaussianimage` (Zhang et al., GaussianImage, ECCV 2024): Gaussians <-> integers.

FORMAT.md section 8 is normative for `drawing`. A Gaussian has a position, two float16 before a
tanh; three numbers of its covariance on a grid of 2^b steps (eq. 8); and a colour, a sum of code
vectors (eq. 9) or again on a grid. All are summed, without opacity and without background (eq. 7).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gsic.gaussians import COVARIANCES, CovarianceEntries, Float64
from gsic.profiles.base import Drawing

Float32 = NDArray[np.float32]
UInt16 = NDArray[np.uint16]
Int64 = NDArray[np.int64]

CUTOFF = math.log(255.0)
"""A Gaussian ends where its weight falls below 1/255, whatever its colour."""

CENTRE_PX = 0.5
"""The paper's code has the centres of pixels at whole numbers."""

SHAPES = {"cholesky": (0.5, 0.0, 0.5), "rs": (0.5, 0.5, 0.0)}
"""What is added to the three numbers of a covariance after dequantisation."""

_LARGEST_HALF = 65504.0

# Covariances beyond this draw nothing by the rule for singular values, whatever else they are.
_LEAST, _MOST = 1e-30, 1e40


class Grid(NamedTuple):
    """Learned asymmetric quantisation of K columns (eq. 8): value = symbol * step + origin.

    Args:
        bits: of a symbol. step, origin: float32 (K,), gamma and beta of the paper.
    """

    bits: int
    step: Float32
    origin: Float32

    def values(self, symbols: Int64) -> Float64:
        """Numbers of symbols (N, K), float64 (N, K)."""
        step, origin = self.step.astype(np.float64), self.origin.astype(np.float64)
        values: Float64 = symbols.astype(np.float64) * step + origin
        return values


class Codebooks(NamedTuple):
    """Residual vector quantisation (eq. 9): the sum of one code vector of each stage.

    Args:
        vectors: float32 (M, B, C), B vectors in each of M stages.
    """

    vectors: Float32

    @property
    def bits(self) -> int:
        """Bits of an index."""
        size = int(self.vectors.shape[1])
        return (size - 1).bit_length()

    def values(self, symbols: Int64) -> Float64:
        """Colours of indices (N, M), float64 (N, C)."""
        colors = np.zeros((len(symbols), self.vectors.shape[2]))
        for vectors, index in zip(self.vectors.astype(np.float64), symbols.T, strict=True):
            colors += vectors[index]
        return colors


@dataclass(frozen=True)
class Quantised:
    """N Gaussians as integers, and how they are written.

    Args:
        width, height: pixels. channels: 1..4.
        covariance: "cholesky" or "rs", what the three numbers of a shape are.
        position: uint16 (N, 2), the bits of float16: atanh of x and y, -1..1 over the image.
        shape: int64 (N, 3), symbols of `shape_grid`.
        shape_grid: Cholesky factors l1, l2, l3, or two scales and an angle, before `SHAPES`.
        color: int64 (N, M) indices, or (N, C) symbols.
        palette: what colours they mean.
        coding: "packed", every symbol in its bits, or "ans", with a histogram of each kind.
        plain: how many Gaussians are image before bits-back begins; None without bits-back.
    """

    width: int
    height: int
    channels: int
    covariance: str
    position: UInt16
    shape: Int64
    shape_grid: Grid
    color: Int64
    palette: Codebooks | Grid
    coding: str = "ans"
    plain: int | None = None

    def __len__(self) -> int:
        return len(self.position)

    def take(self, index: NDArray[np.integer]) -> Quantised:
        """The Gaussians that `index` selects, in its order."""
        return replace(
            self, position=self.position[index], shape=self.shape[index], color=self.color[index]
        )

    @property
    def rows(self) -> Int64:
        """All symbols of each Gaussian, int64 (N, 5 + S)."""
        return np.concatenate((self.position.astype(np.int64), self.shape, self.color), axis=1)

    @property
    def gaussian_bits(self) -> int:
        """Bits of a Gaussian that is bit-packed."""
        return 32 + 3 * self.shape_grid.bits + int(self.color.shape[1]) * self.palette.bits


def half(raw: Float64) -> NDArray[np.float16]:
    """Positions before the tanh as float16; finite whatever they were."""
    return np.clip(raw, -_LARGEST_HALF, _LARGEST_HALF).astype(np.float16)


def mean_px(tanh: Float64, width: int, height: int) -> Float64:
    """Means in px, float64 (N, 2), of positions of -1..1 over the image."""
    mean: Float64 = (tanh + 1.0) * (0.5 * width, 0.5 * height) + CENTRE_PX
    return mean


def entries_of(covariance: str, theta: Float64) -> tuple[CovarianceEntries, NDArray[np.bool_]]:
    """Return the entries of covariances, 1 px^2 where they are singular, and which of them are."""
    s12, s22, det = COVARIANCES[covariance].entries(theta)
    singular = ~((np.minimum(s22, det) > _LEAST) & (np.maximum(s22, det) < _MOST))
    if singular.any():
        s12, s22, det = (np.where(singular, safe, m) for safe, m in ((0, s12), (1, s22), (1, det)))
    return CovarianceEntries(s12, s22, det), singular


def drawing(image: Quantised) -> Drawing:
    """What a decoder draws; all of it is float64."""
    tanh = np.tanh(image.position.view(np.float16).astype(np.float64))
    theta = image.shape_grid.values(image.shape) + SHAPES[image.covariance]
    entries, singular = entries_of(image.covariance, theta)
    return Drawing(
        mean_px(tanh, image.width, image.height),
        entries,
        image.palette.values(image.color),
        np.where(singular, -1.0, CUTOFF),
        np.zeros(len(image)),
        np.zeros(image.channels),
    )


def canonical(image: Quantised) -> Quantised:
    """The Gaussians in file order, ascending by their symbols; a sum has no order of its own."""
    return image.take(np.lexsort(image.rows.T[::-1]))
