"""Rendering a sum of Gaussians, a strip of rows at a time.

Each Gaussian is drawn in columns of LANES pixels. A column is as many rows as the ellipse covers in
it, so the loop over its rows has no test in it but the mask on q, and dx is one vector for all of
them. A pixel's value depends only on the splats, their order and the pixel: no arithmetic
depends on where a column, a strip or the window begins.

Scratch rows lie planar, C planes of `pitch` floats, with LANES floats of slack at least.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numba.extending import register_jitable
from numpy.typing import NDArray

from gsic_kernels.cpu.raster.planes import (
    clamp01_planes,
    fma_planes,
    load_colors,
    load_planes,
    store_bytes,
    store_pixels,
    store_planes,
)
from gsic_kernels.cpu.raster.prepare import COLOR, LIMIT, MEAN_X, MEAN_Y, OFFSET, RECORD, P, R, T
from gsic_kernels.cpu.raster.spans import row_pitch, solve_columns, span_table
from gsic_kernels.cpu.runtime.lanes import LANES
from gsic_kernels.cpu.runtime.simd import (
    absolute,
    broadcast,
    clamp01,
    exp_minus_8,
    fma,
    load,
    ramp,
    rolled,
    sign,
    store,
    total,
    where_le,
)
from gsic_kernels.cpu.runtime.work import READY, finish, next_piece, wait_for

F32: TypeAlias = NDArray[np.float32]
F64: TypeAlias = NDArray[np.float64]
I32: TypeAlias = NDArray[np.int32]
I64: TypeAlias = NDArray[np.int64]
U8: TypeAlias = NDArray[np.uint8]

# Gaussians whose spans are solved before the first of them is drawn.
BATCH = 32
HALF, ZERO, ONE = np.float32(0.5), np.float32(0.0), np.float32(1.0)


@register_jitable
def _draw(
    channels: tuple[int, ...],
    records: F32,
    n: int,
    x: int,
    first: int,
    last: int,
    strip: F32,
    at: int,
    pitch: int,
) -> None:
    """Add one column of a Gaussian, rows first..last, to the scratch rows from `at` on."""
    mean_x, mean_y = records[n, MEAN_X], records[n, MEAN_Y]
    p, r, t = records[n, P], records[n, R], records[n, T]
    limit, offset = records[n, LIMIT], records[n, OFFSET]
    colors = load_colors(records, n * RECORD + COLOR, channels)
    u_column = (ramp() + (np.float32(x) + HALF) - mean_x) * p
    y = np.float32(first) + HALF
    for _ in range(first, last + 1):
        rolled()
        dy = y - mean_y
        y += ONE
        u, v = u_column + r * dy, t * dy
        z = fma(u, u, v * v)
        weight = where_le(z, limit, exp_minus_8(z) - offset)
        planes = load_planes(strip, at, pitch, channels)
        store_planes(strip, at, pitch, fma_planes(weight, colors, planes))
        at += len(channels) * pitch


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
    spans: I32,
) -> None:
    """Fill the strip with the background and add its Gaussians in their order.

    Spans are solved for a batch of Gaussians before any is drawn: their latencies, and those of
    fetching the records, then overlap.
    """
    for row in range(height):
        for c in range(len(channels)):
            at = (row * len(channels) + c) * pitch
            for x in range(0, pitch, LANES):
                store(strip, at + x, broadcast(background[c]))
    x0, y0 = origin[0], origin[1] + y
    for begin in range(0, len(members), BATCH):
        count = 0
        for k in range(begin, min(begin + BATCH, len(members))):
            n = members[k]
            count = solve_columns(records, n, x0, x0 + width - 1, y0, y0 + height - 1, spans, count)
        for i in range(count):
            n, x, first, last = spans[i, 0], spans[i, 1], spans[i, 2], spans[i, 3]
            at = (first - y0) * len(channels) * pitch + x - x0
            _draw(channels, records, n, x, first, last, strip, at, pitch)


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
    """Render strips of `height` rows to `out`, float32 (H, W, C), until none is left to take."""
    state = wait_for(gates, needs, step)
    if state != READY:
        return state
    counter, strip = gates[step], scratch[worker]
    rows, width, _ = out.shape
    pitch = row_pitch(width)
    flat = out.reshape(-1)
    line, spans = np.empty(LANES * len(channels), np.float32), span_table(width, BATCH)
    while True:
        s = next_piece(counter, worker, len(starts) - 1)
        if s < 0:
            return READY
        y = s * height
        count = min(height, rows - y)
        members = pairs[starts[s] : starts[s + 1]]
        _accumulate(
            channels, records, members, background, origin, y, width, count, strip, pitch, spans
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
    """The same clamped to 0..1, as 0..255 rounded half up, uint8 (H, W, C)."""
    state = wait_for(gates, needs, step)
    if state != READY:
        return state
    counter, strip = gates[step], scratch[worker]
    rows, width, _ = out.shape
    pitch = row_pitch(width)
    flat = out.reshape(-1)
    line, spans = np.empty(LANES * len(channels), np.uint8), span_table(width, BATCH)
    while True:
        s = next_piece(counter, worker, len(starts) - 1)
        if s < 0:
            return READY
        y = s * height
        count = min(height, rows - y)
        members = pairs[starts[s] : starts[s + 1]]
        _accumulate(
            channels, records, members, background, origin, y, width, count, strip, pitch, spans
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
    """Render strips and set `residual` = clamp(render) - target, planar rows as the target.

    `inside` is 1 where a row has pixels and 0 in its slack, where the residual must be 0 for the
    backward kernel. `sums` become the absolute and the squared sums of each row.
    Unless it is empty, `slopes` becomes the residual, or with `absolute_loss` its sign; with
    `stopped` 0 where the clamp changed something.
    Unless they are empty, `weights` and `offsets` make it weights x residual + offsets, and the
    first sums those of weights x residual^2 + 2 x offsets x residual.
    """
    state = wait_for(gates, needs, step)
    if state != READY:
        return state
    counter, strip = gates[step], scratch[worker]
    pitch = len(inside)
    rows = len(target) // (len(channels) * pitch)
    origin, spans = (0, 0), span_table(width, BATCH)
    while True:
        s = next_piece(counter, worker, len(starts) - 1)
        if s < 0:
            return READY
        y = s * height
        count = min(height, rows - y)
        members = pairs[starts[s] : starts[s + 1]]
        _accumulate(
            channels, records, members, background, origin, y, width, count, strip, pitch, spans
        )
        for row in range(y, y + count):
            row_absolutes, row_squares = broadcast(ZERO), broadcast(ZERO)
            row_weighted = broadcast(ZERO)
            for c in range(len(channels)):
                at = ((row - y) * len(channels) + c) * pitch
                to = (row * len(channels) + c) * pitch
                for x in range(0, pitch, LANES):
                    value = load(strip, at + x)
                    clamped = clamp01(value)
                    error = (clamped - load(target, to + x)) * load(inside, x)
                    store(residual, to + x, error)
                    if len(slopes):
                        slope = sign(error) if absolute_loss else error
                        if len(weights):
                            offset = load(offsets, to + x)
                            slope = fma(error, load(weights, to + x), offset)
                            row_weighted = fma(error, slope + offset, row_weighted)
                        if stopped:
                            slope = slope - slope * absolute(sign(value - clamped))
                        store(slopes, to + x, slope)
                    row_absolutes = row_absolutes + absolute(error)
                    row_squares = fma(error, error, row_squares)
            sums[row, 0], sums[row, 1] = total(row_absolutes), total(row_squares)
            if len(weights):
                sums[row, 0] = total(row_weighted)
        finish(counter)
