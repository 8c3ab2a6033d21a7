"""The same kernels as plain loops, for where the vector type of `simd` does not compile.

Each takes the arguments of its namesake in `forward` and `backward`. The exponential is the same
polynomial; pixels differ from the vector kernels by rounding only.
"""

from __future__ import annotations

import math

import numpy as np
from numba.extending import register_jitable
from numpy.typing import NDArray

from gsic_kernels.cpu.raster.prepare import (
    COLOR,
    EXP_COEFFICIENTS,
    LIMIT,
    MARGIN,
    MARGIN_FAR,
    MEAN_X,
    MEAN_Y,
    OFFSET,
    SPLIT_ROWS,
    WIDEN,
    P,
    R,
    T,
    gather_pieces,
    split_pieces,
)
from gsic_kernels.cpu.runtime.work import READY, finish, next_piece, wait_for

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
I32 = NDArray[np.int32]
I64 = NDArray[np.int64]
U8 = NDArray[np.uint8]

HALF, ZERO, ONE, SCALE = np.float32(0.5), np.float32(0.0), np.float32(1.0), np.float32(4.0)
FULL = np.float32(255.0)
E5, E4, E3, E2, E1, E0 = (np.float32(coefficient) for coefficient in EXP_COEFFICIENTS)


@register_jitable
def exp_minus_8(z: np.float32) -> np.float32:
    """exp(-8 z) for 0 <= z <= 2."""
    value = ((((E5 * z + E4) * z + E3) * z + E2) * z + E1) * z + E0
    value = value * value
    value = value * value
    return value * value


@register_jitable
def row_span(records: F32, n: int, y: int, x0: int, x1: int) -> tuple[int, int]:
    """First and last pixel of x0..x1 that the ellipse can touch in row y."""
    dy = y + 0.5 - records[n, MEAN_Y]
    p, v = float(records[n, P]), float(records[n, T]) * dy
    rest = float(records[n, LIMIT]) * WIDEN * WIDEN - v * v
    if rest < 0.0:
        return x1 + 1, x1
    half, center = math.sqrt(rest) / abs(p), -float(records[n, R]) * dy / p
    half += MARGIN + MARGIN_FAR * (half + abs(center) + abs(dy))
    center += records[n, MEAN_X] - 0.5
    first, last = max(center - half, float(x0)), min(center + half, float(x1))
    if last < first:
        return x1 + 1, x1
    return math.ceil(first), math.floor(last)


@register_jitable
def accumulate(
    count: int,
    records: F32,
    members: I32,
    background: F32,
    origin: tuple[int, int],
    y0: int,
    width: int,
    height: int,
    strip: F32,
    pitch: int,
) -> None:
    """Fill the strip with the background and add its Gaussians in their order."""
    for row in range(height):
        for c in range(count):
            at = (row * count + c) * pitch
            strip[at : at + pitch] = background[c]
    x0, y0 = origin[0], origin[1] + y0
    for n in members:
        p, limit, offset = records[n, P], records[n, LIMIT], records[n, OFFSET]
        for y in range(y0, y0 + height):
            first, last = row_span(records, n, y, x0, x0 + width - 1)
            dy = np.float32(y) + HALF - records[n, MEAN_Y]
            u_row, v = records[n, R] * dy, records[n, T] * dy
            for x in range(first, last + 1):
                u = (np.float32(x) + HALF - records[n, MEAN_X]) * p + u_row
                z = u * u + v * v
                if z <= limit:
                    weight = exp_minus_8(z) - offset
                    at = (y - y0) * count * pitch + x - x0
                    for c in range(count):
                        strip[at + c * pitch] += weight * records[n, COLOR + c]


@register_jitable
def clamp01(value: np.float32) -> np.float32:
    return min(value, ONE) if value > ZERO else ZERO


def render_float(
    gates: I64,
    needs: I64,
    step: int,
    worker: int,
    channels: tuple[int, ...],
    records: F32,
    starts: I64,
    pairs: I32,
    background: F32,
    origin: tuple[int, int],
    height: int,
    scratch: F32,
    out: F32,
) -> int:
    """See `forward.render_float`."""
    state = wait_for(gates, needs, step)
    if state != READY:
        return state
    counter, strip = gates[step], scratch[worker]
    rows, width, count = out.shape
    while True:
        s = next_piece(counter, worker, len(starts) - 1)
        if s < 0:
            return READY
        y, members = s * height, pairs[starts[s] : starts[s + 1]]
        used = min(height, rows - y)
        accumulate(count, records, members, background, origin, y, width, used, strip, width)
        for row in range(used):
            for x in range(width):
                for c in range(count):
                    out[y + row, x, c] = strip[(row * count + c) * width + x]
        finish(counter)


def render_bytes(
    gates: I64,
    needs: I64,
    step: int,
    worker: int,
    channels: tuple[int, ...],
    records: F32,
    starts: I64,
    pairs: I32,
    background: F32,
    origin: tuple[int, int],
    height: int,
    scratch: F32,
    out: U8,
) -> int:
    """See `forward.render_bytes`."""
    state = wait_for(gates, needs, step)
    if state != READY:
        return state
    counter, strip = gates[step], scratch[worker]
    rows, width, count = out.shape
    while True:
        s = next_piece(counter, worker, len(starts) - 1)
        if s < 0:
            return READY
        y, members = s * height, pairs[starts[s] : starts[s + 1]]
        used = min(height, rows - y)
        accumulate(count, records, members, background, origin, y, width, used, strip, width)
        for row in range(used):
            for x in range(width):
                for c in range(count):
                    value = clamp01(strip[(row * count + c) * width + x])
                    out[y + row, x, c] = np.uint8(value * FULL + HALF)
        finish(counter)


def render_loss(
    gates: I64,
    needs: I64,
    step: int,
    worker: int,
    channels: tuple[int, ...],
    records: F32,
    starts: I64,
    pairs: I32,
    background: F32,
    width: int,
    height: int,
    scratch: F32,
    target: F32,
    inside: F32,
    residual: F32,
    slopes: F32,
    weights: F32,
    offsets: F32,
    absolute_loss: int,
    stopped: int,
    sums: F64,
) -> int:
    """See `forward.render_loss`."""
    state = wait_for(gates, needs, step)
    if state != READY:
        return state
    counter, strip = gates[step], scratch[worker]
    count, pitch = len(channels), len(inside)
    rows = len(target) // (count * pitch)
    origin = (0, 0)
    while True:
        s = next_piece(counter, worker, len(starts) - 1)
        if s < 0:
            return READY
        y, members = s * height, pairs[starts[s] : starts[s + 1]]
        used = min(height, rows - y)
        accumulate(count, records, members, background, origin, y, width, used, strip, pitch)
        for row in range(y, y + used):
            absolutes, squares, weighted = 0.0, 0.0, 0.0
            for c in range(count):
                for x in range(width):
                    at = (row * count + c) * pitch + x
                    value = strip[((row - y) * count + c) * pitch + x]
                    clamped = clamp01(value)
                    error = clamped - target[at]
                    residual[at] = error
                    if len(slopes) > 0:
                        slope = np.sign(error) if absolute_loss else error
                        if len(weights) > 0:
                            slope = error * weights[at] + offsets[at]
                            weighted += error * (slope + offsets[at])
                        slopes[at] = 0.0 if stopped and value != clamped else slope
                    absolutes += abs(error)
                    squares += error * error
            sums[row, 0] = weighted if len(weights) > 0 else absolutes
            sums[row, 1] = squares
        finish(counter)


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
    """See `backward.split_planes`."""
    state = wait_for(gates, needs, step)
    if state != READY:
        return state
    counter = gates[step]
    rows, width, count = image.shape
    while True:
        begin = next_piece(counter, worker, split_pieces(rows)) * SPLIT_ROWS
        if begin < 0:
            return READY
        for row in range(begin, min(begin + SPLIT_ROWS, rows)):
            for c in range(count):
                at = (row * count + c) * pitch
                planar[at + width : at + pitch] = ZERO
                for x in range(width):
                    planar[at + x] = image[row, x, c]
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
    """See `backward.gather`."""
    state = wait_for(gates, needs, step)
    if state != READY:
        return state
    counter = gates[step]
    count = len(channels)
    x0, y0 = origin
    used, pieces = sizes[0], gather_pieces(len(order))
    while True:
        piece = next_piece(counter, worker, pieces)
        if piece < 0:
            return READY
        for k in range(used * piece // pieces, used * (piece + 1) // pieces):
            n = order[k]
            p, limit, offset = records[n, P], records[n, LIMIT], records[n, OFFSET]
            by_u, by_u_dx, by_u_dy, by_dy, by_dy2 = 0.0, 0.0, 0.0, 0.0, 0.0
            by_color = np.zeros(count)
            radius = math.sqrt(limit) * WIDEN / abs(records[n, T])
            radius += MARGIN + MARGIN_FAR * radius
            middle = records[n, MEAN_Y] - 0.5
            y_first = math.ceil(max(middle - radius, float(y0)))
            y_last = math.floor(min(middle + radius, float(y0 + height - 1)))
            for y in range(y_first, y_last + 1):
                first, last = row_span(records, n, y, x0, x0 + width - 1)
                dy = np.float32(y) + HALF - records[n, MEAN_Y]
                u_row, v = records[n, R] * dy, records[n, T] * dy
                for x in range(first, last + 1):
                    dx = np.float32(x) + HALF - records[n, MEAN_X]
                    u = dx * p + u_row
                    z = u * u + v * v
                    if z <= limit:
                        bell = exp_minus_8(z)
                        at = (y - y0) * count * pitch + x - x0
                        h = 0.0
                        for c in range(count):
                            value = grad[at + c * pitch]
                            h += records[n, COLOR + c] * value
                            by_color[c] += (bell - offset) * value
                        he = h * bell
                        by_u += he * u
                        by_u_dx += he * u * dx
                        by_u_dy += he * u * dy
                        by_dy += he * dy
                        by_dy2 += he * dy * dy
            # Records hold p, r, t times 1/4, and so u.
            p, r, t = records[n, P] * SCALE, records[n, R] * SCALE, records[n, T] * SCALE
            d_factor[n, 0] = -scale * SCALE * by_u_dx
            d_factor[n, 1] = -scale * SCALE * by_u_dy
            d_factor[n, 2] = -scale * t * by_dy2
            d_mean[n, 0] = scale * p * SCALE * by_u
            d_mean[n, 1] = scale * (r * SCALE * by_u + t * t * by_dy)
            for c in range(count):
                d_color[n, c] = scale * by_color[c]
        finish(counter)
