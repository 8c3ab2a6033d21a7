"""Where means may lie in profile `gsic`: lattices of cells that suit the shapes of Gaussians.

A Gaussian that is twice as long as wide tolerates twice the error along its length. The mean lies
in the middle of a cell whose area is about that of a square of 2^-P px, and which is finer by F
bits in the direction, column or row, in which the Gaussian is thinner. The cells stay upright: a
mean is moved along the ridge of the Gaussian to the middle of a column, which costs little, and
then rounded to the nearest of the finer rows. Cells divide squares of 2^(SQUARE_BITS - P) px.

Places are counted in 256ths of a pixel from MARGIN_PX above and to the left of the image.
"""

from __future__ import annotations

import numpy as np

from gsic.arrays import Bools, Float64, Int64
from gsic.profiles.gsic.symbols import MARGIN_PX, Header
from gsic_kernels.constants import FINE_BITS_MAX, FINEST_CLASS, PLACE_BITS, SQUARE_BITS


def count_fine_bits(position_class: Int64, amplitude_class: Int64, log_anisotropy: Int64) -> Int64:
    """Count the bits F by which cells are finer across Gaussians than along them (FORMAT.md 7.2).

    Args:
        position_class, amplitude_class: int64 (N,), P and A.
        log_anisotropy: int64 (N, 2), in steps.

    Returns:
        int64 (N,), 0..FINE_BITS_MAX. Rows are finer where the first number of the log-anisotropy is
        0 or more, otherwise columns are.
    """
    first, second = np.abs(log_anisotropy).T
    one = np.left_shift(1, amplitude_class)
    longer = np.maximum(512 * first, 512 * second - 256 * one)
    longer = np.maximum(longer, 362 * (first + second) - 58 * one)
    bits = (longer + 128 * one) >> (8 + amplitude_class)
    most = np.minimum(FINE_BITS_MAX, 2 * (FINEST_CLASS - position_class))
    fine: Int64 = np.minimum(bits, most)
    return fine


def are_upright(log_anisotropy: Int64) -> Bools:
    """Tell which of N Gaussians are higher than wide, so that their columns are finer than rows."""
    return np.asarray(log_anisotropy[:, 0] < 0)


def find_shifts(position_class: Int64, fine_bits: Int64, upright: Bools) -> Int64:
    """Find log2 of the width and of the height of the cells of N Gaussians, int64 (N, 2) in places.

    Args:
        position_class: int64 (N,), P.
        fine_bits: int64 (N,), F.
        upright: bool (N,), as `are_upright` returns it.
    """
    coarse = PLACE_BITS - position_class + (fine_bits >> 1)
    fine = coarse - fine_bits
    return np.stack((np.where(upright, fine, coarse), np.where(upright, coarse, fine)), axis=1)


def find_centres(cell: Int64, shifts: Int64) -> Int64:
    """Return the places of the middles of cells (N, 2) whose sizes have the given shifts (N, 2)."""
    return (cell << shifts) + (1 << shifts - 1)


def round_means(
    header: Header,
    position_class: Int64,
    log_anisotropy: Int64,
    fine_bits: Int64,
    mean: Float64,
    slope: Float64,
) -> Int64:
    """Round means to places of cells: to those that are nearest as the Gaussians measure it.

    Args:
        header: what all Gaussians share.
        position_class, fine_bits: int64 (N,), P and F.
        log_anisotropy: int64 (N, 2), in steps.
        mean: float64 (N, 2) px.
        slope: float64 (N,), by how much the ridge of a Gaussian rises in the finer direction for
            each px of the coarser one.

    Returns:
        int64 (N, 2).
    """
    upright = are_upright(log_anisotropy)
    shifts = find_shifts(position_class, fine_bits, upright)
    sides = np.array([header.width + 2 * MARGIN_PX, header.height + 2 * MARGIN_PX])
    square_shift = (PLACE_BITS + SQUARE_BITS - position_class)[:, None]
    squares = np.ceil(sides * np.exp2(PLACE_BITS - square_shift.astype(np.float64)))
    cells = squares * np.exp2(square_shift - shifts)
    # In columns along the Gaussian and columns across it.
    order = np.where(upright[:, None], [1, 0], [0, 1])
    along, across = np.take_along_axis(mean + MARGIN_PX, order, axis=1).T
    last_along, last_across = np.take_along_axis(cells, order, axis=1).T
    size_along, size_across = np.exp2(np.take_along_axis(shifts, order, axis=1) - PLACE_BITS).T
    coarse = np.clip(np.floor(along / size_along), 0.0, last_along - 1.0)
    across = across + slope * ((coarse + 0.5) * size_along - along)
    fine = np.clip(np.floor(across / size_across), 0.0, last_across - 1.0)
    cell = np.take_along_axis(np.stack((coarse, fine), axis=1), order, axis=1)
    return find_centres(cell.astype(np.int64), shifts)
