"""From splats to what the rasterisers read: one record per Gaussian, and lists of them per strip.

A record is 16 float32, one cache line. The factor is kept times 1/4 and the cutoff times 1/8, both
exact, so that z = u^2 + v^2 is q / 8, the argument that `simd.exp_minus_8` wants.

The geometry in a record describes the ellipse q <= cutoff by dx, dy relative to the mean:
`HALF_WIDTH` bounds |dx|, and at one dx the ellipse spans

    dy = SLOPE dx -+ RATIO sqrt(HALF_WIDTH^2 - dx^2)

with its highest point at dx = +TOP and its lowest at dx = -TOP. `HALF_WIDTH` is widened by more
than float32 can err, so that no pixel which passes the test z <= LIMIT lies outside.
"""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
from numba.extending import register_jitable
from numpy.typing import NDArray

from gsic_kernels.constants import CUTOFF_MAX, SIGMA_MAX_PX, SIGMA_MIN_PX
from gsic_kernels.cpu.runtime.work import DONE, GIVEN_UP, READY, STOP, finish, next_piece, wait_for

F32: TypeAlias = NDArray[np.float32]
I32: TypeAlias = NDArray[np.int32]
I64: TypeAlias = NDArray[np.int64]

RECORD = 16
MEAN_X, MEAN_Y, P, R, T, LIMIT, OFFSET, COLOR = 0, 1, 2, 3, 4, 5, 6, 7
SLOPE, RATIO, HALF_WIDTH, TOP = 11, 12, 13, 14

# One piece of work: Gaussians to prepare, rows of an image to split into planes, and Gaussians to
# differentiate.
PREPARE_COUNT = 1024
SPLIT_ROWS = 16
GATHER_COUNT = 32
# The backward kernel goes through Gaussians from top to bottom, this many rows at a time: what it
# reads of the image gradient meanwhile fits a second-level cache.
ORDER_ROWS = 16

# exp(-z) on 0 <= z <= 2, whose 8th power is within 2e-7 of exp(-8 z) (6e-7 with float32 rounding):
# weighted minimax of degree 5 with the last coefficient held at 1. From z^5 down to 1.
EXP_COEFFICIENTS = (
    -0.005683351585629732,
    0.03969855954144699,
    -0.16604719003792975,
    0.49992334645030734,
    -0.9999972920570864,
    1.0,
)
EXP_SQUARINGS = 3

# Bounds of the squared singular values of a factor.
LARGEST, SMALLEST = SIGMA_MIN_PX**-2, SIGMA_MAX_PX**-2

# Relative and absolute (px) widening of the ellipse.
WIDEN = 1.0 + 1e-5
MARGIN = 1.0 / 64
# Per pixel of distance from the mean: float32 coordinates far from it are themselves rounded.
MARGIN_FAR = 2.0**-20


@register_jitable
def prepare_pieces(count: int) -> int:
    """Pieces of work that `prepare` makes of `count` Gaussians."""
    return (count + PREPARE_COUNT - 1) // PREPARE_COUNT


@register_jitable
def split_pieces(rows: int) -> int:
    """Pieces of work that splitting an image of `rows` rows into planes is."""
    return (rows + SPLIT_ROWS - 1) // SPLIT_ROWS


@register_jitable
def gather_pieces(count: int) -> int:
    """Pieces of work that the gradients of `count` Gaussians are."""
    # A few Gaussians may cover the image each: leave enough pieces for all threads.
    return min(count, 64 + count // GATHER_COUNT)


def prepare(
    gates: I64,
    needs: I64,
    step: int,
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
    rows: I32,
) -> int:
    """Fill `records` and `rows` of the Gaussians, PREPARE_COUNT at a time.

    `rows` are the first and last row of the window that a Gaussian reaches, counted from its
    top, or 0, -1 where it contributes nothing.
    """
    state = wait_for(gates, needs, step)
    if state != READY:
        return state
    counter = gates[step]
    while True:
        begin = next_piece(counter, worker, prepare_pieces(len(mean))) * PREPARE_COUNT
        if begin < 0:
            return READY
        for n in range(begin, min(begin + PREPARE_COUNT, len(mean))):
            rows[n, 0], rows[n, 1] = 0, -1
            p, r, t = float(factor[n, 0]), float(factor[n, 1]), float(factor[n, 2])
            x, y = float(mean[n, 0]), float(mean[n, 1])
            limit = float(cutoff[n])
            # Finite float32 cannot overflow a float64 sum, so the sum tells of all of them.
            every = x + y + p + r + t + limit + float(offset[n])
            for c in range(color.shape[1]):
                every += float(color[n, c])
            # The squared singular values of the factor, reciprocals of those of the Gaussian, are
            # the roots of s^2 - squares s + determinant^2.
            length = r * r + t * t
            squares, determinant = p * p + length, abs(p * t)
            if not (math.isfinite(every) and limit >= 0.0):
                continue
            if squares > 2 * LARGEST or LARGEST * (LARGEST - squares) + determinant**2 < 0.0:
                continue
            if squares < 2 * SMALLEST or SMALLEST * (SMALLEST - squares) + determinant**2 < 0.0:
                continue
            limit = min(limit, CUTOFF_MAX)
            radius = math.sqrt(2.0 * limit) * WIDEN
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
            rows[n, 0] = math.ceil(max(top - reach_y, 0.0))
            rows[n, 1] = math.floor(min(top + reach_y, height - 1.0))
            records[n, MEAN_X], records[n, MEAN_Y] = mean[n, 0], mean[n, 1]
            records[n, P], records[n, R], records[n, T] = p * 0.25, r * 0.25, t * 0.25
            records[n, LIMIT], records[n, OFFSET] = limit * 0.125, offset[n]
            for c in range(color.shape[1]):
                records[n, COLOR + c] = color[n, c]
            records[n, SLOPE] = -p * r / length
            records[n, RATIO] = determinant / length
            records[n, HALF_WIDTH] = half_width
            records[n, TOP] = -r / p * half_height
        finish(counter)


def fill_strips(
    gates: I64,
    needs: I64,
    step: int,
    worker: int,
    rows: I32,
    shift: int,
    starts: I64,
    order: I32,
    pairs: I32,
    sizes: I64,
) -> int:
    """List the Gaussians of each strip of 2^shift rows, in the order given; one piece of work.

    `pairs[starts[s]:starts[s + 1]]` become those of strip s; `order` names every Gaussian that
    counts, by first row in units of ORDER_ROWS. `sizes` become how many that are and the number
    of pairs. When they do not fit `pairs`, the call is given up.
    """
    state = wait_for(gates, needs, step)
    if state != READY:
        return state
    counter = gates[step]
    if next_piece(counter, worker, 1) < 0:
        return READY
    # Places in `order` by the first row in units of ORDER_ROWS.
    places = np.zeros((len(starts) << shift) // ORDER_ROWS + 2, np.int64)
    starts[:] = 0
    # Differences of the counts: one up where a Gaussian starts, one down behind its end.
    for n in range(len(rows)):
        if rows[n, 1] >= 0:
            places[rows[n, 0] // ORDER_ROWS + 1] += 1
            starts[rows[n, 0] >> shift] += 1
            starts[(rows[n, 1] >> shift) + 1] -= 1
    count, place = 0, 0
    for s in range(len(starts)):
        count += starts[s]
        starts[s] = place
        place += count
    for k in range(1, len(places)):
        places[k] += places[k - 1]
    sizes[0], sizes[1] = places[-1], place
    if place > len(pairs):
        gates[:, DONE] = STOP
        return GIVEN_UP
    cursor = starts.copy()
    for n in range(len(rows)):
        if rows[n, 1] >= 0:
            k = rows[n, 0] // ORDER_ROWS
            order[places[k]] = n
            places[k] += 1
            for s in range(rows[n, 0] >> shift, (rows[n, 1] >> shift) + 1):
                pairs[cursor[s]] = n
                cursor[s] += 1
    finish(counter)
    return READY
