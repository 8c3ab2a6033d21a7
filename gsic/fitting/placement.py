"""Where Gaussians go: the first ones by gradient, later ones at maxima of the error."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from gsic.arrays import Float64
from gsic.gaussians import Covariance

_SAMPLES = 9

Float32 = NDArray[np.float32]

_SUPPRESSION = 1.5
"""Radius around a new Gaussian that stays free of others, in standard deviations of the blur."""


def initial(
    planes: Float32,
    background: Float64,
    count: int,
    covariance: Covariance,
    rng: np.random.Generator,
    *,
    uniform: float,
    size: float,
    strength: float,
) -> Float64:
    """Draw the first Gaussians by gradient magnitude and uniformly.

    Args:
        planes: float32 (H, W, C), 0..1.
        background: float64 (C,), what is drawn behind the Gaussians.
        count: N >= 0.
        covariance: parameterisation of the result.
        rng: the only source of chance.
        uniform: share of the probability that is spread evenly, 0..1.
        size: standard deviation over the distance that the density leaves between neighbours.
        strength: share of a pixel's colour that its Gaussian begins with.

    Returns:
        float64 (N, 5 + C): mean, covariance parameters, colour.
    """
    height, width, channels = planes.shape
    density = gradient_magnitude(planes)
    total = float(density.sum(dtype=np.float64))
    even = 1.0 / density.size
    share = (1.0 - uniform) / total if total > 0.0 else 0.0
    density *= share
    density += uniform * even if share else even
    cumulated = np.cumsum(density, dtype=np.float64)
    # One draw in each of N equal shares of the probability: no clumps, and no sorting.
    levels = (np.arange(count) + rng.random(count)) / max(count, 1) * cumulated[-1]
    index = np.minimum(np.searchsorted(cumulated, levels), density.size - 1)
    rows, columns = np.divmod(index, width)
    distance = 1.0 / np.sqrt(np.maximum(density.ravel()[index] * max(count, 1), 1e-30))
    spread = math.sqrt(width * height / max(count, 1))
    sigma = np.clip(size * distance, min(0.7, spread), max(3.0 * size * spread, 0.7))
    values = np.empty((count, 5 + channels))
    values[:, 0] = columns + rng.random(count)
    values[:, 1] = rows + rng.random(count)
    values[:, 2:5] = covariance.from_sigmas(sigma.astype(np.float64))
    values[:, 5:] = strength * (planes[rows, columns] - background)
    return values


def at_errors(
    residual: Float32,
    count: int,
    total: int,
    covariance: Covariance,
    *,
    blur: float,
    size: float,
    strength: float,
) -> Float64:
    """Place new Gaussians at the maxima of the blurred squared error.

    Args:
        residual: float32 (H, W, C), clamped rendering less image.
        count: how many at most; fewer where the image has no room for them.
        total: number of Gaussians at the end of the fit, whose mean distance is the unit here.
        covariance: parameterisation of the result.
        blur: standard deviation of the blur over that distance.
        size: standard deviation of a new Gaussian over that distance.
        strength: share of the blurred residual that a new Gaussian takes away.

    Returns:
        float64 (M, 5 + C), M <= count.
    """
    height, width, channels = residual.shape
    distance = math.sqrt(width * height / total)
    deviation = blur * distance
    error = np.zeros((height, width), np.float32)
    for channel in range(channels):
        error += residual[:, :, channel] ** 2
    rows, columns = spaced_maxima(blurred(error, deviation), _SUPPRESSION * deviation, count)
    values = np.empty((len(rows), 5 + channels))
    values[:, 0] = columns + 0.5
    values[:, 1] = rows + 0.5
    values[:, 2:5] = covariance.from_sigmas(np.full(len(rows), max(size * distance, 0.5)))
    values[:, 5:] = -strength * averages(residual, rows, columns, 0.7 * deviation)
    return values


def gradient_magnitude(planes: Float32) -> Float32:
    """Gradient magnitude of the mean over the channels: float32 (H, W), per pixel."""
    grey = planes.mean(axis=2, dtype=np.float32)
    magnitude = np.zeros_like(grey)
    for axis in (0, 1):
        if grey.shape[axis] > 1:
            magnitude += np.gradient(grey, axis=axis) ** 2
    root: Float32 = np.sqrt(magnitude)
    return root


def blurred(plane: Float32, deviation: float) -> Float32:
    """`plane`, float32 (H, W), under three box filters that make up a Gaussian.

    Their cost does not depend on the standard deviation, in px. Borders are repeated.
    """
    # n boxes of width w have the variance n (w^2 - 1) / 12.
    radius = max(0, round((math.sqrt(4.0 * deviation * deviation + 1.0) - 1.0) / 2.0))
    for axis in (0, 1):
        reach = min(radius, 4 * plane.shape[axis])
        for _ in range(3 if reach else 0):
            plane = _box(plane, reach, axis)
    return np.ascontiguousarray(plane, np.float32)


def _box(plane: Float32, radius: int, axis: int) -> Float32:
    pad = [(0, 0), (0, 0)]
    pad[axis] = (radius + 1, radius)
    sums = np.cumsum(np.pad(plane, pad, mode="edge"), axis=axis, dtype=np.float64)
    width = 2 * radius + 1
    rows, columns = (width, 0) if axis == 0 else (0, width)
    height, length = plane.shape
    of_boxes = sums[rows:, columns:] - sums[:height, :length]
    of_boxes /= width
    return of_boxes.astype(np.float32)


def averages(
    planes: Float32, rows: NDArray[np.int64], columns: NDArray[np.int64], deviation: float
) -> Float64:
    """Means around pixels under a Gaussian, float64 (M, C), sampled at 9x9 pixels at most."""
    height, width, channels = planes.shape
    radius = max(1, round(2.0 * deviation))
    offsets = np.unique(np.rint(np.linspace(-radius, radius, _SAMPLES)).astype(np.int64))
    weights = np.exp(-0.5 * (offsets / max(deviation, 0.5)) ** 2)
    total = np.zeros((len(rows), channels))
    for down, weight in zip(offsets, weights / weights.sum(), strict=True):
        row = np.clip(rows + down, 0, height - 1)
        for across, other in zip(offsets, weights / weights.sum(), strict=True):
            column = np.clip(columns + across, 0, width - 1)
            total += weight * other * planes[row, column]
    return total


def spaced_maxima(
    error: Float32, radius: float, count: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows and columns of up to `count` largest maxima that keep about `radius` px apart.

    The image is cut into blocks of that size; a block's maximum counts unless a neighbouring block
    has a larger one within the radius.
    """
    height, width = error.shape
    block = max(1, round(radius))
    down, across = -(-height // block), -(-width // block)
    padded = np.full((down * block, across * block), -1.0, np.float32)
    padded[:height, :width] = error
    tiled = padded.reshape(down, block, across, block).swapaxes(1, 2)
    blocks = tiled.reshape(down, across, block * block)
    inside = blocks.argmax(axis=2)
    value = np.take_along_axis(blocks, inside[:, :, None], axis=2)[:, :, 0]
    rows = inside // block + np.arange(down)[:, None] * block
    columns = inside % block + np.arange(across)[None, :] * block
    free = _unsuppressed(value, rows, columns, radius)
    # Free maxima first, then the suppressed ones, each in order of their error.
    order = np.lexsort((np.arange(value.size), -value.ravel(), ~free.ravel()))[:count]
    return rows.ravel()[order], columns.ravel()[order]


def _unsuppressed(
    value: Float32, rows: NDArray[np.int64], columns: NDArray[np.int64], radius: float
) -> NDArray[np.bool_]:
    """Which blocks have no larger maximum within the radius in the eight blocks around them."""
    free = np.ones(value.shape, bool)
    down, across = value.shape
    for dy, dx in ((0, 1), (1, -1), (1, 0), (1, 1)):
        here = np.s_[: down - dy, max(0, -dx) : across - max(0, dx)]
        there = np.s_[dy:, max(0, dx) : across - max(0, -dx)]
        square = (rows[here] - rows[there]) ** 2 + (columns[here] - columns[there]) ** 2
        close = square < radius * radius
        larger = value[here] >= value[there]
        free[here] &= ~(close & ~larger)
        free[there] &= ~(close & larger)
    return free
