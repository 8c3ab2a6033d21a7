"""Gaussians as arrays: covariance parameterisations and the whitening factor the kernels take.

A covariance Sigma reaches the kernels as the upper-triangular factor (p, r, t) of its inverse,
u = p dx + r dy and v = t dy with exponent q = (u^2 + v^2) / 2:

    t = Sigma22^-1/2,   p = (Sigma22 / det)^1/2,   r = -Sigma12 (Sigma22 det)^-1/2.

Each parameterisation knows Sigma12, Sigma22 and det as functions of its three numbers, det without
the cancellation of Sigma11 Sigma22 - Sigma12^2, and pulls a gradient on the factor back to them.
"""

from __future__ import annotations

import math
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]


class CovarianceEntries(NamedTuple):
    """Sigma12, Sigma22 (px^2) and det Sigma (px^4) of N Gaussians, float64 (N,) each."""

    s12: Float64
    s22: Float64
    det: Float64


def compute_factor(entries: CovarianceEntries) -> Float64:
    """Whitening factor (p, r, t), float64 (N, 3) in px^-1, of covariances given by `moments`."""
    s12, s22, det = entries
    t = 1.0 / np.sqrt(s22)
    root = 1.0 / np.sqrt(det)
    return np.stack((root / t, -s12 * t * root, t), axis=1)


def factor_backward(
    entries: CovarianceEntries, factor: Float64, grad: Float64
) -> CovarianceEntries:
    """Gradients on (Sigma12, Sigma22, ln det) from gradients on the factor, float64 (N, 3)."""
    _, s22, _ = entries
    p, r, t = factor.T
    gp, gr, gt = grad.T
    # r = -s12 t / sqrt(det), so dr/ds12 is -t / sqrt(det) = -p t^2, defined where s12 = 0 as well.
    g12 = -gr * p * t * t
    g22 = (gp * p - gr * r - gt * t) / (2.0 * s22)
    g_log_det = -(gp * p + gr * r) / 2.0
    return CovarianceEntries(g12, g22, g_log_det)


class Covariance(Protocol):
    """A way to write a covariance as three numbers."""

    name: str

    def entries(self, theta: Float64) -> CovarianceEntries:
        """(Sigma12, Sigma22, det) of parameters float64 (N, 3)."""

    def backward(self, theta: Float64, grad: CovarianceEntries) -> Float64:
        """Gradient on `theta`, float64 (N, 3), from one on (Sigma12, Sigma22, ln det)."""

    def from_sigmas(self, sigma: Float64) -> Float64:
        """Parameters, float64 (N, 3), of circular Gaussians with standard deviations `sigma` px."""

    def bound(self, theta: Float64, least: float, most: float, stretch: float) -> None:
        """Keep `theta` inside bounds, in place.

        `log` keeps both axes above `least` px, their geometric mean below `most` px and their
        ratio below `stretch`; the papers' parameterisations only keep their scales in
        `least`..`most`, as no more is said of them.
        """


class LogCovariance:
    """ln Sigma = [[m + u, v], [v, m - u]]: unconstrained, no angle wrap; m, u, v in nats."""

    name = "log"

    def entries(self, theta: Float64) -> CovarianceEntries:
        m, u, v = theta.T
        cosh, sinhc, _, _ = _hyperbolic(u, v)
        size = np.exp(m)
        return CovarianceEntries(size * sinhc * v, size * (cosh - sinhc * u), size * size)

    def backward(self, theta: Float64, grad: CovarianceEntries) -> Float64:
        m, u, v = theta.T
        g12, g22, g_log_det = grad
        cosh, sinhc, square, small = _hyperbolic(u, v)
        # (cosh rho - sinh(rho) / rho) / rho^2
        near = 1.0 / 3.0 + square / 30.0
        safe = np.where(small, 1.0, np.sqrt(square))
        slope = np.where(small, near, (cosh - sinhc) / (safe * safe))
        size = np.exp(m)
        s12, s22 = size * sinhc * v, size * (cosh - sinhc * u)
        du = g12 * size * slope * u * v + g22 * size * (sinhc * u - sinhc - slope * u * u)
        dv = g12 * size * (slope * v * v + sinhc) + g22 * size * (sinhc - slope * u) * v
        return np.stack((g12 * s12 + g22 * s22 + 2.0 * g_log_det, du, dv), axis=1)

    def from_sigmas(self, sigma: Float64) -> Float64:
        zero = np.zeros_like(sigma)
        return np.stack((2.0 * np.log(sigma), zero, zero), axis=1)

    def bound(self, theta: Float64, least: float, most: float, stretch: float) -> None:
        smallest = 2.0 * math.log(least)
        np.clip(theta[:, 0], smallest, 2.0 * math.log(most), out=theta[:, 0])
        rho = np.sqrt(theta[:, 1] ** 2 + theta[:, 2] ** 2)
        widest = np.minimum(math.log(stretch), theta[:, 0] - smallest)
        over = np.flatnonzero(rho > widest)
        theta[over, 1:] *= (widest[over] / rho[over])[:, None]

    def from_entries(self, entries: CovarianceEntries) -> Float64:
        """Parameters, float64 (N, 3), of covariances given by `moments`."""
        s12, s22, det = entries
        m = 0.5 * np.log(det)
        # Sigma / sqrt(det) = [[cosh + u sinhc, v sinhc], [v sinhc, cosh - u sinhc]].
        s11 = (det + s12 * s12) / s22
        scale = np.exp(-m)
        cosh = np.maximum(0.5 * (s11 + s22) * scale, 1.0)
        rho = np.arccosh(cosh)
        sinhc = _hyperbolic(rho, np.zeros_like(rho))[1]
        u = 0.5 * (s11 - s22) * scale / sinhc
        return np.stack((m, u, s12 * scale / sinhc), axis=1)


class CholeskyCovariance:
    """Sigma = L L', L = [[l1, 0], [l2, l3]] in px (GaussianImage, eq. 1)."""

    name = "cholesky"

    def entries(self, theta: Float64) -> CovarianceEntries:
        l1, l2, l3 = theta.T
        return CovarianceEntries(l1 * l2, l2 * l2 + l3 * l3, (l1 * l3) ** 2)

    def backward(self, theta: Float64, grad: CovarianceEntries) -> Float64:
        l1, l2, l3 = theta.T
        g12, g22, g_log_det = grad
        return np.stack(
            (
                g12 * l2 + 2.0 * g_log_det / l1,
                g12 * l1 + 2.0 * g22 * l2,
                2.0 * g22 * l3 + 2.0 * g_log_det / l3,
            ),
            axis=1,
        )

    def from_sigmas(self, sigma: Float64) -> Float64:
        return np.stack((sigma, np.zeros_like(sigma), sigma), axis=1)

    def bound(self, theta: Float64, least: float, most: float, stretch: float) -> None:
        _keep_from_zero(theta[:, 0::2], least, most)


class RotationScaleCovariance:
    """Sigma = (R S)(R S)' with scales s1, s2 in px and an angle (GaussianImage, eq. 2)."""

    name = "rs"

    def entries(self, theta: Float64) -> CovarianceEntries:
        s1, s2, angle = theta.T
        cos, sin = np.cos(angle), np.sin(angle)
        return CovarianceEntries(
            (s1 * s1 - s2 * s2) * sin * cos, (s1 * sin) ** 2 + (s2 * cos) ** 2, (s1 * s2) ** 2
        )

    def backward(self, theta: Float64, grad: CovarianceEntries) -> Float64:
        s1, s2, angle = theta.T
        g12, g22, g_log_det = grad
        cos, sin = np.cos(angle), np.sin(angle)
        gap = s1 * s1 - s2 * s2
        return np.stack(
            (
                2.0 * s1 * (g12 * sin * cos + g22 * sin * sin) + 2.0 * g_log_det / s1,
                2.0 * s2 * (g22 * cos * cos - g12 * sin * cos) + 2.0 * g_log_det / s2,
                gap * (g12 * (cos * cos - sin * sin) + 2.0 * g22 * sin * cos),
            ),
            axis=1,
        )

    def from_sigmas(self, sigma: Float64) -> Float64:
        return np.stack((sigma, sigma, np.zeros_like(sigma)), axis=1)

    def bound(self, theta: Float64, least: float, most: float, stretch: float) -> None:
        _keep_from_zero(theta[:, :2], least, most)


def _keep_from_zero(scale: Float64, least: float, most: float) -> None:
    """Clip magnitudes to least..most, in place; a sign, which draws nothing else, is kept."""
    np.copyto(scale, np.copysign(np.clip(np.abs(scale), least, most), scale))


def _hyperbolic(u: Float64, v: Float64) -> tuple[Float64, Float64, Float64, NDArray[np.bool_]]:
    """cosh rho, sinh(rho) / rho, rho^2 = u^2 + v^2 and whether that is too small to divide by."""
    square = u * u + v * v
    rho = np.sqrt(square)
    up = np.exp(rho)
    down = 1.0 / up
    cosh = 0.5 * (up + down)
    small = square < 1e-6
    safe = np.where(small, 1.0, rho)
    sinhc = np.where(small, 1.0 + square / 6.0, 0.5 * (up - down) / safe)
    return cosh, sinhc, square, small


COVARIANCES: dict[str, Covariance] = {
    c.name: c for c in (LogCovariance(), CholeskyCovariance(), RotationScaleCovariance())
}
