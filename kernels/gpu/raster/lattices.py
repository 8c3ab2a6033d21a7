"""The lattices of a window, one for each level, and the numbering of their tiles.

A Gaussian of level L is drawn on a lattice whose cells are 2^L px wide; level 0 is the pixels. Of
every lattice a window needs a run of cells along each axis. If it has n cells from cell x on at one
level, it needs n / 2 + 4 of the next coarser one, rounded down, from cell ceil(x / 2) - 2 on: so
many are enough wherever the window is. So the sizes of lattices follow from the size of a window,
and all but their positions is in a table that is made once.

Tiles are numbered through all lattices, level 0 first, each lattice row by row. Rows of tiles are
numbered through all lattices, too, so a column and a row name one tile of one lattice.

The cells of level 0 are the pixels of an image. Those of the coarser lattices lie one lattice
behind the other in one array, (cells, C).
"""

from __future__ import annotations

import numpy as np
import torch
import triton
import triton.language as tl

from gsic_kernels.constants import LEVELS_MAX
from gsic_kernels.gpu.launch import count_blocks

TILE = tl.constexpr(16)

# Columns of the table: the size of a lattice in cells; its tiles in a row; its first tile and first
# row of tiles among those of all lattices; its first cell in the array of cells.
WIDTH, HEIGHT, TILES_X = tl.constexpr(0), tl.constexpr(1), tl.constexpr(2)
FIRST_TILE, FIRST_ROW, FIRST_CELL = tl.constexpr(3), tl.constexpr(4), tl.constexpr(5)
FIELDS = tl.constexpr(6)


class Lattices:
    """The lattices of all levels for windows of one size."""

    def __init__(self, width: int, height: int, device: torch.device) -> None:
        """Compute sizes.

        Args:
            width, height: size of the windows, px.
            device: of the tables.
        """
        rows, tiles_each = [], []
        tiles = tile_rows = cells = 0
        self._tiles_end, self._tile_rows_end, self._cells_end = [0], [0], [0]
        for level in range(LEVELS_MAX):
            across, down = count_blocks(width, TILE.value), count_blocks(height, TILE.value)
            rows.append((width, height, across, tiles, tile_rows, cells))
            tiles_each.append(across * down)
            tiles, tile_rows = tiles + across * down, tile_rows + down
            # The cells of level 0 are elsewhere.
            cells += width * height if level > 0 else 0
            self._tiles_end.append(tiles)
            self._tile_rows_end.append(tile_rows)
            self._cells_end.append(cells)
            width, height = width // 2 + 4, height // 2 + 4
        levels = np.repeat(np.arange(LEVELS_MAX, dtype=np.int32), tiles_each)
        # Narrow windows have lattices that are wider than they are.
        self.tiles_x = max(row[2] for row in rows)
        self.table = torch.tensor(rows, dtype=torch.int64, device=device)
        self.tile_levels = torch.tensor(levels, device=device)

    def count_tiles(self, levels: int) -> int:
        """Count the tiles of the first `levels` levels."""
        return self._tiles_end[levels]

    def count_tile_rows(self, levels: int) -> int:
        """Count the rows of tiles of the first `levels` levels."""
        return self._tile_rows_end[levels]

    def count_cells(self, level: int) -> int:
        """Count the cells of a level above 0."""
        return self._cells_end[level + 1] - self._cells_end[level]

    def count_coarse_cells(self, levels: int) -> int:
        """Count the cells of the first `levels` levels but level 0."""
        return self._cells_end[levels]


@triton.jit
def find_first_cell(x, level):
    """Return the first cell of a level, along one axis, for a window that begins at pixel x."""
    # This is ceil((x + 4) / 2^level) - 4, which `level` steps of ceil(x / 2) - 2 come to.
    return ((x + 3 + (1 << level)) >> level) - 4


@triton.jit
def find_tile(lattices, tile_levels, tile):
    """Find a tile in the lattices.

    Args:
        lattices: int64 (levels, FIELDS), the table.
        tile_levels: int32 (T,), the level of each tile.
        tile: its number.

    Returns:
        Its level, its column, and its row among the rows of its own lattice, int32.
    """
    level = tl.load(tile_levels + tile)
    at = lattices + level * FIELDS
    tiles_x = tl.load(at + TILES_X).to(tl.int32)
    index = tile - tl.load(at + FIRST_TILE).to(tl.int32)
    return level, index % tiles_x, index // tiles_x
