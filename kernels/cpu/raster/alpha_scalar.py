"""The kernels of alpha blending as scalar loops, for where the vector type does not compile.

Each takes the arguments of its namesake in `alpha_forward` or `alpha_backward`, some of
which it does not need.
"""

from __future__ import annotations

import numpy as np

from gsic_kernels.constants import ALPHA_MAX, ALPHA_MIN, TRANSMITTANCE_MIN
from gsic_kernels.cpu.raster.alpha_partials import (
    BY_COLOR,
    BY_DY,
    BY_DY2,
    BY_OPACITY,
    BY_U,
    BY_U_DX,
    BY_U_DY,
)
from gsic_kernels.cpu.raster.records import COLOR, LIMIT, MEAN_X, MEAN_Y, OFFSET, P, R, T
from gsic_kernels.cpu.raster.sum_scalar import HALF, ONE, ZERO, exp_minus_8, row_span
from gsic_kernels.cpu.runtime.work_items import item_function
from gsic_kernels.types import F32, F64, I32, I64

MOST, LEAST = np.float32(ALPHA_MAX), np.float32(ALPHA_MIN)
END = np.float32(TRANSMITTANCE_MIN)


@item_function
def alpha_forward(
    item: int,
    worker: int,
    channels: tuple[int, ...],
    records: F32,
    starts: I64,
    pairs: I32,
    background: F32,
    opacity: F32,
    origin: tuple[int, int],
    height: int,
    scratch: F32,
    spans: I32,
    image: F32,
    transmittance: F32,
    stop: I32,
) -> None:
    """Do what `alpha_forward.alpha_forward` does."""
    rows, width, count = image.shape
    x0, never = origin[0], len(opacity)
    top = item * height
    bottom = min(top + height, rows)
    image[top:bottom] = ZERO
    transmittance[top:bottom] = ONE
    stop[top:bottom] = never
    for n in pairs[starts[item] : starts[item + 1]]:
        p, limit, offset = records[n, P], records[n, LIMIT], records[n, OFFSET]
        for row in range(top, bottom):
            y = origin[1] + row
            first, last = row_span(records, n, y, x0, x0 + width - 1)
            dy = np.float32(y) + HALF - records[n, MEAN_Y]
            u_row, v = records[n, R] * dy, records[n, T] * dy
            for x in range(first, last + 1):
                u = (np.float32(x) + HALF - records[n, MEAN_X]) * p + u_row
                z = u * u + v * v
                i = x - x0
                if not z <= limit or stop[row, i] < never:
                    continue
                alpha = min((exp_minus_8(z) - offset) * opacity[n], MOST)
                if alpha < LEAST:
                    continue
                before = transmittance[row, i]
                after = before * (ONE - alpha)
                if after < END:
                    stop[row, i] = n
                    continue
                for c in range(count):
                    image[row, i, c] += before * alpha * records[n, COLOR + c]
                transmittance[row, i] = after
    for row in range(top, bottom):
        for i in range(width):
            for c in range(count):
                image[row, i, c] += transmittance[row, i] * background[c]


@item_function
def alpha_backward(
    item: int,
    worker: int,
    channels: tuple[int, ...],
    records: F32,
    starts: I64,
    pairs: I32,
    background: F32,
    opacity: F32,
    origin: tuple[int, int],
    height: int,
    scratch: F32,
    spans: I32,
    transmittance: F32,
    stop: I32,
    grad: F32,
    partials: F32,
    d_background: F64,
) -> None:
    """Do what `alpha_backward.alpha_backward` does."""
    strip = scratch[worker]
    rows, width, count = grad.shape
    x0 = origin[0]
    top = item * height
    bottom = min(top + height, rows)
    # The strip holds two values per pixel for all Gaussians behind the current one: the
    # transmittance in front of them, and the gradient times the colour that is seen of them.
    for row in range(top, bottom):
        d_background[row] = 0.0
        for i in range(width):
            at = ((row - top) * width + i) * 2
            strip[at], strip[at + 1] = transmittance[row, i], ZERO
            for c in range(count):
                strip[at + 1] += background[c] * grad[row, i, c]
                d_background[row, c] += transmittance[row, i] * grad[row, i, c]
    for k in range(starts[item + 1] - 1, starts[item] - 1, -1):
        n = pairs[k]
        p, limit, offset = records[n, P], records[n, LIMIT], records[n, OFFSET]
        # Sums are float64, as in `sum_scalar`.
        by_u, by_u_dx, by_u_dy, by_dy, by_dy2, by_opacity = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
        by_color = np.zeros(count)
        for row in range(top, bottom):
            y = origin[1] + row
            first, last = row_span(records, n, y, x0, x0 + width - 1)
            dy = np.float32(y) + HALF - records[n, MEAN_Y]
            u_row, v = records[n, R] * dy, records[n, T] * dy
            for x in range(first, last + 1):
                dx = np.float32(x) + HALF - records[n, MEAN_X]
                u = dx * p + u_row
                z = u * u + v * v
                i = x - x0
                if not z <= limit or stop[row, i] <= n:
                    continue
                bell = exp_minus_8(z)
                raw = (bell - offset) * opacity[n]
                if raw < LEAST:
                    continue
                alpha = min(raw, MOST)
                at = ((row - top) * width + i) * 2
                front, change = strip[at] / (ONE - alpha), -strip[at + 1]
                for c in range(count):
                    value = grad[row, i, c]
                    change += records[n, COLOR + c] * value
                    by_color[c] += front * alpha * value
                strip[at] = front
                strip[at + 1] += alpha * change
                if raw <= MOST:
                    by_raw = front * change
                    by_opacity += by_raw * raw
                    he = by_raw * bell
                    by_u += he * u
                    by_u_dx += he * u * dx
                    by_u_dy += he * u * dy
                    by_dy += he * dy
                    by_dy2 += he * dy * dy
        partials[k, BY_U], partials[k, BY_U_DX], partials[k, BY_U_DY] = by_u, by_u_dx, by_u_dy
        partials[k, BY_DY], partials[k, BY_DY2] = by_dy, by_dy2
        partials[k, BY_OPACITY] = by_opacity
        for c in range(count):
            partials[k, BY_COLOR + c] = by_color[c]
