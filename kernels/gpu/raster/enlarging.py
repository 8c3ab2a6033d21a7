"""Enlarge lattices by two with cubic B-splines, and shrink gradients, which is the adjoint.

Along each axis cell 2 j of a lattice gets `A f(j-2) + B f(j-1) + C f(j) + D f(j+1)` of the coarser
lattice f, and cell 2 j + 1 gets `D f(j-1) + C f(j) + B f(j+1) + A f(j+2)` (FORMAT.md 7.4). So the
gradient by coarse cell k is the sum of those by the fine cells from 2 k - 3 on, times A, D, B, C,
C, B, D, A.
"""

from __future__ import annotations

import triton
import triton.language as tl

from gsic_kernels.constants import ENLARGING_FILTER
from gsic_kernels.gpu.raster.lattices import FIELDS, FIRST_CELL, HEIGHT, WIDTH, find_first_cell

A, B = tl.constexpr(ENLARGING_FILTER[0]), tl.constexpr(ENLARGING_FILTER[1])
C, D = tl.constexpr(ENLARGING_FILTER[2]), tl.constexpr(ENLARGING_FILTER[3])

# Cells of a program that enlarges, and of one that shrinks, which reads 8 x 8 cells for each.
ENLARGE_COUNT, SHRINK_COUNT = tl.constexpr(256), tl.constexpr(32)


@triton.jit
def _find_coarse_cells(lattices, level, x, y, columns, rows):
    """Find the coarse cells that cells of a level are enlarged from.

    Args:
        lattices: int64 (levels, FIELDS), the table of `lattices`.
        level: of the finer lattice.
        x, y: position of the window, px.
        columns, rows: of the finer cells, counted from the corner of the image, int32.

    Returns:
        The index of the first of 4 x 4 cells for each finer one, int64; the cells of a row of the
        coarser lattice; whether column and row of a finer cell are odd.
    """
    of_coarse = lattices + (level + 1) * FIELDS
    width = tl.load(of_coarse + WIDTH)
    odd_x, odd_y = columns & 1, rows & 1
    left = (columns >> 1) - 2 + odd_x - find_first_cell(x, level + 1)
    top = (rows >> 1) - 2 + odd_y - find_first_cell(y, level + 1)
    return tl.load(of_coarse + FIRST_CELL) + top * width + left, width, odd_x == 1, odd_y == 1


@triton.jit
def _enlarging_weight(k, odd):
    """Return the weight of the `k`th of four coarse cells for odd cells and for even ones."""
    k = tl.where(odd, 3 - k, k)
    return tl.where(k == 0, A, tl.where(k == 1, B, tl.where(k == 2, C, D)))


@triton.jit
def _add_coarse_cells(plane, first, width, odd_x, odd_y, mask, CHANNELS: tl.constexpr):
    """Add 4 x 4 coarse values for each value of a plane.

    Args:
        plane: float32.
        first: pointers to the first values.
        width: cells of a row of the coarser lattice.
        odd_x, odd_y: whether column and row of a value of the plane are odd.
        mask: where there is anything to add.
    """
    # A loop that is not unrolled: all loads at once would take registers from what follows.
    for j in range(4):
        line, weight_y = first + j * width * CHANNELS, _enlarging_weight(j, odd_y)
        for i in tl.static_range(4):
            value = tl.load(line + i * CHANNELS, mask=mask, other=0.0)
            plane = tl.fma(weight_y * _enlarging_weight(i, odd_x), value, plane)
    return plane


@triton.jit
def add_enlarged(
    cells, lattices, level, x, y, columns, rows, mask, a, b, c, d, CHANNELS: tl.constexpr
):
    """Add the enlarged next coarser lattice to four planes.

    Args:
        cells: float32 (cells, C), the cells of coarser lattices.
        lattices, level, x, y, columns, rows: as `_find_coarse_cells`.
        mask: which cells there are.
        a, b, c, d: float32, values of the cells.
    """
    index, width, odd_x, odd_y = _find_coarse_cells(lattices, level, x, y, columns, rows)
    first = cells + index * CHANNELS
    a = _add_coarse_cells(a, first, width, odd_x, odd_y, mask, CHANNELS)
    if CHANNELS > 1:
        b = _add_coarse_cells(b, first + 1, width, odd_x, odd_y, mask, CHANNELS)
    if CHANNELS > 2:
        c = _add_coarse_cells(c, first + 2, width, odd_x, odd_y, mask, CHANNELS)
    if CHANNELS > 3:
        d = _add_coarse_cells(d, first + 3, width, odd_x, odd_y, mask, CHANNELS)
    return a, b, c, d


@triton.jit
def _find_own_cells(lattices, level, x, y, COUNT: tl.constexpr):
    """Return the next COUNT cells of a level: index among all, column, row, and which there are."""
    of_level = lattices + level * FIELDS
    width = tl.load(of_level + WIDTH)
    cell = tl.program_id(0).to(tl.int64) * COUNT + tl.arange(0, COUNT)
    mask = cell < width * tl.load(of_level + HEIGHT)
    columns = find_first_cell(x, level) + (cell % width).to(tl.int32)
    rows = find_first_cell(y, level) + (cell // width).to(tl.int32)
    return tl.load(of_level + FIRST_CELL) + cell, columns, rows, mask


@triton.jit(do_not_specialize=["level", "x", "y"])
def enlarge(lattices, level, x, y, cells, CHANNELS: tl.constexpr):
    """Add the enlarged next coarser lattice to ENLARGE_COUNT cells of a level.

    Args:
        lattices: int64 (levels, FIELDS), the table of `lattices`.
        level: 1 or more.
        x, y: position of the window, px.
        cells: float32 (cells, C); those of the level are updated.
    """
    own, columns, rows, mask = _find_own_cells(lattices, level, x, y, ENLARGE_COUNT)
    index, width, odd_x, odd_y = _find_coarse_cells(lattices, level, x, y, columns, rows)
    for c in tl.static_range(CHANNELS):
        plane = tl.load(cells + own * CHANNELS + c, mask=mask, other=0.0)
        first = cells + index * CHANNELS + c
        plane = _add_coarse_cells(plane, first, width, odd_x, odd_y, mask, CHANNELS)
        tl.store(cells + own * CHANNELS + c, plane, mask=mask)


@triton.jit
def _shrinking_weight(k):
    """Return the weight of the `k`th of eight fine cells."""
    k = tl.minimum(k, 7 - k)
    return tl.where(k == 0, A, tl.where(k == 1, D, tl.where(k == 2, B, C)))


@triton.jit(do_not_specialize=["level", "x", "y"])
def shrink(lattices, level, x, y, fine, cells, CHANNELS: tl.constexpr):
    """Compute the gradient by SHRINK_COUNT cells of a level from that by the next finer one.

    Args:
        lattices: int64 (levels, FIELDS), the table of `lattices`.
        level: 1 or more.
        x, y: position of the window, px.
        fine: float32, where the gradient by the finer lattice is: an image (height, width, C) for
            level 1, else `cells`.
        cells: float32 (cells, C); those of the level are overwritten.
    """
    own, columns, rows, mask = _find_own_cells(lattices, level, x, y, SHRINK_COUNT)
    of_fine = lattices + (level - 1) * FIELDS
    width, height = tl.load(of_fine + WIDTH), tl.load(of_fine + HEIGHT)
    left = 2 * columns - 3 - find_first_cell(x, level - 1)
    top = 2 * rows - 3 - find_first_cell(y, level - 1)
    column = left[:, None] + tl.arange(0, 8)[None, :]
    mask_x = mask[:, None] & (column >= 0) & (column < width)
    weight_x = _shrinking_weight(tl.arange(0, 8))[None, :]
    first = tl.load(of_fine + FIRST_CELL)
    for c in tl.static_range(CHANNELS):
        total = tl.zeros([SHRINK_COUNT, 8], tl.float32)
        for j in range(8):
            row = top[:, None] + j
            here = mask_x & (row >= 0) & (row < height)
            at = fine + (first + row * width + column) * CHANNELS + c
            weight = weight_x * _shrinking_weight(j)
            total = tl.fma(weight, tl.load(at, mask=here, other=0.0), total)
        tl.store(cells + own * CHANNELS + c, tl.sum(total, axis=1), mask=mask)
