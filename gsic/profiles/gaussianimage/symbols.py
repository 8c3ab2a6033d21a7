"""The integers that an image consists of in profile `gaussianimage`.

Zhang et al., GaussianImage (ECCV 2024). A Gaussian has a position, two float16 before a tanh; a
shape, three symbols of a uniform quantiser of 2^b steps (eq. 8); and a colour, one index for each
stage of a residual vector quantiser (eq. 9) or again symbols of a uniform quantiser.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gsic.arrays import Float32, Float64, Int64

UInt16 = NDArray[np.uint16]

POSITION_BITS = 16

_LARGEST_HALF = 65504.0


class Quantiser(NamedTuple):
    """Learned asymmetric quantiser of K columns (eq. 8): value = symbol * step + origin.

    Args:
        bits: bits of a symbol.
        step, origin: float32 (K,), gamma and beta of the paper.
    """

    bits: int
    step: Float32
    origin: Float32

    def dequantise(self, symbols: Int64) -> Float64:
        """Convert symbols (N, K) to values, float64 (N, K)."""
        step, origin = self.step.astype(np.float64), self.origin.astype(np.float64)
        values: Float64 = symbols.astype(np.float64) * step + origin
        return values


class Codebooks(NamedTuple):
    """Residual vector quantiser of colours (eq. 9): the sum of one code vector of each stage.

    Args:
        vectors: float32 (S, B, C), B vectors in each of S stages.
    """

    vectors: Float32

    @property
    def bits(self) -> int:
        """Bits of an index."""
        size = int(self.vectors.shape[1])
        return (size - 1).bit_length()

    def dequantise(self, symbols: Int64) -> Float64:
        """Convert indices (N, S) to colours, float64 (N, C)."""
        colors = np.zeros((len(symbols), self.vectors.shape[2]))
        for vectors, index in zip(self.vectors.astype(np.float64), symbols.T, strict=True):
            colors += vectors[index]
        return colors


@dataclass(frozen=True)
class QuantisedImage:
    """N Gaussians as integers, and how they are written.

    Args:
        width, height: pixels.
        channels: coded channels, 1..4.
        covariance: "cholesky" or "rs", what the three numbers of a shape are.
        position: uint16 (N, 2), the bits of float16: atanh of x and y, -1..1 over the image.
        shape: int64 (N, 3), symbols of `shape_quantiser`.
        shape_quantiser: of Cholesky factors l1, l2, l3, or of two scales and an angle, before
            `SHAPE_OFFSETS` are added.
        color: int64 (N, S), indices into `Codebooks`, or (N, C), symbols of a `Quantiser`.
        color_quantiser: of colours.
        coding: "packed", each symbol in its bits, or "ans", with a histogram of each kind.
        plain: how many Gaussians are coded before bits-back begins; None without bits-back.
    """

    width: int
    height: int
    channels: int
    covariance: str
    position: UInt16
    shape: Int64
    shape_quantiser: Quantiser
    color: Int64
    color_quantiser: Codebooks | Quantiser
    coding: str = "ans"
    plain: int | None = None

    def __len__(self) -> int:
        return len(self.position)

    def select(self, index: NDArray[np.integer]) -> QuantisedImage:
        """Return the image of the Gaussians that an index array selects, in its order."""
        return replace(
            self, position=self.position[index], shape=self.shape[index], color=self.color[index]
        )

    @property
    def rows(self) -> Int64:
        """All symbols of each Gaussian: position, shape, colour; int64 (N, 5 + S)."""
        return np.concatenate((self.position.astype(np.int64), self.shape, self.color), axis=1)

    @property
    def gaussian_bits(self) -> int:
        """Bits of a Gaussian that is bit-packed."""
        color_bits = int(self.color.shape[1]) * self.color_quantiser.bits
        return 2 * POSITION_BITS + 3 * self.shape_quantiser.bits + color_bits

    @property
    def color_alphabet(self) -> int:
        """How many values a symbol of a colour can have."""
        quantiser = self.color_quantiser
        if isinstance(quantiser, Codebooks):
            return int(quantiser.vectors.shape[1])
        return 1 << quantiser.bits


def round_position(raw: Float64) -> NDArray[np.float16]:
    """Round positions before the tanh to float16, infinite ones to the largest finite number."""
    return np.clip(raw, -_LARGEST_HALF, _LARGEST_HALF).astype(np.float16)
