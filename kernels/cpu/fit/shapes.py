"""A Gaussian with a `log` covariance -> its splat on the lattice of its level, and gradients back.

ln Sigma = [[m + u, v], [v, m - u]]; with rho = |(u, v)| the entries of Sigma are

    Sigma11, Sigma22 = e^m (cosh rho +- sinh(rho) / rho u),   Sigma12 = e^m sinh(rho) / rho v.

On level L cells are 2^L px wide. Enlarging a lattice to pixels adds variance, which is taken away
beforehand, and the colour grows by the `gain` so that the integral stays (FORMAT.md 7.4).
"""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np

from gsic_kernels.constants import LEVELS_MAX
from gsic_kernels.cpu.runtime.jitable import register_jitable
from gsic_kernels.types import F32, F64, I32

# Rows of what the way back needs, and the arrays of `Splats`.
Drawn: TypeAlias = tuple[F64, F32, F32, F32, F32, F32, I32]

# Floats of a row that the way back needs, and the places of its fields. `U`, `V`, `SCALE` = e^m,
# `COSH`, `SINHC` = sinh(rho) / rho and `COLOR` are those of the image, the factor P, R, T is that
# of the lattice.
WAY = 16
INVERSE_CELL, GAIN, ADDED, U, V, SCALE, COSH, SINHC, P, R, T, COLOR = range(12)

# Below this rho^2 quotients by rho lose their digits, and series are exact.
_SMALL = 1e-6

_INVERSE_CELLS = np.exp2(-np.arange(LEVELS_MAX, dtype=np.float64))


@register_jitable
def choose_level(octaves: float, highest: int) -> int:
    """Return the level of a thinner axis of a standard deviation of 2^octaves px, 0..highest."""
    if octaves >= highest:
        return highest
    # What is no number is no level either.
    return int(octaves) if octaves > 0.0 else 0


@register_jitable
def draw_gaussian(
    n: int,
    place: tuple[float, float],
    shape: tuple[float, float, float, float],
    limit: float,
    of_level: int,
    drawn: Drawn,
) -> None:
    """Fill splat n, and what its way back needs besides the colour, which is there already.

    Args:
        n: of the splat.
        place: mean, px.
        shape: e^m in px^2; u, v and rho in nats.
        limit: cutoff.
        of_level: level.
        drawn: what is filled.
    """
    ways, mean, factor, color, cutoff, offset, level = drawn
    scale, u, v, rho = shape
    square = rho * rho
    up = math.exp(rho)
    down = 1.0 / up
    cosh = 0.5 * (up + down)
    sinhc = 1.0 + square / 6.0 if square < _SMALL else 0.5 * (up - down) / rho
    cell = float(1 << of_level)
    inverse = _INVERSE_CELLS[of_level]
    # The steps of the enlarging add 4^L / 3 px^2, a quarter of that, and so on to 4 / 3.
    added = (cell * cell - 1.0) * (4.0 / 9.0)
    # The inverse of the root of the determinant, once that is taken away along both axes; the root
    # before is the scale.
    left = 1.0 / math.sqrt(scale * scale - added * (2.0 * scale * cosh - added))
    gain = scale * left
    s12 = scale * sinhc * v * inverse * inverse
    height = math.sqrt((scale * (cosh - sinhc * u) - added) * inverse * inverse)
    root = left * cell * cell
    t = 1.0 / height
    p, r = root * height, -s12 * t * root
    mean[n, 0], mean[n, 1] = place[0] * inverse, place[1] * inverse
    factor[n, 0], factor[n, 1], factor[n, 2] = p, r, t
    for c in range(color.shape[1]):
        color[n, c] = ways[n, COLOR + c] * gain
    cutoff[n], offset[n], level[n] = limit, math.exp(-limit), of_level
    ways[n, INVERSE_CELL], ways[n, GAIN], ways[n, ADDED] = inverse, gain, added
    ways[n, U], ways[n, V], ways[n, SCALE] = u, v, scale
    ways[n, COSH], ways[n, SINHC] = cosh, sinhc
    ways[n, P], ways[n, R], ways[n, T] = p, r, t


@register_jitable
def compute_root(n: int, ways: F64) -> tuple[float, float, float]:
    """Return entries 11, 12 and 22 of the symmetric root of Sigma, px, from the way of splat n."""
    # The root has m / 2, u / 2 and v / 2 in the place of m, u and v.
    scale, sinhc = ways[n, SCALE], ways[n, SINHC]
    along = math.sqrt(0.5 * scale * (ways[n, COSH] + 1.0))
    across = 0.5 * scale * sinhc / along
    by_u, by_v = across * ways[n, U], across * ways[n, V]
    return along + by_u, by_v, along - by_u


@register_jitable
def pass_back(
    n: int, ways: F64, by_mean: F32, by_factor: F32, by_color: F32, gradients: F64
) -> None:
    """Fill column n of `gradients`: those by mean, m, u, v and colour, from those by splat n."""
    inverse, gain, added = ways[n, INVERSE_CELL], ways[n, GAIN], ways[n, ADDED]
    u, v, scale = ways[n, U], ways[n, V], ways[n, SCALE]
    cosh, sinhc = ways[n, COSH], ways[n, SINHC]
    p, r, t = ways[n, P], ways[n, R], ways[n, T]
    gradients[0, n], gradients[1, n] = by_mean[n, 0] * inverse, by_mean[n, 1] * inverse
    by_log_gain = 0.0
    for c in range(by_color.shape[1]):
        by_image = float(by_color[n, c]) * gain
        by_log_gain += by_image * ways[n, COLOR + c]
        gradients[5 + c, n] = by_image
    # By Sigma12, Sigma22 and ln det of the lattice. r = -Sigma12 t / sqrt(det), so the derivative
    # of r by Sigma12 is -t / sqrt(det) = -p t^2, also where Sigma12 = 0; Sigma22 = t^-2.
    by_p, by_r = by_factor[n, 0] * p, by_factor[n, 1] * r
    by_s12 = -by_factor[n, 1] * p * t * t
    by_s22 = (by_p - by_r - by_factor[n, 2] * t) * 0.5 * t * t
    by_log_det = -0.5 * (by_p + by_r)
    s12, s22 = scale * sinhc * v, scale * (cosh - sinhc * u)
    if added > 0.0:
        # By those of the image. The gain is the root of det / left.
        det = scale * scale
        s11 = scale * (cosh + sinhc * u)
        left = det - added * (2.0 * scale * cosh - added)
        by_left = (by_log_det - 0.5 * by_log_gain) / left
        share = by_left * added / s22
        by_log_det = by_left * det - share * det + 0.5 * by_log_gain
        by_s12 = by_s12 * inverse * inverse - share * 2.0 * s12
        by_s22 = by_s22 * inverse * inverse - share * (s22 - s11)
    square = u * u + v * v
    # (cosh rho - sinh(rho) / rho) / rho^2
    slope = 1.0 / 3.0 + square / 30.0 if square < _SMALL else (cosh - sinhc) / square
    gradients[2, n] = by_s12 * s12 + by_s22 * s22 + 2.0 * by_log_det
    gradients[3, n] = scale * (
        by_s12 * slope * u * v + by_s22 * (sinhc * u - sinhc - slope * u * u)
    )
    gradients[4, n] = scale * (by_s12 * (slope * v * v + sinhc) + by_s22 * (sinhc - slope * u) * v)
