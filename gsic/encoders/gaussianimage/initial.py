"""A float fit, of whatever kind, as parameters to go on with."""

from __future__ import annotations

import math

import numpy as np

from gsic.arrays import Float64
from gsic.errors import InputError
from gsic.fitting.result import Fit
from gsic.gaussians import COVARIANCES, CovarianceEntries
from gsic.profiles.gaussianimage.dequantisation import CENTRE_PX, SHAPE_OFFSETS

# Means nearer to an edge, or outside, are brought so far inside, in halves of the image.
_INSIDE = 1e-4


def raw_of_fit(fit: Fit, covariance: str) -> Float64:
    """Raw parameters (N, 5 + C) of the Gaussians of a fit.

    Args:
        fit: summed over black.
        covariance: "cholesky" or "rs", what to write covariances as.

    Raises:
        InputError: a fit that is blended, or has a background.
    """
    if fit.opacity is not None:
        raise InputError("init: a fit of blended Gaussians; profile gaussianimage adds them up")
    if fit.background.any():
        raise InputError(
            "init: a fit over a background; profile gaussianimage has none, "
            "and continues fits of the optimiser adan"
        )
    half = np.array([fit.width, fit.height]) / 2.0
    inside = np.clip((fit.mean - CENTRE_PX) / half - 1.0, _INSIDE - 1.0, 1.0 - _INSIDE)
    if fit.covariance == covariance:
        theta = fit.theta
    else:
        entries = COVARIANCES[fit.covariance].entries(fit.theta)
        theta = _cholesky(entries) if covariance == "cholesky" else _rotation_scale(entries)
    raw = theta - SHAPE_OFFSETS[covariance]
    if covariance == "rs":
        # Turned by half a circle a Gaussian is the same.
        share = np.clip(np.mod(theta[:, 2], math.pi) / (2.0 * math.pi), 1e-6, None)
        raw[:, 2] = np.log(share / (1.0 - share))
    return np.concatenate((np.arctanh(inside).T, raw.T, fit.color.T)).T


def _cholesky(entries: CovarianceEntries) -> Float64:
    """l1, l2, l3 of covariances."""
    s12, s22, det = entries
    l1 = np.sqrt((det + s12 * s12) / s22)
    return np.stack((l1, s12 / l1, np.sqrt(det) / l1), axis=1)


def _rotation_scale(entries: CovarianceEntries) -> Float64:
    """Scales along the axes and the angle of the first, of covariances."""
    s12, s22, det = entries
    s11 = (det + s12 * s12) / s22
    half, gap = 0.5 * (s11 + s22), np.hypot(0.5 * (s11 - s22), s12)
    large = half + gap
    angle = 0.5 * np.arctan2(2.0 * s12, s11 - s22)
    return np.stack((np.sqrt(large), np.sqrt(det / large), angle), axis=1)
