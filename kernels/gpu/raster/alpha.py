"""Alpha blending of Gaussians, the first in front: the rendering and per-tile partial gradients.

One program blends one tile. `alpha_forward` goes front to back. `alpha_backward` goes back to front
and starts from the transmittance that was left: it carries the transmittance in front of the
Gaussian it has reached, and the dot product of the gradient and the colour that is seen behind.

With e = exp(-q) within the cutoff, w = e - offset, g the gradient of a pixel and f the derivative
by opacity times w, the partial gradients of a Gaussian in a tile are the sums over its pixels of
f e times u, u dx, u dy, dy and dy^2, of f w, and of transmittance times alpha times g. They are a
row of ALPHA_PARTIALS + C values in the buffer of `tile_gradients`.
"""

from __future__ import annotations

import triton
import triton.language as tl

from gsic_kernels.constants import ALPHA_MAX, ALPHA_MIN, TRANSMITTANCE_MIN
from gsic_kernels.gpu.raster.planes import dot_planes, fma_planes, load_planes, store_planes
from gsic_kernels.gpu.raster.records import COLOR, OFFSET, OPACITY, RECORD
from gsic_kernels.gpu.raster.tile import PIXELS, evaluate, find_centers, index_pixels, start_tile
from gsic_kernels.gpu.raster.tile_gradients import (
    ALPHA_PARTIALS,
    BY_OPACITY,
    find_row,
    store_color_partials,
    store_shape_partials,
    store_sum,
)

# Gaussians between two tests of whether any pixel of the tile still takes more: each test is a
# reduction over all threads of the program.
BATCH = tl.constexpr(16)

_ALPHA_MAX, _ALPHA_MIN = tl.constexpr(ALPHA_MAX), tl.constexpr(ALPHA_MIN)
_TRANSMITTANCE_MIN = tl.constexpr(TRANSMITTANCE_MIN)


@triton.jit(do_not_specialize=["count", "pair_capacity", "first_tile", "x", "y"])
def alpha_forward(
    records,
    count,
    pairs,
    pair_capacity,
    pairs_end,
    lattices,
    tile_levels,
    first_tile,
    x,
    y,
    background,
    image,
    transmittance,
    stop,
    CHANNELS: tl.constexpr,
):
    """Blend the Gaussians of a tile over the background, by the rules of `constants`.

    Args:
        records, count, pairs, pair_capacity, pairs_end: as `sums.sum_forward`, with opacity.
        lattices, tile_levels, first_tile, x, y, background: as `sums.sum_forward`.
        image, transmittance, stop: the arrays of `types.Blended`, overwritten.
    """
    _tile, _column, _row, columns, rows, mask, corner, width, start, length = start_tile(
        lattices, tile_levels, first_tile, x, y, pairs_end, pair_capacity
    )
    xs, ys = find_centers(columns, rows)
    zero = tl.zeros([PIXELS], tl.float32)
    a, b, c, d = zero, zero, zero, zero
    left = zero + 1.0
    # The Gaussian that a pixel refused: `count` while there is none. Pixels outside the window
    # begin with -1, so that they do not keep the tile going.
    refused = tl.where(mask, count, -1)
    k = length * 0
    while k < length:
        for j in range(0, BATCH):
            # Beyond the end of the list stands the empty record, which contributes nothing.
            n = tl.load(pairs + start + k + j, mask=k + j < length, other=count)
            record = records + n.to(tl.int64) * RECORD
            _dx, _dy, _u, inside, gaussian = evaluate(record, xs, ys)
            raw = (gaussian - tl.load(record + OFFSET)) * tl.load(record + OPACITY)
            alpha = tl.minimum(raw, _ALPHA_MAX)
            seen = inside & (alpha >= _ALPHA_MIN) & (refused == count)
            behind = left * (1.0 - alpha)
            refuse = behind < _TRANSMITTANCE_MIN
            share = tl.where(seen & ~refuse, left * alpha, 0.0)
            refused = tl.where(seen & refuse, n, refused)
            left = tl.where(seen & ~refuse, behind, left)
            a, b, c, d = fma_planes(share, record + COLOR, a, b, c, d, CHANNELS)
        running = tl.max((refused == count).to(tl.int32), axis=0)
        k = tl.where(running > 0, k + BATCH, length)
    a, b, c, d = fma_planes(left, background, a, b, c, d, CHANNELS)
    # The same mask again: to keep the first one through the loop would take a register too many.
    mask, pixel = refused >= 0, index_pixels(corner, width)
    store_planes(image, pixel, mask, a, b, c, d, CHANNELS)
    tl.store(transmittance + pixel, left, mask=mask)
    tl.store(stop + pixel, refused, mask=mask)


@triton.jit(do_not_specialize=["row_capacity", "pair_capacity", "first_tile", "x", "y"])
def alpha_backward(
    records,
    pairs,
    pair_capacity,
    pairs_end,
    lattices,
    tile_levels,
    first_tile,
    x,
    y,
    background,
    transmittance,
    stop,
    boxes,
    rows_end,
    partials,
    row_capacity,
    grad,
    d_background,
    CHANNELS: tl.constexpr,
):
    """Store the partial gradients of a tile of `alpha_forward`.

    Args:
        records, pairs, pair_capacity, pairs_end: as `sums.sum_forward`, with opacity.
        lattices, tile_levels, first_tile, x, y, background: as `sums.sum_forward`.
        transmittance, stop: what `alpha_forward` wrote.
        boxes, rows_end, row_capacity: where the rows of Gaussians are; see `tile_gradients`.
        partials: float32 (row_capacity + 1, ALPHA_PARTIALS + C); the rows of this tile are written.
        grad: float32 (height, width, C), the derivative by the image.
        d_background: float32 (T, C); the row of this tile is written.
    """
    tile, column, row, columns, rows, mask, corner, width, start, length = start_tile(
        lattices, tile_levels, first_tile, x, y, pairs_end, pair_capacity
    )
    xs, ys = find_centers(columns, rows)
    pixel = index_pixels(corner, width)
    a, b, c, d = load_planes(grad, pixel, mask, CHANNELS)
    left = tl.load(transmittance + pixel, mask=mask, other=1.0)
    refused = tl.load(stop + pixel, mask=mask, other=0)
    tile_background = d_background + tile.to(tl.int64) * CHANNELS
    store_color_partials(tile_background, left, a, b, c, d, CHANNELS)
    behind = dot_planes(a * tl.load(background), background, b, c, d, CHANNELS)
    last = tl.max(refused, axis=0)
    for k in range(length):
        n = tl.load(pairs + start + (length - 1 - k))
        # No pixel sees a Gaussian from `last` on: its row keeps the zeros that it was cleared to.
        if n < last:
            record = records + n.to(tl.int64) * RECORD
            dx, dy, u, inside, gaussian = evaluate(record, xs, ys)
            weight = gaussian - tl.load(record + OFFSET)
            raw = weight * tl.load(record + OPACITY)
            seen = inside & (raw >= _ALPHA_MIN) & (n < refused)
            alpha = tl.where(seen, tl.minimum(raw, _ALPHA_MAX), 0.0)
            left = left / (1.0 - alpha)
            first = tl.fma(a, tl.load(record + COLOR), -behind)
            change = dot_planes(first, record + COLOR, b, c, d, CHANNELS)
            behind = tl.fma(alpha, change, behind)
            # Where alpha is at its maximum, it does not follow the weight.
            by_raw = tl.where(seen & (raw <= _ALPHA_MAX), left * change, 0.0)
            at = find_row(boxes, rows_end, n.to(tl.int64), column, row, row_capacity)
            out = partials + at * (ALPHA_PARTIALS + CHANNELS)
            store_shape_partials(out, by_raw * gaussian, u, dx, dy)
            store_sum(out + BY_OPACITY, by_raw * weight)
            store_color_partials(out + ALPHA_PARTIALS, left * alpha, a, b, c, d, CHANNELS)
