"""A float fit of any kind as raw parameters to continue from."""

from __future__ import annotations

import math

import numpy as np

from gsic.arrays import Float64
from gsic.errors import InputError
from gsic.fitting.result import Fit
from gsic.gaussians import COVARIANCES, CovarianceEntries
from gsic.profiles.gaussianimage.dequantisation import CENTRE_PX, SHAPE_OFFSETS

# Least distance of means from the edges, in halves of the image: at an edge, atanh is infinite.
_MARGIN = 1e-4


def make_raw_parameters(fit: Fit, covariance: str) -> Float64:
    """Convert the Gaussians of a fit to raw parameters, float64 (N, 5 + C).

    Args:
        fit: Gaussians that are summed over black.
        covariance: "cholesky" or "rs", the parameterisation of the result.

    Raises:
        InputError: the fit is blended, or it has a background.
    """
    if fit.opacity is not None:
        raise InputError("init: a fit of blended Gaussians; profile gaussianimage adds them up")
    if fit.background.any():
        raise InputError(
            "init: a fit over a background; profile gaussianimage has none, "
            "and continues fits of the optimiser adan"
        )
    half = np.array([fit.width, fit.height]) / 2.0
    inside = np.clip((fit.mean - CENTRE_PX) / half - 1.0, _MARGIN - 1.0, 1.0 - _MARGIN)
    if fit.covariance == covariance:
        theta = fit.theta
    else:
        entries = COVARIANCES[fit.covariance].entries(fit.theta)
        theta = _to_cholesky(entries) if covariance == "cholesky" else _to_rotation_scale(entries)
    raw = theta - SHAPE_OFFSETS[covariance]
    if covariance == "rs":
        # A Gaussian that is turned by half a circle is the same: angles are taken in 0..pi.
        share = np.clip(np.mod(theta[:, 2], math.pi) / (2.0 * math.pi), 1e-6, None)
        raw[:, 2] = np.log(share / (1.0 - share))
    return np.concatenate((np.arctanh(inside).T, raw.T, fit.color.T)).T


def _to_cholesky(entries: CovarianceEntries) -> Float64:
    """Convert covariances to l1, l2, l3, float64 (N, 3)."""
    s12, s22, det = entries
    l1 = np.sqrt((det + s12 * s12) / s22)
    return np.stack((l1, s12 / l1, np.sqrt(det) / l1), axis=1)


def _to_rotation_scale(entries: CovarianceEntries) -> Float64:
    """Convert covariances to the two scales and the angle of the first axis, float64 (N, 3)."""
    s12, s22, det = entries
    s11 = (det + s12 * s12) / s22
    half, gap = 0.5 * (s11 + s22), np.hypot(0.5 * (s11 - s22), s12)
    large = half + gap
    angle = 0.5 * np.arctan2(2.0 * s12, s11 - s22)
    # det / large and not half - gap, which cancels where the axes are very unequal.
    return np.stack((np.sqrt(large), np.sqrt(det / large), angle), axis=1)
