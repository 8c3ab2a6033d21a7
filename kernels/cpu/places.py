"""Places of means on the upright lattices of profile `gsic` (FORMAT.md 7.2), for kernels.

A place is a whole number of 256ths of a pixel. The cells of a Gaussian have about the area of
squares of 2^-P px, but they are finer by F bits in the direction in which it is thinner than in the
other one: rows are finer where the first number of its log-anisotropy is 0 or more, otherwise
columns.
"""

from __future__ import annotations

import math

import numpy as np

from gsic_kernels.constants import FINE_BITS_MAX, FINEST_CLASS, PLACE_BITS, SQUARE_BITS
from gsic_kernels.cpu.runtime.jitable import register_jitable

# Powers of two of -_LARGEST_POWER to _LARGEST_POWER: reading them is faster than computing them.
_LARGEST_POWER = 16
_POWERS = np.exp2(np.arange(-_LARGEST_POWER, _LARGEST_POWER + 1, dtype=np.float64))


@register_jitable
def count_fine_bits(position: int, amplitude: int, first: int, second: int) -> int:
    """Count the bits F of a Gaussian from P, A and its log-anisotropy in steps (FORMAT.md 7.2)."""
    one, along, across = 1 << amplitude, abs(first), abs(second)
    # log2 of the ratio of the sides of a cell, by three straight lines, in units of 2^-(8 + A).
    longer = max(512 * along, 512 * across - 256 * one, 362 * (along + across) - 58 * one)
    bits = (longer + 128 * one) >> (8 + amplitude)
    return min(bits, FINE_BITS_MAX, 2 * (FINEST_CLASS - position))


@register_jitable
def find_slope(u: float, v: float, rho: float) -> float:
    """Return by how much the ridge of a Gaussian rises across for each px along.

    u, v and rho are in nats. Along a line in the longer direction the weight is largest there.
    """
    share = 1.0
    if rho > 1e-4:
        share = math.tanh(rho) / rho
    return share * v / (1.0 + share * abs(u))


@register_jitable
def round_place(
    x: float,
    y: float,
    slope: float,
    upright: bool,
    position: int,
    fine_bits: int,
    size: tuple[float, float],
) -> tuple[int, int]:
    """Round a mean to the place of a cell, and return it.

    The mean is moved along the ridge of the Gaussian to the middle of the coarser cells, and then
    to the nearest middle of the finer ones.

    Args:
        x, y: px from the corner of the first cell.
        slope: of the ridge.
        upright: whether the Gaussian is higher than wide, so that columns are finer than rows.
        position: position class P.
        fine_bits: F.
        size: what the cells cover, px.
    """
    along, across = (y, x) if upright else (x, y)
    side_along, side_across = (size[1], size[0]) if upright else size
    squares_per_px = _POWERS[_LARGEST_POWER + position - SQUARE_BITS]
    shift = PLACE_BITS - position + (fine_bits >> 1)
    cell = _POWERS[_LARGEST_POWER + shift - PLACE_BITS]
    # Cells of a square in the longer direction.
    along_cells = 1 << (SQUARE_BITS - (fine_bits >> 1))
    last = math.ceil(side_along * squares_per_px) * along_cells - 1.0
    number = min(max(math.floor(along / cell), 0.0), last)
    across += slope * ((number + 0.5) * cell - along)
    place_along = (int(number) << shift) + (1 << shift) // 2
    shift -= fine_bits
    last = math.ceil(side_across * squares_per_px) * (along_cells << fine_bits) - 1.0
    per_px = _POWERS[_LARGEST_POWER + PLACE_BITS - shift]
    number = min(max(math.floor(across * per_px), 0.0), last)
    place_across = (int(number) << shift) + (1 << shift) // 2
    if upright:
        return place_across, place_along
    return place_along, place_across
