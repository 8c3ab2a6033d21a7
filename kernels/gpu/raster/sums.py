"""Sums of Gaussians: the rendering, its loss against a target, and per-tile partial gradients.

One program draws one tile of a lattice. Every pixel begins with the background and the enlarged
lattice of level 1 and adds its Gaussians in the order given, so that it does not depend on where
the window and its tiles begin.

The partial gradients of a Gaussian in a tile are sums over the pixels of the tile. With
e = exp(-q) within the cutoff, w = e - offset, g the gradient of a pixel and h = g . color, they are
the sums of h e times u, u dx, u dy, dy and dy^2, and those of w g, with u scaled as in `records`.
They are a row of SUM_PARTIALS + C values in the buffer of `tile_gradients`.
"""

from __future__ import annotations

import triton
import triton.language as tl

from gsic_kernels.gpu.raster.enlarging import add_enlarged
from gsic_kernels.gpu.raster.planes import dot_planes, fma_planes, load_planes, store_planes
from gsic_kernels.gpu.raster.records import COLOR, OFFSET, RECORD
from gsic_kernels.gpu.raster.tile import PIXELS, evaluate, find_centers, index_pixels, start_tile
from gsic_kernels.gpu.raster.tile_gradients import (
    SUM_PARTIALS,
    find_row,
    store_color_partials,
    store_shape_partials,
    store_sum,
)

# Gaussians whose records are loaded together, so that their latencies overlap.
UNROLL = tl.constexpr(4)


@triton.jit
def _accumulate(
    records,
    count,
    pairs,
    start,
    length,
    columns,
    rows,
    mask,
    background,
    lattices,
    x,
    y,
    cells,
    CHANNELS: tl.constexpr,
    ENLARGE: tl.constexpr,
):
    """Return four planes of a tile: the background plus the Gaussians of its list, in order.

    With ENLARGE the tile is of level 0, and what lattice 1 in `cells` is worth is added first.
    """
    zero = tl.zeros([PIXELS], tl.float32)
    a = zero + tl.load(background)
    b, c, d = zero, zero, zero
    if CHANNELS > 1:
        b = zero + tl.load(background + 1)
    if CHANNELS > 2:
        c = zero + tl.load(background + 2)
    if CHANNELS > 3:
        d = zero + tl.load(background + 3)
    if ENLARGE:
        # fmt: off
        a, b, c, d = add_enlarged(
            cells, lattices, 0, x, y, columns, rows, mask, a, b, c, d, CHANNELS,
        )
        # fmt: on
    xs, ys = find_centers(columns, rows)
    for k in range(0, length, UNROLL):
        for j in tl.static_range(UNROLL):
            # Beyond the end of the list stands the empty record, which contributes nothing: a test
            # of the length would cost a branch per Gaussian.
            n = tl.load(pairs + start + k + j, mask=k + j < length, other=count)
            record = records + n.to(tl.int64) * RECORD
            _dx, _dy, _u, inside, gaussian = evaluate(record, xs, ys)
            weight = tl.where(inside, gaussian - tl.load(record + OFFSET), 0.0)
            a, b, c, d = fma_planes(weight, record + COLOR, a, b, c, d, CHANNELS)
    return a, b, c, d


@triton.jit
def _clamp01(value):
    return tl.minimum(tl.maximum(value, 0.0), 1.0)


@triton.jit
def _quantise(value):
    """Round values of 0..1 to the nearest of 256 levels, halves up."""
    return (_clamp01(value) * 255.0 + 0.5).to(tl.int32).to(tl.uint8)


@triton.jit(do_not_specialize=["count", "pair_capacity", "first_tile", "x", "y"])
def sum_forward(
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
    cells,
    out,
    CHANNELS: tl.constexpr,
    ENLARGE: tl.constexpr,
    BYTES: tl.constexpr,
):
    """Render a tile of the background plus the sum of weight times colour.

    Args:
        records: float32 (N + 1, RECORD), as `records.prepare` makes them.
        count: N, which is also the index of the empty record.
        pairs, pair_capacity, pairs_end: the lists of the tiles; see `binning`.
        lattices, tile_levels: the lattices of the window; see `lattices`.
        first_tile: number of the tile of the first program.
        x, y: position of the window, px.
        background: float32 (C,), 1.0 = full scale.
        cells: float32 (cells, C), of which lattice 1 is read if ENLARGE: then tiles are of level 0.
        out: an image (height, width, C), or cells of coarser lattices (cells, C); overwritten.
            float32, or if BYTES uint8, clamped and rounded.
    """
    _tile, _column, _row, columns, rows, mask, corner, width, start, length = start_tile(
        lattices, tile_levels, first_tile, x, y, pairs_end, pair_capacity
    )
    # fmt: off
    a, b, c, d = _accumulate(
        records, count, pairs, start, length, columns, rows, mask, background,
        lattices, x, y, cells, CHANNELS, ENLARGE,
    )
    # fmt: on
    pixel = index_pixels(corner, width)
    if BYTES:
        a, b, c, d = _quantise(a), _quantise(b), _quantise(c), _quantise(d)
    store_planes(out, pixel, mask, a, b, c, d, CHANNELS)


@triton.jit
def _store_partials(
    records,
    pairs,
    start,
    length,
    boxes,
    rows_end,
    partials,
    row_capacity,
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
    """Store the partial gradients of the Gaussians of the tile at `column`, `row`.

    a, b, c, d: planes of the derivative by the rendering, zero where there is no pixel.
    """
    for k in range(length):
        n = tl.load(pairs + start + k).to(tl.int64)
        record = records + n * RECORD
        dx, dy, u, inside, gaussian = evaluate(record, xs, ys)
        gaussian = tl.where(inside, gaussian, 0.0)
        weight = tl.where(inside, gaussian - tl.load(record + OFFSET), 0.0)
        h = dot_planes(a * tl.load(record + COLOR), record + COLOR, b, c, d, CHANNELS)
        at = find_row(boxes, rows_end, n, column, row, row_capacity)
        out = partials + at * (SUM_PARTIALS + CHANNELS)
        store_shape_partials(out, h * gaussian, u, dx, dy)
        store_color_partials(out + SUM_PARTIALS, weight, a, b, c, d, CHANNELS)


@triton.jit(do_not_specialize=["row_capacity", "pair_capacity", "first_tile", "x", "y"])
def sum_backward(
    records,
    pairs,
    pair_capacity,
    pairs_end,
    lattices,
    tile_levels,
    first_tile,
    x,
    y,
    boxes,
    rows_end,
    partials,
    row_capacity,
    grad,
    CHANNELS: tl.constexpr,
):
    """Store the partial gradients of a tile of `sum_forward`.

    Args:
        records, pairs, pair_capacity, pairs_end: as `sum_forward`.
        lattices, tile_levels, first_tile, x, y: as `sum_forward`.
        boxes, rows_end, row_capacity: where the rows of Gaussians are; see `tile_gradients`.
        partials: float32 (row_capacity + 1, SUM_PARTIALS + C); the rows of this tile are written.
        grad: float32, (height, width, C) or (cells, C), the derivative by what was rendered.
    """
    _tile, column, row, columns, rows, mask, corner, width, start, length = start_tile(
        lattices, tile_levels, first_tile, x, y, pairs_end, pair_capacity
    )
    xs, ys = find_centers(columns, rows)
    pixel = index_pixels(corner, width)
    a, b, c, d = load_planes(grad, pixel, mask, CHANNELS)
    # fmt: off
    _store_partials(
        records, pairs, start, length, boxes, rows_end, partials, row_capacity,
        column, row, xs, ys, a, b, c, d, CHANNELS,
    )
    # fmt: on


@triton.jit
def _differentiate(error, value, L1: tl.constexpr, STOPPED: tl.constexpr):
    """Return the derivative of the loss by `value`, whose clamped error is `error`."""
    if STOPPED:
        error = tl.where((value >= 0.0) & (value <= 1.0), error, 0.0)
    if L1:
        return (error > 0.0).to(tl.float32) - (error < 0.0).to(tl.float32)
    else:
        return 2.0 * error


@triton.jit(do_not_specialize=["count", "row_capacity", "pair_capacity"])
def sum_loss(
    records,
    count,
    pairs,
    pair_capacity,
    pairs_end,
    lattices,
    tile_levels,
    background,
    cells,
    target,
    error,
    slopes,
    sums,
    boxes,
    rows_end,
    partials,
    row_capacity,
    CHANNELS: tl.constexpr,
    ENLARGE: tl.constexpr,
    L1: tl.constexpr,
    STOPPED: tl.constexpr,
    BACKWARD: tl.constexpr,
):
    """Render a tile, compare it with a target, and store the partial gradients of the loss.

    The loss is the sum of squared errors, or of absolute errors if L1. The gradient passes straight
    through the clamp; if STOPPED, it is 0 where the clamp changes a value.

    Args:
        records, count, pairs, pair_capacity, pairs_end: as `sum_forward`.
        lattices, tile_levels, background, cells: as `sum_forward`; the window starts at the origin,
            and tiles are of level 0.
        target: float32 (height, width, C), 0..1.
        error: float32 (height, width, C), overwritten by clamp(rendering, 0, 1) - target.
        slopes: float32 (height, width, C), overwritten by the derivative of the loss by the
            rendering if ENLARGE and BACKWARD: coarser lattices need it.
        sums: float32 (T, 2); the row of this tile gets its sums of absolute and squared errors.
        boxes, rows_end, partials, row_capacity: as `sum_backward`; used only if BACKWARD.
    """
    tile, column, row, columns, rows, mask, corner, width, start, length = start_tile(
        lattices, tile_levels, 0, 0, 0, pairs_end, pair_capacity
    )
    # fmt: off
    a, b, c, d = _accumulate(
        records, count, pairs, start, length, columns, rows, mask, background,
        lattices, 0, 0, cells, CHANNELS, ENLARGE,
    )
    # fmt: on
    pixel = index_pixels(corner, width)
    e, f, g, h = load_planes(target, pixel, mask, CHANNELS)
    m, n, o, p = a, b, c, d
    # Tiles reach beyond the window: what they render there is no error.
    a = tl.where(mask, _clamp01(a) - e, 0.0)
    b = tl.where(mask, _clamp01(b) - f, 0.0)
    c = tl.where(mask, _clamp01(c) - g, 0.0)
    d = tl.where(mask, _clamp01(d) - h, 0.0)
    store_planes(error, pixel, mask, a, b, c, d, CHANNELS)
    absolutes = tl.abs(a) + tl.abs(b) + (tl.abs(c) + tl.abs(d))
    store_sum(sums + tile.to(tl.int64) * 2, absolutes)
    store_sum(sums + tile.to(tl.int64) * 2 + 1, a * a + b * b + (c * c + d * d))
    if BACKWARD:
        a, b = _differentiate(a, m, L1, STOPPED), _differentiate(b, n, L1, STOPPED)
        c, d = _differentiate(c, o, L1, STOPPED), _differentiate(d, p, L1, STOPPED)
        if ENLARGE:
            store_planes(slopes, pixel, mask, a, b, c, d, CHANNELS)
        xs, ys = find_centers(columns, rows)
        # fmt: off
        _store_partials(
            records, pairs, start, length, boxes, rows_end, partials, row_capacity,
            column, row, xs, ys, a, b, c, d, CHANNELS,
        )
        # fmt: on
