"""Records of Gaussians and the lists of those that each tile has to draw, kept between calls."""

from __future__ import annotations

from typing import NamedTuple

import torch

from gsic_kernels.gpu.launch import empty, launch, pieces, room
from gsic_kernels.gpu.raster.binning import (
    CELLS,
    CHUNK,
    count_cells,
    count_tiles,
    fill_cells,
    fill_tiles,
)
from gsic_kernels.gpu.raster.records import PREPARE_COUNT, RECORD, TILE, prepare
from gsic_kernels.types import Window

# First guesses of how many cells and how many tiles a Gaussian meets.
_CELLS_EACH, _TILES_EACH, _LEAST = 4, 16, 4096
# Tests of a chunk of Gaussians against all cells cost this much less than tests of a tile against
# the members of its cell.
_CELLS_PER_TILE = 8
_WARPS = 4


class DeviceSplats(NamedTuple):
    """The arrays of `types.Splats` as contiguous float32 tensors of one device."""

    mean: torch.Tensor  # (N, 2) px
    factor: torch.Tensor  # (N, 3) px^-1
    color: torch.Tensor  # (N, C) 1.0 = full scale
    cutoff: torch.Tensor  # (N,)
    offset: torch.Tensor  # (N,)


def cell_shift(tiles_x: int, tiles_y: int) -> int:
    """Log2 of the side of a cell in tiles, so that both levels cost about the same."""
    shift = 0
    while pieces(tiles_x, 1 << shift) * pieces(tiles_y, 1 << shift) > _CELLS_PER_TILE << 2 * shift:
        shift += 1
    return shift


class Lists:
    """Records of up to `count` Gaussians and the lists of the tiles of a window of one size.

    Lists have a capacity. What does not fit is left out, and `needs` remembers how long they
    should have been: a call of `grow`, which waits for the device, tells whether anything is
    missing and makes room for it.
    """

    def __init__(self, width: int, height: int, count: int, device: torch.device) -> None:
        """Make room for lists.

        Args:
            width, height: of the window, px.
            count: the most Gaussians there will be.
            device: where everything is.
        """
        self.size, self.most, self.device = (width, height), count, device
        self.tiles_x, self.tiles_y = pieces(width, TILE.value), pieces(height, TILE.value)
        self.tiles = self.tiles_x * self.tiles_y
        self._shift = cell_shift(self.tiles_x, self.tiles_y)
        self._cells_x = pieces(self.tiles_x, 1 << self._shift)
        self._cells = self._cells_x * pieces(self.tiles_y, 1 << self._shift)
        items = self._cells * pieces(count, CHUNK.value)
        self.records = empty((count + 1, RECORD.value), torch.float32, device)
        self.boxes = empty((count, 4), torch.int32, device)
        self.slots = empty((count,), torch.int64, device)
        self._cell_counts = empty((items,), torch.int64, device)
        self._cell_ends = empty((items,), torch.int64, device)
        self._members = empty((_CELLS_EACH * count + _LEAST,), torch.int32, device)
        self._tile_counts = empty((self.tiles,), torch.int64, device)
        self.ends = empty((self.tiles,), torch.int64, device)
        self.pairs = empty((_TILES_EACH * count + _LEAST,), torch.int32, device)
        self._needs = torch.zeros(2, dtype=torch.int64, device=device)

    def build(
        self, splats: DeviceSplats, window: Window, opacity: torch.Tensor | None = None
    ) -> None:
        """Compute records and lists, without waiting for the device.

        Args:
            splats: up to `most` Gaussians, C channels.
            window: of this object's size, anywhere.
            opacity: float32 (N,) for alpha blending.

        Raises:
            ValueError: there is no room for so many Gaussians, or the window has another size.
        """
        x, y, width, height = window
        count, channels = splats.color.shape
        if count > self.most or (width, height) != self.size:
            raise ValueError(
                f"there is room for {self.most} Gaussians in {self.size[0]} x {self.size[1]} px, "
                f"got {count} in {width} x {height} px"
            )
        launch(
            prepare,
            pieces(count + 1, PREPARE_COUNT.value),
            *(*splats, splats.cutoff if opacity is None else opacity, x, y, width, height, count),
            *(self.records, self.boxes, self.slots),
            CHANNELS=channels,
            BLEND=opacity is not None,
            warps=_WARPS,
        )
        chunks = pieces(count, CHUNK.value)
        items = self._cells * chunks
        counts, ends = self._cell_counts[:items], self._cell_ends[:items]
        programs = pieces(self._cells, CELLS.value) * chunks
        boxes = self.boxes, count, self._cells_x, self._cells, chunks, self._shift
        launch(count_cells, programs, *boxes, counts, warps=_WARPS)
        torch.cumsum(counts, 0, out=ends)
        members = self._members, len(self._members)
        launch(fill_cells, programs, *boxes, counts, ends, *members, warps=_WARPS)
        of_tile = (
            *(self.records, self.boxes, x, y, self.tiles_x, self._cells_x, chunks, self._shift),
            *(ends, *members, self._tile_counts),
        )
        launch(count_tiles, self.tiles, *of_tile, warps=_WARPS)
        torch.cumsum(self._tile_counts, 0, out=self.ends)
        pairs = self.pairs, len(self.pairs), self._needs, items, self.tiles
        launch(fill_tiles, self.tiles, *of_tile, self.ends, *pairs, warps=_WARPS)

    def grow(self) -> bool:
        """Tell whether a list was too short since the last call, and if so make it longer.

        Waits for the device. After True, what was built has to be built again.
        """
        members, pairs = self._needs.tolist()
        self._needs.zero_()
        grown = False
        if members > len(self._members):
            self._members = empty((room(members),), torch.int32, self.device)
            grown = True
        if pairs > len(self.pairs):
            self.pairs = empty((room(pairs),), torch.int32, self.device)
            grown = True
        return grown
