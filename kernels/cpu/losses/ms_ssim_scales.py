"""Kernels of `dissimilarity`: one scale of MS-SSIM of an error to a target, and the way between
scales.

With an error e = image - target, the contrast term of SSIM (Wang et al., 2004) is 1 - V D, where V
is the variance of e under a window and 1 / D = variance of the image + variance of the target + C2;
the luminance term is 1 - M^2 E likewise, with the mean M of e. So both fall off from 1 as squares
of the error. Images are planar, (H, C, pitch); what is beyond the width is not looked at. Windows
are cut off at the border of the image and weigh what they keep.

A work item of `compare_scale` is a band of rows of one channel, which it goes down once as in
`similarity`.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numba.extending import register_jitable
from numpy.typing import NDArray

from gsic_kernels.cpu.losses.ssim import (
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

F32: TypeAlias = NDArray[np.float32]
F64: TypeAlias = NDArray[np.float64]

QUARTER = np.float32(0.25)

# Rows of a coarser scale, or of a finer one, that are a work item.
ROWS = 32


@register_jitable
def halve(item: int, worker: int, image: F32, width: int, out: F32) -> None:
    """Means of 2 x 2 pixels; the last row and column of odd sides are left out."""
    rows, channels, _ = out.shape
    begin = item * ROWS
    for row in range(begin, min(begin + ROWS, rows)):
        for c in range(channels):
            upper, lower, line = image[2 * row, c], image[2 * row + 1, c], out[row, c]
            for j in range(width // 2):
                pair = upper[2 * j] + upper[2 * j + 1]
                line[j] = QUARTER * (pair + (lower[2 * j] + lower[2 * j + 1]))


@register_jitable
def _read(error: F32, target: F32, lines: F32) -> None:
    """A row of the error and the target and their products, zeros left and right."""
    for j in range(lines.shape[1] - 2 * RADIUS):
        e, y = error[j], target[j]
        lines[0, j + RADIUS] = e
        lines[1, j + RADIUS] = e * e
        lines[2, j + RADIUS] = e * y
        lines[3, j + RADIUS] = y
        lines[4, j + RADIUS] = y * y


@register_jitable
def _contrast(means: F32, kept: F32, share: np.float32, by: F32, unlike: F32) -> None:
    """1 - contrast term of a row, and half its derivatives by the sums of `_read`'s first three.

    `means` are those sums, of windows of which `kept` times `share` is inside the image.
    """
    for j in range(means.shape[1]):
        whole = ONE / (kept[j] * share)
        mean, of_target = means[0, j] * whole, means[3, j] * whole
        variance = means[1, j] * whole - mean * mean
        covariance = means[2, j] * whole - mean * of_target
        spread = means[4, j] * whole - of_target * of_target
        scale = ONE / (TWO * (spread + covariance) + variance + C2)
        lost = variance * scale
        by_square, by_product = (ONE - lost) * scale, -lost * scale
        unlike[j] = lost
        by[0, j + RADIUS] = -(mean * by_square + of_target * by_product) * whole
        by[1, j + RADIUS] = by_square * whole
        by[2, j + RADIUS] = by_product * whole


@register_jitable
def _luminance(means: F32, kept: F32, share: np.float32, by: F32, unlike: F32) -> None:
    """The same for the product of luminance and contrast terms, from what `_contrast` gives."""
    for j in range(means.shape[1]):
        whole = ONE / (kept[j] * share)
        mean, of_target = means[0, j] * whole, means[3, j] * whole
        seen = mean + of_target
        scale = ONE / (seen * seen + of_target * of_target + C1)
        dark = mean * mean * scale
        light, contrast = ONE - dark, ONE - unlike[j]
        by_mean = (mean - dark * seen) * scale * contrast
        by[0, j + RADIUS] = by[0, j + RADIUS] * light + by_mean * whole
        by[1, j + RADIUS] *= light
        by[2, j + RADIUS] *= light
        unlike[j] = ONE - light * contrast


@register_jitable
def _write(error: F32, target: F32, means: F32, gradient: F32) -> None:
    """A row of the gradient from filtered derivatives."""
    for j in range(means.shape[1]):
        gradient[j] = means[0, j] + error[j] * means[1, j] + target[j] * means[2, j]


@register_jitable
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
    """Sums of 1 - similarity by channel and band, and half their gradient.

    `out` becomes that, or with `weights` the weights of squared errors that come nearest to it.
    `across` and `down` are how much of a window is inside the image along each axis; the length of
    `across` is the width.
    """
    height = len(error)
    width, bands = len(across), (height + BAND - 1) // BAND
    lines = np.zeros((5, width + 2 * RADIUS), np.float32)
    slopes = np.zeros((3, width + 2 * RADIUS), np.float32)
    rows = np.zeros((5, TAPS, width), np.float32)
    turned = np.zeros((3, TAPS, width), np.float32)
    means, unlike = np.empty((5, width), np.float32), np.empty(width, np.float32)
    c, top = item // bands, item % bands * BAND
    end = min(top + BAND, height)
    total = 0.0
    for row in range(top - 2 * RADIUS, end + 2 * RADIUS):
        slot = row % TAPS
        if 0 <= row < height:
            _read(error[row, c], target[row, c], lines)
            for k in range(5):
                filter_across(lines[k], rows[k, slot])
        else:
            rows[:, slot] = ZERO
        middle = row - RADIUS
        if middle < top - RADIUS:
            continue
        slot = middle % TAPS
        if 0 <= middle < height:
            for k in range(5):
                filter_down(rows[k], middle, means[k])
            _contrast(means, across, down[middle], slopes, unlike)
            if luminance:
                _luminance(means, across, down[middle], slopes, unlike)
            if top <= middle < end:
                for j in range(width):
                    total += float(unlike[j])
            for k in range(3):
                filter_across(slopes[k], turned[k, slot])
        else:
            turned[:, slot] = ZERO
        last = middle - RADIUS
        if last >= top:
            for k in range(3):
                filter_down(turned[k], last, means[k])
            line = out[last, c]
            if weights:
                line[:width] = means[1]
            else:
                _write(error[last, c], target[last, c], means, line)
    sums[c, item % bands] = total


@register_jitable
def add_coarser(
    item: int,
    worker: int,
    scales: F32,
    coarser: F32,
    width: int,
    out: F32,
) -> None:
    """Multiply each channel of `out` by its scale, and add what it passed on to the next scale."""
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
