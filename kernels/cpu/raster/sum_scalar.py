"""The kernels of sums as scalar loops, for where the vector type of `simd` does not compile.

Each takes the arguments of its namesake in `sum_forward`, `sum_loss` or `sum_backward`, some of
which it does not need. The exponential is the same polynomial; pixels differ from those of the
vector kernels by rounding only.
"""

from __future__ import annotations

import math

import numpy as np

from gsic_kernels.cpu.raster.records import (
    COLOR,
    FACTOR_SCALE,
    LIMIT,
    MARGIN,
    MARGIN_FAR,
    MEAN_X,
    MEAN_Y,
    OFFSET,
    WIDEN,
    P,
    R,
    T,
)
from gsic_kernels.cpu.raster.work_division import ROWS_PER_ITEM, count_gradient_items
from gsic_kernels.cpu.runtime.exponential import EXP_COEFFICIENTS
from gsic_kernels.cpu.runtime.jitable import register_jitable
from gsic_kernels.cpu.runtime.work_items import item_function
from gsic_kernels.types import F32, F64, I32, I64, U8

HALF, ZERO, ONE = np.float32(0.5), np.float32(0.0), np.float32(1.0)
FULL = np.float32(255.0)
E5, E4, E3, E2, E1, E0 = (np.float32(coefficient) for coefficient in EXP_COEFFICIENTS)


@register_jitable
def exp_minus_8(z: np.float32) -> np.float32:
    """Compute exp(-8 z) for 0 <= z <= 2."""
    value = ((((E5 * z + E4) * z + E3) * z + E2) * z + E1) * z + E0
    value = value * value
    value = value * value
    return value * value


@register_jitable
def row_span(records: F32, n: int, y: int, x0: int, x1: int) -> tuple[int, int]:
    """Find the first and the last pixel of x0..x1 that the ellipse can touch in row y."""
    dy = y + 0.5 - records[n, MEAN_Y]
    p, v = float(records[n, P]), float(records[n, T]) * dy
    # u^2 + v^2 <= limit, solved for dx.
    rest = float(records[n, LIMIT]) * WIDEN * WIDEN - v * v
    if rest < 0.0:
        return x1 + 1, x1
    half, center = math.sqrt(rest) / abs(p), -float(records[n, R]) * dy / p
    half += MARGIN + MARGIN_FAR * (half + abs(center) + abs(dy))
    center += records[n, MEAN_X] - 0.5
    # Clip before rounding: a span may be too wide for an integer.
    first, last = max(center - half, float(x0)), min(center + half, float(x1))
    if last < first:
        return x1 + 1, x1
    return math.ceil(first), math.floor(last)


@register_jitable
def draw_strip(
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
    """Fill `height` rows of the strip with the background, then add `members` in their order."""
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
    """Clamp a value to 0..1; a value that is not a number becomes 0."""
    return min(value, ONE) if value > ZERO else ZERO


@item_function
def sum_forward(
    item: int,
    worker: int,
    channels: tuple[int, ...],
    records: F32,
    starts: I64,
    pairs: I32,
    background: F32,
    origin: tuple[int, int],
    height: int,
    scratch: F32,
    spans: I32,
    out: F32 | U8,
) -> None:
    """Do what `sum_forward.sum_forward` does."""
    strip = scratch[worker]
    rows, width, count = out.shape
    y, members = item * height, pairs[starts[item] : starts[item + 1]]
    used = min(height, rows - y)
    draw_strip(count, records, members, background, origin, y, width, used, strip, width)
    to_bytes = out.itemsize == 1
    for row in range(used):
        for x in range(width):
            for c in range(count):
                value = strip[(row * count + c) * width + x]
                out[y + row, x, c] = clamp01(value) * FULL + HALF if to_bytes else value


@item_function
def sum_loss(
    item: int,
    worker: int,
    channels: tuple[int, ...],
    records: F32,
    starts: I64,
    pairs: I32,
    background: F32,
    width: int,
    height: int,
    scratch: F32,
    spans: I32,
    target: F32,
    inside: F32,
    errors: F32,
    gradient: F32,
    weights: F32,
    offsets: F32,
    l1: int,
    stop_at_clamp: int,
    sums: F64,
) -> None:
    """Do what `sum_loss.sum_loss` does."""
    strip = scratch[worker]
    count, pitch = len(channels), len(inside)
    rows = len(target) // (count * pitch)
    origin = (0, 0)
    y, members = item * height, pairs[starts[item] : starts[item + 1]]
    used = min(height, rows - y)
    draw_strip(count, records, members, background, origin, y, width, used, strip, pitch)
    for row in range(y, y + used):
        # Sums are float64: one float32 for a whole row would lose digits that the lanes of the
        # vector kernels keep.
        absolutes, squares, weighted = 0.0, 0.0, 0.0
        for c in range(count):
            for x in range(width):
                at = (row * count + c) * pitch + x
                value = strip[((row - y) * count + c) * pitch + x]
                clamped = clamp01(value)
                error = clamped - target[at]
                errors[at] = error
                if len(gradient) > 0:
                    slope = np.sign(error) if l1 else error
                    if len(weights) > 0:
                        slope = error * weights[at] + offsets[at]
                        weighted += error * (slope + offsets[at])
                    gradient[at] = 0.0 if stop_at_clamp and value != clamped else slope
                absolutes += abs(error)
                squares += error * error
        sums[row, 0] = weighted if len(weights) > 0 else absolutes
        sums[row, 1] = squares


@item_function
def split_planes(
    item: int,
    worker: int,
    channels: tuple[int, ...],
    image: F32,
    planar: F32,
    pitch: int,
) -> None:
    """Do what `sum_backward.split_planes` does."""
    rows, width, count = image.shape
    begin = item * ROWS_PER_ITEM
    for row in range(begin, min(begin + ROWS_PER_ITEM, rows)):
        for c in range(count):
            at = (row * count + c) * pitch
            planar[at + width : at + pitch] = ZERO
            for x in range(width):
                planar[at + x] = image[row, x, c]


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
    """Do what `sum_backward.sum_backward` does."""
    count = len(channels)
    x0, y0 = origin
    items = count_gradient_items(len(order))
    for k in range(sizes[0] * item // items, sizes[0] * (item + 1) // items):
        n = order[k]
        p, limit, offset = records[n, P], records[n, LIMIT], records[n, OFFSET]
        # Sums are float64 here too.
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
        p, r, t = (
            records[n, P] * FACTOR_SCALE,
            records[n, R] * FACTOR_SCALE,
            records[n, T] * FACTOR_SCALE,
        )
        d_factor[n, 0] = -scale * FACTOR_SCALE * by_u_dx
        d_factor[n, 1] = -scale * FACTOR_SCALE * by_u_dy
        d_factor[n, 2] = -scale * t * by_dy2
        d_mean[n, 0] = scale * p * FACTOR_SCALE * by_u
        d_mean[n, 1] = scale * (r * FACTOR_SCALE * by_u + t * t * by_dy)
        for c in range(count):
            d_color[n, c] = scale * by_color[c]
