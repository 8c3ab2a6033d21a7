"""The blocks that an ellipse touches, as one flat list: no loop over it ends early."""

from __future__ import annotations

import numpy as np

from gsic_kernels.cpu.runtime.jitable import register_jitable
from gsic_kernels.cpu.runtime.lanes import LANES
from gsic_kernels.cpu.runtime.simd import (
    broadcast,
    floor,
    fma,
    larger,
    ramp,
    smaller,
    square_root,
    store,
    store_integers,
)
from gsic_kernels.cpu.sums.blocks import BLOCK_HEIGHT, BLOCK_WIDTH
from gsic_kernels.cpu.sums.records import (
    EXTREME,
    HALF_HEIGHT,
    MEAN_X,
    MEAN_Y,
    RATIO,
    REACH,
    SLOPE,
    P,
    R,
    T,
)
from gsic_kernels.types import F32, I32

_ZERO, _HALF, _ONE = np.float32(0.0), np.float32(0.5), np.float32(1.0)
_HEIGHT = np.float32(BLOCK_HEIGHT)
_WIDTH = np.float32(BLOCK_WIDTH)
_PER_COLUMN = np.float32(1.0 / BLOCK_WIDTH)

# Rows of `offsets`: p dx + r dy and t dy from the mean of a Gaussian to the corner of a block.
U, V = 0, 1
# Vectors that the solved spans of LANES rows of blocks take.
SPANS = 2 * LANES


@register_jitable
def list_blocks(
    records: F32,
    n: int,
    area: tuple[int, int, int, int],
    grid: tuple[int, int, int],
    lists: tuple[F32, F32, I32],
    count: int,
) -> int:
    """Append the blocks that Gaussian n touches to lists; return how many they hold then.

    There may be blocks that the ellipse does not touch, but every one that it touches is listed.

    Args:
        records: of all Gaussians.
        n: index of one.
        area: the first and last column and the first and last row of blocks that are looked at.
        grid: origin, stride and size: a block in column x and row y of its lattice lies at
            `origin + y stride + x size`.
        lists: room for SPANS floats; u and v at the corners of blocks (2, M); where the blocks lie,
            int32 (M,). They must reach LANES entries beyond the last block.
        count: how many blocks they hold.
    """
    first_column, last_column, first_row, last_row = area
    origin, stride, size = grid
    spans, offsets, places = lists
    mean_x, mean_y = records[n, MEAN_X], records[n, MEAN_Y]
    p, r, t = records[n, P], records[n, R], records[n, T]
    slope, ratio = records[n, SLOPE], records[n, RATIO]
    half_height, extreme = records[n, HALF_HEIGHT], records[n, EXTREME]
    reach, square = records[n, REACH], broadcast(half_height * half_height)
    # Spans are relative to the first column, so that they are as exact far from the origin.
    left_edge = np.float32(first_column * BLOCK_WIDTH)
    center = mean_x - left_edge - _HALF
    widest = broadcast(np.float32(last_column - first_column))
    zero = broadcast(_ZERO)
    for top in range(first_row, last_row + 1, LANES):
        # dy of the centres of the first and the last pixels of the blocks of each row. The right
        # end of a span is farthest to the right at the dy nearest to EXTREME; the left end
        # likewise.
        upper = ramp() * _HEIGHT + (np.float32(top * BLOCK_HEIGHT) + _HALF - mean_y)
        lower = upper + (_HEIGHT - _ONE)
        high = smaller(larger(upper, broadcast(extreme)), lower)
        low = smaller(larger(upper, broadcast(-extreme)), lower)
        right = high * slope + square_root(larger(square - high * high, zero)) * ratio
        left = low * slope - square_root(larger(square - low * low, zero)) * ratio
        # A pixel's centre is within reach of the span; so is its block then.
        first = larger(floor((left + (center - reach)) * _PER_COLUMN), zero)
        last = smaller(floor((right + (center + reach)) * _PER_COLUMN), widest)
        store(spans, 0, first)
        store(spans, LANES, last - first + _ONE)
        for k in range(min(LANES, last_row + 1 - top)):
            begin, blocks = spans[k], int(spans[LANES + k])
            dy = np.float32((top + k) * BLOCK_HEIGHT) - mean_y
            r_dy, t_dy = broadcast(r * dy), broadcast(t * dy)
            row = origin + (top + k) * stride + first_column * size
            done = 0
            # Whole vectors are written, and only the blocks of the span are counted.
            while True:
                column = ramp() + (begin + np.float32(done))
                dx = column * _WIDTH + left_edge - mean_x
                store(offsets[U], count + done, fma(dx, broadcast(p), r_dy))
                store(offsets[V], count + done, t_dy)
                store_integers(places, count + done, row, size, column)
                done += LANES
                if done >= blocks:
                    break
            count += max(blocks, 0)
    return count
