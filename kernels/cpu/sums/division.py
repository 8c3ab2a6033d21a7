"""How the steps of a sum are divided into work items, and the scratch memory that each needs."""

from __future__ import annotations

from gsic_kernels.cpu.runtime.jitable import register_jitable
from gsic_kernels.cpu.runtime.lanes import LANES
from gsic_kernels.cpu.runtime.work_items import count_items
from gsic_kernels.cpu.sums.blocks import BLOCK_HEIGHT, BLOCK_WIDTH

# Gaussians whose records one work item fills: so many that atomic counters cost next to nothing.
RECORDS_PER_ITEM = 512
# Gaussians whose blocks are listed before the first of them is drawn: the latencies of solving
# their spans, and those of fetching the records, then overlap.
BATCH = 32
# Gaussians of one work item of a gradient.
_GRADIENTS_PER_ITEM = 32
# Columns of blocks of a Gaussian that a gradient lists at once: lists have a fixed size then.
SEGMENT_COLUMNS = 256
# Rows of coarse cells that one work item shrinks. The fine rows that two items read overlap by 6.
SHRUNK_ROWS = 16
# Rows of fine blocks that a row of coarse blocks reads, and how far before twice its row the first
# of them is: the fine cells are those from 3 before twice the first coarse row to 4 behind twice
# the last one.
SHRINKING_BEGIN = -(-3 // BLOCK_HEIGHT)
SHRINKING_BLOCKS = (2 * BLOCK_HEIGHT + 2) // BLOCK_HEIGHT + SHRINKING_BEGIN + 1


def count_record_items(count: int) -> int:
    """Count the work items that fill the records of `count` Gaussians."""
    return count_items(count, RECORDS_PER_ITEM)


@register_jitable
def count_gradient_items(count: int) -> int:
    """Count the work items that compute the gradients of a sum of `count` Gaussians."""
    # A few Gaussians may cover a whole lattice each: with 64 work items more, there are enough for
    # all threads even then.
    return min(count, 64 + count // _GRADIENTS_PER_ITEM)


def count_shrinking_items(rows: int) -> int:
    """Count the work items that shrink a gradient to a lattice with so many rows of blocks."""
    return -(-rows * BLOCK_HEIGHT // SHRUNK_ROWS)


@register_jitable
def coarse_pitch(columns: int) -> int:
    """Return the floats of a buffered row of the coarse cells that a tile is enlarged from."""
    return (columns * BLOCK_WIDTH // 2 + 4 + 3 * LANES) // LANES * LANES


def count_buffer_floats(columns: int) -> int:
    """Count the floats that enlarging to a tile of so many columns of blocks needs."""
    return BLOCK_HEIGHT * coarse_pitch(columns)


@register_jitable
def half_pitch(columns: int) -> int:
    """Return the floats of every other cell of a row, with slack for whole vectors."""
    return (columns * BLOCK_WIDTH + 4 + 4 * LANES) // LANES * LANES


def count_shrinking_floats(columns: int) -> int:
    """Count the floats that shrinking needs, for fine lattices of so many columns of blocks."""
    rows = SHRINKING_BLOCKS * BLOCK_HEIGHT + 2 + BLOCK_HEIGHT
    return rows * (columns * BLOCK_WIDTH + 16 * LANES)
