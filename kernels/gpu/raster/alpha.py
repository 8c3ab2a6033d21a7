"""Alpha blending of Gaussians, the first in front: the rendering and what tiles know of gradients.

One program blends one tile, front to back. The way back starts from the transmittance that was
left; it carries the transmittance in front of what it has passed, and the gradient times the
colour that is seen of it.

With e = exp(-q) within reach, w = e - offset, g the gradient of a pixel and f that by opacity times
w, a tile's sums over its pixels are those of f e times u, u dx, u dy, dy and dy^2, of f w, and of
transmittance times alpha times g. They go to the slots of `slots`.
"""

from __future__ import annotations

import triton
import triton.language as tl

from gsic_kernels.constants import ALPHA_MAX, ALPHA_MIN, TRANSMITTANCE_MIN
from gsic_kernels.gpu.raster.binning import list_of_tile
from gsic_kernels.gpu.raster.records import COLOR, OFFSET, OPACITY, RECORD
from gsic_kernels.gpu.raster.sums import (
    PIXELS,
    bell_of,
    centres,
    place,
    planes,
    store_colors,
    store_moments,
    store_planes,
    store_sum,
)
from gsic_kernels.gpu.raster.tile_gradients import BY_OPACITY, slot_of

MOMENTS = tl.constexpr(6)
# Gaussians between two looks at whether a tile has pixels left that see any.
BATCH = tl.constexpr(16)

_MOST, _LEAST = tl.constexpr(ALPHA_MAX), tl.constexpr(ALPHA_MIN)
_END = tl.constexpr(TRANSMITTANCE_MIN)


@triton.jit(do_not_specialize=["nowhere", "room", "x", "y", "width", "height", "tiles_x"])
def blend(
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
    image,
    transmittance,
    stop,
    CHANNELS: tl.constexpr,
):
    """Blend a tile; the last three arrays are those of `types.Blended`."""
    tile, columns, rows = place(tiles_x)
    xs, ys = centres(columns, rows, x, y)
    start, length = list_of_tile(ends, tile, room)
    mask = (columns < width) & (rows < height)
    zero = tl.zeros([PIXELS], tl.float32)
    a, b, c, d = zero, zero, zero, zero
    left = zero + 1.0
    # Gaussians are counted from 0, so that `nowhere` is that of none.
    end = tl.where(mask, nowhere, -1)
    k = length * 0
    while k < length:
        for j in range(0, BATCH):
            n = tl.load(pairs + start + k + j, mask=k + j < length, other=nowhere)
            at = records + n.to(tl.int64) * RECORD
            _dx, _dy, _u, within, bell = bell_of(at, xs, ys)
            raw = (bell - tl.load(at + OFFSET)) * tl.load(at + OPACITY)
            alpha = tl.minimum(raw, _MOST)
            seen = within & (alpha >= _LEAST) & (end == nowhere)
            after = left * (1.0 - alpha)
            refused = after < _END
            share = tl.where(seen & ~refused, left * alpha, 0.0)
            end = tl.where(seen & refused, n, end)
            left = tl.where(seen & ~refused, after, left)
            a = tl.fma(share, tl.load(at + COLOR), a)
            if CHANNELS > 1:
                b = tl.fma(share, tl.load(at + COLOR + 1), b)
            if CHANNELS > 2:
                c = tl.fma(share, tl.load(at + COLOR + 2), c)
            if CHANNELS > 3:
                d = tl.fma(share, tl.load(at + COLOR + 3), d)
        running = tl.max((end == nowhere).to(tl.int32), axis=0)
        k = tl.where(running > 0, k + BATCH, length)
    a = tl.fma(left, tl.load(background), a)
    if CHANNELS > 1:
        b = tl.fma(left, tl.load(background + 1), b)
    if CHANNELS > 2:
        c = tl.fma(left, tl.load(background + 2), c)
    if CHANNELS > 3:
        d = tl.fma(left, tl.load(background + 3), d)
    pixel = rows.to(tl.int64) * width + columns
    store_planes(image, pixel, mask, a, b, c, d, CHANNELS)
    tl.store(transmittance + pixel, left, mask=mask)
    tl.store(stop + pixel, end, mask=mask)


@triton.jit(do_not_specialize=["capacity", "room", "x", "y", "width", "height", "tiles_x"])
def blend_backward(
    records,
    pairs,
    room,
    ends,
    x,
    y,
    width,
    height,
    tiles_x,
    background,
    transmittance,
    stop,
    boxes,
    slot_ends,
    slots,
    capacity,
    grad,
    d_background,
    CHANNELS: tl.constexpr,
):
    """Fill the slots of a tile, and its row of `d_background` (T, C)."""
    tile, columns, rows = place(tiles_x)
    column, row = tile % tiles_x, tile // tiles_x
    xs, ys = centres(columns, rows, x, y)
    start, length = list_of_tile(ends, tile, room)
    mask = (columns < width) & (rows < height)
    pixel = rows.to(tl.int64) * width + columns
    a, b, c, d = planes(grad, pixel, mask, CHANNELS)
    front = tl.load(transmittance + pixel, mask=mask, other=1.0)
    end = tl.load(stop + pixel, mask=mask, other=0)
    store_colors(d_background + tile.to(tl.int64) * CHANNELS, front, a, b, c, d, CHANNELS)
    behind = a * tl.load(background)
    if CHANNELS > 1:
        behind = tl.fma(b, tl.load(background + 1), behind)
    if CHANNELS > 2:
        behind = tl.fma(c, tl.load(background + 2), behind)
    if CHANNELS > 3:
        behind = tl.fma(d, tl.load(background + 3), behind)
    last = tl.max(end, axis=0)
    for k in range(length):
        n = tl.load(pairs + start + (length - 1 - k))
        # Behind the last Gaussian that any pixel sees, slots keep their zeros.
        if n < last:
            at = records + n.to(tl.int64) * RECORD
            dx, dy, u, within, bell = bell_of(at, xs, ys)
            weight = bell - tl.load(at + OFFSET)
            raw = weight * tl.load(at + OPACITY)
            seen = within & (raw >= _LEAST) & (n < end)
            alpha = tl.where(seen, tl.minimum(raw, _MOST), 0.0)
            front = front / (1.0 - alpha)
            change = tl.fma(a, tl.load(at + COLOR), -behind)
            if CHANNELS > 1:
                change = tl.fma(b, tl.load(at + COLOR + 1), change)
            if CHANNELS > 2:
                change = tl.fma(c, tl.load(at + COLOR + 2), change)
            if CHANNELS > 3:
                change = tl.fma(d, tl.load(at + COLOR + 3), change)
            behind = tl.fma(alpha, change, behind)
            by_raw = tl.where(seen & (raw <= _MOST), front * change, 0.0)
            slot = slot_of(boxes, slot_ends, n.to(tl.int64), column, row, capacity)
            out = slots + slot * (MOMENTS + CHANNELS)
            store_moments(out, by_raw * bell, u, dx, dy)
            store_sum(out + BY_OPACITY, by_raw * weight)
            store_colors(out + MOMENTS, front * alpha, a, b, c, d, CHANNELS)
