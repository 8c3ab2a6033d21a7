"""Kernels that render a sum of Gaussians tile by tile: to planes of floats, or to bytes."""

from __future__ import annotations

import numpy as np

from gsic_kernels.cpu.runtime.jitable import register_jitable
from gsic_kernels.cpu.runtime.lanes import LANES
from gsic_kernels.cpu.runtime.planar_simd import load_planes, store_planes
from gsic_kernels.cpu.runtime.work_items import item_function
from gsic_kernels.cpu.sums.block_simd import store_block_bytes, turn_blocks
from gsic_kernels.cpu.sums.blocks import BLOCK_HEIGHT, BLOCK_ROWS, BLOCK_WIDTH
from gsic_kernels.cpu.sums.drawing import draw_tile, fill_tile
from gsic_kernels.cpu.sums.enlarging import enlarge_to_tile
from gsic_kernels.cpu.sums.lattices import COLUMNS, FIRST_TILE, LEFT, TOP, find_tile, plane_pitch
from gsic_kernels.types import F32, I32, I64, U8


@register_jitable
def render_tile(
    channels: tuple[int, ...],
    records: F32,
    boxes: I32,
    starts: I64,
    pairs: I32,
    lattices: I64,
    level: int,
    background: F32,
    coarse: F32,
    item: int,
    memory: tuple[F32, F32, I32, F32],
) -> tuple[int, int, int, int]:
    """Render tile `item` of a level with what the coarser levels add; return its place.

    The place is column, row, columns and rows in blocks. `coarse` is the next coarser lattice, or
    empty if there is none. The memory is the tile, the lists of blocks (offsets and places), and
    the buffer of `enlarge_to_tile`.
    """
    tile, offsets, places, rows_buffer = memory
    place = find_tile(lattices[level], item)
    if len(coarse):
        enlarge_to_tile(channels, background, coarse, lattices[level + 1], place, tile, rows_buffer)
    else:
        fill_tile(channels, background, place[2] * place[3], tile)
    k = lattices[level, FIRST_TILE] + item
    members = pairs[starts[k] : starts[k + 1]]
    draw_tile(channels, records, boxes, members, place, tile, offsets, places)
    return place


@item_function
def render_planes(
    item: int,
    worker: int,
    channels: tuple[int, ...],
    records: F32,
    boxes: I32,
    starts: I64,
    pairs: I32,
    lattices: I64,
    level: int,
    background: F32,
    coarse: F32,
    tiles: F32,
    offsets: F32,
    places: I32,
    buffers: F32,
    out: F32,
) -> None:
    """Render tile `item` of a level to rows of cells, each C planes of `plane_pitch` floats."""
    tile = tiles[worker]
    memory = tile, offsets[worker], places[worker], buffers[worker]
    column, row, columns, rows = render_tile(
        *(channels, records, boxes, starts, pairs, lattices, level, background, coarse, item),
        memory,
    )
    lattice = lattices[level]
    size, pitch = len(channels) * LANES, plane_pitch(lattice[COLUMNS])
    row_pitch = len(channels) * pitch
    for y in range(rows):
        to = (row - lattice[TOP] + y) * BLOCK_HEIGHT * row_pitch
        to += (column - lattice[LEFT]) * BLOCK_WIDTH
        for c in range(len(channels)):
            for x in range(0, columns, BLOCK_HEIGHT):
                at = (y * columns + x) * size + c * LANES
                cells = turn_blocks(load_planes(tile, at, size, BLOCK_ROWS))
                store_planes(out, to + c * pitch + x * BLOCK_WIDTH, row_pitch, cells)


@item_function
def render_bytes(
    item: int,
    worker: int,
    channels: tuple[int, ...],
    records: F32,
    boxes: I32,
    starts: I64,
    pairs: I32,
    lattices: I64,
    background: F32,
    coarse: F32,
    tiles: F32,
    offsets: F32,
    places: I32,
    buffers: F32,
    origin: tuple[int, int],
    out: U8,
) -> None:
    """Render tile `item` of level 0 to `out` (H, W, C), whose first pixel is at `origin`.

    Bytes are the values clamped to 0..1, times 255, rounded half up.
    """
    tile = tiles[worker]
    memory = tile, offsets[worker], places[worker], buffers[worker]
    column, row, columns, rows = render_tile(
        *(channels, records, boxes, starts, pairs, lattices, 0, background, coarse, item),
        memory,
    )
    height, width, _ = out.shape
    count = len(channels)
    flat, line = out.reshape(-1), np.empty(BLOCK_HEIGHT * LANES * count, np.uint8)
    left, top = column * BLOCK_WIDTH - origin[0], row * BLOCK_HEIGHT - origin[1]
    right = left + columns * BLOCK_WIDTH
    for y in range(top, top + rows * BLOCK_HEIGHT, BLOCK_HEIGHT):
        inside = y >= 0 and y + BLOCK_HEIGHT <= height
        at = (y - top) // BLOCK_HEIGHT * columns * count * LANES
        for x in range(left, right, LANES):
            if inside and x >= 0 and x + LANES <= min(right, width):
                store_block_bytes(tile, at, channels, flat, (y * width + x) * count, width * count)
            else:
                # Blocks at an edge take a detour: what is beyond is another worker's, or nobody's.
                store_block_bytes(tile, at, channels, line, 0, LANES * count)
                first, last = max(x, 0), min(x + LANES, right, width)
                for i in range(max(-y, 0), min(BLOCK_HEIGHT, height - y)):
                    for k in range((last - first) * count):
                        at_line = (i * LANES + first - x) * count + k
                        flat[((y + i) * width + first) * count + k] = line[at_line]
            at += BLOCK_HEIGHT * count * LANES
