"""Covariances given by their logarithm, ln Sigma = [[m + u, v], [v, m - u]], in float64.

The same formulas as in `gsic.gaussians.LogCovariance`, in Triton and tested against it: m is the
log-scale ln(sigma1 sigma2), and |(u, v)| is the log-anisotropy ln(sigma1 / sigma2).
"""

from __future__ import annotations

import triton
import triton.language as tl

# Below this square of rho, sinh(rho) / rho is taken from its series, which does not divide by 0.
_SMALL = tl.constexpr(1e-6)


@triton.jit
def compute_entries(m, u, v):
    """Compute covariance entries and what their derivatives need, with rho = |(u, v)|.

    Returns:
        Sigma12, Sigma22, sqrt(det Sigma), cosh(rho), sinh(rho) / rho, whether rho is small.
    """
    square = u * u + v * v
    small = square < _SMALL
    rho = tl.sqrt(tl.where(small, 1.0, square))
    up = tl.exp(tl.sqrt(square))
    down = 1.0 / up
    cosh = 0.5 * (up + down)
    sinhc = tl.where(small, 1.0 + square / 6.0, 0.5 * (up - down) / rho)
    sqrt_det = tl.exp(m)
    return sqrt_det * sinhc * v, sqrt_det * (cosh - sinhc * u), sqrt_det, cosh, sinhc, small


@triton.jit
def compute_factor(s12, s22, sqrt_det):
    """Return p, r, t of the Cholesky factor of the precision matrix, from covariance entries."""
    t = 1.0 / tl.sqrt(s22)
    return 1.0 / (sqrt_det * t), -s12 * t / sqrt_det, t
