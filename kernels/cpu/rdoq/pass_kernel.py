"""Kernel of an RDOQ pass: each Gaussian in turn moves to the neighbour of least D + lambda R.

D is the squared error of the clamped image, R the bits of the symbols. The Gaussian is removed from
the image. The inner products of what remains with the weights of a candidate then give D for any
colour, so that place, shape and colour are chosen together. This treats clamped pixels as linear,
which is only nearly right; so the chosen move is made only if the exact cost falls.
"""

# NumPy's stubs tell integers apart that are one type to Numba.
# mypy: disable-error-code="arg-type"

from __future__ import annotations

import numpy as np

from gsic_kernels.cpu.rdoq.block_sums import exchange, multiply_blocks
from gsic_kernels.cpu.rdoq.candidates import (
    CUTOFF,
    FIELDS,
    FINE_BITS,
    OFFSET,
    P,
    R,
    T,
    X,
    Y,
    find_place,
    get_unit,
    set_cutoff,
    set_factor,
    set_mean,
)
from gsic_kernels.cpu.rdoq.costs import (
    SHAPES,
    choose_amplitudes,
    compute_color,
    compute_error,
    get_bits,
    sum_shape_bits,
)
from gsic_kernels.cpu.rdoq.moves import MOVED
from gsic_kernels.cpu.runtime.jitable import register_jitable
from gsic_kernels.cpu.sums.block_lists import SPANS
from gsic_kernels.cpu.sums.records import COLOR, LIMIT, MEAN_X, MEAN_Y, RECORD, fill_record
from gsic_kernels.cpu.sums.records import OFFSET as OFFSET_OF_RECORD
from gsic_kernels.types import F32, F64, I32, I64, SHAPE_ROWS

# Gains below this share of a bit are left alone: rounding alone could make them.
_LEAST_BITS = 1e-3


def rdoq_pass(
    channels: tuple[int, ...],
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
    lattice: I64,
    size: tuple[int, int],
    image: F32,
    target: F32,
    error: F32,
    inside: F32,
    stamps: I32,
    offsets: F32,
    places: I32,
    sums: F64,
) -> int:
    """Run a pass as `rdoq_pass.RdoqImage.run_pass` says, and return the number of moves made.

    The Gaussians are visited in the order of the rows, and each sees the moves before it.
    """
    tables = bits, origins, lowest, highest
    lists = np.empty(SPANS, np.float32), offsets, places
    # Candidates, and their records and boxes. The last one is the chosen candidate, with the cutoff
    # of its new amplitudes.
    last = len(moves)
    candidates = np.zeros((last + 1, FIELDS))
    records, boxes = np.zeros((last + 1, RECORD), np.float32), np.zeros((last + 1, 4), np.int32)
    now, best = np.empty(len(channels), np.int64), np.zeros(len(channels), np.int64)
    chosen = np.empty(len(channels), np.int64)
    old_color, new_color = np.empty(len(channels)), np.empty(len(channels))
    products = np.empty(len(channels))
    made = 0
    for n in range(rows.shape[1]):
        energy = 0.0
        for c in range(len(channels)):
            now[c] = rows[SHAPE_ROWS + c, n]
            energy += float(now[c]) * now[c]
        if energy == 0.0:
            continue
        _fill_candidates(rows, n, grid, moves, energy, size, candidates)
        for m in range(last):
            _fill_record(candidates[m], lattice, records, boxes, m)
        compute_color(transform, now, get_unit(grid, candidates[0]), old_color)
        old_bits = own[n] + sum_shape_bits(tables, rows, n, moves[0], 0)
        for c in range(len(channels)):
            old_bits += get_bits(tables, SHAPES + c, n, now[c])
        # Costs are relative to the image without the Gaussian: leaving it out costs 0, and wins
        # (move = -1) if no candidate costs less.
        least, move, new_bits, stays = 0.0, -1, 0.0, lambda_ * old_bits
        for m in range(last):
            if boxes[m, 3] < boxes[m, 2]:
                continue
            squares, along = multiply_blocks(
                *(channels, records, boxes, m, 0, lattice, error, inside, lists, products),
            )
            for c in range(len(channels)):
                products[c] -= along * old_color[c]
            unit = get_unit(grid, candidates[m])
            if m == 0:
                stays = compute_error(transform, products, squares, unit, now)
                stays += lambda_ * old_bits
            # An odd number of fine bits makes the area of a cell finer by one.
            finer = int(candidates[m, FINE_BITS] % 2.0 - candidates[0, FINE_BITS] % 2.0)
            spent = own[n] + sum_shape_bits(tables, rows, n, moves[m], finer)
            cost, spent = choose_amplitudes(
                transform, tables, n, now, products, squares, unit, lambda_, spent, chosen
            )
            if cost < least and chosen.any():
                least, move, new_bits = cost, m, spent
                best[:] = chosen
        if least >= stays - _LEAST_BITS * lambda_:
            continue
        candidates[last] = candidates[max(move, 0)]
        if move < 0:
            best[:] = 0
        energy = 0.0
        for c in range(len(channels)):
            energy += float(best[c]) * best[c]
        # New amplitudes have a cutoff of their own.
        set_cutoff(grid, energy, candidates[last])
        _fill_record(candidates[last], lattice, records, boxes, last)
        compute_color(transform, best, get_unit(grid, candidates[last]), new_color)
        for c in range(len(channels)):
            records[0, COLOR + c], records[last, COLOR + c] = -old_color[c], new_color[c]
        images = image, target, error, inside
        gained = _replace(channels, records, boxes, last, lattice, images, lists, stamps, 0)
        if gained + lambda_ * (new_bits - old_bits) >= 0.0:
            continue
        _replace(channels, records, boxes, last, lattice, images, lists, stamps, 1)
        made += 1
        sums[0] += gained
        sums[1] += new_bits - old_bits
        if move >= 0:
            rows[2, n], rows[3, n] = find_place(grid, candidates[move])
            for k in range(2, MOVED):
                rows[2 + k, n] += moves[move, k]
        for c in range(len(channels)):
            rows[SHAPE_ROWS + c, n] = best[c]
    return made


@register_jitable
def _replace(
    channels: tuple[int, ...],
    records: F32,
    boxes: I32,
    last: int,
    lattice: I64,
    images: tuple[F32, F32, F32, F32],
    lists: tuple[F32, F32, I32],
    stamps: I32,
    store_it: int,
) -> float:
    """Return what replacing candidate 0 by the last one changes; do it if `store_it`."""
    # The last stamp is the number of exchanges so far.
    stamps[-1] += 1
    change = 0.0
    for first, second in ((0, last), (last, 0)):
        if boxes[first, 3] >= boxes[first, 2]:
            change += exchange(
                *(channels, records, boxes, first, second, lattice, *images, lists),
                *(stamps, stamps[-1], store_it),
            )
    return change


@register_jitable
def _fill_candidates(
    rows: I32,
    n: int,
    grid: F64,
    moves: I64,
    energy: float,
    size: tuple[int, int],
    candidates: F64,
) -> None:
    """Fill the candidates of a Gaussian; means stay within the cells."""
    position, amplitude = np.int64(rows[0, n]), np.int64(rows[1, n])
    place = np.int64(rows[2, n]), np.int64(rows[3, n])
    for m in range(len(moves)):
        scale = rows[4, n] + moves[m, 2]
        first, second = rows[5, n] + moves[m, 3], rows[6, n] + moves[m, 4]
        set_factor(grid, amplitude, scale, first, second, candidates[m])
        set_cutoff(grid, energy, candidates[m])
        steps = moves[m, 0], moves[m, 1]
        classes, shape = (position, amplitude), (first, second)
        set_mean(grid, classes, place, shape, steps, size, candidates[m])


@register_jitable
def _fill_record(candidate: F64, lattice: I64, records: F32, boxes: I32, m: int) -> None:
    """Fill the record and the box of a candidate; it draws nothing if its cutoff is 0."""
    boxes[m, 2], boxes[m, 3] = 0, -1
    records[m, LIMIT] = -1.0
    if candidate[CUTOFF] > 0.0:
        records[m, MEAN_X], records[m, MEAN_Y] = candidate[X], candidate[Y]
        records[m, OFFSET_OF_RECORD] = candidate[OFFSET]
        p, r, t = candidate[P], candidate[R], candidate[T]
        fill_record(records, m, p, r, t, candidate[CUTOFF], lattice, boxes)
