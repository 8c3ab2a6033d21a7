"""Kernels of MS-SSIM: one scale of an error to a target, and the way between scales.

With an error e = image - target, the contrast term of SSIM (Wang et al., 2004) is 1 - V D, where V
is the variance of e under a window and 1 / D = variance of the image + variance of the target + C2.
The luminance term is 1 - M^2 E likewise, with the mean M of e. So the kernels compute 1 - term
directly: for small errors it is the square of an error times a factor, and not the difference of
nearly equal numbers. Windows are cut off at the border of the image and divided by their part
inside.

Images are planar, (H, C, pitch); what lies beyond the width is not read. The band loop of
`compare_scale` has the steps of the one in `ssim_kernel`. They share the filters of `window`; the
loops stay apart, because everything between the filters differs, and so does the layout.
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

QUARTER = np.float32(0.25)

# Rows of the output that are a work item of the way between scales.
ROWS = 32


@item_function
def halve(item: int, worker: int, image: F32, width: int, out: F32) -> None:
    """Average 2 x 2 pixels each; the last row and column of odd sides are left out."""
    rows, channels, _ = out.shape
    begin = item * ROWS
    for row in range(begin, min(begin + ROWS, rows)):
        for c in range(channels):
            upper, lower, line = image[2 * row, c], image[2 * row + 1, c], out[row, c]
            for j in range(width // 2):
                pair = upper[2 * j] + upper[2 * j + 1]
                line[j] = QUARTER * (pair + (lower[2 * j] + lower[2 * j + 1]))


@register_jitable
def _read_row(error: F32, target: F32, lines: F32) -> None:
    """Copy a row of the error and the target and their products between zeros."""
    for j in range(lines.shape[1] - 2 * RADIUS):
        e, y = error[j], target[j]
        lines[0, j + RADIUS] = e
        lines[1, j + RADIUS] = e * e
        lines[2, j + RADIUS] = e * y
        lines[3, j + RADIUS] = y
        lines[4, j + RADIUS] = y * y


@register_jitable
def _measure_contrast(means: F32, inside: F32, share: np.float32, slopes: F32, losses: F32) -> None:
    """Compute 1 - contrast term of a row, and half its derivatives by the first three sums.

    `means` are the sums of what `_read_row` copies under windows of which the part `inside` times
    `share` lies inside the image.
    """
    for j in range(means.shape[1]):
        whole = ONE / (inside[j] * share)
        mean, target_mean = means[0, j] * whole, means[3, j] * whole
        variance = means[1, j] * whole - mean * mean
        covariance = means[2, j] * whole - mean * target_mean
        target_variance = means[4, j] * whole - target_mean * target_mean
        scale = ONE / (TWO * (target_variance + covariance) + variance + C2)
        loss = variance * scale
        by_square, by_product = (ONE - loss) * scale, -loss * scale
        losses[j] = loss
        slopes[0, j + RADIUS] = -(mean * by_square + target_mean * by_product) * whole
        slopes[1, j + RADIUS] = by_square * whole
        slopes[2, j + RADIUS] = by_product * whole


@register_jitable
def _multiply_luminance(
    means: F32, inside: F32, share: np.float32, slopes: F32, losses: F32
) -> None:
    """Turn what `_measure_contrast` gives into the same of luminance times contrast."""
    for j in range(means.shape[1]):
        whole = ONE / (inside[j] * share)
        mean, target_mean = means[0, j] * whole, means[3, j] * whole
        image_mean = mean + target_mean
        scale = ONE / (image_mean * image_mean + target_mean * target_mean + C1)
        loss = mean * mean * scale
        luminance, contrast = ONE - loss, ONE - losses[j]
        by_mean = (mean - loss * image_mean) * scale * contrast
        slopes[0, j + RADIUS] = slopes[0, j + RADIUS] * luminance + by_mean * whole
        slopes[1, j + RADIUS] *= luminance
        slopes[2, j + RADIUS] *= luminance
        losses[j] = ONE - luminance * contrast


@register_jitable
def _write_row(error: F32, target: F32, means: F32, gradient: F32) -> None:
    """Write a row of the gradient from filtered derivatives."""
    for j in range(means.shape[1]):
        gradient[j] = means[0, j] + error[j] * means[1, j] + target[j] * means[2, j]


@item_function
def compare_scale(
    item: int,
    worker: int,
    error: F32,
    target: F32,
    across: F32,
    down: F32,
    luminance: int,
    weights: int,
    out: F32,
    sums: F64,
) -> None:
    """Add up 1 - SSIM by channel and band, and compute half the gradient of the sums.

    `luminance` is 0 for the contrast term alone. `out` receives half the gradient or, if `weights`
    is 1, the weights of the squared errors that approximate it best. `across` and `down` are the
    parts of a window that lie inside along each axis; the length of `across` is the width.
    """
    height = len(error)
    width, bands = len(across), (height + BAND - 1) // BAND
    lines = np.zeros((5, width + 2 * RADIUS), np.float32)
    slopes = np.zeros((3, width + 2 * RADIUS), np.float32)
    rings = np.zeros((5, TAPS, width), np.float32)
    slope_rings = np.zeros((3, TAPS, width), np.float32)
    means, losses = np.empty((5, width), np.float32), np.empty(width, np.float32)
    c, top = item // bands, item % bands * BAND
    end = min(top + BAND, height)
    total = 0.0
    # `row` is read, `middle` compared and `last` written; see `ssim_kernel.compare_ssim`.
    for row in range(top - 2 * RADIUS, end + 2 * RADIUS):
        if 0 <= row < height:
            _read_row(error[row, c], target[row, c], lines)
            for k in range(5):
                filter_across(lines[k], rings[k, row % TAPS])
        else:
            rings[:, row % TAPS] = ZERO
        middle = row - RADIUS
        if middle < top - RADIUS:
            continue
        if 0 <= middle < height:
            for k in range(5):
                filter_down(rings[k], middle, means[k])
            _measure_contrast(means, across, down[middle], slopes, losses)
            if luminance:
                _multiply_luminance(means, across, down[middle], slopes, losses)
            if top <= middle < end:
                for j in range(width):
                    total += float(losses[j])
            for k in range(3):
                filter_across(slopes[k], slope_rings[k, middle % TAPS])
        else:
            slope_rings[:, middle % TAPS] = ZERO
        last = middle - RADIUS
        if last >= top:
            for k in range(3):
                filter_down(slope_rings[k], last, means[k])
            line = out[last, c]
            if weights:
                line[:width] = means[1]
            else:
                _write_row(error[last, c], target[last, c], means, line)
    sums[c, item % bands] = total


@item_function
def add_coarser(
    item: int,
    worker: int,
    scales: F32,
    coarser: F32,
    width: int,
    out: F32,
) -> None:
    """Multiply each channel of `out` by its scale, and add the gradient of the coarser scale.

    This is the backward step of `halve`: each coarser pixel passes a quarter of its gradient to
    each of its four pixels.
    """
    height, channels, _ = out.shape
    begin = item * ROWS
    for row in range(begin, min(begin + ROWS, height)):
        for c in range(channels):
            line, scale = out[row, c], scales[c]
            for j in range(width):
                line[j] *= scale
            if row // 2 < len(coarser):
                wide = coarser[row // 2, c]
                for j in range(width // 2):
                    line[2 * j] += QUARTER * wide[j]
                    line[2 * j + 1] += QUARTER * wide[j]
