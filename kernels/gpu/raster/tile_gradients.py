"""Per-tile partial gradients of Gaussians, and their reduction in a fixed order.

A Gaussian has a row of partial gradients for every tile of its box, tile row by tile row. The rows
of all Gaussians lie one behind the other in one buffer, `partials`, that ends with one more row.
Each row is written by one tile, so nothing is atomic; a row that no tile writes holds zeros.

Columns of a row are those by mean and factor, in alpha blending the one by opacity, and then those
by colour; `sums` and `alpha` say what is summed.
"""

from __future__ import annotations

import triton
import triton.language as tl

from gsic_kernels.gpu.raster.records import OPACITY, RECORD, SCALE

BY_U, BY_U_DX, BY_U_DY = tl.constexpr(0), tl.constexpr(1), tl.constexpr(2)
BY_DY, BY_DY2 = tl.constexpr(3), tl.constexpr(4)
BY_OPACITY = tl.constexpr(5)
# Columns of a row before those by colour, in sums and in alpha blending.
SUM_PARTIALS, ALPHA_PARTIALS = tl.constexpr(5), tl.constexpr(6)

# Gaussians that one program reduces, and rows of each that it loads at a time.
REDUCE_COUNT = tl.constexpr(4)
REDUCE_ROWS = tl.constexpr(32)


@triton.jit
def find_row(boxes, rows_end, n, column, row, row_capacity):
    """Return the row of the buffer, int64, for a Gaussian and a tile within its box.

    Args:
        boxes: int32 (N, 4), as `records.prepare` makes them.
        rows_end: int64 (N,), the end of the rows of each Gaussian.
        n: index of the Gaussian, int64.
        column, row: of the tile.
        row_capacity: rows of the buffer. The row behind them, which is never read, is returned for
            all that do not fit: they need no branch, and the host makes room and repeats the call.
    """
    x0, y0 = tl.load(boxes + n * 4), tl.load(boxes + n * 4 + 1)
    x1 = tl.load(boxes + n * 4 + 2)
    start = tl.load(rows_end + n - 1, mask=n > 0, other=0)
    # int64: many large Gaussians have more than 2^31 rows.
    index = start + (row - y0).to(tl.int64) * (x1 - x0 + 1) + (column - x0)
    return tl.minimum(index, row_capacity)


@triton.jit
def store_sum(out, plane):
    """Store the sum of a plane over the pixels of a tile."""
    tl.store(out, tl.sum(plane, axis=0))


@triton.jit
def store_color_partials(out, weight, a, b, c, d, CHANNELS: tl.constexpr):
    """Store the sums over a tile of `weight` times each of the planes."""
    store_sum(out, weight * a)
    if CHANNELS > 1:
        store_sum(out + 1, weight * b)
    if CHANNELS > 2:
        store_sum(out + 2, weight * c)
    if CHANNELS > 3:
        store_sum(out + 3, weight * d)


@triton.jit
def store_shape_partials(out, he, u, dx, dy):
    """Store the sums over a tile of `he` times u, u dx, u dy, dy and dy^2."""
    store_sum(out + BY_U, he * u)
    store_sum(out + BY_U_DX, he * u * dx)
    store_sum(out + BY_U_DY, he * u * dy)
    store_sum(out + BY_DY, he * dy)
    store_sum(out + BY_DY2, he * dy * dy)


@triton.jit
def _sum_column(partials, at, mask, k: tl.constexpr):
    """Sum column `k` of the rows at `at`, (REDUCE_COUNT, REDUCE_ROWS), over the rows."""
    return tl.sum(tl.load(partials + at + k, mask=mask, other=0.0), axis=1)


@triton.jit(do_not_specialize=["count", "row_capacity"])
def reduce_partials(
    records,
    factor,
    count,
    box_tiles,
    rows_end,
    partials,
    row_capacity,
    d_mean,
    d_factor,
    d_color,
    d_opacity,
    needed,
    CHANNELS: tl.constexpr,
    BLEND: tl.constexpr,
):
    """Reduce the partial gradients of REDUCE_COUNT Gaussians, always in the same order.

    Args:
        records: float32 (N + 1, RECORD), whose opacity is read if BLEND.
        factor: float32 (N, 3) px^-1.
        count: N.
        box_tiles: int64 (N,), rows of each Gaussian.
        rows_end: int64 (N,), the end of the rows of each Gaussian.
        partials: float32 (row_capacity + 1, SUM_PARTIALS + C), or ALPHA_PARTIALS + C if BLEND.
        row_capacity: rows of the buffer.
        d_mean, d_factor, d_color: the arrays of `types.Gradients`, overwritten; zero for Gaussians
            without rows.
        d_opacity: float32 (N,), overwritten if BLEND.
        needed: int64 (1,), raised by the first program to the number of rows of all Gaussians.
    """
    n = (tl.program_id(0) * REDUCE_COUNT + tl.arange(0, REDUCE_COUNT)).to(tl.int64)
    known = n < count
    own = tl.load(box_tiles + n, mask=known, other=0)
    end = tl.minimum(tl.load(rows_end + n, mask=known, other=0), row_capacity)
    start = tl.minimum(tl.load(rows_end + n, mask=known, other=0) - own, row_capacity)
    by_color: tl.constexpr = ALPHA_PARTIALS if BLEND else SUM_PARTIALS
    zero = tl.zeros([REDUCE_COUNT], tl.float32)
    by_u, by_u_dx, by_u_dy, by_dy, by_dy2 = zero, zero, zero, zero, zero
    by_opacity, a, b, c, d = zero, zero, zero, zero, zero
    longest = tl.max(end - start, axis=0).to(tl.int32)
    for k in range(0, longest, REDUCE_ROWS):
        row = start[:, None] + (k + tl.arange(0, REDUCE_ROWS))[None, :]
        mask = row < end[:, None]
        at = row * (by_color + CHANNELS)
        by_u += _sum_column(partials, at, mask, BY_U)
        by_u_dx += _sum_column(partials, at, mask, BY_U_DX)
        by_u_dy += _sum_column(partials, at, mask, BY_U_DY)
        by_dy += _sum_column(partials, at, mask, BY_DY)
        by_dy2 += _sum_column(partials, at, mask, BY_DY2)
        if BLEND:
            by_opacity += _sum_column(partials, at, mask, BY_OPACITY)
        a += _sum_column(partials, at, mask, by_color)
        if CHANNELS > 1:
            b += _sum_column(partials, at, mask, by_color + 1)
        if CHANNELS > 2:
            c += _sum_column(partials, at, mask, by_color + 2)
        if CHANNELS > 3:
            d += _sum_column(partials, at, mask, by_color + 3)
    # The factor of a Gaussian that contributes nothing may be NaN, and NaN times 0 is NaN.
    real = known & (own > 0)
    p = tl.load(factor + n * 3, mask=real, other=0.0)
    r = tl.load(factor + n * 3 + 1, mask=real, other=0.0)
    t = tl.load(factor + n * 3 + 2, mask=real, other=0.0)
    if BLEND:
        opacity = tl.load(records + n * RECORD + OPACITY, mask=real, other=0.0)
        by_u, by_u_dx, by_u_dy = by_u * opacity, by_u_dx * opacity, by_u_dy * opacity
        by_dy, by_dy2 = by_dy * opacity, by_dy2 * opacity
        tl.store(d_opacity + n, by_opacity, mask=known)
    # Records hold p and r, and so u, times SCALE.
    by_u, by_u_dx, by_u_dy = by_u / SCALE, by_u_dx / SCALE, by_u_dy / SCALE
    tl.store(d_mean + n * 2, p * by_u, mask=known)
    tl.store(d_mean + n * 2 + 1, r * by_u + t * t * by_dy, mask=known)
    tl.store(d_factor + n * 3, -by_u_dx, mask=known)
    tl.store(d_factor + n * 3 + 1, -by_u_dy, mask=known)
    tl.store(d_factor + n * 3 + 2, -t * by_dy2, mask=known)
    tl.store(d_color + n * CHANNELS, a, mask=known)
    if CHANNELS > 1:
        tl.store(d_color + n * CHANNELS + 1, b, mask=known)
    if CHANNELS > 2:
        tl.store(d_color + n * CHANNELS + 2, c, mask=known)
    if CHANNELS > 3:
        tl.store(d_color + n * CHANNELS + 3, d, mask=known)
    if tl.program_id(0) == 0:
        total = tl.load(rows_end + count - 1, mask=count > 0, other=0)
        tl.store(needed, tl.maximum(tl.load(needed), total))
