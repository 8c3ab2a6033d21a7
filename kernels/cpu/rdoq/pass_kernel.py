"""Kernel of an RDOQ pass: each Gaussian in turn moves to the neighbour of least D + lambda R.

D is the squared error of the clamped image, R the bits of the symbols. The Gaussian is removed from
the image. The inner products of what remains with the weights of a candidate then give D for any
colour, so that place, shape and colour are chosen together. This treats clamped pixels as linear,
which is only nearly right; so the chosen move is made only if the exact cost falls.
"""

from __future__ import annotations

import numpy as np

from gsic_kernels.cpu.rdoq.boxes import (
    copy_box,
    measure_box,
    multiply_box,
    remove_gaussian,
    replace_gaussian,
)
from gsic_kernels.cpu.rdoq.candidates import (
    CUTOFF,
    FIELDS,
    MARGIN,
    find_columns,
    find_rows,
    get_unit,
    set_cutoff,
    set_factor,
    set_mean,
)
from gsic_kernels.cpu.rdoq.costs import (
    SHAPES,
    choose_amplitude,
    compute_color,
    compute_error,
    get_bits,
    sum_shape_bits,
)
from gsic_kernels.cpu.runtime.jitable import register_jitable
from gsic_kernels.types import F32, F64, I32, I64, SHAPE_ROWS

# Steps of column, row, log-scale and both numbers of log-anisotropy. Move 0 leaves a Gaussian where
# it is; each other one changes one symbol by 1.
MOVED = 5
_UNITS = np.eye(MOVED, dtype=np.int64)
MOVES = np.concatenate((np.zeros((1, MOVED), np.int64), _UNITS, -_UNITS))

# Gains below this share of a bit are left alone: rounding alone could make them.
_LEAST_BITS = 1e-3


def rdoq_pass(
    rows: I32,
    grid: F64,
    transform: F64,
    moves: I64,
    bits: F64,
    origins: I64,
    lowest: I64,
    highest: I64,
    own: F64,
    lambda_: float,
    image: F32,
    target: F32,
    sums: F64,
) -> int:
    """Run a pass as `rdoq_pass.run_rdoq_pass` says, and return the number of moves made.

    The Gaussians are visited in the order of the rows, and each sees the moves before it.
    """
    channels, height, width = target.shape
    tables = bits, origins, lowest, highest
    # The last row is the chosen candidate, with the cutoff of its new amplitudes.
    candidates = np.zeros((len(moves) + 1, FIELDS))
    # In a box: the error without the Gaussian at hand; then the image with its successor.
    without = np.empty((channels, height * width), np.float32)
    fresh = np.empty((channels, height * width), np.float32)
    weights = np.empty(width, np.float32)
    now, best = np.empty(channels, np.int64), np.zeros(channels, np.int64)
    chosen = np.empty(channels, np.int64)
    old_color, new_color, products = np.empty(channels), np.empty(channels), np.empty(channels)
    made = 0
    for n in range(rows.shape[1]):
        energy = 0.0
        for c in range(channels):
            now[c] = rows[SHAPE_ROWS + c, n]
            energy += float(now[c]) * now[c]
        if energy == 0.0:
            continue
        x0, x1, y0, y1 = _fill_candidates(rows, n, grid, moves, energy, candidates, width, height)
        compute_color(transform, now, get_unit(grid, candidates[0]), old_color)
        box = x0, max(x1 - x0 + 1, 0), y0, max(y1 - y0 + 1, 0)
        remove_gaussian(image, target, candidates[0], old_color, box, weights, without)
        old_bits = own[n] + sum_shape_bits(tables, rows, n, moves[0])
        for c in range(channels):
            old_bits += get_bits(tables, SHAPES + c, n, now[c])
        # Costs are relative to the image without the Gaussian: leaving it out costs 0, and wins
        # (move = -1) if no candidate costs less.
        least, move, new_bits, stays = 0.0, -1, 0.0, lambda_ * old_bits
        for m in range(len(moves)):
            if candidates[m, CUTOFF] <= 0.0:
                continue
            squares = multiply_box(candidates[m], without, box, width, height, weights, products)
            unit = get_unit(grid, candidates[m])
            if m == 0:
                stays = compute_error(transform, products, squares, unit, now)
                stays += lambda_ * old_bits
            spent = own[n] + sum_shape_bits(tables, rows, n, moves[m])
            cost = lambda_ * spent
            for c in range(channels):
                along = 0.0
                for k in range(channels):
                    along += transform[c, k] * products[k]
                square = squares * unit * unit
                value = choose_amplitude(tables, n, c, now[c], along * unit, square, lambda_)
                chosen[c] = value
                length = get_bits(tables, SHAPES + c, n, value)
                spent += length
                cost += 2.0 * value * along * unit + float(value) * value * squares * unit * unit
                cost += lambda_ * length
            if cost < least and chosen.any():
                least, move, new_bits = cost, m, spent
                best[:] = chosen
        if least >= stays - _LEAST_BITS * lambda_:
            continue
        candidates[-1] = candidates[max(move, 0)]
        if move < 0:
            best[:] = 0
        energy = 0.0
        for c in range(channels):
            energy += float(best[c]) * best[c]
        set_cutoff(grid, energy, candidates[-1])
        compute_color(transform, best, get_unit(grid, candidates[-1]), new_color)
        # New amplitudes may have a larger cutoff than the old ones, which `box` was made for.
        x0, x1, y0, y1 = _extend_box(candidates[-1], width, height, x0, x1, y0, y1)
        box = x0, max(x1 - x0 + 1, 0), y0, max(y1 - y0 + 1, 0)
        replace_gaussian(
            image, candidates[0], old_color, candidates[-1], new_color, box, weights, fresh
        )
        gained = measure_box(image, fresh, target, box)
        if gained + lambda_ * (new_bits - old_bits) >= 0.0:
            continue
        made += 1
        sums[0] += gained
        sums[1] += new_bits - old_bits
        copy_box(fresh, box, image)
        if move >= 0:
            for k in range(MOVED):
                rows[2 + k, n] += moves[move, k]
        for c in range(channels):
            rows[SHAPE_ROWS + c, n] = best[c]
    return made


@register_jitable
def _fill_candidates(
    rows: I32,
    n: int,
    grid: F64,
    moves: I64,
    energy: float,
    candidates: F64,
    width: int,
    height: int,
) -> tuple[int, int, int, int]:
    """Fill the candidates of a Gaussian.

    Returns the first and last column and the first and last row that any of them covers.
    """
    position, amplitude = rows[0, n], rows[1, n]
    columns = np.ceil((width + 2.0 * grid[MARGIN]) * 2.0**position)
    lines = np.ceil((height + 2.0 * grid[MARGIN]) * 2.0**position)
    x0, x1, y0, y1 = width, -1, height, -1
    for m in range(len(moves)):
        column, row = rows[2, n] + moves[m, 0], rows[3, n] + moves[m, 1]
        if column < 0 or row < 0 or column >= columns or row >= lines:
            candidates[m, CUTOFF] = 0.0
            continue
        set_mean(grid, position, column, row, candidates[m])
        scale = rows[4, n] + moves[m, 2]
        first, second = rows[5, n] + moves[m, 3], rows[6, n] + moves[m, 4]
        set_factor(grid, amplitude, scale, first, second, candidates[m])
        set_cutoff(grid, energy, candidates[m])
        x0, x1, y0, y1 = _extend_box(candidates[m], width, height, x0, x1, y0, y1)
    return x0, x1, y0, y1


@register_jitable
def _extend_box(
    candidate: F64, width: int, height: int, x0: int, x1: int, y0: int, y1: int
) -> tuple[int, int, int, int]:
    """Extend ranges of columns and rows by those that a candidate covers."""
    left, right = find_columns(candidate, width)
    top, bottom = find_rows(candidate, height)
    if left <= right and top <= bottom:
        return min(x0, left), max(x1, right), min(y0, top), max(y1, bottom)
    return x0, x1, y0, y1
