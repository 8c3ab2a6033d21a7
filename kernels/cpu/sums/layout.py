"""Images as blocks of pixels, as the kernels of sums keep them, and back.

An image that begins at pixel (0, 0) lies block by block, row after row of blocks, like the lattice
of level 0 that `lattices.divide_window` makes for it; the C channels of a block are adjacent, with
BLOCK_HEIGHT x BLOCK_WIDTH values each.
"""

from __future__ import annotations

import math

import numpy as np

from gsic_kernels.backend import Rows
from gsic_kernels.cpu.sums.blocks import BLOCK_HEIGHT, BLOCK_WIDTH
from gsic_kernels.cpu.sums.lattices import GROUP, round_up
from gsic_kernels.types import F32


def to_blocks(image: Rows) -> F32:
    """Copy an image (H, W, C) to blocks, with 0 outside of it; return float32 (M,)."""
    height, width, channels = image.shape
    rows, columns = _count_blocks(width, height)
    blocks = np.empty((rows, columns, channels, BLOCK_HEIGHT, BLOCK_WIDTH), np.float32)
    padded = np.zeros((BLOCK_HEIGHT, columns * BLOCK_WIDTH, channels), np.float32)
    split = padded.reshape(BLOCK_HEIGHT, columns, BLOCK_WIDTH, channels).transpose(1, 3, 0, 2)
    # One row of blocks after the other: what is turned stays in the cache.
    for row in range(rows):
        part = image[row * BLOCK_HEIGHT : (row + 1) * BLOCK_HEIGHT]
        padded[: len(part), :width] = part
        padded[len(part) :] = 0.0
        blocks[row] = split
    return blocks.reshape(-1)


def from_blocks(blocks: F32, width: int, height: int) -> F32:
    """Copy blocks to an image (H, W, C)."""
    rows, columns = _count_blocks(width, height)
    split = blocks.reshape(rows, columns, -1, BLOCK_HEIGHT, BLOCK_WIDTH)
    image = split.transpose(0, 3, 1, 4, 2).reshape(rows * BLOCK_HEIGHT, columns * BLOCK_WIDTH, -1)
    return image[:height, :width]


class BlockImage:
    """An image that lies block by block, of which rows are copied when they are asked for.

    Args:
        blocks: float32 (M,), as `to_blocks` returns them.
        width, height: of the image, px.

    Attributes:
        shape: (H, W, C).
    """

    def __init__(self, blocks: F32, width: int, height: int) -> None:
        rows, columns = _count_blocks(width, height)
        self._rows = blocks.reshape(rows, -1)
        channels = self._rows.shape[1] // (columns * BLOCK_HEIGHT * BLOCK_WIDTH)
        self.shape: tuple[int, ...] = height, width, channels

    @property
    def size(self) -> int:
        """Number of values."""
        return math.prod(self.shape)

    def __getitem__(self, rows: slice) -> F32:
        """Copy some rows, float32 (rows, W, C)."""
        top, bottom, _ = rows.indices(self.shape[0])
        if top >= bottom:
            return np.empty((0, *self.shape[1:]), np.float32)
        first = top // BLOCK_HEIGHT
        begin = first * BLOCK_HEIGHT
        blocks = self._rows[first : -(-bottom // BLOCK_HEIGHT)].reshape(-1)
        return from_blocks(blocks, self.shape[1], bottom - begin)[top - begin :]


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
