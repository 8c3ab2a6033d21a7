"""Images of half the size, and bicubic enlargement to the full size with its transpose."""

from __future__ import annotations

import numpy as np

from gsic.arrays import Float32

# Keys (1981) with a = -0.75, as in torch, at a quarter of a pixel from the nearest sample. Even
# pixels of the result take the samples -2..1 around their own, odd ones 2..-1 in reverse order.
_TAPS = (-0.03515625, 0.26171875, 0.87890625, -0.10546875)


def halve(planes: Float32) -> Float32:
    """Average 2 x 2 pixels: float32 (ceil(H / 2), ceil(W / 2), C); edges are repeated."""
    height, width, channels = planes.shape
    even = np.pad(planes, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    blocks = even.reshape((height + 1) // 2, 2, (width + 1) // 2, 2, channels)
    return np.ascontiguousarray(blocks.mean(axis=(1, 3), dtype=np.float64), np.float32)


class Enlargement:
    """Bicubic enlargement of planes of half the size, rounded up, and its transpose.

    Args:
        height, width: size of the result, px.
    """

    def __init__(self, height: int, width: int) -> None:
        # Dense: most entries are zero, but matrix products are what processors do best.
        self._rows, self._columns = (_make_matrix(side) for side in (height, width))

    def enlarge(self, planes: Float32) -> Float32:
        """Enlarge planes (ceil(height / 2), ceil(width / 2), C) to float32 (height, width, C)."""
        enlarged = self._rows @ (planes.transpose(2, 0, 1) @ self._columns.T)
        return np.ascontiguousarray(enlarged.transpose(1, 2, 0))

    def backward(self, gradient: Float32) -> Float32:
        """Compute the vector-Jacobian product of `enlarge`: by its result -> by its planes."""
        by_planes = (self._rows.T @ gradient.transpose(2, 0, 1)) @ self._columns
        return np.ascontiguousarray(by_planes.transpose(1, 2, 0))


def _make_matrix(side: int) -> Float32:
    """Return the weights of the samples in each pixel, float32 (side, ceil(side / 2))."""
    samples = (side + 1) // 2
    matrix = np.zeros((side, samples))
    for pixel in range(side):
        # A sample beyond the edge is the last one before it.
        for k, weight in enumerate(_TAPS):
            offset = k - 2 if pixel % 2 == 0 else 2 - k
            matrix[pixel, min(max(pixel // 2 + offset, 0), samples - 1)] += weight
    return matrix.astype(np.float32)
