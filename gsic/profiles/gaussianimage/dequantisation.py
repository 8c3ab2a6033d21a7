"""Profile `gaussianimage`: integers -> Gaussians. FORMAT.md section 8.3 is normative.

All Gaussians are summed, without opacity and without background (eq. 7 of the paper).
"""

from __future__ import annotations

import math

import numpy as np

from gsic.arrays import Bools, Float64
from gsic.gaussians import COVARIANCES, CovarianceEntries
from gsic.profiles.base import Scene
from gsic.profiles.gaussianimage.symbols import QuantisedImage

CUTOFF = math.log(255.0)
"""A Gaussian ends where its weight falls below 1/255, whatever its colour."""

CENTRE_PX = 0.5
"""Added to means, because the paper's code has the centres of pixels at whole numbers."""

SHAPE_OFFSETS = {"cholesky": (0.5, 0.0, 0.5), "rs": (0.5, 0.5, 0.0)}
"""What is added to the three numbers of a shape after they are dequantised."""

# Covariances beyond this draw nothing by the rule for singular values, whatever else they are.
_LEAST, _MOST = 1e-30, 1e40


def dequantise(image: QuantisedImage) -> Scene:
    """Convert the integers of an image to the scene that a decoder draws (FORMAT.md 8.3).

    A shape is three symbols: a uniform quantiser turns them into l1, l2, l3 of a Cholesky factor or
    into two scales in px and an angle, to which `SHAPE_OFFSETS` are added.

    Args:
        image: N Gaussians.

    Returns:
        The scene, float64; the cutoff of Gaussians with a singular covariance is -1.
    """
    tanh = np.tanh(image.position.view(np.float16).astype(np.float64))
    theta = image.shape_quantiser.dequantise(image.shape) + SHAPE_OFFSETS[image.covariance]
    entries, singular = compute_entries(image.covariance, theta)
    return Scene(
        compute_means(tanh, image.width, image.height),
        entries,
        image.color_quantiser.dequantise(image.color),
        np.where(singular, -1.0, CUTOFF),
        np.zeros(len(image)),
        np.zeros(image.channels),
    )


def compute_means(tanh: Float64, width: int, height: int) -> Float64:
    """Compute means in px, float64 (N, 2), of positions (N, 2) that are -1..1 over the image."""
    mean: Float64 = (tanh + 1.0) * (0.5 * width, 0.5 * height) + CENTRE_PX
    return mean


def compute_entries(covariance: str, theta: Float64) -> tuple[CovarianceEntries, Bools]:
    """Compute covariance entries, and replace singular covariances by 1 px^2.

    Args:
        covariance: "cholesky" or "rs".
        theta: float64 (N, 3), parameters of that covariance.

    Returns:
        The entries, and the mask (N,) of the covariances that were singular.
    """
    s12, s22, det = COVARIANCES[covariance].entries(theta)
    singular = ~((np.minimum(s22, det) > _LEAST) & (np.maximum(s22, det) < _MOST))
    if singular.any():
        s12, s22, det = (np.where(singular, safe, m) for safe, m in ((0, s12), (1, s22), (1, det)))
    return CovarianceEntries(s12, s22, det), singular
