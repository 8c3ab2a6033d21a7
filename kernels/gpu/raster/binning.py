"""Which Gaussians meet which tile, in the order given: counted, then filled in.

Two levels, so that a tile does not have to look at every Gaussian: cells are squares of 2^shift
tiles a side. Counts are turned into places between the two kernels of a level; see `lists`.
"""

from __future__ import annotations

import triton
import triton.language as tl

from gsic_kernels.gpu.raster.records import TILE, meets

# Gaussians that one program tests against cells, and how many cells.
CHUNK = tl.constexpr(1024)
CELLS = tl.constexpr(4)
# Members of a cell that one program tests against its tile at a time.
BATCH = tl.constexpr(256)


@triton.jit
def _in_cell(x0, y0, x1, y1, cell, cells_x, shift):
    """Tell which boxes of tiles meet a cell."""
    column, row = cell % cells_x, cell // cells_x
    # An empty box ends at -1, which is in no cell, however it is shifted.
    return (
        ((x0 >> shift) <= column)
        & ((x1 >> shift) >= column)
        & ((y0 >> shift) <= row)
        & ((y1 >> shift) >= row)
    )


@triton.jit(do_not_specialize=["count", "cells_x", "cells", "chunks", "shift"])
def count_cells(boxes, count, cells_x, cells, chunks, shift, counts):
    """Count the Gaussians of each chunk in each of CELLS cells; `counts` is (cells, chunks)."""
    chunk, group = tl.program_id(0) % chunks, tl.program_id(0) // chunks
    n = chunk * CHUNK + tl.arange(0, CHUNK)
    mask, at = n < count, boxes + n.to(tl.int64) * 4
    x0, y0 = tl.load(at, mask=mask, other=0), tl.load(at + 1, mask=mask, other=0)
    x1, y1 = tl.load(at + 2, mask=mask, other=-1), tl.load(at + 3, mask=mask, other=-1)
    for k in tl.static_range(CELLS):
        cell = group * CELLS + k
        found = _in_cell(x0, y0, x1, y1, cell, cells_x, shift).to(tl.int32)
        total = tl.sum(found, axis=0).to(tl.int64)
        tl.store(counts + cell.to(tl.int64) * chunks + chunk, total, mask=cell < cells)


@triton.jit(do_not_specialize=["count", "cells_x", "cells", "chunks", "shift", "capacity"])
def fill_cells(
    boxes,
    count,
    cells_x,
    cells,
    chunks,
    shift,
    counts,
    ends,
    members,
    capacity,
):
    """Write the Gaussians that `count_cells` counted to their places, which `ends` bounds."""
    chunk, group = tl.program_id(0) % chunks, tl.program_id(0) // chunks
    n = chunk * CHUNK + tl.arange(0, CHUNK)
    mask, at = n < count, boxes + n.to(tl.int64) * 4
    x0, y0 = tl.load(at, mask=mask, other=0), tl.load(at + 1, mask=mask, other=0)
    x1, y1 = tl.load(at + 2, mask=mask, other=-1), tl.load(at + 3, mask=mask, other=-1)
    for k in tl.static_range(CELLS):
        cell = group * CELLS + k
        here = _in_cell(x0, y0, x1, y1, cell, cells_x, shift)
        item = cell.to(tl.int64) * chunks + chunk
        start = tl.load(ends + item, mask=cell < cells, other=0)
        start -= tl.load(counts + item, mask=cell < cells, other=0)
        found = here.to(tl.int32)
        place = start + tl.cumsum(found, axis=0) - found
        tl.store(members + place, n, mask=here & (place < capacity))


@triton.jit
def _bounds(ends, first, last, capacity):
    """Where a list starts and how long it is, that spans items first..last of `ends`."""
    start = tl.load(ends + first - 1, mask=first > 0, other=0)
    start = tl.minimum(start, capacity)
    end = tl.minimum(tl.load(ends + last), capacity)
    return start, (end - start).to(tl.int32)


@triton.jit
def list_of_tile(ends, tile, capacity):
    """Where the list of a tile starts in `pairs`, and how long it is."""
    return _bounds(ends, tile, tile, capacity)


@triton.jit
def _in_tile(records, boxes, n, mask, column, row, x, y):
    """Tell which of Gaussians `n` meet a tile; x, y: the corner of the window."""
    at = boxes + n.to(tl.int64) * 4
    mask &= tl.load(at, mask=mask, other=0) <= column
    mask &= tl.load(at + 1, mask=mask, other=0) <= row
    mask &= tl.load(at + 2, mask=mask, other=-1) >= column
    mask &= tl.load(at + 3, mask=mask, other=-1) >= row
    left, top = (x + column * TILE).to(tl.float32) + 0.5, (y + row * TILE).to(tl.float32) + 0.5
    return meets(records, n, left, left + (TILE - 1), top, top + (TILE - 1), mask)


@triton.jit(do_not_specialize=["x", "y", "tiles_x", "cells_x", "chunks", "shift", "capacity"])
def count_tiles(
    records,
    boxes,
    x,
    y,
    tiles_x,
    cells_x,
    chunks,
    shift,
    cell_ends,
    members,
    capacity,
    counts,
):
    """Count the Gaussians of one tile."""
    tile = tl.program_id(0)
    column, row = tile % tiles_x, tile // tiles_x
    cell = ((row >> shift) * cells_x + (column >> shift)).to(tl.int64)
    start, length = _bounds(cell_ends, cell * chunks, (cell + 1) * chunks - 1, capacity)
    total = 0
    for k in range(0, length, BATCH):
        lanes = k + tl.arange(0, BATCH)
        mask = lanes < length
        n = tl.load(members + start + lanes, mask=mask, other=0)
        found = _in_tile(records, boxes, n, mask, column, row, x, y)
        total += tl.sum(found.to(tl.int32), axis=0)
    tl.store(counts + tile, total.to(tl.int64))


@triton.jit(
    do_not_specialize=[
        "x",
        "y",
        "tiles_x",
        "cells_x",
        "chunks",
        "shift",
        "capacity",
        "room",
        "cell_items",
        "tiles",
    ]
)
def fill_tiles(
    records,
    boxes,
    x,
    y,
    tiles_x,
    cells_x,
    chunks,
    shift,
    cell_ends,
    members,
    capacity,
    counts,
    ends,
    pairs,
    room,
    needs,
    cell_items,
    tiles,
):
    """Write the Gaussians that `count_tiles` counted to their places, which `ends` bounds.

    The first program notes the largest lengths so far of `members` and `pairs` in `needs`.
    """
    tile = tl.program_id(0)
    column, row = tile % tiles_x, tile // tiles_x
    cell = ((row >> shift) * cells_x + (column >> shift)).to(tl.int64)
    start, length = _bounds(cell_ends, cell * chunks, (cell + 1) * chunks - 1, capacity)
    place = tl.load(ends + tile) - tl.load(counts + tile)
    for k in range(0, length, BATCH):
        lanes = k + tl.arange(0, BATCH)
        mask = lanes < length
        n = tl.load(members + start + lanes, mask=mask, other=0)
        here = _in_tile(records, boxes, n, mask, column, row, x, y)
        found = here.to(tl.int32)
        at = place + tl.cumsum(found, axis=0) - found
        tl.store(pairs + at, n, mask=here & (at < room))
        place += tl.sum(found, axis=0)
    if tile == 0:
        tl.store(needs, tl.maximum(tl.load(needs), tl.load(cell_ends + cell_items - 1)))
        tl.store(needs + 1, tl.maximum(tl.load(needs + 1), tl.load(ends + tiles - 1)))
