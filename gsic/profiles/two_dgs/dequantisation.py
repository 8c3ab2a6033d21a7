"""Profile `2dgs`: integers -> blended Gaussians. FORMAT.md section 9.4 is normative.

`compute_means`, `compute_entries`, `compute_cutoff` and `shape_backward` also serve the encoder,
which trains the same parameters in 0..1.
"""

from __future__ import annotations

import math

import numpy as np

from gsic.arrays import Float64
from gsic.gaussians import COVARIANCES, CovarianceEntries
from gsic.profiles.base import Scene
from gsic.profiles.two_dgs.symbols import Grid, QuantisedImage

COVARIANCE = COVARIANCES["rs"]

# A Gaussian of scale 0 draws nothing; this keeps its covariance invertible.
_MIN_SCALE = 1e-9

# A Gaussian of opacity 0 draws nothing; this keeps the logarithm finite.
_MIN_OPACITY = 1e-6


def dequantise(image: QuantisedImage) -> Scene:
    """Convert the integers of an image to the scene that a decoder draws (FORMAT.md 9.4).

    A shape is a row (s1, s2, angle) of a codebook: a uniform quantiser turns its levels into values
    in 0..1, which `compute_entries` turns into the covariance in px.

    Args:
        image: N Gaussians in the order of blending.

    Returns:
        The scene with opacities, float64; its offset and its background are 0.
    """
    colors = image.colors.dequantise()
    opacity = colors[:, -1]
    return Scene(
        compute_means(image.grid, image.position_quantiser.dequantise(image.position)),
        compute_entries(image.grid, image.shapes.dequantise()),
        colors[:, :-1],
        compute_cutoff(opacity),
        np.zeros(len(image)),
        np.zeros(colors.shape[1] - 1),
        opacity,
    )


def compute_means(grid: Grid, position: Float64) -> Float64:
    """Compute means in px, float64 (N, 2), of positions (N, 2) in 0..1."""
    # The papers' code puts the centres of samples on integers.
    return position * grid.sides + 0.5 * grid.pitch


def compute_entries(grid: Grid, shape: Float64) -> CovarianceEntries:
    """Compute covariance entries in px (eqs. 2, 3) of shapes (s1, s2, angle), (N, 3) in 0..1."""
    scale, (x, y) = _split_scales(grid)
    s12, s22, det = COVARIANCE.entries(_make_theta(shape, scale))
    return CovarianceEntries(s12 * (x * y), s22 * (y * y), det * (x * y) ** 2)


def shape_backward(grid: Grid, shape: Float64, grad: CovarianceEntries) -> Float64:
    """Vector-Jacobian product of `compute_entries`.

    Args:
        grid, shape: as given to `compute_entries`.
        grad: gradients on Sigma12, Sigma22 and ln det Sigma in px.

    Returns:
        Gradient on `shape`, float64 (N, 3).
    """
    scale, (x, y) = _split_scales(grid)
    by = CovarianceEntries(grad.s12 * (x * y), grad.s22 * (y * y), grad.det)
    return COVARIANCE.backward(_make_theta(shape, scale), by) * scale


def compute_cutoff(opacity: Float64) -> Float64:
    """Compute the cutoffs ln(255 o), float64 (N,), of opacities; below 0 if alpha < 1/255."""
    return np.asarray(np.log(255.0 * np.maximum(opacity, _MIN_OPACITY)), np.float64)


def _split_scales(grid: Grid) -> tuple[Float64, tuple[float, float]]:
    """Return what shapes are multiplied by before the rotation, and the axes after it."""
    x, y = grid.sides.tolist()
    if grid.normalised:
        return np.array([1.0, 1.0, math.pi]), (x, y)
    return np.array([x, y, math.pi]), (1.0, 1.0)


def _make_theta(shape: Float64, scale: Float64) -> Float64:
    """Compute the parameters of the `rs` covariance, with scales of at least _MIN_SCALE."""
    theta = shape * scale
    np.maximum(theta[:, :2], _MIN_SCALE, out=theta[:, :2])
    return theta
