"""Pictures smaller than the image: the mean over the area that each output pixel covers."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from gsic.arrays import Float32, Int64
from gsic_kernels.types import Window

# Values of the image that are in memory at once.
_BAND_VALUES = 1 << 24


def average_window(
    render: Callable[[Window], Float32],
    image: tuple[int, int],
    pitch: tuple[float, float],
    window: Window,
) -> Float32:
    """Average pixels of an image over the area of each output pixel.

    Args:
        render: draws a window of the image, float32 (H, W, C).
        image: width and height of the image, px.
        pitch: input px per output px along x and y, 1 or more.
        window: the part of the output that is wanted, in output px. The value of a pixel does not
            depend on it.

    Returns:
        float32 (height, width, C).
    """
    left, across = _weigh_pixels(window.x, window.width, pitch[0], image[0])
    top, down = _weigh_pixels(window.y, window.height, pitch[1], image[1])
    x, width = int(left[0]), int(left[-1]) + len(across) - int(left[0])
    rows = max(int(_BAND_VALUES / (pitch[1] * width)), 1)
    bands = []
    for begin in range(0, window.height, rows):
        end = min(begin + rows, window.height)
        y = int(top[begin])
        height = int(top[end - 1]) + len(down) - y
        drawn = render(Window(x, y, width, height))
        lines = _add_up(drawn, top[begin:end] - y, down[:, begin:end])
        columns = _add_up(lines.transpose(1, 0, 2), left - x, across)
        bands.append(columns.transpose(1, 0, 2))
    return np.concatenate(bands)


def _weigh_pixels(first: int, count: int, pitch: float, side: int) -> tuple[Int64, Float32]:
    """Find the input pixels under each output pixel of an axis, and their shares.

    Returns:
        The first input pixel of each output pixel, int64 (count,); and the shares of that and the
        following ones, float32 (K, count).
    """
    edges = np.minimum(np.arange(first, first + count + 1) * pitch, side)
    begins = np.floor(edges[:-1]).astype(np.int64)
    taps = math.ceil(pitch) + 1
    cells = begins + np.arange(taps)[:, None]
    overlap = np.minimum(cells + 1, edges[1:]) - np.maximum(cells, edges[:-1])
    shares = np.maximum(overlap, 0.0) / (edges[1:] - edges[:-1])
    return begins, shares.astype(np.float32)


def _add_up(lines: Float32, begins: Int64, shares: Float32) -> Float32:
    """Add up shares of consecutive lines, (H, W, C) -> (len(begins), W, C), in a fixed order."""
    total = np.zeros((len(begins), *lines.shape[1:]), np.float32)
    for k, share in enumerate(shares):
        total += lines[begins + k] * share[:, None, None]
    return total
