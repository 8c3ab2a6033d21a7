"""Gradients by the cells of coarser lattices: the adjoint of enlarging (see `enlarging`).

The gradient by a coarse cell is the sum of those of 8 x 8 finer cells. Along each axis cell k reads
the fine cells from 2 k - 3 on, times the weights A D B C C B D A.
"""

from __future__ import annotations

import numpy as np
from numba.extending import register_jitable

from gsic_kernels.cpu.raster.planar_simd import load_planes, store_planes
from gsic_kernels.cpu.runtime.lanes import LANES
from gsic_kernels.cpu.runtime.simd import broadcast, fma, load, store
from gsic_kernels.cpu.runtime.work_items import item_function
from gsic_kernels.cpu.sums.block_simd import (
    BLOCK_HEIGHT,
    BLOCK_ROWS,
    BLOCK_WIDTH,
    deinterleave,
    turn_blocks,
)
from gsic_kernels.cpu.sums.enlarging import A, B, C, D
from gsic_kernels.cpu.sums.lattices import COLUMNS, LEFT, ROWS, TOP
from gsic_kernels.types import F32, I64

# Rows of coarse cells of a work item. The fine rows that two items read overlap by 6.
_ROWS_PER_ITEM = 16
_FINE_ROWS = 2 * _ROWS_PER_ITEM + 6
_ZERO = np.float32(0.0)


def count_shrinking_items(rows: int) -> int:
    """Count the work items of a coarse lattice with so many rows of blocks."""
    return -(-rows * BLOCK_HEIGHT // _ROWS_PER_ITEM)


def count_shrinking_floats(columns: int) -> int:
    """Count the floats of scratch memory of a worker, for coarse lattices of so many columns."""
    fine = BLOCK_HEIGHT * (2 * columns * BLOCK_WIDTH + LANES)
    return (_FINE_ROWS + 3 * BLOCK_HEIGHT) * _buffer_pitch(columns) + fine


@register_jitable
def _buffer_pitch(columns: int) -> int:
    """Return the floats of a buffered row of coarse cells, with slack for whole vectors."""
    return (columns * BLOCK_WIDTH + 4 + 4 * LANES) // LANES * LANES


@item_function
def split_to_blocks(
    item: int,
    worker: int,
    channels: tuple[int, ...],
    image: F32,
    origin: tuple[int, int],
    lattices: I64,
    blocks: F32,
) -> None:
    """Copy row `item` of blocks of `image` (H, W, C), whose first pixel is at `origin`.

    Pixels outside the image are 0.
    """
    height, width, _ = image.shape
    lattice = lattices[0]
    for column in range(lattice[COLUMNS]):
        for lane in range(LANES):
            y = (lattice[TOP] + item) * BLOCK_HEIGHT + lane // BLOCK_WIDTH - origin[1]
            x = (lattice[LEFT] + column) * BLOCK_WIDTH + lane % BLOCK_WIDTH - origin[0]
            to = (item * lattice[COLUMNS] + column) * len(channels) * LANES + lane
            for c in range(len(channels)):
                inside = 0 <= y < height and 0 <= x < width
                blocks[to + c * LANES] = image[y, x, c] if inside else _ZERO


@item_function
def shrink_gradient(
    item: int,
    worker: int,
    channels: tuple[int, ...],
    lattices: I64,
    level: int,
    buffers: F32,
    begins: I64,
    grad: F32,
) -> None:
    """Compute _ROWS_PER_ITEM rows of the gradient of a level from that of the next finer one.

    `grad` holds the gradients of all levels, block by block; that of level k begins at `begins[k]`.
    """
    fine, coarse = lattices[level - 1], lattices[level]
    pitch = _buffer_pitch(coarse[COLUMNS])
    buffer = buffers[worker]
    halves = buffer[_FINE_ROWS * pitch : (_FINE_ROWS + 2 * BLOCK_HEIGHT) * pitch]
    lines = buffer[(_FINE_ROWS + 2 * BLOCK_HEIGHT) * pitch :]
    # The slack of `halves` stays 0.
    for x in range(0, len(halves), LANES):
        store(halves, x, broadcast(_ZERO))
    first_block = item * (_ROWS_PER_ITEM // BLOCK_HEIGHT)
    blocks = min(_ROWS_PER_ITEM // BLOCK_HEIGHT, coarse[ROWS] - first_block)
    size = len(channels) * LANES
    # The first coarse row, and the first fine row that it reads.
    first_row = (coarse[TOP] + first_block) * BLOCK_HEIGHT
    first_fine = 2 * first_row - 3
    for c in range(len(channels)):
        for y in range(first_fine // BLOCK_HEIGHT, (first_fine + _FINE_ROWS) // BLOCK_HEIGHT + 1):
            at = begins[level - 1] + (y - fine[TOP]) * fine[COLUMNS] * size + c * LANES
            known = fine[TOP] <= y < fine[TOP] + fine[ROWS]
            if known:
                _split_columns(grad, at, size, fine, coarse, halves, pitch, lines)
            for i in range(BLOCK_HEIGHT):
                k = y * BLOCK_HEIGHT + i - first_fine
                if 0 <= k < _FINE_ROWS:
                    if known:
                        _shrink_row(halves, 2 * i * pitch, pitch, coarse[COLUMNS], buffer, k * pitch)
                    else:
                        buffer[k * pitch : (k + 1) * pitch] = _ZERO
        for y in range(blocks):
            for i in range(BLOCK_HEIGHT):
                at = 2 * (y * BLOCK_HEIGHT + i) * pitch
                for x in range(0, coarse[COLUMNS] * BLOCK_WIDTH, LANES):
                    value = load(buffer, at + x) * A
                    value = fma(load(buffer, at + pitch + x), broadcast(D), value)
                    value = fma(load(buffer, at + 2 * pitch + x), broadcast(B), value)
                    value = fma(load(buffer, at + 3 * pitch + x), broadcast(C), value)
                    value = fma(load(buffer, at + 4 * pitch + x), broadcast(C), value)
                    value = fma(load(buffer, at + 5 * pitch + x), broadcast(B), value)
                    value = fma(load(buffer, at + 6 * pitch + x), broadcast(D), value)
                    value = fma(load(buffer, at + 7 * pitch + x), broadcast(A), value)
                    store(lines, i * pitch + x, value)
            to = begins[level] + (first_block + y) * coarse[COLUMNS] * size + c * LANES
            for x in range(0, coarse[COLUMNS], BLOCK_HEIGHT):
                cells = turn_blocks(load_planes(lines, x * BLOCK_WIDTH, pitch, BLOCK_ROWS))
                store_planes(grad, to + x * size, size, cells)


@register_jitable
def _split_columns(
    grad: F32, at: int, size: int, fine: I64, coarse: I64, halves: F32, pitch: int, lines: F32
) -> None:
    """Split a row of fine blocks into its even and its odd cells.

    Row i of the blocks goes to the rows 2 i and 2 i + 1 of `halves`; fine cells 2 j and 2 j + 1 to
    the place j - (first coarse cell - 2). `lines` is room for BLOCK_HEIGHT rows of fine cells.
    """
    begin = fine[LEFT] * BLOCK_WIDTH // 2 - (coarse[LEFT] * BLOCK_WIDTH - 2)
    cells = fine[COLUMNS] * BLOCK_WIDTH
    for x in range(0, fine[COLUMNS], BLOCK_HEIGHT):
        rows = turn_blocks(load_planes(grad, at + x * size, size, BLOCK_ROWS))
        store_planes(lines, x * BLOCK_WIDTH, cells, rows)
    for i in range(BLOCK_HEIGHT):
        to = 2 * i * pitch + begin
        for x in range(0, cells, 2 * LANES):
            line = i * cells + x
            even, odd = deinterleave(load(lines, line), load(lines, line + LANES))
            store(halves, to + x // 2, even)
            store(halves, to + pitch + x // 2, odd)


@register_jitable
def _shrink_row(halves: F32, at: int, pitch: int, columns: int, out: F32, to: int) -> None:
    """Shrink a row of fine cells, split in halves, to `columns` blocks of coarse cells."""
    for x in range(0, columns * BLOCK_WIDTH, LANES):
        even, odd = at + x, at + pitch + x
        value = load(halves, odd) * A
        value = fma(load(halves, even + 1), broadcast(D), value)
        value = fma(load(halves, odd + 1), broadcast(B), value)
        value = fma(load(halves, even + 2), broadcast(C), value)
        value = fma(load(halves, odd + 2), broadcast(C), value)
        value = fma(load(halves, even + 3), broadcast(B), value)
        value = fma(load(halves, odd + 3), broadcast(D), value)
        value = fma(load(halves, even + 4), broadcast(A), value)
        store(out, to + x, value)
