"""The record that alpha blending reads for each Gaussian, and the kernel that fills it.

A record has 16 float32, one cache line. The factor is stored times 1/4 and the cutoff times 1/8,
which are both exact, so that z = u^2 + v^2 is q / 8, the argument of `simd.exp_minus_8`.

Four fields describe the ellipse q <= cutoff in offsets dx, dy from the mean: `HALF_WIDTH` is the
largest |dx|, and at a given dx the ellipse spans the rows

    dy = SLOPE dx -+ RATIO sqrt(HALF_WIDTH^2 - dx^2)

with its highest point at dx = +TOP and its lowest at dx = -TOP.
"""

from __future__ import annotations

import math

from gsic_kernels.constants import CUTOFF_MAX, SIGMA_MAX_PX, SIGMA_MIN_PX
from gsic_kernels.cpu.alpha.work_division import RECORDS_PER_ITEM
from gsic_kernels.cpu.runtime.work_items import item_function
from gsic_kernels.types import F32, I32

# Floats of a record, and the places of its fields; the last field is unused.
RECORD = 16
MEAN_X, MEAN_Y, P, R, T, LIMIT, OFFSET, COLOR = 0, 1, 2, 3, 4, 5, 6, 7
SLOPE, RATIO, HALF_WIDTH, TOP = 11, 12, 13, 14

# Bounds of the squared singular values of a factor, which are inverse variances.
_LARGEST, _SMALLEST = SIGMA_MIN_PX**-2, SIGMA_MAX_PX**-2

# Ellipses are widened by more than float32 can err, relatively and in px, so that no pixel that
# passes the test z <= LIMIT lies outside. That test alone decides; a wider span only costs time.
_WIDEN = 1.0 + 1e-5
MARGIN = 1.0 / 64
# Per pixel of distance from the mean: float32 coordinates far from it are rounded themselves.
MARGIN_FAR = 2.0**-20


@item_function
def prepare_records(
    item: int,
    worker: int,
    mean: F32,
    factor: F32,
    color: F32,
    cutoff: F32,
    offset: F32,
    x0: int,
    y0: int,
    width: int,
    height: int,
    records: F32,
    row_ranges: I32,
) -> None:
    """Fill `records` and `row_ranges` of the next RECORDS_PER_ITEM Gaussians.

    A row range is the first and the last row of the window that a Gaussian can touch, counted from
    the top of the window, or 0, -1 if it contributes nothing.
    """
    begin = item * RECORDS_PER_ITEM
    for n in range(begin, min(begin + RECORDS_PER_ITEM, len(mean))):
        row_ranges[n, 0], row_ranges[n, 1] = 0, -1
        p, r, t = float(factor[n, 0]), float(factor[n, 1]), float(factor[n, 2])
        x, y = float(mean[n, 0]), float(mean[n, 1])
        limit = float(cutoff[n])
        # The sum is finite exactly if all values are: finite float32 values are too small to
        # overflow it in float64.
        every = x + y + p + r + t + limit + float(offset[n])
        for c in range(color.shape[1]):
            every += float(color[n, c])
        if not (math.isfinite(every) and limit >= 0.0):
            continue
        # The squared singular values s of the factor are the roots of
        # s^2 - squares s + determinant^2. Both lie within the bounds if their mean does and the
        # polynomial is not negative at the bounds; no square root has to be taken.
        length = r * r + t * t
        squares, determinant = p * p + length, abs(p * t)
        if squares > 2 * _LARGEST or _LARGEST * (_LARGEST - squares) + determinant**2 < 0.0:
            continue
        if squares < 2 * _SMALLEST or _SMALLEST * (_SMALLEST - squares) + determinant**2 < 0.0:
            continue
        limit = min(limit, CUTOFF_MAX)
        radius = math.sqrt(2.0 * limit) * _WIDEN
        half_height = radius / abs(t)
        half_width = radius * math.sqrt(length) / determinant
        reach_x = half_width * (1.0 + MARGIN_FAR) + MARGIN
        reach_y = half_height * (1.0 + MARGIN_FAR) + MARGIN
        # The centre of row i is at i + 0.5.
        left, top = x - x0 - 0.5, y - y0 - 0.5
        if left + reach_x < 0 or left - reach_x > width - 1:
            continue
        if top + reach_y < 0 or top - reach_y > height - 1:
            continue
        row_ranges[n, 0] = math.ceil(max(top - reach_y, 0.0))
        row_ranges[n, 1] = math.floor(min(top + reach_y, height - 1.0))
        records[n, MEAN_X], records[n, MEAN_Y] = mean[n, 0], mean[n, 1]
        records[n, P], records[n, R], records[n, T] = p * 0.25, r * 0.25, t * 0.25
        records[n, LIMIT], records[n, OFFSET] = limit * 0.125, offset[n]
        for c in range(color.shape[1]):
            records[n, COLOR + c] = color[n, c]
        records[n, SLOPE] = -p * r / length
        records[n, RATIO] = determinant / length
        records[n, HALF_WIDTH] = half_width
        records[n, TOP] = -r / p * half_height
