"""The arrays that kernels take and return."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

F32: TypeAlias = NDArray[np.float32]
F64: TypeAlias = NDArray[np.float64]
I32: TypeAlias = NDArray[np.int32]
I64: TypeAlias = NDArray[np.int64]
U8: TypeAlias = NDArray[np.uint8]
U32: TypeAlias = NDArray[np.uint32]
U64: TypeAlias = NDArray[np.uint64]

# Rows of `LogSymbols` before those of amplitudes.
SHAPE_ROWS = 7


class Splats(NamedTuple):
    """N Gaussians as arrays; the weight of one is exp(-q) - offset where q <= cutoff, else 0.

    A Gaussian of level L is drawn on a lattice whose cells are 2^L px wide, with cell (0, 0) in the
    corner of pixel (0, 0). Its arrays are in cells of that lattice, which is then enlarged to
    pixels (FORMAT.md 7.4). Level 0 is the pixels.

    q = (u^2 + v^2) / 2 with u = p dx + r dy, v = t dy and (dx, dy) = pixel centre - mean.

    The factor [[p, r], [0, t]] is the upper-triangular Cholesky factor U of the precision matrix,
    the inverse of the covariance: U^T U = Sigma^-1. The literature calls the three entries of that
    matrix the conic. Kernels take the factor instead, because q computed from the conic is a
    difference of large terms for thin Gaussians.
    """

    mean: F32  # (N, 2) px, x then y; the centre of pixel (row i, column j) is (j + 0.5, i + 0.5)
    factor: F32  # (N, 3) px^-1: p, r, t
    color: F32  # (N, C) 1.0 = full scale, not limited to 0..1
    cutoff: F32  # (N,) the q beyond which the weight is exactly zero
    offset: F32  # (N,) subtracted from exp(-q) within the cutoff
    level: I32  # (N,) 0..LEVELS_MAX - 1

    def select(self, which: NDArray[np.bool_] | I64) -> Splats:
        """Return the Gaussians for which `which`, bool (N,), is True, or those it numbers."""
        mean, factor, color, cutoff, offset, level = self
        return Splats(
            mean[which], factor[which], color[which], cutoff[which], offset[which], level[which]
        )


class LogGrid(NamedTuple):
    """Constants that turn symbols into Gaussians with log2 Sigma = [[m + u, v], [v, m - u]].

    m is the log-scale and (u, v) the log-anisotropy of a Gaussian, A its amplitude class. With E
    the sum of the squares of its amplitudes, at most 2^52, and with h = half_resolution, its
    cutoff is (cutoff_level + h bitlength(E) - floor(h m)) ln 2 / (2 h), or 0
    if E = 0, and its offset is exp(-cutoff).
    """

    margin: float  # px from the origin back to place 0; places are 2^-PLACE_BITS px
    log_scale_step: float  # step of m, times 2^-A
    log_anisotropy_step: float  # step of u and v, times 2^-A
    min_log_scale: float  # least m, and least log2 of the smaller variance, m - sqrt(u^2 + v^2)
    max_log_scale: float  # largest m
    max_log_anisotropy: float  # largest sqrt(u^2 + v^2)
    amplitude_unit: float  # full scale per amplitude of 1 where m = 0; elsewhere times 2^(-m / 2)
    half_resolution: float  # h
    cutoff_level: float
    transform: F64  # (C, C) a row of amplitudes times this is a colour


class LogSymbols(NamedTuple):
    """N Gaussians as integers, for a backend that dequantises them itself.

    The rows are the position class P, the amplitude class A in 0..30, the place of the mean, m, u
    and v in steps, and an amplitude for each of C channels.
    """

    rows: I32  # (7 + C, N)
    grid: LogGrid


class Window(NamedTuple):
    """A rectangle of pixels; it may start anywhere, outside the image too."""

    x: int
    y: int
    width: int
    height: int


class Gradients(NamedTuple):
    """Derivatives of a scalar by the arrays of `Splats` that a fit learns."""

    mean: F32  # (N, 2)
    factor: F32  # (N, 3)
    color: F32  # (N, C)


class Blended(NamedTuple):
    """An alpha-blended rendering, and what the computation of its gradient needs besides."""

    image: F32  # (height, width, C), not clamped
    transmittance: F32  # (height, width), the share of the background that is seen
    stop: I32  # (height, width), index of the first Gaussian that the pixel refused, N for none


class AlphaGradients(NamedTuple):
    """Derivatives of a scalar by everything in alpha blending that a fit learns."""

    mean: F32  # (N, 2)
    factor: F32  # (N, 3)
    color: F32  # (N, C)
    opacity: F32  # (N,)
    background: F32  # (C,)


def round_splats(
    mean: NDArray[np.float64],
    factor: NDArray[np.float64],
    color: NDArray[np.float64],
    cutoff: NDArray[np.float64],
    offset: NDArray[np.float64],
    level: I32 | None = None,
) -> Splats:
    """Make splats of float64 arrays by rounding each value once.

    Args:
        mean, factor, color, cutoff, offset: float64, with the shapes and units of `Splats`.
        level: as in `Splats`; None for level 0.

    Returns:
        Splats of new float32 arrays.
    """
    return Splats(
        mean.astype(np.float32),
        factor.astype(np.float32),
        color.astype(np.float32),
        cutoff.astype(np.float32),
        offset.astype(np.float32),
        np.zeros(len(mean), np.int32) if level is None else level,
    )


def count_levels(splats: Splats) -> int:
    """Count the levels from 0 to the highest one that occurs, 1 or more."""
    return int(splats.level.max(initial=0)) + 1
