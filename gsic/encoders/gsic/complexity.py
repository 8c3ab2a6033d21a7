"""The complexity estimate: how much there is to code in an image, read from its 8x8 DCT.

A coefficient of the orthonormal transform is an amplitude in full scale times px, as the normalised
amplitude of a Gaussian is. So the number of coefficients above a threshold tells about how many
Gaussians an image needs at a global step of that size, and what is left of the image without the
smaller coefficients tells about its PSNR.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from gsic.arrays import Float32, Float64, Rows
from gsic.bands import split_rows
from gsic.profiles.gsic.symbols import MAX_STEP_INDEX, compute_step

# Regressions over encodings of the tuning images at 0.05 to 1.2 bits per pixel: log2 of Gaussians
# per pixel against log2 of coefficients above the step per pixel (standard deviation 0.29 octaves),
# and the PSNR against that of the rounded transform (0.9 dB).
_COUNT_SLOPE, _COUNT_OFFSET = 1.406, -1.25
_PSNR_OFFSET = 0.0

# Up to so many coefficients take a Gaussian each: the regression knows no images of so few.
_FEW_COEFFICIENTS = 16

# An image of up to so many pixels may get a Gaussian for each of them.
_SMALL_PIXELS = 64 * 64

# How far below the estimate a PSNR may be. Photographs miss it by up to 2.2 dB at low efforts, and
# more Gaussians would not help them; small images, whose encoding takes no time, are held to it.
# Estimates are taken to be at most the last number, which nobody can tell from more.
_TOLERANCE_DB, _TOLERANCE_OF_SMALL_DB, _MOST_PROMISED_DB = 4.0, 1.0, 44.0

_SIDE = 8
_MOST_BLOCKS = 1 << 16


class Need(NamedTuple):
    """What the complexity estimate asks of an encoding.

    Attributes:
        psnr: dB; an encoding with less lacks Gaussians.
        most: dB; an encoding with so much does not need more Gaussians, whatever they gain.
        explores: whether to try more Gaussians as long as they gain much: in small images, where
            that takes no time, and where a few more may make all the difference.
    """

    psnr: float
    most: float
    explores: bool


class Complexity:
    """The sorted magnitudes of the DCT coefficients of an image.

    Args:
        planes: float32 (H, W, C), 0..1.
        background: float64 (C,), subtracted first.
        transform: float64 (C, C), orthonormal, from the channels to those that are coded.
    """

    def __init__(self, planes: Rows, background: Float64, transform: Float64) -> None:
        height, width = planes.shape[:2]
        self._values = planes.size
        self._pixels = height * width
        # Blocks of a thin image are as thin, as padding would multiply what there is.
        rows, columns = min(height, _SIDE), min(width, _SIDE)
        count = -(-height // rows) * -(-width // columns)
        # Blocks of a large image stand for their neighbours.
        every = -(-count // _MOST_BLOCKS)
        blocks = _take_blocks(planes, rows, columns, every)
        self._repeats = count / len(blocks)
        # Padding counts as much as it covers.
        self._repeats *= height * width / (count * rows * columns)
        coded = (blocks - background) @ transform.T
        down, across = _make_dct(rows), _make_dct(columns)
        coefficients = np.einsum("ur,vs,nrsc->nuvc", down, across, coded, optimize=True)
        self._magnitude = np.sort(np.abs(coefficients).ravel())
        self._energy = np.concatenate(([0.0], np.cumsum(self._magnitude**2)))

    def count_gaussians(self, index: int) -> int:
        """Return the number of Gaussians to fit for a step index, 1 or more."""
        count = self._count_above(compute_step(index))
        if count == 0.0:
            return 1
        density = count / self._pixels
        wanted: float = 2.0 ** (_COUNT_SLOPE * math.log2(density) + _COUNT_OFFSET) * self._pixels
        wanted = max(wanted, min(count, _FEW_COEFFICIENTS))
        return min(max(1, int(wanted)), most_gaussians(self._pixels))

    def index_of_gaussians(self, count: int) -> int:
        """Return the step index that suits a number of Gaussians."""
        return _find_first(lambda index: self.count_gaussians(index) < count)

    def predict_psnr(self, index: int) -> float:
        """Estimate the PSNR in dB that a step index leads to."""
        threshold = compute_step(index)
        below = int(np.searchsorted(self._magnitude, threshold, side="right"))
        rounding = (len(self._magnitude) - below) * threshold**2 / 12.0
        error = (float(self._energy[below]) + rounding) * self._repeats / self._values
        return _PSNR_OFFSET - 10.0 * math.log10(error) if error > 0.0 else math.inf

    def find_need(self, index: int) -> Need:
        """Return what an encoding at a step index has to reach."""
        small = self._pixels <= _SMALL_PIXELS
        promised = min(self.predict_psnr(index), _MOST_PROMISED_DB)
        tolerance = _TOLERANCE_OF_SMALL_DB if small else _TOLERANCE_DB
        return Need(promised - tolerance, _MOST_PROMISED_DB, small)

    def index_of_psnr(self, psnr: float) -> int:
        """Return the step index whose estimated PSNR is nearest below `psnr` dB."""
        return _find_first(lambda index: self.predict_psnr(index) < psnr)

    def _count_above(self, threshold: float) -> float:
        """Estimate how many coefficients of the image exceed a threshold."""
        below = int(np.searchsorted(self._magnitude, threshold, side="right"))
        return (len(self._magnitude) - below) * self._repeats


def most_gaussians(pixels: int) -> int:
    """Return the largest number of Gaussians that pays for their bits in an image."""
    return max(16, pixels // 6)


def most_gaussians_at_all(pixels: int) -> int:
    """Return the largest number of Gaussians where fewer do not do: one per pixel if it is small.

    In a small image no pixel need resemble its neighbours: in noise, dots, letters.
    """
    return max(most_gaussians(pixels), min(pixels, _SMALL_PIXELS))


def _find_first(below: Callable[[int], bool]) -> int:
    """Find the smallest step index at which a falling quantity is below its target."""
    return bisect_left(range(MAX_STEP_INDEX), True, key=below)


def _make_dct(side: int) -> Float64:
    """Make the orthonormal DCT of so many samples, float64 (side, side)."""
    k = np.arange(side)
    transform = np.sqrt(2.0 / side) * np.cos(np.pi * (k[None, :] + 0.5) * k[:, None] / side)
    transform[0] /= math.sqrt(2.0)
    return np.asarray(transform, np.float64)


def _take_blocks(planes: Rows, rows: int, columns: int, every: int) -> Float32:
    """Take each of so many blocks of planes, float32 (B, rows, columns, C)."""
    height, width, _ = planes.shape
    taken, first = [], 0
    for band in split_rows(height, width, rows):
        blocks = _split_blocks(planes[band], rows, columns)
        taken.append(blocks[-first % every :: every])
        first += len(blocks)
    return np.concatenate(taken)


def _split_blocks(planes: Float32, rows: int, columns: int) -> Float32:
    """Split planes into blocks, float32 (B, rows, columns, C); the last ones are padded."""
    height, width, channels = planes.shape
    pad = ((0, -height % rows), (0, -width % columns), (0, 0))
    padded = np.pad(planes, pad, mode="edge")
    down, across = padded.shape[0] // rows, padded.shape[1] // columns
    blocks = padded.reshape(down, rows, across, columns, channels).swapaxes(1, 2)
    return blocks.reshape(down * across, rows, columns, channels)
