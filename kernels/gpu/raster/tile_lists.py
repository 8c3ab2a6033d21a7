"""Build the records of Gaussians and the lists of tiles, in memory that is kept between calls."""

from __future__ import annotations

import torch

from gsic_kernels.constants import LEVELS_MAX
from gsic_kernels.gpu.launch import add_headroom, allocate, count_blocks, launch
from gsic_kernels.gpu.raster.binning import (
    CHUNK,
    SECTORS,
    count_sectors,
    count_tiles,
    fill_sectors,
    fill_tiles,
)
from gsic_kernels.gpu.raster.device_arrays import DeviceSplats
from gsic_kernels.gpu.raster.lattices import Lattices
from gsic_kernels.gpu.raster.records import PREPARE_COUNT, RECORD, prepare
from gsic_kernels.types import Window

# First guesses of how many sectors and how many tiles a Gaussian meets, and a least capacity.
_SECTORS_EACH, _TILES_EACH, _LEAST = 4, 16, 4096
# A test of a Gaussian against a sector costs this much less than a test of a member against a tile.
_SECTORS_PER_TILE = 8
_WARPS = 4


def choose_sector_shift(tiles_x: int, tiles_y: int) -> int:
    """Choose log2 of the side of a sector in tiles, so that both stages cost about the same.

    Args:
        tiles_x, tiles_y: tiles of the window along both axes.
    """
    shift = 0
    while (
        count_blocks(tiles_x, 1 << shift) * count_blocks(tiles_y, 1 << shift)
        > _SECTORS_PER_TILE << 2 * shift
    ):
        shift += 1
    return shift


class TileLists:
    """Records of up to `max_count` Gaussians, and the lists of the tiles for windows of one size.

    Lists have a capacity. What does not fit is left out, and the device remembers the capacity that
    was needed: `grow` waits for the device, tells whether anything was left out, and makes room.
    """

    def __init__(self, width: int, height: int, max_count: int, device: torch.device) -> None:
        """Allocate records and lists.

        Args:
            width, height: size of the windows, px.
            max_count: the largest number of Gaussians.
            device: of all tensors.
        """
        self.size, self.max_count, self.device = (width, height), max_count, device
        self.lattices = Lattices(width, height, device)
        tiles_x, tiles = self.lattices.tiles_x, self.lattices.count_tiles(LEVELS_MAX)
        self._shift = choose_sector_shift(tiles_x, self.lattices.count_tile_rows(1))
        self._sectors_x = count_blocks(tiles_x, 1 << self._shift)
        items = self._count_sectors(LEVELS_MAX) * count_blocks(max_count, CHUNK.value)
        self.records = allocate((max_count + 1, RECORD.value), torch.float32, device)
        self.boxes = allocate((max_count, 4), torch.int32, device)
        self.box_tiles = allocate((max_count,), torch.int64, device)
        self._sector_counts = allocate((items,), torch.int64, device)
        self._members_end = allocate((items,), torch.int64, device)
        self._members = allocate((_SECTORS_EACH * max_count + _LEAST,), torch.int32, device)
        self._tile_counts = allocate((tiles,), torch.int64, device)
        self.pairs_end = allocate((tiles,), torch.int64, device)
        self.pairs = allocate((_TILES_EACH * max_count + _LEAST,), torch.int32, device)
        self._needed = torch.zeros(2, dtype=torch.int64, device=device)

    def _count_sectors(self, levels: int) -> int:
        rows = self.lattices.count_tile_rows(levels)
        return self._sectors_x * count_blocks(rows, 1 << self._shift)

    def build(
        self,
        splats: DeviceSplats,
        window: Window,
        levels: int,
        opacity: torch.Tensor | None = None,
    ) -> None:
        """Compute records and lists, without waiting for the device.

        Args:
            splats: 0 <= N <= `max_count` Gaussians, C channels.
            window: of this object's size, anywhere.
            levels: number of levels from 0 on for which lists are made.
            opacity: float32 (N,) for alpha blending, None for sums.

        Raises:
            ValueError: there are more Gaussians than `max_count`, or the window has another size.
        """
        x, y, width, height = window
        count, channels = splats.color.shape
        if count > self.max_count or (width, height) != self.size:
            raise ValueError(
                f"there is room for {self.max_count} Gaussians in {self.size[0]} x "
                f"{self.size[1]} px, got {count} in {width} x {height} px"
            )
        launch(
            prepare,
            count_blocks(count + 1, PREPARE_COUNT.value),
            *(*splats, splats.cutoff if opacity is None else opacity, x, y),
            *(self.lattices.table, count, self.records, self.boxes, self.box_tiles),
            CHANNELS=channels,
            BLEND=opacity is not None,
            warps=_WARPS,
        )
        chunks = count_blocks(count, CHUNK.value)
        sectors, tiles = self._count_sectors(levels), self.lattices.count_tiles(levels)
        items = sectors * chunks
        sector_counts, members_end = self._sector_counts[:items], self._members_end[:items]
        programs = count_blocks(sectors, SECTORS.value) * chunks
        of_chunk = self.boxes, count, self._sectors_x, sectors, chunks, self._shift
        launch(count_sectors, programs, *of_chunk, sector_counts, warps=_WARPS)
        torch.cumsum(sector_counts, 0, out=members_end)
        members = self._members, len(self._members)
        launch(
            fill_sectors, programs, *of_chunk, sector_counts, members_end, *members, warps=_WARPS
        )
        of_tile = (
            *(self.records, self.boxes, x, y, self.lattices.table, self.lattices.tile_levels),
            *(self._sectors_x, chunks, self._shift, members_end, *members, self._tile_counts),
        )
        launch(count_tiles, tiles, *of_tile, warps=_WARPS)
        torch.cumsum(self._tile_counts[:tiles], 0, out=self.pairs_end[:tiles])
        pairs = self.pairs, len(self.pairs), self._needed, items, tiles
        launch(fill_tiles, tiles, *of_tile, self.pairs_end, *pairs, warps=_WARPS)

    def grow(self) -> bool:
        """Wait for the device, and make every list longer that was too short since the last call.

        Returns:
            Whether any was: then what was built since the last call has to be built again.
        """
        members, pairs = self._needed.tolist()
        self._needed.zero_()
        grown = False
        if members > len(self._members):
            self._members = allocate((add_headroom(members),), torch.int32, self.device)
            grown = True
        if pairs > len(self.pairs):
            self.pairs = allocate((add_headroom(pairs),), torch.int32, self.device)
            grown = True
        return grown
