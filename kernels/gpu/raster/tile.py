"""What the kernels that draw a tile share: its pixels, its list, Gaussians and planes of pixels.

One program draws one tile of 16 x 16 pixels. Channels are held in four planes a, b, c, d of PIXELS
values each, because Triton cannot index a tuple of tensors; planes beyond CHANNELS are zero.
"""

from __future__ import annotations

import triton
import triton.language as tl

from gsic_kernels.gpu.raster.binning import find_tile_list
from gsic_kernels.gpu.raster.records import LIMIT, MEAN_X, MEAN_Y, TILE, P, R, T

# Pixels of a tile, row by row. They are one dimension, because the compiler spreads one dimension
# over threads in one way only.
PIXELS = tl.constexpr(TILE.value**2)


@triton.jit
def start_tile(tiles_x, pairs_end, pair_capacity, x, y):
    """Find the pixels and the list of this program's tile.

    Args:
        tiles_x: tiles in a row of the window.
        pairs_end, pair_capacity: as `find_tile_list` takes them.
        x, y: position of the window, px.

    Returns:
        The index of the tile; columns and rows of its pixels in the window, int32 (PIXELS,); the x
        and y of their centres, float32 (PIXELS,) px; start and length of its list in `pairs`.
    """
    tile, pixel = tl.program_id(0), tl.arange(0, PIXELS)
    columns = tile % tiles_x * TILE + pixel % TILE
    rows = tile // tiles_x * TILE + pixel // TILE
    # The sum is an integer up to here, so a pixel's centre is the same in every window.
    xs, ys = (columns + x).to(tl.float32) + 0.5, (rows + y).to(tl.float32) + 0.5
    start, length = find_tile_list(pairs_end, tile, pair_capacity)
    return tile, columns, rows, xs, ys, start, length


@triton.jit
def mask_pixels(columns, rows, width, height):
    """Tell which pixels lie in the window: tiles of the last column and row reach beyond it."""
    return (columns < width) & (rows < height)


@triton.jit
def index_pixels(columns, rows, width):
    """Return the index of each pixel in the window, int64: an image may have more than 2^31."""
    return rows.to(tl.int64) * width + columns


@triton.jit
def evaluate(record, xs, ys):
    """Evaluate one Gaussian at the centres of pixels.

    Explicit fused operations make all kernels round alike: they must agree about `inside`.

    Args:
        record: pointer to the record of the Gaussian.
        xs, ys: float32 (PIXELS,) px.

    Returns:
        dx, dy, u as scaled in `records`, whether q <= cutoff, and exp(-q).
    """
    dx, dy = xs - tl.load(record + MEAN_X), ys - tl.load(record + MEAN_Y)
    u = tl.fma(tl.load(record + R), dy, tl.load(record + P) * dx)
    v = tl.load(record + T) * dy
    z = tl.fma(u, u, v * v)
    return dx, dy, u, z <= tl.load(record + LIMIT), tl.exp2(-z)


@triton.jit
def load_planes(image, pixel, mask, CHANNELS: tl.constexpr):
    """Load four planes of an image (H, W, C), zero where there is no pixel or no channel."""
    a = tl.load(image + pixel * CHANNELS, mask=mask, other=0.0)
    b, c, d = tl.zeros_like(a), tl.zeros_like(a), tl.zeros_like(a)
    if CHANNELS > 1:
        b = tl.load(image + pixel * CHANNELS + 1, mask=mask, other=0.0)
    if CHANNELS > 2:
        c = tl.load(image + pixel * CHANNELS + 2, mask=mask, other=0.0)
    if CHANNELS > 3:
        d = tl.load(image + pixel * CHANNELS + 3, mask=mask, other=0.0)
    return a, b, c, d


@triton.jit
def store_planes(image, pixel, mask, a, b, c, d, CHANNELS: tl.constexpr):
    """Store the first CHANNELS of four planes in an image (H, W, C)."""
    tl.store(image + pixel * CHANNELS, a, mask=mask)
    if CHANNELS > 1:
        tl.store(image + pixel * CHANNELS + 1, b, mask=mask)
    if CHANNELS > 2:
        tl.store(image + pixel * CHANNELS + 2, c, mask=mask)
    if CHANNELS > 3:
        tl.store(image + pixel * CHANNELS + 3, d, mask=mask)


@triton.jit
def fma_planes(weight, values, a, b, c, d, CHANNELS: tl.constexpr):
    """Add `weight` times the C scalars at `values` to four planes."""
    a = tl.fma(weight, tl.load(values), a)
    if CHANNELS > 1:
        b = tl.fma(weight, tl.load(values + 1), b)
    if CHANNELS > 2:
        c = tl.fma(weight, tl.load(values + 2), c)
    if CHANNELS > 3:
        d = tl.fma(weight, tl.load(values + 3), d)
    return a, b, c, d


@triton.jit
def dot_planes(first, values, b, c, d, CHANNELS: tl.constexpr):
    """Return a dot product over channels of planes and of the C scalars at `values`.

    `first` is the product of the first plane and value, which callers combine with other terms.
    """
    total = first
    if CHANNELS > 1:
        total = tl.fma(b, tl.load(values + 1), total)
    if CHANNELS > 2:
        total = tl.fma(c, tl.load(values + 2), total)
    if CHANNELS > 3:
        total = tl.fma(d, tl.load(values + 3), total)
    return total
