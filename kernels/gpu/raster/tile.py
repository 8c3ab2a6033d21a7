"""What the kernels that draw a tile share: its pixels, its list, and Gaussians at pixels.

One program draws one tile of 16 x 16 pixels, which on a lattice of a level above 0 are its cells.
Channels are held in planes of PIXELS values each; see `planes`.
"""

from __future__ import annotations

import triton
import triton.language as tl

from gsic_kernels.gpu.raster.binning import find_tile_list
from gsic_kernels.gpu.raster.lattices import (
    FIELDS,
    FIRST_CELL,
    FIRST_ROW,
    HEIGHT,
    TILE,
    WIDTH,
    find_first_cell,
    find_tile,
)
from gsic_kernels.gpu.raster.records import LIMIT, MEAN_X, MEAN_Y, P, R, T

# Pixels of a tile, row by row. They are one dimension, because the compiler spreads one dimension
# over threads in one way only.
PIXELS = tl.constexpr(TILE.value**2)


@triton.jit
def start_tile(lattices, tile_levels, first_tile, x, y, pairs_end, pair_capacity):
    """Find the pixels and the list of this program's tile.

    Args:
        lattices, tile_levels: as `lattices.find_tile` takes them.
        first_tile: number of the tile of the first program.
        x, y: position of the window, px.
        pairs_end, pair_capacity: as `find_tile_list` takes them.

    Returns:
        The number of the tile, its column and its row among the rows of all lattices; columns and
        rows of its pixels, counted from the corner of the image, int32 (PIXELS,); which of them are
        in the lattice of the window, because tiles of the last column and row reach beyond it; the
        index of the first one in the image or in the cells of coarser lattices, and the pixels of a
        row there, int64; start and length of the list of the tile in `pairs`.
    """
    tile, pixel = first_tile + tl.program_id(0), tl.arange(0, PIXELS)
    level, column, row = find_tile(lattices, tile_levels, tile)
    of_level = lattices + level * FIELDS
    # int64: an image may have more than 2^31 pixels.
    width, height = tl.load(of_level + WIDTH), tl.load(of_level + HEIGHT)
    columns, rows = column * TILE + pixel % TILE, row * TILE + pixel // TILE
    mask = (columns < width.to(tl.int32)) & (rows < height.to(tl.int32))
    corner = tl.load(of_level + FIRST_CELL) + row.to(tl.int64) * TILE * width + column * TILE
    row += tl.load(of_level + FIRST_ROW).to(tl.int32)
    # Counted from the corner of the image, a pixel has the same centre in every window.
    columns, rows = columns + find_first_cell(x, level), rows + find_first_cell(y, level)
    start, length = find_tile_list(pairs_end, tile, pair_capacity)
    return tile, column, row, columns, rows, mask, corner, width, start, length


@triton.jit
def index_pixels(corner, width):
    """Return the index of each pixel of a tile, int64 (PIXELS,), in the image or in coarser cells.

    Called where it is needed, because indices take registers.
    """
    pixel = tl.arange(0, PIXELS)
    return corner + pixel // TILE * width + pixel % TILE


@triton.jit
def find_centers(columns, rows):
    """Return the x and y of the centres of pixels, float32 (PIXELS,), exact."""
    return columns.to(tl.float32) + 0.5, rows.to(tl.float32) + 0.5


@triton.jit
def evaluate(record, xs, ys):
    """Evaluate one Gaussian at the centres of pixels.

    Explicit fused operations make all kernels round alike: they must agree about `inside`.

    Args:
        record: pointer to the record of the Gaussian.
        xs, ys: float32 (PIXELS,), in cells of its lattice.

    Returns:
        dx, dy, u as scaled in `records`, whether q <= cutoff, and exp(-q).
    """
    dx, dy = xs - tl.load(record + MEAN_X), ys - tl.load(record + MEAN_Y)
    u = tl.fma(tl.load(record + R), dy, tl.load(record + P) * dx)
    v = tl.load(record + T) * dy
    z = tl.fma(u, u, v * v)
    return dx, dy, u, z <= tl.load(record + LIMIT), tl.exp2(-z)
