"""Images of half the size, and bicubic enlargement with its transpose."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]

# Keys (1981) with a = -0.75, as torch has it, at a quarter of a pixel from the nearest one. Even
# pixels of the result look at samples -2..1 around their own, odd ones at -1..2 the other way.
_TAPS = (-0.03515625, 0.26171875, 0.87890625, -0.10546875)


def halved(planes: Float32) -> Float32:
    """Means of 2 x 2 pixels, float32 (ceil(H / 2), ceil(W / 2), C); edges are repeated."""
    height, width, channels = planes.shape
    even = np.pad(planes, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    blocks = even.reshape((height + 1) // 2, 2, (width + 1) // 2, 2, channels)
    return np.ascontiguousarray(blocks.mean(axis=(1, 3), dtype=np.float64), np.float32)


class Enlargement:
    """Bicubic enlargement of planes of half the size, rounded up, and its transpose.

    Args:
        height, width: of the result, px.
    """

    def __init__(self, height: int, width: int) -> None:
        # Dense: most entries are zero, but products of matrices are what processors do best.
        self._rows, self._columns = (_matrix(side) for side in (height, width))

    def doubled(self, planes: Float32) -> Float32:
        """Planes (ceil(height / 2), ceil(width / 2), C) enlarged, float32 (height, width, C)."""
        larger = self._rows @ (planes.transpose(2, 0, 1) @ self._columns.T)
        return np.ascontiguousarray(larger.transpose(1, 2, 0))

    def backward(self, gradient: Float32) -> Float32:
        """Gradient by planes from one by what `doubled` makes of them."""
        smaller = (self._rows.T @ gradient.transpose(2, 0, 1)) @ self._columns
        return np.ascontiguousarray(smaller.transpose(1, 2, 0))


def _matrix(side: int) -> Float32:
    """What each of `side` pixels takes of half as many samples, float32 (side, ceil(side / 2))."""
    samples = (side + 1) // 2
    matrix = np.zeros((side, samples))
    for pixel in range(side):
        # A sample beyond the edge is the last one before it.
        for k, weight in enumerate(_TAPS):
            offset = k - 2 if pixel % 2 == 0 else 2 - k
            matrix[pixel, min(max(pixel // 2 + offset, 0), samples - 1)] += weight
    return matrix.astype(np.float32)
