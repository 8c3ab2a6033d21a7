"""Logits of Gaussians -> what is drawn, and gradients all the way back."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gsic.arrays import Float64
from gsic.gaussians import CovarianceEntries, compute_factor, factor_backward
from gsic.profiles.two_dgs.dequantisation import (
    compute_cutoff,
    compute_entries,
    compute_means,
    shape_backward,
)
from gsic.profiles.two_dgs.symbols import Grid
from gsic_kernels.types import AlphaGradients, Splats, round_splats

Float32 = NDArray[np.float32]

# Columns of the logits: x, y; s1, s2, angle; C colours, opacity.
POSITION, SHAPE, COLOR = slice(0, 2), slice(2, 5), slice(5, None)

# What the public code divides by beside the largest Gaussian.
_NORMALISER = 1e-5


class Attributes(NamedTuple):
    """Parameters of N Gaussians in 0..1, float64."""

    position: Float64  # (N, 2) x, y
    shape: Float64  # (N, 3) s1, s2 in sides of the image, angle in half turns
    color: Float64  # (N, C + 1) colours and opacity


def sigmoid(logits: Float64) -> Float64:
    """1 / (1 + exp(-x))."""
    return 1.0 / (1.0 + np.exp(-logits))


def logit(values: Float64) -> Float64:
    """What `sigmoid` makes `values` of; they are kept 1e-6 from 0 and 1."""
    inside = np.clip(values, 1e-6, 1.0 - 1e-6)
    return np.log(inside) - np.log1p(-inside)


class Drawn(NamedTuple):
    """Gaussians as a kernel draws them, and what their gradient needs."""

    splats: Splats
    opacity: Float32
    shape: Float64
    entries: CovarianceEntries
    factor: Float64
    strength: float  # of the opacities


def draw(grid: Grid, attributes: Attributes, normalise: bool) -> Drawn:
    """Gaussians of attributes.

    Args:
        grid: of the image.
        attributes: N Gaussians, the first in front.
        normalise: divide all by the largest value of any of them, as the public code does.
    """
    position, shape, color = attributes
    by = compute_entries(grid, shape)
    factor = compute_factor(by)
    mean = compute_means(grid, position)
    strength = 1.0 / (peak(grid, mean, factor) + _NORMALISER) if normalise else 1.0
    opacity = color[:, -1] * strength
    splats = round_splats(mean, factor, color[:, :-1], compute_cutoff(opacity), np.zeros(len(mean)))
    return Drawn(splats, opacity.astype(np.float32), shape, by, factor, strength)


def backward(grid: Grid, drawn: Drawn, grad: AlphaGradients) -> Attributes:
    """Gradient by attributes from one by the arrays of a drawing."""
    by_entries = factor_backward(drawn.entries, drawn.factor, grad.factor.astype(np.float64))
    return Attributes(
        grad.mean * grid.sides,
        shape_backward(grid, drawn.shape, by_entries),
        np.column_stack((grad.color, grad.opacity * drawn.strength)).astype(np.float64),
    )


def peak(grid: Grid, mean: Float64, factor: Float64) -> float:
    """The largest value of any Gaussian at a centre of a pixel near its mean; 1 without any."""
    if not len(mean):
        return 1.0
    nearest = np.clip(np.floor(mean), 0, np.array((grid.width, grid.height)) - 1) + 0.5
    dx, dy = (nearest - mean).T
    p, r, t = factor.T
    exponent = 0.5 * ((p * dx + r * dy) ** 2 + (t * dy) ** 2)
    return float(np.exp(-exponent.min()))
