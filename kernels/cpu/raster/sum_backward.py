"""The gradient of a sum of Gaussians: each Gaussian reads the part of the image gradient under it.

With h = sum over channels of color * gradient and e = exp(-q) within the cutoff, the derivatives of
the loss L are

    dL/dp = -sum h e u dx            dL/dx = p sum h e u
    dL/dr = -sum h e u dy            dL/dy = r sum h e u + t^2 sum h e dy
    dL/dt = -t sum h e dy^2          dL/dcolor_c = sum (e - offset) gradient_c

where x, y is the mean. Nothing is added to memory that another thread writes, so there is no race
to order: the sums of a Gaussian are taken in the same order, whichever worker takes them.

u enters the sums as itself and not as p dx + r dy: sums of dx and dy cancel for thin Gaussians. dx
is constant in a lane of a column and dy in a row, so each is multiplied once per column or row.
"""

from __future__ import annotations

import numpy as np

from gsic_kernels.cpu.raster.column_spans import append_spans
from gsic_kernels.cpu.raster.columns import HALF, ZERO
from gsic_kernels.cpu.raster.planar_simd import (
    dot_planes,
    fma_planes,
    load_colors,
    load_pixels,
    load_planes,
    store_planes,
    total_planes,
    zero_planes,
)
from gsic_kernels.cpu.raster.records import (
    COLOR,
    FACTOR_SCALE,
    LIMIT,
    MEAN_X,
    MEAN_Y,
    OFFSET,
    RECORD,
    P,
    R,
    T,
)
from gsic_kernels.cpu.raster.work_division import ROWS_PER_ITEM, count_gradient_items
from gsic_kernels.cpu.runtime.lanes import LANES
from gsic_kernels.cpu.runtime.simd import broadcast, exp_minus_8, fma, ramp, rolled, total, where_le
from gsic_kernels.cpu.runtime.work_items import item_function
from gsic_kernels.types import F32, I32, I64


@item_function
def split_planes(
    item: int, worker: int, channels: tuple[int, ...], image: F32, planar: F32, pitch: int
) -> None:
    """Copy the next ROWS_PER_ITEM rows of `image` (H, W, C) to planar rows, with 0 in the slack."""
    rows, width, _ = image.shape
    flat, whole = image.reshape(-1), width // LANES * LANES
    begin = item * ROWS_PER_ITEM
    for row in range(begin, min(begin + ROWS_PER_ITEM, rows)):
        at, to = row * width * len(channels), row * len(channels) * pitch
        for x in range(0, whole, LANES):
            planes = load_pixels(flat, at + x * len(channels), channels)
            store_planes(planar, to + x, pitch, planes)
        # The slack is 0: a column that reaches past the image then adds nothing to any gradient.
        for c in range(len(channels)):
            for x in range(whole, width):
                planar[to + c * pitch + x] = image[row, x, c]
            for x in range(width, pitch):
                planar[to + c * pitch + x] = ZERO


@item_function
def sum_backward(
    item: int,
    worker: int,
    channels: tuple[int, ...],
    records: F32,
    order: I32,
    sizes: I64,
    origin: tuple[int, int],
    width: int,
    height: int,
    spans: I32,
    grad: F32,
    pitch: int,
    scale: np.float32,
    d_mean: F32,
    d_factor: F32,
    d_color: F32,
) -> None:
    """Compute `scale` times the gradients of the Gaussians of one work item.

    The work items divide the first `sizes[0]` Gaussians of `order`. `grad` is planar, rows of C
    planes of `pitch` floats, with zeros in the slack of every row.
    """
    x0, y0 = origin
    x1, y1 = x0 + width - 1, y0 + height - 1
    zero = broadcast(ZERO)
    row_pitch = len(channels) * pitch
    items = count_gradient_items(len(order))
    begin, end = sizes[0] * item // items, sizes[0] * (item + 1) // items
    spans, count = spans[worker], 0
    for k in range(begin, end):
        count = append_spans(records, order[k], x0, x1, y0, y1, spans, count)
    # The spans are in the order of the Gaussians, so one index runs through all of them.
    i = 0
    for k in range(begin, end):
        n = order[k]
        mean_x, mean_y = records[n, MEAN_X], records[n, MEAN_Y]
        p, r, t = records[n, P], records[n, R], records[n, T]
        limit, offset = records[n, LIMIT], records[n, OFFSET]
        colors = load_colors(records, n * RECORD + COLOR, channels)
        # Sums of h e times u, u dx, u dy, dy, dy^2, and of weight times gradient.
        by_u, by_u_dx, by_u_dy, by_dy, by_dy2 = zero, zero, zero, zero, zero
        by_color = zero_planes(channels)
        while i < count and spans[i, 0] == n:
            x, first, last = spans[i, 1], spans[i, 2], spans[i, 3]
            i += 1
            dx = ramp() + (np.float32(x) + HALF) - mean_x
            u_column = dx * p
            at = (first - y0) * row_pitch + x - x0
            # The sum of h e u over the rows of this column, to be multiplied by dx at its end.
            column_u = zero
            for y in range(first, last + 1):
                rolled()
                dy = np.float32(y) + HALF - mean_y
                u, v = u_column + r * dy, t * dy
                z = fma(u, u, v * v)
                bell = exp_minus_8(z)
                grads = load_planes(grad, at, pitch, channels)
                weight = where_le(z, limit, bell - offset)
                by_color = fma_planes(weight, grads, by_color)
                he = where_le(z, limit, bell) * dot_planes(colors, grads)
                he_dy = he * dy
                column_u = fma(he, u, column_u)
                by_u_dy = fma(he_dy, u, by_u_dy)
                by_dy = by_dy + he_dy
                by_dy2 = fma(he_dy, dy, by_dy2)
                at += row_pitch
            by_u = by_u + column_u
            by_u_dx = fma(column_u, dx, by_u_dx)
        # The order of the lanes in a sum is fixed, and so is that of the columns.
        p, r, t = p * FACTOR_SCALE, r * FACTOR_SCALE, t * FACTOR_SCALE
        u_sum, dy_sum = total(by_u) * FACTOR_SCALE, total(by_dy)
        d_factor[n, 0] = -scale * FACTOR_SCALE * total(by_u_dx)
        d_factor[n, 1] = -scale * FACTOR_SCALE * total(by_u_dy)
        d_factor[n, 2] = -scale * t * total(by_dy2)
        d_mean[n, 0] = scale * p * u_sum
        d_mean[n, 1] = scale * (r * u_sum + t * t * dy_sum)
        sums = total_planes(by_color)
        for c in range(len(channels)):
            d_color[n, c] = scale * sums[c]
