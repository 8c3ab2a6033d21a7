"""Rendering a sum of Gaussians, a strip of rows at a time.

Each Gaussian is drawn in columns of 16 pixels. A column is as many rows as the ellipse covers in
it, so the loop over its rows has no test in it but the mask on q, and dx is one vector for all of
them. A pixel's value depends only on the splats, their order and the pixel: no arithmetic
depends on where a column, a strip or the window begins.

Scratch rows lie planar, C planes of `pitch` floats, with LANES floats of slack at least.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
from numba.extending import register_jitable
from numpy.typing import NDArray

from gsic_kernels.cpu import cache
from gsic_kernels.cpu.prepare import (
    COLOR,
    FLOOR,
    HALF_WIDTH,
    LIMIT,
    MARGIN,
    MARGIN_FAR,
    MEAN_X,
    MEAN_Y,
    RATIO,
    SLOPE,
    TOP,
    P,
    R,
    T,
)
from gsic_kernels.cpu.simd import (
    LANES,
    absolute,
    broadcast,
    clamp01,
    clamp01_planes,
    exp_minus_8,
    fma,
    fma_planes,
    load,
    load_colors,
    load_planes,
    ramp,
    sign,
    store,
    store_bytes,
    store_pixels,
    store_planes,
    take,
    total,
    where_le,
)

F32: TypeAlias = NDArray[np.float32]
F64: TypeAlias = NDArray[np.float64]
I32: TypeAlias = NDArray[np.int32]
I64: TypeAlias = NDArray[np.int64]
U8: TypeAlias = NDArray[np.uint8]

HALF, ZERO = np.float32(0.5), np.float32(0.0)


@register_jitable
def row_pitch(width: int) -> int:
    """Floats per plane of a scratch row: whole columns, and LANES of slack."""
    return (width + 2 * LANES - 1) // LANES * LANES


@register_jitable
def column_rows(record: F32, x: int, x_last: int, y_first: int, y_last: int) -> tuple[int, int]:
    """First and last row of y_first..y_last that the ellipse can touch in columns x..x_last."""
    mean_x, mean_y = float(record[MEAN_X]), float(record[MEAN_Y])
    slope, ratio = float(record[SLOPE]), float(record[RATIO])
    half_width, top = float(record[HALF_WIDTH]), float(record[TOP])
    left, right = x + 0.5 - mean_x, x_last + 0.5 - mean_x
    high = min(max(top, left), right)
    low = min(max(-top, left), right)
    square = half_width * half_width
    up = slope * high + ratio * math.sqrt(max(square - high * high, 0.0))
    down = slope * low - ratio * math.sqrt(max(square - low * low, 0.0))
    margin = MARGIN + MARGIN_FAR * (max(-left, right) + max(-down, up))
    first = math.ceil(max(mean_y + down - margin - 0.5, float(y_first)))
    last = math.floor(min(mean_y + up + margin - 0.5, float(y_last)))
    return first, last


@register_jitable
def columns(record: F32, x0: int, x1: int) -> tuple[int, int]:
    """First and last pixel column of x0..x1 that the ellipse can touch."""
    mean_x, half_width = float(record[MEAN_X]), float(record[HALF_WIDTH])
    reach = half_width + MARGIN + MARGIN_FAR * half_width
    first = math.ceil(max(mean_x - reach - 0.5, float(x0)))
    last = math.floor(min(mean_x + reach - 0.5, float(x1)))
    return first, last


@register_jitable
def _draw(
    channels: tuple[int, ...],
    record: F32,
    x0: int,
    x1: int,
    y0: int,
    y1: int,
    strip: F32,
    pitch: int,
) -> None:
    """Add one Gaussian to the strip of rows y0..y1."""
    mean_x, mean_y = record[MEAN_X], record[MEAN_Y]
    p, r, t = record[P], record[R], record[T]
    limit, floor = record[LIMIT], record[FLOOR]
    colors = load_colors(record, COLOR, channels)
    row_pitch = len(channels) * pitch
    x_first, x_last = columns(record, x0, x1)
    for x in range(x_first, x_last + 1, LANES):
        first, last = column_rows(record, x, min(x + LANES - 1, x_last), y0, y1)
        u_column = (ramp() + (np.float32(x) + HALF) - mean_x) * p
        at = (first - y0) * row_pitch + x - x0
        for y in range(first, last + 1):
            dy = np.float32(y) + HALF - mean_y
            u, v = u_column + r * dy, t * dy
            z = fma(u, u, v * v)
            weight = where_le(z, limit, exp_minus_8(z) - floor)
            planes = load_planes(strip, at, pitch, channels)
            store_planes(strip, at, pitch, fma_planes(weight, colors, planes))
            at += row_pitch


@register_jitable
def _accumulate(
    channels: tuple[int, ...],
    records: F32,
    members: I32,
    background: F32,
    origin: tuple[int, int],
    y: int,
    width: int,
    height: int,
    strip: F32,
    pitch: int,
) -> None:
    """Fill the strip with the background and add its Gaussians in their order."""
    for row in range(height):
        for c in range(len(channels)):
            at = (row * len(channels) + c) * pitch
            for x in range(0, pitch, LANES):
                store(strip, at + x, broadcast(background[c]))
    x0, y0 = origin[0], origin[1] + y
    for n in members:
        _draw(channels, records[n], x0, x0 + width - 1, y0, y0 + height - 1, strip, pitch)


def _render_float(
    channels: tuple[int, ...],
    counter: I64,
    records: F32,
    starts: I64,
    pairs: I32,
    background: F32,
    origin: tuple[int, int],
    height: int,
    strip: F32,
    out: F32,
) -> None:
    """Render strips of `height` rows to `out`, float32 (H, W, C), until none is left to take."""
    rows, width, _ = out.shape
    pitch = row_pitch(width)
    flat = out.reshape(-1)
    line = np.empty(LANES * len(channels), np.float32)
    while True:
        s = take(counter)
        if s >= len(starts) - 1:
            return
        y = s * height
        count = min(height, rows - y)
        members = pairs[starts[s] : starts[s + 1]]
        _accumulate(
            channels, records, members, background, origin, y, width, count, strip, pitch
        )
        for row in range(count):
            at = row * len(channels) * pitch
            to = (y + row) * width * len(channels)
            for x in range(0, width - LANES + 1, LANES):
                planes = load_planes(strip, at + x, pitch, channels)
                store_pixels(flat, to + x * len(channels), planes)
            x = width - width % LANES
            if x < width:
                store_pixels(line, 0, load_planes(strip, at + x, pitch, channels))
                for i in range((width - x) * len(channels)):
                    flat[to + x * len(channels) + i] = line[i]


def _render_bytes(
    channels: tuple[int, ...],
    counter: I64,
    records: F32,
    starts: I64,
    pairs: I32,
    background: F32,
    origin: tuple[int, int],
    height: int,
    strip: F32,
    out: U8,
) -> None:
    """The same clamped to 0..1, as 0..255 rounded half up, uint8 (H, W, C)."""
    rows, width, _ = out.shape
    pitch = row_pitch(width)
    flat = out.reshape(-1)
    line = np.empty(LANES * len(channels), np.uint8)
    while True:
        s = take(counter)
        if s >= len(starts) - 1:
            return
        y = s * height
        count = min(height, rows - y)
        members = pairs[starts[s] : starts[s + 1]]
        _accumulate(
            channels, records, members, background, origin, y, width, count, strip, pitch
        )
        for row in range(count):
            at = row * len(channels) * pitch
            to = (y + row) * width * len(channels)
            for x in range(0, width - LANES + 1, LANES):
                planes = clamp01_planes(load_planes(strip, at + x, pitch, channels))
                store_bytes(flat, to + x * len(channels), planes)
            x = width - width % LANES
            if x < width:
                store_bytes(line, 0, clamp01_planes(load_planes(strip, at + x, pitch, channels)))
                for i in range((width - x) * len(channels)):
                    flat[to + x * len(channels) + i] = line[i]


def _render_loss(
    channels: tuple[int, ...],
    counter: I64,
    records: F32,
    starts: I64,
    pairs: I32,
    background: F32,
    width: int,
    height: int,
    strip: F32,
    target: F32,
    inside: F32,
    residual: F32,
    signs: F32,
    sums: F64,
) -> None:
    """Render strips and set `residual` = clamp(render) - target, planar rows as the target.

    `inside` is 1 where a row has pixels and 0 in its slack, where the residual must be 0 for the
    backward kernel. `sums[s, 0]` and `[s, 1]` become the absolute and the squared sums of strip s.
    `signs` becomes the sign of the residual, unless it is empty.
    """
    pitch = len(inside)
    rows = len(target) // (len(channels) * pitch)
    origin = (0, 0)
    while True:
        s = take(counter)
        if s >= len(starts) - 1:
            return
        y = s * height
        count = min(height, rows - y)
        members = pairs[starts[s] : starts[s + 1]]
        _accumulate(
            channels, records, members, background, origin, y, width, count, strip, pitch
        )
        absolutes, squares = 0.0, 0.0
        for line in range(count * len(channels)):
            at, to = line * pitch, (y * len(channels) + line) * pitch
            row_absolutes, row_squares = broadcast(ZERO), broadcast(ZERO)
            for x in range(0, pitch, LANES):
                error = clamp01(load(strip, at + x)) - load(target, to + x)
                error = error * load(inside, x)
                store(residual, to + x, error)
                if len(signs):
                    store(signs, to + x, sign(error))
                row_absolutes = row_absolutes + absolute(error)
                row_squares = fma(error, error, row_squares)
            absolutes += total(row_absolutes)
            squares += total(row_squares)
        sums[s, 0], sums[s, 1] = absolutes, squares


_COMMON = (
    "UniTuple(int64, {channels}), int64[::1], float32[:, ::1], int64[::1], int32[::1],"
    " float32[::1], "
)


@lru_cache(maxsize=None)
def render_float_kernel(channels: int) -> Any:
    rest = "UniTuple(int64, 2), int64, float32[::1], float32[:, :, ::1]"
    return cache.kernel(f"void({_COMMON.format(channels=channels)}{rest})", _render_float)


@lru_cache(maxsize=None)
def render_bytes_kernel(channels: int) -> Any:
    rest = "UniTuple(int64, 2), int64, float32[::1], uint8[:, :, ::1]"
    return cache.kernel(f"void({_COMMON.format(channels=channels)}{rest})", _render_bytes)


@lru_cache(maxsize=None)
def render_loss_kernel(channels: int) -> Any:
    line = "float32[::1]"
    rest = f"int64, int64, {line}, {line}, {line}, {line}, {line}, float64[:, ::1]"
    return cache.kernel(f"void({_COMMON.format(channels=channels)}{rest})", _render_loss)
