"""Images as blocks of pixels, as the kernels of sums keep them, and back.

An image that begins at pixel (0, 0) lies block by block, row after row of blocks, like the lattice
of level 0 that `lattices.divide_window` makes for it; the C channels of a block are adjacent, with
BLOCK_HEIGHT x BLOCK_WIDTH values each.
"""

from __future__ import annotations

import numpy as np

from gsic_kernels.cpu.sums.blocks import BLOCK_HEIGHT, BLOCK_WIDTH
from gsic_kernels.cpu.sums.lattices import GROUP, round_up
from gsic_kernels.types import F32


def to_blocks(image: F32) -> F32:
    """Copy an image (H, W, C) to blocks, with 0 outside of it; return float32 (M,)."""
    height, width, channels = image.shape
    rows, columns = _count_blocks(width, height)
    padded = np.zeros((rows * BLOCK_HEIGHT, columns * BLOCK_WIDTH, channels), np.float32)
    padded[:height, :width] = image
    split = padded.reshape(rows, BLOCK_HEIGHT, columns, BLOCK_WIDTH, channels)
    return np.ascontiguousarray(split.transpose(0, 2, 4, 1, 3)).reshape(-1)


def from_blocks(blocks: F32, width: int, height: int) -> F32:
    """Copy blocks to an image (H, W, C)."""
    rows, columns = _count_blocks(width, height)
    split = blocks.reshape(rows, columns, -1, BLOCK_HEIGHT, BLOCK_WIDTH)
    image = split.transpose(0, 3, 1, 4, 2).reshape(rows * BLOCK_HEIGHT, columns * BLOCK_WIDTH, -1)
    return image[:height, :width]


def mark_inside(width: int, height: int) -> tuple[F32, F32]:
    """Mark the pixels of blocks that lie inside an image, for the columns and rows of blocks.

    Returns:
        A vector for each column of blocks and one for each row, float32 (M,): 1 where the column or
        row of a pixel lies inside the image, otherwise 0.
    """
    rows, columns = _count_blocks(width, height)
    shape = BLOCK_HEIGHT, BLOCK_WIDTH
    x = np.arange(columns * BLOCK_WIDTH).reshape(columns, 1, BLOCK_WIDTH) < width
    y = np.arange(rows * BLOCK_HEIGHT).reshape(rows, BLOCK_HEIGHT, 1) < height
    across, down = np.broadcast_to(x, (columns, *shape)), np.broadcast_to(y, (rows, *shape))
    return across.astype(np.float32).reshape(-1), down.astype(np.float32).reshape(-1)


def _count_blocks(width: int, height: int) -> tuple[int, int]:
    """Return the rows and columns of blocks of an image."""
    return -(-height // BLOCK_HEIGHT), round_up(-(-width // BLOCK_WIDTH), GROUP)
