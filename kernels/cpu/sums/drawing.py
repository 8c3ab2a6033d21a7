"""Draw Gaussians into a tile, block by block.

The value of a pixel depends on the Gaussians, their order and the pixel only: blocks lie at fixed
places of their lattice, and no arithmetic depends on where a tile or the window begins.

A tile lies block by block, row after row of blocks; the C channels of a block are adjacent vectors.
"""

from __future__ import annotations

import numpy as np

from gsic_kernels.cpu.runtime.jitable import register_jitable
from gsic_kernels.cpu.runtime.lanes import LANES
from gsic_kernels.cpu.runtime.planar_simd import fma_planes, load_colors, load_planes, store_planes
from gsic_kernels.cpu.runtime.simd import broadcast, exp_minus_8, fma, rolled, store, where_le
from gsic_kernels.cpu.sums.block_lists import SPANS, U, V, list_blocks
from gsic_kernels.cpu.sums.block_simd import columns_of_block, rows_of_block
from gsic_kernels.cpu.sums.division import BATCH
from gsic_kernels.cpu.sums.records import COLOR, LIMIT, OFFSET, RECORD, P, R, T
from gsic_kernels.types import F32, I32


@register_jitable
def fill_tile(channels: tuple[int, ...], background: F32, blocks: int, tile: F32) -> None:
    """Fill the blocks of a tile with the background."""
    for block in range(blocks):
        for c in range(len(channels)):
            store(tile, (block * len(channels) + c) * LANES, broadcast(background[c]))


@register_jitable
def draw_tile(
    channels: tuple[int, ...],
    records: F32,
    boxes: I32,
    members: I32,
    place: tuple[int, int, int, int],
    tile: F32,
    offsets: F32,
    places: I32,
) -> None:
    """Add `members` in their order to a tile, whose place is its column, row, columns and rows."""
    column, row, columns, rows = place
    size = len(channels) * LANES
    stride = columns * size
    grid = -row * stride - column * size, stride, size
    ends = np.empty(BATCH + 1, np.int64)
    lists = np.empty(SPANS, np.float32), offsets, places
    ends[0] = 0
    for begin in range(0, len(members), BATCH):
        batch = members[begin : begin + BATCH]
        count = 0
        for k in range(len(batch)):
            n = batch[k]
            area = (
                max(boxes[n, 0], column),
                min(boxes[n, 1], column + columns - 1),
                max(boxes[n, 2], row),
                min(boxes[n, 3], row + rows - 1),
            )
            count = list_blocks(records, n, area, grid, lists, count)
            ends[k + 1] = count
        for k in range(len(batch)):
            draw_blocks(channels, records, batch[k], ends[k], ends[k + 1], offsets, places, tile)


@register_jitable
def draw_blocks(
    channels: tuple[int, ...],
    records: F32,
    n: int,
    begin: int,
    end: int,
    offsets: F32,
    places: I32,
    tile: F32,
) -> None:
    """Add Gaussian n to the listed blocks begin..end - 1."""
    p, r, t = records[n, P], records[n, R], records[n, T]
    limit, offset = records[n, LIMIT], records[n, OFFSET]
    colors = load_colors(records, n * RECORD + COLOR, channels)
    # From the corner of a block to each of its pixels.
    u_inside, v_inside = columns_of_block() * p + rows_of_block() * r, rows_of_block() * t
    for i in range(begin, end):
        rolled()
        u, v = u_inside + offsets[U, i], v_inside + offsets[V, i]
        z = fma(u, u, v * v)
        weight = where_le(z, limit, exp_minus_8(z) - offset)
        at = places[i]
        planes = load_planes(tile, at, LANES, channels)
        store_planes(tile, at, LANES, fma_planes(weight, colors, planes))
