"""Enlarge a lattice by two with cubic B-splines, and the adjoint, which shrinks a gradient.

The values of the coarse lattice are the coefficients of a cubic B-spline, and the fine lattice is
that spline at the centres of its cells, which lie a quarter of a coarse cell beside the coarse
centres. Along each axis cell 2 j is the sum of four coarse cells from j - 2 on, times FILTER, and
cell 2 j + 1 of four from j - 1 on, times FILTER in reverse order. It adds a variance of 1/3 of a
squared coarse cell.
"""

from __future__ import annotations

import numpy as np
from numba.extending import register_jitable

from gsic_kernels.constants import ENLARGING_FILTER
from gsic_kernels.cpu.runtime.lanes import LANES
from gsic_kernels.cpu.runtime.planar_simd import load_planes, store_planes
from gsic_kernels.cpu.runtime.simd import broadcast, fma, load, store
from gsic_kernels.cpu.sums.block_simd import (
    BLOCK_HEIGHT,
    BLOCK_ROWS,
    BLOCK_WIDTH,
    deinterleave,
    interleave,
    turn_blocks,
)
from gsic_kernels.cpu.sums.lattices import COLUMNS, LEFT, TOP, plane_pitch
from gsic_kernels.types import F32, I64

A, B, C, D = (np.float32(weight) for weight in ENLARGING_FILTER)


@register_jitable
def enlarge_to_tile(
    channels: tuple[int, ...],
    background: F32,
    coarse: F32,
    lattice: I64,
    place: tuple[int, int, int, int],
    tile: F32,
    rows_buffer: F32,
) -> None:
    """Set a tile to the background plus the enlarged part of the next coarser lattice.

    Args:
        channels: as many entries as there are channels.
        background: float32 (C,).
        coarse: rows of cells of the coarser lattice, each C planes of `plane_pitch` floats.
        lattice: the fields of the coarser lattice.
        place: column, row, columns and rows of the tile, in blocks.
        tile: receives the blocks.
        rows_buffer: room for `count_buffer_floats` floats.
    """
    column, row, columns, rows = place
    pitch = plane_pitch(lattice[COLUMNS])
    row_pitch = len(channels) * pitch
    size = len(channels) * LANES
    # The first coarse column that is read, and the number of them.
    first = column * BLOCK_WIDTH // 2 - 2 - lattice[LEFT] * BLOCK_WIDTH
    cells = columns * BLOCK_WIDTH // 2 + 4
    narrow, wide = _buffer_pitches(columns)
    fine = rows_buffer[BLOCK_HEIGHT * narrow :]
    for y in range(rows):
        top = (row + y) * BLOCK_HEIGHT
        for c in range(len(channels)):
            for i in range(BLOCK_HEIGHT):
                above = (top + i) // 2 - 2 + i % 2 - lattice[TOP] * BLOCK_HEIGHT
                at = above * row_pitch + c * pitch + first
                # In odd rows the filter is reversed.
                a, b, p, q = (A, B, C, D) if i % 2 == 0 else (D, C, B, A)
                for x in range(0, cells, LANES):
                    value = load(coarse, at + x) * a
                    value = fma(load(coarse, at + row_pitch + x), broadcast(b), value)
                    value = fma(load(coarse, at + 2 * row_pitch + x), broadcast(p), value)
                    value = fma(load(coarse, at + 3 * row_pitch + x), broadcast(q), value)
                    store(rows_buffer, i * narrow + x, value)
                for x in range(0, columns * BLOCK_WIDTH // 2, LANES):
                    at = i * narrow + x
                    v0, v1 = load(rows_buffer, at), load(rows_buffer, at + 1)
                    v2, v3 = load(rows_buffer, at + 2), load(rows_buffer, at + 3)
                    v4 = load(rows_buffer, at + 4)
                    even = fma(v0, broadcast(A), broadcast(background[c]))
                    even = fma(v3, broadcast(D), fma(v2, broadcast(C), fma(v1, broadcast(B), even)))
                    odd = fma(v1, broadcast(D), broadcast(background[c]))
                    odd = fma(v4, broadcast(A), fma(v3, broadcast(B), fma(v2, broadcast(C), odd)))
                    lower, upper = interleave(even, odd)
                    store(fine, i * wide + 2 * x, lower)
                    store(fine, i * wide + 2 * x + LANES, upper)
            for x in range(0, columns, BLOCK_HEIGHT):
                blocks = turn_blocks(load_planes(fine, x * BLOCK_WIDTH, wide, BLOCK_ROWS))
                store_planes(tile, (y * columns + x) * size + c * LANES, size, blocks)


@register_jitable
def _buffer_pitches(columns: int) -> tuple[int, int]:
    """Return the floats of a buffered row of coarse and of fine cells for `columns` blocks."""
    narrow = (columns * BLOCK_WIDTH // 2 + 4 + 2 * LANES) // LANES * LANES + LANES
    return narrow, (columns * BLOCK_WIDTH + 4 * LANES) // LANES * LANES


def count_buffer_floats(columns: int) -> int:
    """Count the floats that `enlarge_to_tile` needs for a tile of so many columns of blocks."""
    narrow, wide = _buffer_pitches(columns)
    return BLOCK_HEIGHT * (narrow + wide) + LANES
