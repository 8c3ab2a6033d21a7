"""The rows that an ellipse covers in each column of LANES pixels."""

from __future__ import annotations

import math

import numpy as np

from gsic_kernels.cpu.alpha.records import (
    HALF_WIDTH,
    MARGIN,
    MARGIN_FAR,
    MEAN_X,
    MEAN_Y,
    RATIO,
    SLOPE,
    TOP,
)
from gsic_kernels.cpu.alpha.work_division import BATCH
from gsic_kernels.cpu.runtime.jitable import register_jitable
from gsic_kernels.cpu.runtime.lanes import LANES
from gsic_kernels.types import F32, I32


@register_jitable
def append_spans(
    records: F32, n: int, x0: int, x1: int, y0: int, y1: int, spans: I32, count: int
) -> int:
    """Append the spans of Gaussian n within x0..x1, y0..y1 to `spans`; return the new count.

    A span is (n, x, first row, last row): the rows that the ellipse can touch in the LANES
    columns from x on. It may have a row too many, but never one too few.
    """
    # Spans are solved in float64: the margins then have to cover only what float32 errs in the test
    # of each pixel.
    mean_x, mean_y = float(records[n, MEAN_X]), float(records[n, MEAN_Y])
    slope, ratio = float(records[n, SLOPE]), float(records[n, RATIO])
    half_width, top = float(records[n, HALF_WIDTH]), float(records[n, TOP])
    square = half_width * half_width
    reach = half_width + MARGIN + MARGIN_FAR * half_width
    # Clip before rounding: an ellipse may be too wide for an integer.
    x_first = math.ceil(max(mean_x - reach - 0.5, float(x0)))
    x_last = math.floor(min(mean_x + reach - 0.5, float(x1)))
    for x in range(x_first, x_last + 1, LANES):
        left, right = x + 0.5 - mean_x, min(x + LANES - 1, x_last) + 0.5 - mean_x
        # The upper arc is concave, so within the column it is highest at the dx nearest to TOP;
        # the lower arc likewise.
        high = min(max(top, left), right)
        low = min(max(-top, left), right)
        up = slope * high + ratio * math.sqrt(max(square - high * high, 0.0))
        down = slope * low - ratio * math.sqrt(max(square - low * low, 0.0))
        margin = MARGIN + MARGIN_FAR * (max(-left, right) + max(-down, up))
        first = math.ceil(max(mean_y + down - margin - 0.5, float(y0)))
        last = math.floor(min(mean_y + up + margin - 0.5, float(y1)))
        # Write always and count only spans that are not empty: no branch to mispredict.
        spans[count, 0], spans[count, 1] = n, x
        spans[count, 2], spans[count, 3] = first, last
        count += last >= first
    return count


def allocate_spans(width: int, threads: int) -> I32:
    """Allocate one table of spans per thread, for BATCH Gaussians in a window of this width."""
    # A Gaussian touches at most width / LANES columns, rounded up, and the one that is written
    # but not counted.
    return np.empty((threads, BATCH * (width // LANES + 2), 4), np.int32)
