"""From attributes of Gaussians to splats (forward), and gradients back (backward)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gsic.arrays import Float32, Float64
from gsic.gaussians import CovarianceEntries, compute_factor, factor_backward
from gsic.profiles.two_dgs.dequantisation import (
    compute_cutoff,
    compute_entries,
    compute_means,
    shape_backward,
)
from gsic.profiles.two_dgs.symbols import Grid
from gsic_kernels.types import AlphaGradients, Splats, round_splats

# Columns of the logits: x, y; s1, s2, angle; C colours, opacity.
POSITION, SHAPE, COLOR = slice(0, 2), slice(2, 5), slice(5, None)

# The public code adds this to the largest value before it divides by it.
_NORMALISER = 1e-5


class Attributes(NamedTuple):
    """Parameters of N Gaussians in 0..1, float64."""

    position: Float64  # (N, 2) x, y
    shape: Float64  # (N, 3) s1, s2 in sides of the image, angle in half turns
    color: Float64  # (N, C + 1) colours and opacity


def sigmoid(logits: Float64) -> Float64:
    """Compute 1 / (1 + exp(-x))."""
    return 1.0 / (1.0 + np.exp(-logits))


def logit(values: Float64) -> Float64:
    """Compute the inverse of `sigmoid`, of values that are clamped to 1e-6..1 - 1e-6."""
    inside = np.clip(values, 1e-6, 1.0 - 1e-6)
    return np.log(inside) - np.log1p(-inside)


class ForwardState(NamedTuple):
    """N Gaussians as a kernel draws them, and what their gradient needs."""

    splats: Splats
    opacity: Float32  # (N,)
    shape: Float64  # (N, 3)
    entries: CovarianceEntries
    factor: Float64  # (N, 3), Cholesky factors of the precision matrices
    opacity_scale: float  # factor of the opacities


def forward(grid: Grid, attributes: Attributes, normalise: bool) -> ForwardState:
    """Convert attributes to splats.

    Args:
        grid: of the image.
        attributes: N Gaussians, the first in front.
        normalise: whether all Gaussians are divided by the largest value of any of them, as in the
            public code.
    """
    position, shape, color = attributes
    covariances = compute_entries(grid, shape)
    factor = compute_factor(covariances)
    mean = compute_means(grid, position)
    scale = 1.0 / (find_peak(grid, mean, factor) + _NORMALISER) if normalise else 1.0
    opacity = color[:, -1] * scale
    splats = round_splats(mean, factor, color[:, :-1], compute_cutoff(opacity), np.zeros(len(mean)))
    return ForwardState(splats, opacity.astype(np.float32), shape, covariances, factor, scale)


def backward(grid: Grid, state: ForwardState, gradients: AlphaGradients) -> Attributes:
    """Compute the vector-Jacobian product of `forward`; the opacity scale counts as constant.

    Args:
        grid: of the image.
        state: what `forward` returned.
        gradients: by the arrays of the splats and by the opacities.

    Returns:
        The gradients by the attributes.
    """
    by_entries = factor_backward(state.entries, state.factor, gradients.factor.astype(np.float64))
    by_opacity = gradients.opacity * state.opacity_scale
    return Attributes(
        gradients.mean * grid.sides,
        shape_backward(grid, state.shape, by_entries),
        np.column_stack((gradients.color, by_opacity)).astype(np.float64),
    )


def find_peak(grid: Grid, mean: Float64, factor: Float64) -> float:
    """Return the largest value of any Gaussian at the pixel centre nearest to its mean.

    Args:
        grid: of the image.
        mean: float64 (N, 2), px.
        factor: float64 (N, 3), Cholesky factors of the precision matrices, px^-1.

    Returns:
        0..1; 1 without any Gaussian.
    """
    if not len(mean):
        return 1.0
    nearest = np.clip(np.floor(mean), 0, np.array((grid.width, grid.height)) - 1) + 0.5
    dx, dy = (nearest - mean).T
    p, r, t = factor.T
    exponent = 0.5 * ((p * dx + r * dy) ** 2 + (t * dy) ** 2)
    return float(np.exp(-exponent.min()))
