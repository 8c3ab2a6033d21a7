"""Placement of Gaussians: the first by gradient magnitude, later ones at maxima of the error."""

from __future__ import annotations

import math

import numpy as np

from gsic.arrays import Bools, Float32, Float64, Int64, Rows
from gsic.bands import split_rows, take_pixels
from gsic.gaussians import Covariance

# Samples of `average_around` along each axis.
_SAMPLES = 9

# Rows or columns that are blurred at once.
_LINES = 32

# Radius around a new Gaussian that stays free of others, in standard deviations of the blur.
_SUPPRESSION = 1.5


def place_initial(
    planes: Rows,
    background: Float64,
    count: int,
    covariance: Covariance,
    rng: np.random.Generator,
    *,
    uniform: float,
    sigma: float,
    strength: float,
) -> Float64:
    """Sample the first Gaussians, in part by gradient magnitude and in part uniformly.

    Args:
        planes: float32 (H, W, C), 0..1, the image.
        background: float64 (C,), the colour behind the Gaussians.
        count: N >= 0.
        covariance: parameterisation of the result.
        rng: the only source of randomness.
        uniform: share of the probability that is spread evenly, 0..1.
        sigma: standard deviation, in units of the distance between neighbours that the local
            density implies.
        strength: share of a pixel's colour that its Gaussian takes.

    Returns:
        float64 (N, 5 + C): mean, covariance parameters, colour.
    """
    height, width, channels = planes.shape
    density = compute_gradient_magnitude(planes)
    total = float(density.sum(dtype=np.float64))
    even = 1.0 / density.size
    share = (1.0 - uniform) / total if total > 0.0 else 0.0
    density *= share
    density += uniform * even if share else even
    cumulated = np.cumsum(density, dtype=np.float64)
    # Stratified sampling: one sample in each of N equal shares of the probability leaves no clumps,
    # and the samples are sorted as they are made.
    levels = (np.arange(count) + rng.random(count)) / max(count, 1) * cumulated[-1]
    index = np.minimum(np.searchsorted(cumulated, levels), density.size - 1)
    rows, columns = np.divmod(index, width)
    distance = 1.0 / np.sqrt(np.maximum(density.ravel()[index] * max(count, 1), 1e-30))
    spread = math.sqrt(width * height / max(count, 1))
    sigmas = np.clip(sigma * distance, min(0.7, spread), max(3.0 * sigma * spread, 0.7))
    values = np.empty((count, 5 + channels))
    values[:, 0] = columns + rng.random(count)
    values[:, 1] = rows + rng.random(count)
    values[:, 2:5] = covariance.from_sigmas(sigmas.astype(np.float64))
    values[:, 5:] = strength * (take_pixels(planes, rows, columns) - background)
    return values


def place_on_pixels(
    planes: Float32, background: Float64, covariance: Covariance, sigma: float
) -> Float64:
    """Place a Gaussian of the colour of the pixel on each pixel.

    Args:
        planes: float32 (H, W, C), 0..1, the image.
        background: float64 (C,), the colour behind the Gaussians.
        covariance: parameterisation of the result.
        sigma: standard deviation, px.

    Returns:
        float64 (H W, 5 + C): mean, covariance parameters, colour.
    """
    height, width, channels = planes.shape
    rows, columns = np.divmod(np.arange(height * width), width)
    values = np.empty((height * width, 5 + channels))
    values[:, 0] = columns + 0.5
    values[:, 1] = rows + 0.5
    values[:, 2:5] = covariance.from_sigmas(np.full(height * width, sigma))
    values[:, 5:] = planes[rows, columns] - background
    return values


def place_at_errors(
    error: Rows,
    count: int,
    total: int,
    covariance: Covariance,
    *,
    blur_sigma: float,
    sigma: float,
    strength: float,
) -> Float64:
    """Place new Gaussians at the maxima of the blurred squared error.

    Lengths are in units of the mean distance sqrt(H W / total) between the Gaussians of the
    finished fit.

    Args:
        error: float32 (H, W, C), the clamped rendering minus the image.
        count: largest number of new Gaussians; small images have room for fewer.
        total: number of Gaussians at the end of the fit.
        covariance: parameterisation of the result.
        blur_sigma: standard deviation of the blur of the squared error.
        sigma: standard deviation of a new Gaussian.
        strength: share of the blurred error that a new Gaussian takes away.

    Returns:
        float64 (new, 5 + C), new <= count: mean, covariance parameters, colour.
    """
    height, width, channels = error.shape
    distance = math.sqrt(width * height / total)
    blur_px = blur_sigma * distance
    squared = np.zeros((height, width), np.float32)
    for band in split_rows(height, width):
        part = error[band]
        for channel in range(channels):
            squared[band] += part[:, :, channel] ** 2
    rows, columns = find_spaced_maxima(blur(squared, blur_px), _SUPPRESSION * blur_px, count)
    values = np.empty((len(rows), 5 + channels))
    values[:, 0] = columns + 0.5
    values[:, 1] = rows + 0.5
    values[:, 2:5] = covariance.from_sigmas(np.full(len(rows), max(sigma * distance, 0.5)))
    values[:, 5:] = -strength * average_around(error, rows, columns, 0.7 * blur_px)
    return values


def compute_gradient_magnitude(planes: Rows) -> Float32:
    """Compute the gradient magnitude of the mean over the channels, float32 (H, W), per px."""
    height, width, _ = planes.shape
    magnitude = np.zeros((height, width), np.float32)
    for band in split_rows(height, width):
        # With a row more on both sides, whose own gradients are not used.
        begin = max(band.start - 1, 0)
        grey = planes[begin : band.stop + 1].mean(axis=2, dtype=np.float32)
        inside = slice(band.start - begin, band.stop - begin)
        for axis in (0, 1):
            if (height, width)[axis] > 1:
                magnitude[band] += np.gradient(grey, axis=axis)[inside] ** 2
        np.sqrt(magnitude[band], out=magnitude[band])
    return magnitude


def blur(plane: Float32, sigma: float) -> Float32:
    """Blur a plane, float32 (H, W), by three box filters, which together are nearly a Gaussian.

    The cost does not depend on the standard deviation `sigma`, in px. Borders are repeated.
    """
    # n boxes of width w have the variance n (w^2 - 1) / 12.
    radius = max(0, round((math.sqrt(4.0 * sigma * sigma + 1.0) - 1.0) / 2.0))
    out = np.array(plane, np.float32)
    for axis in (0, 1):
        # A box much wider than the plane is flat: more padding would only take memory.
        bounded = min(radius, 4 * plane.shape[axis])
        lines = out.T if axis == 0 else out
        # Of a few lines at once, whose sums stay in the cache.
        for begin in range(0, len(lines) if bounded else 0, _LINES):
            some = lines[begin : begin + _LINES]
            blurred = np.ascontiguousarray(some)
            for _ in range(3):
                blurred = _filter_box(blurred, bounded)
            some[:] = blurred
    return out


def _filter_box(lines: Float32, radius: int) -> Float32:
    """Average 2 radius + 1 values along lines by differences of cumulative sums."""
    padded = np.pad(lines, ((0, 0), (radius + 1, radius)), mode="edge")
    sums = np.cumsum(padded, axis=1, dtype=np.float64)
    box_sums = sums[:, 2 * radius + 1 :] - sums[:, : lines.shape[1]]
    box_sums /= 2 * radius + 1
    return box_sums.astype(np.float32)


def average_around(planes: Rows, rows: Int64, columns: Int64, sigma: float) -> Float64:
    """Average planes under a Gaussian window around pixels, at 9 x 9 samples of it at most.

    Args:
        planes: float32 (H, W, C).
        rows, columns: int64 (pixels,), the centres of the windows.
        sigma: standard deviation of the window, px.

    Returns:
        float64 (pixels, C).
    """
    height, width, channels = planes.shape
    radius = max(1, round(2.0 * sigma))
    offsets = np.unique(np.rint(np.linspace(-radius, radius, _SAMPLES)).astype(np.int64))
    weights = np.exp(-0.5 * (offsets / max(sigma, 0.5)) ** 2)
    weights = weights / weights.sum()
    total = np.zeros((len(rows), channels))
    for band in split_rows(height, width):
        inside = np.flatnonzero((rows >= band.start) & (rows < band.stop))
        begin = max(band.start - radius, 0)
        part = planes[begin : band.stop + radius]
        found = np.zeros((len(inside), channels))
        for down, weight in zip(offsets, weights, strict=True):
            row = np.clip(rows[inside] + down, 0, height - 1) - begin
            for across, other in zip(offsets, weights, strict=True):
                column = np.clip(columns[inside] + across, 0, width - 1)
                found += weight * other * part[row, column]
        total[inside] = found
    return total


def find_spaced_maxima(error: Float32, radius: float, count: int) -> tuple[Int64, Int64]:
    """Find up to `count` of the largest maxima that are about `radius` px apart.

    The plane is cut into blocks of that size, and each block has one maximum. A maximum comes after
    all others if a neighbouring block has a larger one within the radius.

    Args:
        error: float32 (H, W).
        radius: px.
        count: largest number of maxima.

    Returns:
        Rows and columns, int64 (maxima,) each, in the order of their rank.
    """
    height, width = error.shape
    block = max(1, round(radius))
    down, across = -(-height // block), -(-width // block)
    inside = np.empty((down, across), np.int64)
    value = np.empty((down, across), np.float32)
    for band in split_rows(height, width, block):
        part = np.s_[band.start // block : -(-band.stop // block)]
        lines = len(inside[part])
        padded = np.full((lines * block, across * block), -1.0, np.float32)
        padded[: band.stop - band.start, :width] = error[band]
        tiled = padded.reshape(lines, block, across, block).swapaxes(1, 2)
        blocks = tiled.reshape(lines, across, block * block)
        inside[part] = blocks.argmax(axis=2)
        value[part] = np.take_along_axis(blocks, inside[part][:, :, None], axis=2)[:, :, 0]
    rows = inside // block + np.arange(down)[:, None] * block
    columns = inside % block + np.arange(across)[None, :] * block
    free = _find_unsuppressed(value, rows, columns, radius)
    # Free maxima first, then the suppressed ones, each in order of their error.
    order = np.lexsort((np.arange(value.size), -value.ravel(), ~free.ravel()))[:count]
    return rows.ravel()[order], columns.ravel()[order]


def _find_unsuppressed(value: Float32, rows: Int64, columns: Int64, radius: float) -> Bools:
    """Return a mask of the blocks without a larger maximum within the radius around them."""
    free = np.ones(value.shape, bool)
    down, across = value.shape
    # Half of the eight neighbours: each pair of blocks is compared once, for both of them.
    for dy, dx in ((0, 1), (1, -1), (1, 0), (1, 1)):
        here = np.s_[: down - dy, max(0, -dx) : across - max(0, dx)]
        there = np.s_[dy:, max(0, dx) : across - max(0, -dx)]
        square = (rows[here] - rows[there]) ** 2 + (columns[here] - columns[there]) ** 2
        close = square < radius * radius
        larger = value[here] >= value[there]
        free[here] &= ~(close & ~larger)
        free[there] &= ~(close & larger)
    return free
