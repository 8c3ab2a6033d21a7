"""Enlarge a lattice by two with cubic B-splines, and the adjoint, which shrinks a gradient.

The values of the coarse lattice are the coefficients of a cubic B-spline, and the fine lattice is
that spline at the centres of its cells, which lie a quarter of a coarse cell beside the coarse
centres. Along each axis cell 2 j is the sum of four coarse cells from j - 2 on, times FILTER, and
cell 2 j + 1 of four from j - 1 on, times FILTER in reverse order. It adds a variance of 1/3 of a
squared coarse cell.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gsic_kernels.constants import ENLARGING_FILTER
from gsic_kernels.cpu.runtime.jitable import register_jitable
from gsic_kernels.cpu.runtime.lanes import LANES
from gsic_kernels.cpu.runtime.planar_simd import store_planes
from gsic_kernels.cpu.runtime.simd import broadcast, fma, load, store
from gsic_kernels.cpu.sums.block_simd import interleave, turn_blocks
from gsic_kernels.cpu.sums.blocks import BLOCK_HEIGHT, BLOCK_WIDTH
from gsic_kernels.cpu.sums.division import coarse_pitch
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
        rows_buffer: room for `division.count_buffer_floats` floats.
    """
    column, row, columns, rows = place
    pitch = plane_pitch(lattice[COLUMNS])
    row_pitch = len(channels) * pitch
    size = len(channels) * LANES
    # The first coarse column that is read, and the number of them.
    first = column * BLOCK_WIDTH // 2 - 2 - lattice[LEFT] * BLOCK_WIDTH
    cells = columns * BLOCK_WIDTH // 2 + 4
    narrow = coarse_pitch(columns)
    for y in range(rows):
        # The first of the coarse rows that the first two rows of the block read.
        above = (row + y) * BLOCK_HEIGHT // 2 - 2 - lattice[TOP] * BLOCK_HEIGHT
        for c in range(len(channels)):
            for pair in range(BLOCK_HEIGHT // 2):
                at = (above + pair) * row_pitch + c * pitch + first
                to = 2 * pair * narrow
                for x in range(0, cells, LANES):
                    v0, v1 = load(coarse, at + x), load(coarse, at + row_pitch + x)
                    v2 = load(coarse, at + 2 * row_pitch + x)
                    v3 = load(coarse, at + 3 * row_pitch + x)
                    v4 = load(coarse, at + 4 * row_pitch + x)
                    even = fma(v2, broadcast(C), fma(v1, broadcast(B), v0 * A))
                    odd = fma(v3, broadcast(B), fma(v2, broadcast(C), v1 * D))
                    store(rows_buffer, to + x, fma(v3, broadcast(D), even))
                    store(rows_buffer, to + narrow + x, fma(v4, broadcast(A), odd))
            for x in range(0, columns * BLOCK_WIDTH // 2, LANES):
                lower, upper = _enlarge_rows(rows_buffer, x, narrow, background[c])
                to = (y * columns + x * 2 // BLOCK_WIDTH) * size + c * LANES
                store_planes(tile, to, size, turn_blocks(lower))
                store_planes(tile, to + BLOCK_HEIGHT * size, size, turn_blocks(upper))


@register_jitable
def _enlarge_row(buffer: F32, at: int, background: np.float32) -> Any:
    """Enlarge LANES coarse cells of a row and add the background; the first is at `at` + 2."""
    v0, v1, v2 = load(buffer, at), load(buffer, at + 1), load(buffer, at + 2)
    v3, v4 = load(buffer, at + 3), load(buffer, at + 4)
    even = fma(v1, broadcast(B), fma(v0, broadcast(A), broadcast(background)))
    odd = fma(v2, broadcast(C), fma(v1, broadcast(D), broadcast(background)))
    even = fma(v3, broadcast(D), fma(v2, broadcast(C), even))
    return interleave(even, fma(v4, broadcast(A), fma(v3, broadcast(B), odd)))


def _enlarge_four_rows(buffer: F32, at: int, pitch: int, background: np.float32) -> Any:
    """Enlarge LANES coarse cells of each row of a block: the lower, and the upper half."""
    l0, u0 = _enlarge_row(buffer, at, background)
    l1, u1 = _enlarge_row(buffer, at + pitch, background)
    l2, u2 = _enlarge_row(buffer, at + 2 * pitch, background)
    l3, u3 = _enlarge_row(buffer, at + 3 * pitch, background)
    return (l0, l1, l2, l3), (u0, u1, u2, u3)


def _enlarge_two_rows(buffer: F32, at: int, pitch: int, background: np.float32) -> Any:
    """Enlarge LANES coarse cells of each row of a block: the lower, and the upper half."""
    l0, u0 = _enlarge_row(buffer, at, background)
    l1, u1 = _enlarge_row(buffer, at + pitch, background)
    return (l0, l1), (u0, u1)


_enlarge_rows = register_jitable(_enlarge_four_rows if BLOCK_HEIGHT == 4 else _enlarge_two_rows)
