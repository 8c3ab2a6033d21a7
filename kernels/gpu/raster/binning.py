"""Lists of the Gaussians that meet each tile, in the order given: first counted, then filled in.

There are two stages, so that a tile does not test every Gaussian: the lists of sectors, which are
squares of 2^shift tiles a side, and from those the lists of tiles. Each stage takes a kernel that
counts, a cumulative sum that turns counts into the ends of lists, and a kernel that fills them in;
`tile_lists` launches them. Lists lie one behind the other in one array, `members` for sectors and
`pairs` for tiles; what exceeds the capacity of the array is left out.
"""

from __future__ import annotations

import triton
import triton.language as tl

from gsic_kernels.gpu.raster.lattices import (
    FIELDS,
    FIRST_ROW,
    TILE,
    find_first_cell,
    find_tile,
)
from gsic_kernels.gpu.raster.records import meet_rectangle

# Gaussians that one program tests against sectors, and how many sectors.
CHUNK = tl.constexpr(1024)
SECTORS = tl.constexpr(4)
# Members of a sector that one program tests against its tile at a time.
BATCH = tl.constexpr(256)


@triton.jit
def _load_boxes(boxes, count, chunk):
    """Load the indices and the boxes of the Gaussians of a chunk; boxes beyond N are empty."""
    n = chunk * CHUNK + tl.arange(0, CHUNK)
    mask, at = n < count, boxes + n.to(tl.int64) * 4
    x0, y0 = tl.load(at, mask=mask, other=0), tl.load(at + 1, mask=mask, other=0)
    x1, y1 = tl.load(at + 2, mask=mask, other=-1), tl.load(at + 3, mask=mask, other=-1)
    return n, x0, y0, x1, y1


@triton.jit
def _meet_sector(x0, y0, x1, y1, sector, sectors_x, shift):
    """Tell which boxes of tiles meet a sector."""
    column, row = sector % sectors_x, sector // sectors_x
    # An empty box ends at -1, which stays -1 under every shift and so is in no sector.
    return (
        ((x0 >> shift) <= column)
        & ((x1 >> shift) >= column)
        & ((y0 >> shift) <= row)
        & ((y1 >> shift) >= row)
    )


@triton.jit(do_not_specialize=["count", "sectors_x", "sectors", "chunks", "shift"])
def count_sectors(boxes, count, sectors_x, sectors, chunks, shift, counts):
    """Count the Gaussians of a chunk in each of SECTORS sectors.

    Args:
        boxes: int32 (N, 4), as `records.prepare` makes them.
        count: N.
        sectors_x, sectors: sectors in a row of the window, and in all.
        chunks: of CHUNK Gaussians.
        shift: log2 of the side of a sector in tiles.
        counts: int64 (sectors, chunks), overwritten. Each sector is a row, so its chunks lie one
            behind the other, in the order of their Gaussians.
    """
    chunk, group = tl.program_id(0) % chunks, tl.program_id(0) // chunks
    _n, x0, y0, x1, y1 = _load_boxes(boxes, count, chunk)
    for k in tl.static_range(SECTORS):
        sector = group * SECTORS + k
        found = _meet_sector(x0, y0, x1, y1, sector, sectors_x, shift).to(tl.int32)
        # int64: the ends of lists, sums of these over sectors, may exceed 2^31.
        total = tl.sum(found, axis=0).to(tl.int64)
        tl.store(counts + sector.to(tl.int64) * chunks + chunk, total, mask=sector < sectors)


@triton.jit(
    do_not_specialize=["count", "sectors_x", "sectors", "chunks", "shift", "member_capacity"]
)
def fill_sectors(
    boxes,
    count,
    sectors_x,
    sectors,
    chunks,
    shift,
    counts,
    members_end,
    members,
    member_capacity,
):
    """Write the Gaussians that `count_sectors` counted to the lists of their sectors.

    Args:
        boxes, count, sectors_x, sectors, chunks, shift, counts: as `count_sectors`.
        members_end: int64 (sectors, chunks), the cumulative sums of `counts`.
        members: int32 (member_capacity,), overwritten.
        member_capacity: what lies beyond it is left out.
    """
    chunk, group = tl.program_id(0) % chunks, tl.program_id(0) // chunks
    n, x0, y0, x1, y1 = _load_boxes(boxes, count, chunk)
    for k in tl.static_range(SECTORS):
        sector = group * SECTORS + k
        here = _meet_sector(x0, y0, x1, y1, sector, sectors_x, shift)
        item = sector.to(tl.int64) * chunks + chunk
        start = tl.load(members_end + item, mask=sector < sectors, other=0)
        start -= tl.load(counts + item, mask=sector < sectors, other=0)
        found = here.to(tl.int32)
        # The cumulative sum keeps the order given, which decides the bits of a pixel.
        place = start + tl.cumsum(found, axis=0) - found
        tl.store(members + place, n, mask=here & (place < member_capacity))


@triton.jit
def _find_list(ends, first, last, capacity):
    """Return start (int64) and length (int32) of the list that spans items first..last of `ends`.

    Both are limited to the capacity of the array: what lies beyond was not written.
    """
    start = tl.load(ends + first - 1, mask=first > 0, other=0)
    start = tl.minimum(start, capacity)
    end = tl.minimum(tl.load(ends + last), capacity)
    return start, (end - start).to(tl.int32)


@triton.jit
def find_tile_list(pairs_end, tile, pair_capacity):
    """Return start (int64) and length (int32) of the list of a tile in `pairs`."""
    return _find_list(pairs_end, tile, tile, pair_capacity)


@triton.jit
def _find_members(
    members_end, tile, lattices, tile_levels, x, y, sectors_x, chunks, shift, member_capacity
):
    """Find the members of the sector of a tile.

    Returns:
        Column and row of the tile; its first column and row of cells; start and length of the list
        of its sector.
    """
    level, column, row = find_tile(lattices, tile_levels, tile)
    left = find_first_cell(x, level) + column * TILE
    top = find_first_cell(y, level) + row * TILE
    row += tl.load(lattices + level * FIELDS + FIRST_ROW).to(tl.int32)
    sector = ((row >> shift) * sectors_x + (column >> shift)).to(tl.int64)
    start, length = _find_list(
        members_end, sector * chunks, (sector + 1) * chunks - 1, member_capacity
    )
    return column, row, left, top, start, length


@triton.jit
def _load_members(members, start, length, k):
    """Load BATCH members of a sector from the `k`th on, and the mask of those that there are."""
    lanes = k + tl.arange(0, BATCH)
    mask = lanes < length
    return tl.load(members + start + lanes, mask=mask, other=0), mask


@triton.jit
def _meet_tile(records, boxes, n, mask, column, row, left, top):
    """Tell which of Gaussians `n` meet a tile whose cells begin at left, top; False outside `mask`.

    The row of a tile tells its lattice, too, so it does not meet Gaussians of another one.
    """
    at = boxes + n.to(tl.int64) * 4
    mask &= tl.load(at, mask=mask, other=0) <= column
    mask &= tl.load(at + 1, mask=mask, other=0) <= row
    mask &= tl.load(at + 2, mask=mask, other=-1) >= column
    mask &= tl.load(at + 3, mask=mask, other=-1) >= row
    left, top = left.to(tl.float32) + 0.5, top.to(tl.float32) + 0.5
    right, bottom = left + (TILE - 1), top + (TILE - 1)
    return meet_rectangle(records, n, left, right, top, bottom, mask)


@triton.jit(do_not_specialize=["x", "y", "sectors_x", "chunks", "shift", "member_capacity"])
def count_tiles(
    records,
    boxes,
    x,
    y,
    lattices,
    tile_levels,
    sectors_x,
    chunks,
    shift,
    members_end,
    members,
    member_capacity,
    counts,
):
    """Count the Gaussians that meet one tile.

    Args:
        records, boxes: as `records.prepare` makes them.
        x, y: position of the window, px.
        lattices, tile_levels: as `lattices.find_tile` takes them.
        sectors_x, chunks, shift, members_end, members, member_capacity: as `fill_sectors`.
        counts: int64 (T,), overwritten.
    """
    tile = tl.program_id(0)
    # fmt: off
    column, row, left, top, start, length = _find_members(
        members_end, tile, lattices, tile_levels, x, y, sectors_x, chunks, shift, member_capacity
    )
    # fmt: on
    total = 0
    for k in range(0, length, BATCH):
        n, mask = _load_members(members, start, length, k)
        found = _meet_tile(records, boxes, n, mask, column, row, left, top)
        total += tl.sum(found.to(tl.int32), axis=0)
    tl.store(counts + tile, total.to(tl.int64))


@triton.jit(
    do_not_specialize=[
        "x",
        "y",
        "sectors_x",
        "chunks",
        "shift",
        "member_capacity",
        "pair_capacity",
        "sector_items",
        "tiles",
    ]
)
def fill_tiles(
    records,
    boxes,
    x,
    y,
    lattices,
    tile_levels,
    sectors_x,
    chunks,
    shift,
    members_end,
    members,
    member_capacity,
    counts,
    pairs_end,
    pairs,
    pair_capacity,
    needed,
    sector_items,
    tiles,
):
    """Write the Gaussians that `count_tiles` counted to the list of their tile.

    Args:
        records, boxes, x, y, lattices, tile_levels, sectors_x, chunks, shift: as `count_tiles`.
        members_end, members, member_capacity, counts: as `count_tiles`.
        pairs_end: int64 (T,), the cumulative sums of `counts`.
        pairs: int32 (pair_capacity,), overwritten.
        pair_capacity: what lies beyond it is left out.
        needed: int64 (2,), raised by the first program to the lengths of `members` and `pairs` that
            would have held everything.
        sector_items: length of `members_end`.
        tiles: T.
    """
    tile = tl.program_id(0)
    # fmt: off
    column, row, left, top, start, length = _find_members(
        members_end, tile, lattices, tile_levels, x, y, sectors_x, chunks, shift, member_capacity
    )
    # fmt: on
    place = tl.load(pairs_end + tile) - tl.load(counts + tile)
    for k in range(0, length, BATCH):
        n, mask = _load_members(members, start, length, k)
        here = _meet_tile(records, boxes, n, mask, column, row, left, top)
        found = here.to(tl.int32)
        at = place + tl.cumsum(found, axis=0) - found
        tl.store(pairs + at, n, mask=here & (at < pair_capacity))
        place += tl.sum(found, axis=0)
    if tile == 0:
        tl.store(needed, tl.maximum(tl.load(needed), tl.load(members_end + sector_items - 1)))
        tl.store(needed + 1, tl.maximum(tl.load(needed + 1), tl.load(pairs_end + tiles - 1)))
