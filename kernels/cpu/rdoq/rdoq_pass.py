"""One sweep of a search over symbols: each Gaussian in turn moves to the cheapest neighbour.

What a symbol costs is the squared error of the clamped image plus the price of its bits. For one
Gaussian the image without it is set aside; its inner products with the weights of a neighbouring
place or shape then tell the error for every colour at once, so that place, shape and colour are
chosen together. Pixels that are clamped are taken for linear in that, which is nearly right; the
move that is chosen is made only where the exact cost falls.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba.extending import register_jitable
from numpy.typing import NDArray

from gsic_kernels import validation
from gsic_kernels.cpu.rdoq.boxes import exchange, inner_products, set_aside
from gsic_kernels.cpu.rdoq.candidates import (
    CUTOFF,
    FIELDS,
    MARGIN,
    UNIT,
    VARIANCE,
    column_range,
    cut,
    form,
    place,
    row_range,
    squares_gained,
)
from gsic_kernels.cpu.runtime.dispatch import kernel
from gsic_kernels.types import SHAPE_ROWS, LogSymbols

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
I32 = NDArray[np.int32]
I64 = NDArray[np.int64]

# Steps of column, row, size and both numbers of stretch; the first stays where it is.
_MOVED = 5
_UNITS = np.eye(_MOVED, dtype=np.int64)
MOVES = np.concatenate((np.zeros((1, _MOVED), np.int64), _UNITS, -_UNITS))

# The symbols that have prices of their own: size, stretch and amplitudes.
_PRICED_ROW = 4
_SHAPES = SHAPE_ROWS - _PRICED_ROW

# Amplitudes beyond this are not looked for; the format ends at 2^30.
_MOST = 2.0**29

# Gains below this share of a bit are left alone: rounding alone could make them.
_LEAST_BITS = 1e-3


class CodeLengths(NamedTuple):
    """What the symbols of N Gaussians cost, each with its neighbours.

    The value v of row 4 + k of Gaussian n costs `bits[origins[k, n] + v]` for v between
    `lowest[k, n]` and `highest[k, n]`, and beyond as much as there.
    """

    bits: F64  # (M,)
    origins: I64  # (3 + C, N)
    lowest: I64  # (3 + C, N)
    highest: I64  # (3 + C, N)
    own: F64  # (N,), what place and classes cost


class PassResult(NamedTuple):
    """What a sweep did: how many moves it made, and what they changed."""

    moves: int
    squares: float  # squared error, 1.0 = full scale
    bits: float


def run_rdoq_pass(
    symbols: LogSymbols, lengths: CodeLengths, price: float, image: F32, target: F32
) -> PassResult:
    """Move each of N Gaussians once, where that lowers squared error + price bits.

    Args:
        symbols: Gaussians, changed in place; one that does not pay gets amplitudes of 0.
        lengths: of their symbols.
        price: squared error, 1.0 = full scale, that a bit is worth; above 0.
        image: float32 (C, H, W), what the Gaussians draw, not clamped; changed along with them.
        target: float32 (C, H, W), 0..1.

    Raises:
        TypeError, ValueError: as `validation.check_log_symbols` says; the images do not
            fit; what is changed is not contiguous.
    """
    rows, grid = validation.check_log_symbols(symbols)
    if not (rows.flags.c_contiguous and image.flags.c_contiguous):
        raise ValueError("rows and image must be contiguous, as they are changed in place")
    channels = len(rows) - SHAPE_ROWS
    if len(target) != channels:
        raise ValueError(f"target must have {channels} planes, got {len(target)}")
    image = validation.check_image("image", image, target.shape)
    target = validation.check_image("target", target, target.shape)
    numbers = np.array(grid[:-1], np.float64)
    sums = np.zeros(2)
    sweep = kernel("search")
    moves = sweep(rows, numbers, grid.transform, MOVES, *lengths, price, image, target, sums)
    return PassResult(int(moves), float(sums[0]), float(sums[1]))


def search(
    rows: I32,
    grid: F64,
    transform: F64,
    moves: I64,
    bits: F64,
    origins: I64,
    lowest: I64,
    highest: I64,
    own: F64,
    price: float,
    image: F32,
    target: F32,
    sums: F64,
) -> int:
    """See `run_rdoq_pass`; returns the number of moves made."""
    channels, height, width = target.shape
    tables = bits, origins, lowest, highest
    trials = np.zeros((len(moves) + 1, FIELDS))
    # The image without the Gaussian at hand, less the target; then rows with its successor.
    without = np.empty((channels, height * width), np.float32)
    fresh = np.empty((channels, height * width), np.float32)
    weights = np.empty(width, np.float32)
    now, best = np.empty(channels, np.int64), np.zeros(channels, np.int64)
    chosen = np.empty(channels, np.int64)
    before, after, products = np.empty(channels), np.empty(channels), np.empty(channels)
    made = 0
    for n in range(rows.shape[1]):
        energy = 0.0
        for c in range(channels):
            now[c] = rows[7 + c, n]
            energy += float(now[c]) * now[c]
        if energy == 0.0:
            continue
        x0, x1, y0, y1 = _try(rows, n, grid, moves, energy, trials, width, height)
        _mix(transform, now, grid[UNIT] * 2.0 ** (-0.5 * trials[0, VARIANCE]), before)
        box = x0, max(x1 - x0 + 1, 0), y0, max(y1 - y0 + 1, 0)
        set_aside(image, target, trials[0], before, box, weights, without)
        old_bits = own[n] + _shape_bits(tables, rows, n, moves[0])
        for c in range(channels):
            old_bits += _bits(tables, _SHAPES + c, n, now[c])
        # Without the Gaussian nothing is paid, and no error is gained or lost against that.
        least, move, new_bits, stays = 0.0, -1, 0.0, price * old_bits
        for m in range(len(moves)):
            if trials[m, CUTOFF] <= 0.0:
                continue
            squares = inner_products(trials[m], without, box, width, height, weights, products)
            unit = grid[UNIT] * 2.0 ** (-0.5 * trials[m, VARIANCE])
            spent = own[n] + _shape_bits(tables, rows, n, moves[m])
            if m == 0:
                stays = _error(transform, products, squares, unit, now) + price * old_bits
            cost = price * spent
            for c in range(channels):
                along = 0.0
                for k in range(channels):
                    along += transform[c, k] * products[k]
                value = _amplitude(tables, n, c, now[c], along * unit, squares * unit * unit, price)
                chosen[c] = value
                length = _bits(tables, _SHAPES + c, n, value)
                spent += length
                cost += 2.0 * value * along * unit + float(value) * value * squares * unit * unit
                cost += price * length
            if cost < least and chosen.any():
                least, move, new_bits = cost, m, spent
                best[:] = chosen
        if least >= stays - _LEAST_BITS * price:
            continue
        energy = 0.0
        trials[-1] = trials[max(move, 0)]
        if move < 0:
            best[:] = 0
        for c in range(channels):
            energy += float(best[c]) * best[c]
        cut(grid, energy, trials[-1])
        _mix(transform, best, grid[UNIT] * 2.0 ** (-0.5 * trials[-1, VARIANCE]), after)
        # The cutoff of another colour may be longer than those that were tried.
        left, right = column_range(trials[-1], width)
        top, bottom = row_range(trials[-1], height)
        if left <= right and top <= bottom:
            x0, x1, y0, y1 = min(x0, left), max(x1, right), min(y0, top), max(y1, bottom)
        box = x0, max(x1 - x0 + 1, 0), y0, max(y1 - y0 + 1, 0)
        gained = 0.0
        exchange(image, trials[0], before, trials[-1], after, box, weights, fresh)
        for y in range(box[3]):
            at = y * box[1]
            for c in range(channels):
                old, new = image[c, y0 + y, x0 : x0 + box[1]], fresh[c, at : at + box[1]]
                aim = target[c, y0 + y, x0 : x0 + box[1]]
                gained += float(squares_gained(old, new, aim))
        if gained + price * (new_bits - old_bits) >= 0.0:
            continue
        made += 1
        sums[0] += gained
        sums[1] += new_bits - old_bits
        for y in range(box[3]):
            at = y * box[1]
            for c in range(channels):
                image[c, y0 + y, x0 : x0 + box[1]] = fresh[c, at : at + box[1]]
        if move >= 0:
            for k in range(_MOVED):
                rows[2 + k, n] += moves[move, k]
        for c in range(channels):
            rows[7 + c, n] = best[c]
    return made


@register_jitable
def _try(
    rows: I32,
    n: int,
    grid: F64,
    moves: I64,
    energy: float,
    trials: F64,
    width: int,
    height: int,
) -> tuple[int, int, int, int]:
    """Fill the trials of a Gaussian; first and last column and row that any of them reaches."""
    position, amplitude = rows[0, n], rows[1, n]
    columns = np.ceil((width + 2.0 * grid[MARGIN]) * 2.0**position)
    lines = np.ceil((height + 2.0 * grid[MARGIN]) * 2.0**position)
    x0, x1, y0, y1 = width, -1, height, -1
    for m in range(len(moves)):
        column, row = rows[2, n] + moves[m, 0], rows[3, n] + moves[m, 1]
        if column < 0 or row < 0 or column >= columns or row >= lines:
            trials[m, CUTOFF] = 0.0
            continue
        place(grid, position, column, row, trials[m])
        size = rows[4, n] + moves[m, 2]
        form(grid, amplitude, size, rows[5, n] + moves[m, 3], rows[6, n] + moves[m, 4], trials[m])
        cut(grid, energy, trials[m])
        left, right = column_range(trials[m], width)
        top, bottom = row_range(trials[m], height)
        if left <= right and top <= bottom:
            x0, x1, y0, y1 = min(x0, left), max(x1, right), min(y0, top), max(y1, bottom)
    return x0, x1, y0, y1


@register_jitable
def _mix(transform: F64, amplitudes: I64, unit: float, color: F64) -> None:
    """Colour of amplitudes."""
    for k in range(len(color)):
        color[k] = 0.0
        for c in range(len(color)):
            color[k] += amplitudes[c] * unit * transform[c, k]


@register_jitable
def _error(transform: F64, products: F64, squares: float, unit: float, amplitudes: I64) -> float:
    """Squared error of amplitudes, less that of none."""
    total = 0.0
    for c in range(len(amplitudes)):
        along = 0.0
        for k in range(len(amplitudes)):
            along += transform[c, k] * products[k]
        value = amplitudes[c] * unit
        total += 2.0 * value * along + value * value * squares
    return total


@register_jitable
def _amplitude(
    tables: tuple[F64, I64, I64, I64],
    n: int,
    c: int,
    now: int,
    along: float,
    squares: float,
    price: float,
) -> int:
    """The cheapest of 0, what it is now, and what is next to the least error."""
    free = -along / squares if squares > 0.0 else 0.0
    nearest = int(np.rint(min(max(free, -_MOST), _MOST)))
    best, least = 0, price * _bits(tables, _SHAPES + c, n, 0)
    for k in range(-1, 3):
        value = nearest + k if k < 2 else now
        cost = 2.0 * value * along + float(value) * value * squares
        cost += price * _bits(tables, _SHAPES + c, n, value)
        if cost < least:
            best, least = value, cost
    return best


@register_jitable
def _shape_bits(tables: tuple[F64, I64, I64, I64], rows: I32, n: int, move: I64) -> float:
    """What size and stretch cost after a move."""
    total = 0.0
    for k in range(_SHAPES):
        total += _bits(tables, k, n, rows[_PRICED_ROW + k, n] + move[2 + k])
    return total


@register_jitable
def _bits(tables: tuple[F64, I64, I64, I64], k: int, n: int, value: int) -> float:
    """What a value costs."""
    bits, origins, lowest, highest = tables
    return float(bits[origins[k, n] + min(max(value, lowest[k, n]), highest[k, n])])
