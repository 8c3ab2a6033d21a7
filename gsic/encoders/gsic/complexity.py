"""How much there is to code in an image, read from its 8x8 cosine transform.

A coefficient of the orthonormal transform is an amplitude in full scale times px, as the normalised
amplitude of a Gaussian is, so counting coefficients above a threshold tells about how many
Gaussians an image deserves at a global step, and thresholding them about how well it will look.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from gsic.gaussians import Float64
from gsic.profiles.gsic.symbols import MAX_STEP_INDEX, step_of

Float32 = NDArray[np.float32]

# Of encodings of the tuning images at 0.05 to 1.2 bits per pixel: log2 of Gaussians per pixel over
# log2 of coefficients above the step per pixel (standard deviation 0.29 octaves), and the PSNR
# over that of the rounded transform (0.9 dB).
_COUNT_SLOPE, _COUNT_OFFSET = 1.406, -1.25
_PSNR_OFFSET = 0.0

_SIDE = 8
_MOST_BLOCKS = 1 << 16

_k = np.arange(_SIDE)
_DCT = np.sqrt(2.0 / _SIDE) * np.cos(np.pi * (_k[None, :] + 0.5) * _k[:, None] / _SIDE)
_DCT[0] /= math.sqrt(2.0)


class Spectrum:
    """Sorted magnitudes of an image's coefficients.

    Args:
        planes: float32 (H, W, C), 0..1.
        background: float64 (C,), subtracted first.
        transform: float64 (C, C), orthonormal, from channels to the coded ones.
    """

    def __init__(self, planes: Float32, background: Float64, transform: Float64) -> None:
        height, width = planes.shape[:2]
        self._values = planes.size
        self._pixels = height * width
        blocks = _blocks(planes)
        # Blocks of a large image stand for their neighbours.
        every = -(-len(blocks) // _MOST_BLOCKS)
        self._repeats = len(blocks) / len(blocks[::every])
        # Padding counts as much as it covers.
        self._repeats *= height * width / (len(blocks) * _SIDE * _SIDE)
        coded = (blocks[::every] - background) @ transform.T
        coefficients = np.einsum("ur,vs,nrsc->nuvc", _DCT, _DCT, coded, optimize=True)
        self._magnitude = np.sort(np.abs(coefficients).ravel())
        self._energy = np.concatenate(([0.0], np.cumsum(self._magnitude**2)))

    def gaussians(self, index: int) -> int:
        """How many Gaussians to fit for a step index, 1 or more."""
        density = self._above(step_of(index)) / self._pixels
        if density == 0.0:
            return 1
        wanted: float = 2.0 ** (_COUNT_SLOPE * math.log2(density) + _COUNT_OFFSET) * self._pixels
        return min(max(1, int(wanted)), most_gaussians(self._pixels))

    def index_of_gaussians(self, count: int) -> int:
        """The step index that so many Gaussians suit."""
        return _first_below(lambda index: self.gaussians(index) < count)

    def psnr(self, index: int) -> float:
        """About the PSNR in dB that a step index leads to."""
        threshold = step_of(index)
        below = int(np.searchsorted(self._magnitude, threshold, side="right"))
        rounding = (len(self._magnitude) - below) * threshold**2 / 12.0
        error = (float(self._energy[below]) + rounding) * self._repeats / self._values
        return _PSNR_OFFSET - 10.0 * math.log10(error) if error > 0.0 else math.inf

    def index_of_psnr(self, psnr: float) -> int:
        """The step index that leads to about `psnr` dB."""
        return _first_below(lambda index: self.psnr(index) < psnr)

    def _above(self, threshold: float) -> float:
        """About how many coefficients of the image exceed a threshold."""
        below = int(np.searchsorted(self._magnitude, threshold, side="right"))
        return (len(self._magnitude) - below) * self._repeats


def most_gaussians(pixels: int) -> int:
    """More Gaussians than this in an image never pay."""
    return max(16, pixels // 6)


def _first_below(below: Callable[[int], bool]) -> int:
    """The smallest step index at which a falling quantity is below its target."""
    return bisect_left(range(MAX_STEP_INDEX), True, key=below)


def _blocks(planes: Float32) -> Float32:
    """float32 (B, 8, 8, C), the last rows and columns repeated to fill the blocks."""
    height, width, channels = planes.shape
    pad = ((0, -height % _SIDE), (0, -width % _SIDE), (0, 0))
    padded = np.pad(planes, pad, mode="edge")
    down, across = padded.shape[0] // _SIDE, padded.shape[1] // _SIDE
    blocks = padded.reshape(down, _SIDE, across, _SIDE, channels).swapaxes(1, 2)
    return blocks.reshape(down * across, _SIDE, _SIDE, channels)
