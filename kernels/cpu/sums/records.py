"""The record that rasterisers of sums read for each Gaussian, and the kernel that fills it.

A record has 16 float32, one cache line, in cells of the Gaussian's own lattice. The factor is
stored times 1/4 and the cutoff times 1/8, which are both exact, so that z = u^2 + v^2 is q / 8, the
argument of `simd.exp_minus_8`.

Five fields serve to find the blocks that the ellipse q <= cutoff touches. `HALF_HEIGHT` is the
largest |dy| of an offset (dx, dy) from the mean, and at a given dy the ellipse spans

    dx = SLOPE dy -+ RATIO sqrt(HALF_HEIGHT^2 - dy^2)

with its rightmost point at dy = EXTREME and its leftmost at dy = -EXTREME. `REACH` is more than
float32 can err in that span.
"""

from __future__ import annotations

import math

import numpy as np

from gsic_kernels.constants import CUTOFF_MAX, SIGMA_MAX_PX, SIGMA_MIN_PX
from gsic_kernels.cpu.runtime.jitable import register_jitable
from gsic_kernels.cpu.runtime.work_items import item_function
from gsic_kernels.cpu.sums.blocks import BLOCK_HEIGHT, BLOCK_WIDTH
from gsic_kernels.cpu.sums.division import RECORDS_PER_ITEM
from gsic_kernels.cpu.sums.lattices import COLUMNS, LEFT, ROWS, TOP
from gsic_kernels.types import F32, I32, I64

# Floats of a record, and the places of its fields.
RECORD = 16
MEAN_X, MEAN_Y, P, R, T, LIMIT, OFFSET, COLOR = 0, 1, 2, 3, 4, 5, 6, 7
SLOPE, RATIO, HALF_HEIGHT, EXTREME, REACH = 11, 12, 13, 14, 15

# Records hold p, r and t times 1/4, and so kernels compute u and v times 1/4. To multiply by this
# power of two undoes it exactly.
FACTOR_SCALE = np.float32(4.0)

# Bounds of the squared singular values of a factor, which are inverse variances.
_LARGEST, _SMALLEST = SIGMA_MIN_PX**-2, SIGMA_MAX_PX**-2

# Ellipses are widened by more than float32 can err, relatively and in cells, so that no pixel that
# passes the test z <= LIMIT lies outside. That test alone decides; a wider span only costs time.
_WIDEN = 1.0 + 1e-5
_MARGIN = 1.0 / 64
# Per cell of the width of the ellipse: coordinates far from the mean are rounded themselves.
_MARGIN_FAR = 2.0**-19


@item_function
def prepare_splats(
    item: int,
    worker: int,
    mean: F32,
    factor: F32,
    color: F32,
    cutoff: F32,
    offset: F32,
    level: I32,
    lattices: I64,
    records: F32,
    boxes: I32,
) -> None:
    """Fill `records` and `boxes` of the next RECORDS_PER_ITEM Gaussians; see `fill_record`."""
    begin = item * RECORDS_PER_ITEM
    for n in range(begin, min(begin + RECORDS_PER_ITEM, len(mean))):
        # The sum is finite exactly if all values are: finite float32 values are too small to
        # overflow it in float64.
        every = float(cutoff[n]) + float(offset[n]) + float(mean[n, 0]) + float(mean[n, 1])
        for k in range(3):
            every += float(factor[n, k])
        for c in range(color.shape[1]):
            every += float(color[n, c])
            records[n, COLOR + c] = color[n, c]
        boxes[n, 2], boxes[n, 3] = 0, -1
        if math.isfinite(every) and cutoff[n] >= 0.0:
            records[n, MEAN_X], records[n, MEAN_Y] = mean[n, 0], mean[n, 1]
            records[n, OFFSET] = offset[n]
            p, r, t = float(factor[n, 0]), float(factor[n, 1]), float(factor[n, 2])
            fill_record(records, n, p, r, t, float(cutoff[n]), lattices[level[n]], boxes)


@register_jitable
def fill_record(
    records: F32, n: int, p: float, r: float, t: float, cutoff: float, lattice: I64, boxes: I32
) -> None:
    """Fill what a record and a box say of the shape of Gaussian n, whose mean is in its record.

    A box is the first and last column and the first and last row of blocks of its lattice that a
    Gaussian can touch; it stays as it is if the Gaussian contributes nothing.
    """
    # The squared singular values s of the factor are the roots of s^2 - squares s + determinant^2.
    # Both lie within the bounds if their mean does and the polynomial is not negative at the
    # bounds; no square root has to be taken.
    length = r * r + t * t
    squares, determinant = p * p + length, abs(p * t)
    if squares > 2 * _LARGEST or _LARGEST * (_LARGEST - squares) + determinant**2 < 0.0:
        return
    if squares < 2 * _SMALLEST or _SMALLEST * (_SMALLEST - squares) + determinant**2 < 0.0:
        return
    limit = min(cutoff, CUTOFF_MAX)
    radius = math.sqrt(2.0 * limit) * _WIDEN
    half_height = radius / abs(t)
    half_width = radius * math.sqrt(length) / determinant
    reach_x = half_width * (1.0 + _MARGIN_FAR) + _MARGIN
    reach_y = half_height * (1.0 + _MARGIN_FAR) + _MARGIN
    # The centre of column j is at j + 0.5.
    left = lattice[LEFT] * BLOCK_WIDTH
    right = left + lattice[COLUMNS] * BLOCK_WIDTH - 1
    top = lattice[TOP] * BLOCK_HEIGHT
    bottom = top + lattice[ROWS] * BLOCK_HEIGHT - 1
    x, y = float(records[n, MEAN_X]) - 0.5, float(records[n, MEAN_Y]) - 0.5
    if x + reach_x < left or x - reach_x > right or y + reach_y < top or y - reach_y > bottom:
        return
    # Clip before rounding: an ellipse may be too wide for an integer.
    boxes[n, 0] = math.ceil(max(x - reach_x, left)) // BLOCK_WIDTH
    boxes[n, 1] = math.floor(min(x + reach_x, right)) // BLOCK_WIDTH
    boxes[n, 2] = math.ceil(max(y - reach_y, top)) // BLOCK_HEIGHT
    boxes[n, 3] = math.floor(min(y + reach_y, bottom)) // BLOCK_HEIGHT
    records[n, P], records[n, R], records[n, T] = p * 0.25, r * 0.25, t * 0.25
    records[n, LIMIT] = limit * 0.125
    records[n, SLOPE], records[n, RATIO] = -r / p, abs(t / p)
    records[n, HALF_HEIGHT] = half_height
    records[n, EXTREME] = -r / p * abs(p) / math.sqrt(length) * half_height
    records[n, REACH] = _MARGIN + _MARGIN_FAR * half_width
