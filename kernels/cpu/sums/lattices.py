"""The lattices on which Gaussians are drawn: their size in blocks, and their tiles.

Level 0 is the pixels. A cell of level L is 2^L px wide, and cell (0, 0) of every level has its
upper left corner in that of the image. A lattice has the blocks that a window of pixels needs;
blocks lie at multiples of their size from the corner of the image, so that neither the window nor
the division into tiles changes any arithmetic.
"""

from __future__ import annotations

import numpy as np

from gsic_kernels.cpu.runtime.jitable import register_jitable
from gsic_kernels.cpu.runtime.lanes import LANES
from gsic_kernels.cpu.sums.blocks import BLOCK_HEIGHT, BLOCK_WIDTH
from gsic_kernels.types import I64, Window

# Fields of a lattice: its first column and row, and the number of its columns and rows, in blocks;
# log2 of the columns and of the rows of a tile, which has fewer at the right and at the lower edge;
# the number of tiles side by side; the index of its first tile among those of all levels.
LEFT, TOP, COLUMNS, ROWS, TILE_COLUMNS, TILE_ROWS, TILES_ACROSS, FIRST_TILE = range(8)
FIELDS = 8

# Columns of a lattice are a multiple of this: so many blocks give two vectors of each row of cells,
# and no vector is loaded or stored beyond the last block of a row.
GROUP = 2 * BLOCK_HEIGHT

# A tile has at most so many columns of blocks, as log2, and rows of pixels; those of three channels
# take 384 KB, which stay in the second-level cache of a core, and a Gaussian is seldom cut.
_TILE_COLUMNS = 7
_TILE_ROWS_PX = 64
# Each thread should get several tiles, so that none waits long for the slowest.
_TILES_PER_THREAD = 6
_LEAST_TILE_ROWS_PX = 16


def divide_window(window: Window, levels: int, threads: int) -> I64:
    """Choose the blocks of each level that a window needs, and divide them into tiles.

    Args:
        window: pixels of level 0.
        levels: number of levels, 1 or more.
        threads: number of threads that share the tiles.

    Returns:
        int64 (levels + 1, FIELDS); of the last row only FIRST_TILE counts, the number of all tiles.
    """
    lattices = np.zeros((levels + 1, FIELDS), np.int64)
    x0, y0 = window.x, window.y
    x1, y1 = x0 + window.width - 1, y0 + window.height - 1
    for level in range(levels):
        left, top = x0 // BLOCK_WIDTH, y0 // BLOCK_HEIGHT
        columns = round_up(x1 // BLOCK_WIDTH + 1 - left, GROUP)
        rows = y1 // BLOCK_HEIGHT + 1 - top
        across = -(-columns >> _TILE_COLUMNS)
        tile_rows = _choose_tile_rows(rows, across, threads)
        tiles = across * -(-rows >> tile_rows)
        first = int(lattices[level, FIRST_TILE])
        lattices[level] = left, top, columns, rows, _TILE_COLUMNS, tile_rows, across, first
        lattices[level + 1, FIRST_TILE] = first + tiles
        # Enlarging reads from 2 cells before to 2 cells behind (see `enlarging`).
        x0, x1 = left * BLOCK_WIDTH // 2 - 2, (left + columns) * BLOCK_WIDTH // 2 + 1
        y0, y1 = top * BLOCK_HEIGHT // 2 - 2, (top + rows) * BLOCK_HEIGHT // 2 + 1
    return lattices


def round_up(number: int, multiple: int) -> int:
    """Round a number up to a multiple."""
    return -(-number // multiple) * multiple


def _choose_tile_rows(rows: int, across: int, threads: int) -> int:
    """Choose log2 of the block rows of a tile so that every thread gets several tiles."""
    tall = (_TILE_ROWS_PX // BLOCK_HEIGHT).bit_length() - 1
    least = (_LEAST_TILE_ROWS_PX // BLOCK_HEIGHT).bit_length() - 1
    if threads > 1:
        while tall > least and -(-rows >> tall) * across < _TILES_PER_THREAD * threads:
            tall -= 1
    return tall


@register_jitable
def plane_pitch(columns: int) -> int:
    """Compute the floats of a row of one channel of a lattice, with slack for whole vectors."""
    return (columns * BLOCK_WIDTH + 3 * LANES - 1) // LANES * LANES


@register_jitable
def find_tile(lattice: I64, item: int) -> tuple[int, int, int, int]:
    """Return the first column and row of tile `item` of a lattice, and its columns and rows."""
    column = item % lattice[TILES_ACROSS] << lattice[TILE_COLUMNS]
    row = item // lattice[TILES_ACROSS] << lattice[TILE_ROWS]
    columns = min(1 << lattice[TILE_COLUMNS], lattice[COLUMNS] - column)
    rows = min(1 << lattice[TILE_ROWS], lattice[ROWS] - row)
    return lattice[LEFT] + column, lattice[TOP] + row, columns, rows
