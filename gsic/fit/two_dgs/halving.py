"""Images of half the size, and bicubic enlargement with its transpose."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]

# Keys (1981) with a = -0.75, as torch has it, at a quarter of a pixel from the nearest one. Even
# pixels of the result look at samples -2..1 around their own, odd ones at -1..2 the other way.
_TAPS = (-0.03515625, 0.26171875, 0.87890625, -0.10546875)
_MARGIN = 2


def halved(planes: Float32) -> Float32:
    """Means of 2 x 2 pixels, float32 (ceil(H / 2), ceil(W / 2), C); edges are repeated."""
    height, width, channels = planes.shape
    even = np.pad(planes, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    blocks = even.reshape((height + 1) // 2, 2, (width + 1) // 2, 2, channels)
    return np.ascontiguousarray(blocks.mean(axis=(1, 3), dtype=np.float64), np.float32)


def doubled(planes: Float32, height: int, width: int) -> Float32:
    """Bicubic enlargement, float32 (height, width, C), of planes of half that, rounded up."""
    for axis in (0, 1):
        planes = _doubled(planes, axis)
    return np.ascontiguousarray(planes[:height, :width])


def halving_gradient(gradient: Float32, shape: tuple[int, ...]) -> Float32:
    """The transpose of `doubled` for planes of a shape: a gradient by them."""
    height, width, _ = shape
    rows, columns, _ = gradient.shape
    margins = ((0, 2 * height - rows), (0, 2 * width - columns), (0, 0))
    planes = np.pad(gradient, margins)
    for axis in (1, 0):
        planes = _gathered(planes, axis)
    return planes


def _doubled(planes: Float32, axis: int) -> Float32:
    planes = planes.swapaxes(0, axis)
    count = len(planes)
    wide = np.concatenate((planes[:1], planes[:1], planes, planes[-1:], planes[-1:]))
    out = np.empty((2 * count, *planes.shape[1:]), np.float32)
    out[0::2] = sum(np.float32(w) * wide[k : k + count] for k, w in enumerate(_TAPS))
    out[1::2] = sum(np.float32(w) * wide[4 - k : 4 - k + count] for k, w in enumerate(_TAPS))
    return out.swapaxes(0, axis)


def _gathered(planes: Float32, axis: int) -> Float32:
    planes = planes.swapaxes(0, axis)
    count = len(planes) // 2
    wide = np.zeros((count + 2 * _MARGIN, *planes.shape[1:]), np.float32)
    for k, w in enumerate(_TAPS):
        wide[k : k + count] += np.float32(w) * planes[0::2]
        wide[4 - k : 4 - k + count] += np.float32(w) * planes[1::2]
    inside = wide[_MARGIN : _MARGIN + count]
    inside[0] += wide[:_MARGIN].sum(axis=0)
    inside[-1] += wide[-_MARGIN:].sum(axis=0)
    return np.ascontiguousarray(inside.swapaxes(0, axis))
