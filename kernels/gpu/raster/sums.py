"""Sums of Gaussians: the rendering, its loss against a target, and what tiles know of gradients.

One program draws one tile. Every pixel adds its Gaussians in the order given, so that it does not
depend on where the window and its tiles begin.

What a tile knows of the gradient of a Gaussian are sums over its pixels. With e = exp(-q) within
the cutoff, w = e - offset, g the gradient of a pixel and h = g . color, they are the sums of h e
times u, u dx, u dy, dy and dy^2, and those of w g. u is scaled as in `records`. They go to the slot
of the Gaussian and the tile, a row of MOMENTS + C values.
"""

from __future__ import annotations

import triton
import triton.language as tl

from gsic_kernels.gpu.raster.binning import list_of_tile
from gsic_kernels.gpu.raster.records import (
    COLOR,
    LIMIT,
    MEAN_X,
    MEAN_Y,
    OFFSET,
    RECORD,
    TILE,
    P,
    R,
    T,
)
from gsic_kernels.gpu.raster.tile_gradients import BY_DY, BY_DY2, BY_U, BY_U_DX, BY_U_DY, slot_of

# Gaussians whose records are loaded together.
UNROLL = tl.constexpr(4)
# Pixels of a tile, row by row. As one dimension, they are spread over threads in one way only.
PIXELS = tl.constexpr(TILE.value**2)
MOMENTS = tl.constexpr(5)


@triton.jit
def place(tiles_x):
    """This program's tile, and the columns and rows of its PIXELS pixels."""
    tile, pixel = tl.program_id(0), tl.arange(0, PIXELS)
    columns = tile % tiles_x * TILE + pixel % TILE
    rows = tile // tiles_x * TILE + pixel // TILE
    return tile, columns, rows


@triton.jit
def centres(columns, rows, x, y):
    """Centres of pixels, px, of a window that starts at x, y."""
    return (columns + x).to(tl.float32) + 0.5, (rows + y).to(tl.float32) + 0.5


@triton.jit
def bell_of(at, xs, ys):
    """dx, dy, u, whether a pixel is within reach, and exp(-q), of the record at `at`."""
    dx, dy = xs - tl.load(at + MEAN_X), ys - tl.load(at + MEAN_Y)
    u = tl.fma(tl.load(at + R), dy, tl.load(at + P) * dx)
    v = tl.load(at + T) * dy
    z = tl.fma(u, u, v * v)
    return dx, dy, u, z <= tl.load(at + LIMIT), tl.exp2(-z)


@triton.jit
def planes(images, at, mask, CHANNELS: tl.constexpr):
    """Four planes of an image (H, W, C), zero where there is no pixel or no channel."""
    a = tl.load(images + at * CHANNELS, mask=mask, other=0.0)
    b, c, d = tl.zeros_like(a), tl.zeros_like(a), tl.zeros_like(a)
    if CHANNELS > 1:
        b = tl.load(images + at * CHANNELS + 1, mask=mask, other=0.0)
    if CHANNELS > 2:
        c = tl.load(images + at * CHANNELS + 2, mask=mask, other=0.0)
    if CHANNELS > 3:
        d = tl.load(images + at * CHANNELS + 3, mask=mask, other=0.0)
    return a, b, c, d


@triton.jit
def store_planes(images, at, mask, a, b, c, d, CHANNELS: tl.constexpr):
    """Write as many of four planes as an image (H, W, C) has channels."""
    tl.store(images + at * CHANNELS, a, mask=mask)
    if CHANNELS > 1:
        tl.store(images + at * CHANNELS + 1, b, mask=mask)
    if CHANNELS > 2:
        tl.store(images + at * CHANNELS + 2, c, mask=mask)
    if CHANNELS > 3:
        tl.store(images + at * CHANNELS + 3, d, mask=mask)


@triton.jit
def _add_up(
    records,
    nowhere,
    pairs,
    start,
    length,
    xs,
    ys,
    background,
    CHANNELS: tl.constexpr,
):
    """Four planes of a tile: the background plus its Gaussians."""
    zero = tl.zeros([PIXELS], tl.float32)
    a = zero + tl.load(background)
    b, c, d = zero, zero, zero
    if CHANNELS > 1:
        b = zero + tl.load(background + 1)
    if CHANNELS > 2:
        c = zero + tl.load(background + 2)
    if CHANNELS > 3:
        d = zero + tl.load(background + 3)
    for k in range(0, length, UNROLL):
        for j in tl.static_range(UNROLL):
            # Behind the end of the list, the record that is nowhere.
            n = tl.load(pairs + start + k + j, mask=k + j < length, other=nowhere)
            at = records + n.to(tl.int64) * RECORD
            _dx, _dy, _u, within, bell = bell_of(at, xs, ys)
            weight = tl.where(within, bell - tl.load(at + OFFSET), 0.0)
            a = tl.fma(weight, tl.load(at + COLOR), a)
            if CHANNELS > 1:
                b = tl.fma(weight, tl.load(at + COLOR + 1), b)
            if CHANNELS > 2:
                c = tl.fma(weight, tl.load(at + COLOR + 2), c)
            if CHANNELS > 3:
                d = tl.fma(weight, tl.load(at + COLOR + 3), d)
    return a, b, c, d


@triton.jit
def _clamp01(value):
    return tl.minimum(tl.maximum(value, 0.0), 1.0)


@triton.jit
def _level(value):
    """Nearest of 256 levels, halves up."""
    return (_clamp01(value) * 255.0 + 0.5).to(tl.int32).to(tl.uint8)


@triton.jit(do_not_specialize=["nowhere", "room", "x", "y", "width", "height", "tiles_x"])
def render(
    records,
    nowhere,
    pairs,
    room,
    ends,
    x,
    y,
    width,
    height,
    tiles_x,
    background,
    out,
    CHANNELS: tl.constexpr,
    BYTES: tl.constexpr,
):
    """Render a tile into `out` (height, width, C), float32 or, clamped and rounded, uint8."""
    tile, columns, rows = place(tiles_x)
    xs, ys = centres(columns, rows, x, y)
    start, length = list_of_tile(ends, tile, room)
    a, b, c, d = _add_up(records, nowhere, pairs, start, length, xs, ys, background, CHANNELS)
    mask = (columns < width) & (rows < height)
    pixel = rows.to(tl.int64) * width + columns
    if BYTES:
        a, b, c, d = _level(a), _level(b), _level(c), _level(d)
    store_planes(out, pixel, mask, a, b, c, d, CHANNELS)


@triton.jit
def store_sum(at, plane):
    """Write the sum over a tile."""
    tl.store(at, tl.sum(plane, axis=0))


@triton.jit
def _gather(
    records,
    pairs,
    start,
    length,
    boxes,
    slot_ends,
    slots,
    capacity,
    column,
    row,
    xs,
    ys,
    a,
    b,
    c,
    d,
    CHANNELS: tl.constexpr,
):
    """Write what the tile at `column`, `row` knows of the gradients of its Gaussians.

    a, b, c, d: planes of the derivative by what was rendered, zero where there is no pixel.
    """
    for k in range(length):
        n = tl.load(pairs + start + k).to(tl.int64)
        at = records + n * RECORD
        dx, dy, u, within, bell = bell_of(at, xs, ys)
        bell = tl.where(within, bell, 0.0)
        weight = tl.where(within, bell - tl.load(at + OFFSET), 0.0)
        h = a * tl.load(at + COLOR)
        if CHANNELS > 1:
            h = tl.fma(b, tl.load(at + COLOR + 1), h)
        if CHANNELS > 2:
            h = tl.fma(c, tl.load(at + COLOR + 2), h)
        if CHANNELS > 3:
            h = tl.fma(d, tl.load(at + COLOR + 3), h)
        slot = slot_of(boxes, slot_ends, n, column, row, capacity)
        out = slots + slot * (MOMENTS + CHANNELS)
        store_moments(out, h * bell, u, dx, dy)
        store_colors(out + MOMENTS, weight, a, b, c, d, CHANNELS)


@triton.jit
def store_colors(out, weight, a, b, c, d, CHANNELS: tl.constexpr):
    """Sums over a tile of `weight` times each of the planes."""
    store_sum(out, weight * a)
    if CHANNELS > 1:
        store_sum(out + 1, weight * b)
    if CHANNELS > 2:
        store_sum(out + 2, weight * c)
    if CHANNELS > 3:
        store_sum(out + 3, weight * d)


@triton.jit
def store_moments(out, he, u, dx, dy):
    """Sums over a tile of `he` times u, u dx, u dy, dy and dy^2."""
    store_sum(out + BY_U, he * u)
    store_sum(out + BY_U_DX, he * u * dx)
    store_sum(out + BY_U_DY, he * u * dy)
    store_sum(out + BY_DY, he * dy)
    store_sum(out + BY_DY2, he * dy * dy)


@triton.jit(do_not_specialize=["capacity", "room", "x", "y", "width", "height", "tiles_x"])
def render_backward(
    records,
    pairs,
    room,
    ends,
    x,
    y,
    width,
    height,
    tiles_x,
    boxes,
    slot_ends,
    slots,
    capacity,
    grad,
    CHANNELS: tl.constexpr,
):
    """Fill the slots of a tile from the derivative `grad` (height, width, C)."""
    tile, columns, rows = place(tiles_x)
    xs, ys = centres(columns, rows, x, y)
    start, length = list_of_tile(ends, tile, room)
    mask = (columns < width) & (rows < height)
    a, b, c, d = planes(grad, rows.to(tl.int64) * width + columns, mask, CHANNELS)
    # fmt: off
    _gather(
        records, pairs, start, length, boxes, slot_ends, slots, capacity,
        tile % tiles_x, tile // tiles_x, xs, ys, a, b, c, d, CHANNELS,
    )
    # fmt: on


@triton.jit
def _slope(error, value, L1: tl.constexpr, STOPPED: tl.constexpr):
    """Derivative of the loss by a value that is off by `error`; 0 where STOPPED by the clamp."""
    if STOPPED:
        error = tl.where((value >= 0.0) & (value <= 1.0), error, 0.0)
    if L1:
        return (error > 0.0).to(tl.float32) - (error < 0.0).to(tl.float32)
    else:
        return 2.0 * error


@triton.jit(do_not_specialize=["nowhere", "capacity", "room", "width", "height", "tiles_x"])
def render_loss(
    records,
    nowhere,
    pairs,
    room,
    ends,
    width,
    height,
    tiles_x,
    background,
    target,
    residual,
    sums,
    boxes,
    slot_ends,
    slots,
    capacity,
    CHANNELS: tl.constexpr,
    L1: tl.constexpr,
    STOPPED: tl.constexpr,
    GATHER: tl.constexpr,
):
    """Render a tile and compare it with `target` (height, width, C).

    Writes residual = clamp(rendering) - target, the sums of its absolute values and of its squares
    to the tile's row of `sums` (T, 2), and if GATHER the slots of the loss that is the sum of
    squares, or of absolute values if L1. The gradient passes straight through the clamp, unless it
    is STOPPED there.
    """
    tile, columns, rows = place(tiles_x)
    xs, ys = centres(columns, rows, 0, 0)
    start, length = list_of_tile(ends, tile, room)
    a, b, c, d = _add_up(records, nowhere, pairs, start, length, xs, ys, background, CHANNELS)
    mask = (columns < width) & (rows < height)
    pixel = rows.to(tl.int64) * width + columns
    e, f, g, h = planes(target, pixel, mask, CHANNELS)
    m, n, o, p = a, b, c, d
    a = tl.where(mask, _clamp01(a) - e, 0.0)
    b = tl.where(mask, _clamp01(b) - f, 0.0)
    c = tl.where(mask, _clamp01(c) - g, 0.0)
    d = tl.where(mask, _clamp01(d) - h, 0.0)
    store_planes(residual, pixel, mask, a, b, c, d, CHANNELS)
    absolutes = tl.abs(a) + tl.abs(b) + (tl.abs(c) + tl.abs(d))
    store_sum(sums + tile.to(tl.int64) * 2, absolutes)
    store_sum(sums + tile.to(tl.int64) * 2 + 1, a * a + b * b + (c * c + d * d))
    if GATHER:
        a, b = _slope(a, m, L1, STOPPED), _slope(b, n, L1, STOPPED)
        c, d = _slope(c, o, L1, STOPPED), _slope(d, p, L1, STOPPED)
        # fmt: off
        _gather(
            records, pairs, start, length, boxes, slot_ends, slots, capacity,
            tile % tiles_x, tile // tiles_x, xs, ys, a, b, c, d, CHANNELS,
        )
        # fmt: on
