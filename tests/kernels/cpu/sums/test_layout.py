"""Images as blocks of pixels, and back."""

import numpy as np
import pytest

from gsic_kernels.cpu.sums.blocks import BLOCK_HEIGHT, BLOCK_WIDTH
from gsic_kernels.cpu.sums.lattices import COLUMNS, ROWS, divide_window
from gsic_kernels.cpu.sums.layout import BlockImage, from_blocks, mark_inside, to_blocks
from gsic_kernels.types import Window

SHAPES = [(1, 1, 1), (1, 70, 3), (33, 1, 4), (8, 32, 2), (9, 65, 3), (31, 63, 1)]


def count_blocks(height: int, width: int) -> tuple[int, int]:
    """Return the rows and columns of blocks that kernels have for an image."""
    lattice = divide_window(Window(0, 0, width, height), 1, 1)[0]
    return int(lattice[ROWS]), int(lattice[COLUMNS])


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_blocks_become_the_image_again(shape: tuple[int, int, int]) -> None:
    image = np.random.default_rng(0).random(shape, np.float32)
    assert np.array_equal(from_blocks(to_blocks(image), shape[1], shape[0]), image)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_rows_are_copied_alone(shape: tuple[int, int, int]) -> None:
    height, width, _ = shape
    image = np.random.default_rng(0).random(shape, np.float32)
    blocks = BlockImage(to_blocks(image), width, height)
    assert blocks.shape == shape
    assert blocks.size == image.size
    for top in range(height):
        for bottom in range(top, height + 2):
            assert np.array_equal(blocks[top:bottom], image[top:bottom])


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_each_pixel_has_its_lane_in_its_block(shape: tuple[int, int, int]) -> None:
    height, width, channels = shape
    image = np.random.default_rng(0).random(shape, np.float32)
    blocks = to_blocks(image)
    rows, columns = count_blocks(height, width)
    assert blocks.shape == (rows * columns * channels * BLOCK_HEIGHT * BLOCK_WIDTH,)
    lanes = BLOCK_HEIGHT * BLOCK_WIDTH
    for y in range(height):
        for x in range(width):
            block = y // BLOCK_HEIGHT * columns + x // BLOCK_WIDTH
            lane = y % BLOCK_HEIGHT * BLOCK_WIDTH + x % BLOCK_WIDTH
            at = block * channels * lanes + lane
            assert np.array_equal(blocks[at : at + channels * lanes : lanes], image[y, x])
    assert np.count_nonzero(blocks) == np.count_nonzero(image)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_pixels_inside_the_image_are_marked(shape: tuple[int, int, int]) -> None:
    height, width, _ = shape
    across, down = mark_inside(width, height)
    rows, columns = count_blocks(height, width)
    lanes = BLOCK_HEIGHT * BLOCK_WIDTH
    marked = down.reshape(rows, 1, lanes) * across.reshape(1, columns, lanes)
    assert np.array_equal(marked.reshape(-1), to_blocks(np.ones((height, width, 1), np.float32)))
