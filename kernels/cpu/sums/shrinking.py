"""Gradients by the cells of coarser lattices: the adjoint of enlarging (see `enlarging`).

The gradient by a coarse cell is the sum of those of 8 x 8 finer cells. Along each axis cell k reads
the fine cells from 2 k - 3 on, times the weights A D B C C B D A.
"""

from __future__ import annotations

import numpy as np

from gsic_kernels.cpu.runtime.jitable import register_jitable
from gsic_kernels.cpu.runtime.lanes import LANES
from gsic_kernels.cpu.runtime.planar_simd import load_planes, store_planes
from gsic_kernels.cpu.runtime.simd import broadcast, fma, load, store
from gsic_kernels.cpu.runtime.work_items import item_function
from gsic_kernels.cpu.sums.block_simd import deinterleave, turn_blocks
from gsic_kernels.cpu.sums.blocks import BLOCK_HEIGHT, BLOCK_ROWS, BLOCK_WIDTH
from gsic_kernels.cpu.sums.division import (
    SHRINKING_BEGIN,
    SHRINKING_BLOCKS,
    SHRUNK_ROWS,
    half_pitch,
)
from gsic_kernels.cpu.sums.enlarging import A, B, C, D
from gsic_kernels.cpu.sums.lattices import COLUMNS, LEFT, ROWS, TOP
from gsic_kernels.types import F32, I64

_ZERO = np.float32(0.0)


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
    """Compute SHRUNK_ROWS rows of the gradient of a level from that of the next finer one.

    `grad` holds the gradients of all levels, block by block; that of level k begins at `begins[k]`.
    """
    fine, coarse = lattices[level - 1], lattices[level]
    size, cells = len(channels) * LANES, fine[COLUMNS] * BLOCK_WIDTH
    width, half = coarse[COLUMNS] * BLOCK_WIDTH, half_pitch(coarse[COLUMNS])
    # Scratch memory: a ring of fine rows; the even and the odd cells of one shrunk row, at the
    # place of their coarse cell and 2 behind it; rows of coarse cells.
    ring = buffers[worker]
    halves = ring[SHRINKING_BLOCKS * BLOCK_HEIGHT * cells :]
    lines = halves[2 * half :]
    begin = fine[LEFT] * BLOCK_WIDTH // 2 - (coarse[LEFT] * BLOCK_WIDTH - 2)
    # The slack of `halves` stays 0.
    for x in range(0, 2 * half, LANES):
        store(halves, x, broadcast(_ZERO))
    first = coarse[TOP] + item * (SHRUNK_ROWS // BLOCK_HEIGHT)
    last = min(first + SHRUNK_ROWS // BLOCK_HEIGHT, coarse[TOP] + coarse[ROWS])
    for c in range(len(channels)):
        # The next row of fine blocks that goes to the ring.
        row = 2 * first - SHRINKING_BEGIN
        for y in range(first, last):
            for _ in range(row, 2 * y - SHRINKING_BEGIN + SHRINKING_BLOCKS):
                at = begins[level - 1] + (row - fine[TOP]) * fine[COLUMNS] * size + c * LANES
                to = row % SHRINKING_BLOCKS * BLOCK_HEIGHT * cells
                if fine[TOP] <= row < fine[TOP] + fine[ROWS]:
                    for x in range(0, fine[COLUMNS], BLOCK_HEIGHT):
                        rows = turn_blocks(load_planes(grad, at + x * size, size, BLOCK_ROWS))
                        store_planes(ring, to + x * BLOCK_WIDTH, cells, rows)
                else:
                    ring[to : to + BLOCK_HEIGHT * cells] = _ZERO
                row += 1
            for i in range(BLOCK_HEIGHT):
                _shrink_columns(ring, 2 * (y * BLOCK_HEIGHT + i) - 3, cells, halves, half, begin)
                _shrink_row(halves, half, width, lines, i * width)
            to = begins[level] + (y - coarse[TOP]) * coarse[COLUMNS] * size + c * LANES
            for x in range(0, coarse[COLUMNS], BLOCK_HEIGHT):
                turned = turn_blocks(load_planes(lines, x * BLOCK_WIDTH, width, BLOCK_ROWS))
                store_planes(grad, to + x * size, size, turned)


@register_jitable
def _shrink_columns(ring: F32, first: int, cells: int, halves: F32, half: int, begin: int) -> None:
    """Add up the eight rows of a ring from row `first` on, and split the even and odd cells."""
    rows = SHRINKING_BLOCKS * BLOCK_HEIGHT
    r0, r1, r2 = first % rows * cells, (first + 1) % rows * cells, (first + 2) % rows * cells
    r3, r4, r5 = (first + 3) % rows * cells, (first + 4) % rows * cells, (first + 5) % rows * cells
    r6, r7 = (first + 6) % rows * cells, (first + 7) % rows * cells
    for x in range(0, cells, 2 * LANES):
        left = (load(ring, r0 + x) + load(ring, r7 + x)) * A
        left = fma(load(ring, r1 + x) + load(ring, r6 + x), broadcast(D), left)
        left = fma(load(ring, r2 + x) + load(ring, r5 + x), broadcast(B), left)
        left = fma(load(ring, r3 + x) + load(ring, r4 + x), broadcast(C), left)
        k = x + LANES
        right = (load(ring, r0 + k) + load(ring, r7 + k)) * A
        right = fma(load(ring, r1 + k) + load(ring, r6 + k), broadcast(D), right)
        right = fma(load(ring, r2 + k) + load(ring, r5 + k), broadcast(B), right)
        right = fma(load(ring, r3 + k) + load(ring, r4 + k), broadcast(C), right)
        even, odd = deinterleave(left, right)
        store(halves, begin + x // 2, even)
        store(halves, half + begin + x // 2, odd)


@register_jitable
def _shrink_row(halves: F32, half: int, width: int, out: F32, to: int) -> None:
    """Add up eight cells of a row of fine cells, split in halves, for each coarse cell."""
    for x in range(0, width, LANES):
        odd = half + x
        value = (load(halves, odd) + load(halves, x + 4)) * A
        value = fma(load(halves, x + 1) + load(halves, odd + 3), broadcast(D), value)
        value = fma(load(halves, odd + 1) + load(halves, x + 3), broadcast(B), value)
        value = fma(load(halves, x + 2) + load(halves, odd + 2), broadcast(C), value)
        store(out, to + x, value)
