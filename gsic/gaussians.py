"""Covariances of Gaussians: their parameterisations, and the factor that the kernels take.

The kernels take a covariance Sigma as its *factor* (p, r, t): the Cholesky factor of the precision
matrix Sigma^-1, which the field calls the conic. With (dx, dy) from the mean to a pixel centre, the
exponent of the Gaussian is q = (u^2 + v^2) / 2 with u = p dx + r dy and v = t dy, so that

    Sigma^-1 = U'U,   U = [[p, r], [0, t]],
    t = Sigma22^-1/2,   p = (Sigma22 / det)^1/2,   r = -Sigma12 (Sigma22 det)^-1/2.

Each parameterisation computes the *covariance entries* Sigma12, Sigma22 and det Sigma from its
three numbers, det without the cancellation of Sigma11 Sigma22 - Sigma12^2. Gradients go the same
way backward: `factor_backward` from the factor to the entries, `Covariance.backward` from the
entries to the three numbers.
"""

from __future__ import annotations

import math
from typing import NamedTuple, Protocol

import numpy as np

from gsic.arrays import Bools, Float64


class CovarianceEntries(NamedTuple):
    """Sigma12, Sigma22 (px^2) and det Sigma (px^4) of N Gaussians, float64 (N,) each.

    Gradients have the same fields, but `det` is then the gradient on ln det Sigma.
    """

    s12: Float64
    s22: Float64
    det: Float64


def compute_factor(entries: CovarianceEntries) -> Float64:
    """Compute the factors (p, r, t), float64 (N, 3) in px^-1, of covariances."""
    s12, s22, det = entries
    t = 1.0 / np.sqrt(s22)
    root = 1.0 / np.sqrt(det)
    return np.stack((root / t, -s12 * t * root, t), axis=1)


def factor_backward(
    entries: CovarianceEntries, factor: Float64, grad: Float64
) -> CovarianceEntries:
    """Vector-Jacobian product of `compute_factor`.

    Args:
        entries: of N covariances.
        factor: float64 (N, 3), their factors.
        grad: float64 (N, 3), gradient on the factors.

    Returns:
        Gradients on Sigma12, Sigma22 and ln det Sigma.
    """
    _, s22, _ = entries
    p, r, t = factor.T
    gp, gr, gt = grad.T
    # r = -s12 t / sqrt(det), so dr/ds12 is -t / sqrt(det) = -p t^2, defined where s12 = 0 as well.
    g12 = -gr * p * t * t
    g22 = (gp * p - gr * r - gt * t) / (2.0 * s22)
    g_log_det = -(gp * p + gr * r) / 2.0
    return CovarianceEntries(g12, g22, g_log_det)


class Covariance(Protocol):
    """A parameterisation of covariances by three numbers, `theta`."""

    name: str

    def entries(self, theta: Float64) -> CovarianceEntries:
        """Compute the covariance entries of parameters, float64 (N, 3)."""

    def backward(self, theta: Float64, grad: CovarianceEntries) -> Float64:
        """Vector-Jacobian product of `entries`.

        Args:
            theta: float64 (N, 3), parameters.
            grad: gradients on Sigma12, Sigma22 and ln det Sigma.

        Returns:
            Gradient on `theta`, float64 (N, 3).
        """

    def from_sigmas(self, sigma: Float64) -> Float64:
        """Return the parameters (N, 3) of circular Gaussians of standard deviations (N,) in px."""

    def clamp(self, theta: Float64, min_sigma: float, max_sigma: float, max_ratio: float) -> None:
        """Clamp parameters to bounds, in place.

        `log` keeps the standard deviations along both axes above `min_sigma`, their geometric mean
        below `max_sigma` and their ratio below `max_ratio`. The papers' parameterisations only keep
        the magnitudes of their scales in `min_sigma`..`max_sigma`, because the papers say no more.

        Args:
            theta: float64 (N, 3), parameters.
            min_sigma, max_sigma: px.
            max_ratio: at least 1.
        """


class LogCovariance:
    """ln Sigma = [[m + u, v], [v, m - u]] with m, u, v in nats.

    Every (m, u, v) is a covariance, and no number is an angle that wraps around. m is the log-scale
    (2 ln of the geometric mean of the standard deviations along the axes), (u, v) is the
    log-anisotropy (its length rho is ln of the ratio of the axes).
    """

    name = "log"

    def entries(self, theta: Float64) -> CovarianceEntries:
        m, u, v = theta.T
        cosh, sinhc, _, _ = _hyperbolic(u, v)
        scale = np.exp(m)
        return CovarianceEntries(scale * sinhc * v, scale * (cosh - sinhc * u), scale * scale)

    def backward(self, theta: Float64, grad: CovarianceEntries) -> Float64:
        m, u, v = theta.T
        g12, g22, g_log_det = grad
        cosh, sinhc, square, small = _hyperbolic(u, v)
        # (cosh rho - sinh(rho) / rho) / rho^2
        near = 1.0 / 3.0 + square / 30.0
        safe = np.where(small, 1.0, np.sqrt(square))
        slope = np.where(small, near, (cosh - sinhc) / (safe * safe))
        scale = np.exp(m)
        s12, s22 = scale * sinhc * v, scale * (cosh - sinhc * u)
        du = g12 * scale * slope * u * v + g22 * scale * (sinhc * u - sinhc - slope * u * u)
        dv = g12 * scale * (slope * v * v + sinhc) + g22 * scale * (sinhc - slope * u) * v
        return np.stack((g12 * s12 + g22 * s22 + 2.0 * g_log_det, du, dv), axis=1)

    def roots(self, theta: Float64) -> Float64:
        """Return the symmetric roots of covariances, float64 (N, 2, 2) in px."""
        m, u, v = 0.5 * theta.T
        cosh, sinhc, _, _ = _hyperbolic(u, v)
        scale = np.exp(m)
        along, by_u, by_v = scale * cosh, scale * sinhc * u, scale * sinhc * v
        return np.stack((along + by_u, by_v, by_v, along - by_u), axis=1).reshape(-1, 2, 2)

    def from_sigmas(self, sigma: Float64) -> Float64:
        zero = np.zeros_like(sigma)
        return np.stack((2.0 * np.log(sigma), zero, zero), axis=1)

    def clamp(self, theta: Float64, min_sigma: float, max_sigma: float, max_ratio: float) -> None:
        least = 2.0 * math.log(min_sigma)
        np.clip(theta[:, 0], least, 2.0 * math.log(max_sigma), out=theta[:, 0])
        rho = np.sqrt(theta[:, 1] ** 2 + theta[:, 2] ** 2)
        # The smaller variance has the logarithm m - rho.
        most = np.minimum(math.log(max_ratio), theta[:, 0] - least)
        over = np.flatnonzero(rho > most)
        theta[over, 1:] *= (most[over] / rho[over])[:, None]

    def from_entries(self, entries: CovarianceEntries) -> Float64:
        """Return the parameters, float64 (N, 3), of covariances."""
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

    def clamp(self, theta: Float64, min_sigma: float, max_sigma: float, max_ratio: float) -> None:
        _clamp_magnitudes(theta[:, 0::2], min_sigma, max_sigma)


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

    def clamp(self, theta: Float64, min_sigma: float, max_sigma: float, max_ratio: float) -> None:
        _clamp_magnitudes(theta[:, :2], min_sigma, max_sigma)


def _clamp_magnitudes(scale: Float64, least: float, most: float) -> None:
    """Clamp magnitudes to least..most, in place; signs, which change no covariance, are kept."""
    np.copyto(scale, np.copysign(np.clip(np.abs(scale), least, most), scale))


def _hyperbolic(u: Float64, v: Float64) -> tuple[Float64, Float64, Float64, Bools]:
    """Compute cosh rho, sinh(rho) / rho, rho^2 = u^2 + v^2, and where rho^2 is near 0."""
    square = u * u + v * v
    rho = np.sqrt(square)
    up = np.exp(rho)
    down = 1.0 / up
    cosh = 0.5 * (up + down)
    # Near 0 the quotients lose their digits, and the series below are exact.
    small = square < 1e-6
    safe = np.where(small, 1.0, rho)
    sinhc = np.where(small, 1.0 + square / 6.0, 0.5 * (up - down) / safe)
    return cosh, sinhc, square, small


COVARIANCES: dict[str, Covariance] = {
    c.name: c for c in (LogCovariance(), CholeskyCovariance(), RotationScaleCovariance())
}
