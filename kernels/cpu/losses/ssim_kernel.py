"""Kernel that computes SSIM, absolute and squared error of an image to a target, and a gradient.

SSIM (Wang et al., 2004) of every pixel, under a window that sees zeros outside the image. A work
item is a band of rows of one channel, gone down once: filtered means of the image, SSIM and its
derivatives by these means, and the derivatives filtered back to pixels. The window is symmetric, so
filtering is its own transpose, and the way back is the same filter.
"""

from __future__ import annotations

import numpy as np

from gsic_kernels.cpu.losses.window import (
    BAND,
    C1,
    C2,
    ONE,
    RADIUS,
    TAPS,
    TWO,
    ZERO,
    filter_across,
    filter_down,
)
from gsic_kernels.cpu.runtime.jitable import register_jitable
from gsic_kernels.cpu.runtime.work_items import item_function
from gsic_kernels.types import F32, F64

# Columns of the sums.
ABSOLUTE, SQUARED, SSIM = 0, 1, 2


@register_jitable
def _read_row(image: F32, target: F32, row: int, c: int, lines: F32) -> None:
    """Copy a row of the image, its square and its product with the target between zeros."""
    for j in range(target.shape[2]):
        value = image[row, j, c]
        lines[0, j + RADIUS] = value
        lines[1, j + RADIUS] = value * value
        lines[2, j + RADIUS] = value * target[c, row, j]


@register_jitable
def _compare_row(
    mean: F32,
    square: F32,
    product: F32,
    target_mean: F32,
    target_variance: F32,
    slopes: F32,
    total: F32,
) -> None:
    """Add the SSIM of a row to `total`, and put its derivatives by the means into `slopes`."""
    for j in range(len(mean)):
        mu, nu = mean[j], target_mean[j]
        both = mu * nu
        squares = mu * mu + nu * nu
        luminance = (TWO * both + C1) / (squares + C1)
        bottom = ONE / (square[j] - mu * mu + target_variance[j] + C2)
        contrast = (TWO * (product[j] - both) + C2) * bottom
        # By the mean alone, by the mean of squares, by that of products with the target.
        by_luminance = (TWO * nu - TWO * mu * luminance) / (squares + C1)
        by_square = -luminance * contrast * bottom
        by_product = TWO * luminance * bottom
        slopes[0, j + RADIUS] = contrast * by_luminance - TWO * mu * by_square - nu * by_product
        slopes[1, j + RADIUS] = by_square
        slopes[2, j + RADIUS] = by_product
        total[j] += luminance * contrast


@register_jitable
def _write_row(
    image: F32,
    target_row: F32,
    row: int,
    c: int,
    slopes: F32,
    weights: F32,
    gradient: F32,
    totals: F32,
) -> None:
    """Write the gradient of a row from filtered derivatives, and add its errors to `totals`."""
    absolute, structure = weights[0], weights[1]
    for j in range(len(target_row)):
        value, wanted = image[row, j, c], target_row[j]
        slope = slopes[0, j] + TWO * value * slopes[1, j] + wanted * slopes[2, j]
        error = value - wanted
        sign = np.float32(error > ZERO) - np.float32(error < ZERO)
        gradient[row, j, c] = absolute * sign - structure * slope
        totals[ABSOLUTE, j] += abs(error)
        totals[SQUARED, j] += error * error


@item_function
def compare_ssim(
    item: int,
    worker: int,
    image: F32,
    target: F32,
    target_mean: F32,
    target_variance: F32,
    weights: F32,
    gradient: F32,
    sums: F64,
) -> None:
    """Compute the gradient (H, W, C) of weights[0] |error| - weights[1] SSIM, and sums per item.

    The image is (H, W, C), the target and its filtered planes are (C, H, W).
    """
    _, height, width = target.shape
    bands = (height + BAND - 1) // BAND
    lines = np.zeros((3, width + 2 * RADIUS), np.float32)
    slopes = np.zeros((3, width + 2 * RADIUS), np.float32)
    rings = np.zeros((3, TAPS, width), np.float32)
    slope_rings = np.zeros((3, TAPS, width), np.float32)
    means = np.empty((3, width), np.float32)
    # Sums by column, and those of rows outside the band, which belong to another item.
    totals, others = np.zeros((3, width), np.float32), np.zeros(width, np.float32)
    c, top = item // bands, item % bands * BAND
    end = min(top + BAND, height)
    # `row` is read; `middle`, RADIUS rows above it, has its means complete and is compared;
    # `last`, RADIUS rows above that, has its derivatives complete and is written.
    for row in range(top - 2 * RADIUS, end + 2 * RADIUS):
        if 0 <= row < height:
            _read_row(image, target, row, c, lines)
            for k in range(3):
                filter_across(lines[k], rings[k, row % TAPS])
        else:
            rings[:, row % TAPS] = ZERO  # the remainder of a negative row is not negative
        middle = row - RADIUS
        if middle < top - RADIUS:
            continue
        if 0 <= middle < height:
            for k in range(3):
                filter_down(rings[k], middle, means[k])
            mean, variance = target_mean[c, middle], target_variance[c, middle]
            total = totals[SSIM] if top <= middle < end else others
            _compare_row(means[0], means[1], means[2], mean, variance, slopes, total)
            for k in range(3):
                filter_across(slopes[k], slope_rings[k, middle % TAPS])
        else:
            slope_rings[:, middle % TAPS] = ZERO
        last = middle - RADIUS
        if last >= top:
            for k in range(3):
                filter_down(slope_rings[k], last, means[k])
            _write_row(image, target[c, last], last, c, means, weights, gradient, totals)
    for k in range(3):
        sums[item, k] = 0.0
        for j in range(width):
            sums[item, k] += float(totals[k, j])
