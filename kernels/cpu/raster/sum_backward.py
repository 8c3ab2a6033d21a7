"""The gradient of a sum of Gaussians: each Gaussian gathers what it needs from the image gradient.

With h = sum over channels of color * gradient and e = exp(-q) within reach, the loss L changes by

    dL/dp = -sum h e u dx            dL/dx = p sum h e u
    dL/dr = -sum h e u dy            dL/dy = r sum h e u + t^2 sum h e dy
    dL/dt = -t sum h e dy^2          dL/dcolor_c = sum (e - offset) gradient_c

with x, y the mean. Nothing is scattered, so there is nothing to race for: a Gaussian's sums are
taken in the same order whoever takes them. u enters as itself, not as moments of dx and dy, which
cancel for thin Gaussians. dx is fixed in a lane of a column, dy in a row: each multiplies once
per column or per row.
"""

from __future__ import annotations

import numpy as np

from gsic_kernels.cpu.raster.planes import (
    dot_planes,
    fma_planes,
    load_colors,
    load_pixels,
    load_planes,
    store_planes,
    total_planes,
    zero_planes,
)
from gsic_kernels.cpu.raster.prepare import (
    COLOR,
    GATHER_COUNT,
    LIMIT,
    MEAN_X,
    MEAN_Y,
    OFFSET,
    RECORD,
    SPLIT_ROWS,
    P,
    R,
    T,
    gather_pieces,
    split_pieces,
)
from gsic_kernels.cpu.raster.spans import solve_columns, span_table
from gsic_kernels.cpu.raster.sum_forward import F32, HALF, I32, I64, ZERO
from gsic_kernels.cpu.runtime.lanes import LANES
from gsic_kernels.cpu.runtime.simd import broadcast, exp_minus_8, fma, ramp, rolled, total, where_le
from gsic_kernels.cpu.runtime.work import READY, finish, next_piece, wait_for

SCALE = np.float32(4.0)


def split_planes(
    gates: I64,
    needs: I64,
    step: int,
    worker: int,
    channels: tuple[int, ...],
    image: F32,
    planar: F32,
    pitch: int,
) -> int:
    """Copy `image` (H, W, C) to planar rows, and set their slack to 0."""
    state = wait_for(gates, needs, step)
    if state != READY:
        return state
    counter = gates[step]
    rows, width, _ = image.shape
    flat = image.reshape(-1)
    while True:
        begin = next_piece(counter, worker, split_pieces(rows)) * SPLIT_ROWS
        if begin < 0:
            return READY
        for row in range(begin, min(begin + SPLIT_ROWS, rows)):
            at, to = row * width * len(channels), row * len(channels) * pitch
            whole = width // LANES * LANES
            for x in range(0, whole, LANES):
                planes = load_pixels(flat, at + x * len(channels), channels)
                store_planes(planar, to + x, pitch, planes)
            for c in range(len(channels)):
                for x in range(whole, width):
                    planar[to + c * pitch + x] = image[row, x, c]
                for x in range(width, pitch):
                    planar[to + c * pitch + x] = ZERO
        finish(counter)


def gather(
    gates: I64,
    needs: I64,
    step: int,
    worker: int,
    channels: tuple[int, ...],
    records: F32,
    order: I32,
    sizes: I64,
    origin: tuple[int, int],
    width: int,
    height: int,
    grad: F32,
    pitch: int,
    scale: np.float32,
    d_mean: F32,
    d_factor: F32,
    d_color: F32,
) -> int:
    """Gradients of the first `sizes[0]` Gaussians of `order`, times `scale`.

    `grad` is planar, rows of C planes of `pitch` floats, with zeros in the slack of every row.
    """
    state = wait_for(gates, needs, step)
    if state != READY:
        return state
    counter = gates[step]
    x0, y0 = origin
    zero = broadcast(ZERO)
    row_pitch = len(channels) * pitch
    x1, y1 = x0 + width - 1, y0 + height - 1
    used = sizes[0]
    spans = span_table(width, GATHER_COUNT)
    ends = np.empty(GATHER_COUNT, np.int64)
    pieces = gather_pieces(len(order))
    while True:
        piece = next_piece(counter, worker, pieces)
        if piece < 0:
            return READY
        begin, end = used * piece // pieces, used * (piece + 1) // pieces
        count = 0
        for k in range(begin, end):
            n = order[k]
            count = solve_columns(records, n, x0, x1, y0, y1, spans, count)
            ends[k - begin] = count
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
            while i < ends[k - begin]:
                x, first, last = spans[i, 1], spans[i, 2], spans[i, 3]
                i += 1
                dx = ramp() + (np.float32(x) + HALF) - mean_x
                u_column = dx * p
                at = (first - y0) * row_pitch + x - x0
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
            # Records hold p, r, t times 1/4, and so u: exact powers of two undo it.
            p, r, t = p * SCALE, r * SCALE, t * SCALE
            u_sum, dy_sum = total(by_u) * SCALE, total(by_dy)
            d_factor[n, 0] = -scale * SCALE * total(by_u_dx)
            d_factor[n, 1] = -scale * SCALE * total(by_u_dy)
            d_factor[n, 2] = -scale * t * total(by_dy2)
            d_mean[n, 0] = scale * p * u_sum
            d_mean[n, 1] = scale * (r * u_sum + t * t * dy_sum)
            sums = total_planes(by_color)
            for c in range(len(channels)):
                d_color[n, c] = scale * sums[c]
        finish(counter)
