"""From splats to what the rasterisers read: one record per Gaussian, and lists of them per strip.

A record is 16 float32, one cache line. The factor is kept times 1/4 and the reach times 1/8, both
exact, so that z = u^2 + v^2 is q / 8, the argument that `simd.exp_minus_8` wants.

The geometry in a record describes the ellipse q <= reach by dx, dy relative to the mean:
`HALF_WIDTH` bounds |dx|, and at one dx the ellipse spans

    dy = SLOPE dx -+ RATIO sqrt(HALF_WIDTH^2 - dx^2)

with its highest point at dx = +TOP and its lowest at dx = -TOP. `HALF_WIDTH` is widened by more
than float32 can err, so that no pixel which passes the test z <= LIMIT lies outside.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from gsic_kernels.constants import REACH_MAX, SIGMA_MAX_PX, SIGMA_MIN_PX
from gsic_kernels.cpu import cache

F32: TypeAlias = NDArray[np.float32]
I32: TypeAlias = NDArray[np.int32]
I64: TypeAlias = NDArray[np.int64]

RECORD = 16
MEAN_X, MEAN_Y, P, R, T, LIMIT, FLOOR, COLOR = 0, 1, 2, 3, 4, 5, 6, 7
SLOPE, RATIO, HALF_WIDTH, TOP = 11, 12, 13, 14

# Relative and absolute (px) widening of the ellipse.
_WIDEN = 1.0 + 1e-5
MARGIN = 1.0 / 64
# Per pixel of distance from the mean: float32 coordinates far from it are themselves rounded.
MARGIN_FAR = 2.0**-20


def _prepare(
    mean: F32,
    factor: F32,
    color: F32,
    reach: F32,
    floor: F32,
    first: int,
    last: int,
    x0: int,
    y0: int,
    width: int,
    height: int,
    records: F32,
    rows: I32,
) -> None:
    """Fill `records` and `rows` of the Gaussians first..last - 1.

    `rows` are the first and last row of the window that a Gaussian reaches, or 1, 0 for none.
    """
    x1, y1 = x0 + width - 1, y0 + height - 1
    for n in range(first, last):
        rows[n, 0], rows[n, 1] = 1, 0
        p, r, t = float(factor[n, 0]), float(factor[n, 1]), float(factor[n, 2])
        x, y = float(mean[n, 0]), float(mean[n, 1])
        limit = float(reach[n])
        finite = math.isfinite(p + r + t) and math.isfinite(x + y)
        finite = finite and math.isfinite(limit) and math.isfinite(floor[n])
        for c in range(color.shape[1]):
            finite = finite and math.isfinite(color[n, c])
        if not finite or limit < 0.0:
            continue
        # Singular values of the factor are the reciprocals of those of the Gaussian.
        squares, determinant = p * p + r * r + t * t, abs(p * t)
        largest = math.sqrt((squares + math.sqrt(max(squares**2 - 4 * determinant**2, 0.0))) / 2)
        if largest * SIGMA_MIN_PX > 1.0 or not 0.0 < largest <= determinant * SIGMA_MAX_PX:
            continue
        limit = min(limit, REACH_MAX)
        radius = math.sqrt(2.0 * limit) * _WIDEN
        half_height = radius / abs(t)
        length = r * r + t * t
        half_width = radius * math.sqrt(length) / determinant
        reach_x = half_width + MARGIN + MARGIN_FAR * half_width
        reach_y = half_height + MARGIN + MARGIN_FAR * half_height
        if x + reach_x < x0 or x - reach_x > x1 + 1 or y + reach_y < y0 or y - reach_y > y1 + 1:
            continue
        rows[n, 0] = math.ceil(max(y - reach_y - 0.5, float(y0)))
        rows[n, 1] = math.floor(min(y + reach_y - 0.5, float(y1)))
        record = records[n]
        record[MEAN_X], record[MEAN_Y] = mean[n, 0], mean[n, 1]
        record[P], record[R], record[T] = p * 0.25, r * 0.25, t * 0.25
        record[LIMIT], record[FLOOR] = limit * 0.125, floor[n]
        for c in range(color.shape[1]):
            record[COLOR + c] = color[n, c]
        record[SLOPE] = -p * r / length
        record[RATIO] = determinant / length
        record[HALF_WIDTH] = half_width
        record[TOP] = -r / p * half_height


def _bin(rows: I32, y0: int, height: int, starts: I64, order: I32, pairs: I32) -> int:
    """List the Gaussians of each strip of `height` rows, in the order given.

    `pairs[starts[s]:starts[s + 1]]` are those of strip s; `order` names every Gaussian that counts
    once, by first strip. Returns the number of pairs, and fills nothing when they do not fit.
    """
    strips = len(starts) - 1
    fresh = np.zeros(strips + 1, np.int64)
    starts[:] = 0
    # Differences of the counts: one up where a Gaussian starts, one down behind its end.
    for n in range(len(rows)):
        if rows[n, 0] <= rows[n, 1]:
            one, two = (rows[n, 0] - y0) // height, (rows[n, 1] - y0) // height
            starts[one] += 1
            starts[two + 1] -= 1
            fresh[one] += 1
    count, place, placed = 0, 0, 0
    for s in range(strips + 1):
        count += starts[s]
        starts[s] = place
        place += count
        fresh[s], placed = placed, placed + fresh[s]
    if place > len(pairs):
        return place
    cursor = starts.copy()
    for n in range(len(rows)):
        if rows[n, 0] <= rows[n, 1]:
            one, two = (rows[n, 0] - y0) // height, (rows[n, 1] - y0) // height
            order[fresh[one]] = n
            fresh[one] += 1
            for s in range(one, two + 1):
                pairs[cursor[s]] = n
                cursor[s] += 1
    order[placed:] = -1
    return place


@lru_cache(maxsize=None)
def prepare_kernel():  # type: ignore[no-untyped-def]
    plane, line = "float32[:, ::1]", "float32[::1]"
    return cache.kernel(
        f"void({plane}, {plane}, {plane}, {line}, {line}, int64, int64, int64, int64, int64, int64,"
        f" {plane}, int32[:, ::1])",
        _prepare,
    )


@lru_cache(maxsize=None)
def bin_kernel():  # type: ignore[no-untyped-def]
    return cache.kernel(
        "int64(int32[:, ::1], int64, int64, int64[::1], int32[::1], int32[::1])", _bin
    )
