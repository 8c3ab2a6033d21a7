"""Error and structural dissimilarity of an image to a target, with the gradient, in one pass.

SSIM (Wang et al., 2004) under an 11 x 11 Gaussian window of 1.5 px with zeros outside the image. A
work item is a band of rows of one channel. It goes down the image once: rows are filtered along
x into a ring of 11 rows, that ring is filtered along y into means, and the derivatives by those
means go through two filters of the same kind, which are their own transposes. Loops are plain,
over whole rows and few arrays each, so that LLVM makes vectors of them.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numba.extending import register_jitable
from numpy.typing import NDArray

from gsic_kernels import validation
from gsic_kernels.constants import CHANNELS_MAX
from gsic_kernels.cpu.runtime import pool
from gsic_kernels.cpu.runtime.dispatch import kernel
from gsic_kernels.types import F32

RADIUS = 5
TAPS = 2 * RADIUS + 1
SIGMA_PX = 1.5
C1, C2 = np.float32(0.01**2), np.float32(0.03**2)
ZERO, ONE, TWO = np.float32(0.0), np.float32(1.0), np.float32(2.0)

# Rows of a work item, which filters 10 more above and below it.
BAND = 128

ABSOLUTE, SQUARED, SIMILARITY = 0, 1, 2

F64: TypeAlias = NDArray[np.float64]


class Comparison(NamedTuple):
    """Means over all values of an image, and a gradient."""

    absolute: float
    squared: float
    similarity: float
    gradient: F32  # (H, W, C)


def window() -> F32:
    """The weights of the window along one axis, float32 (11,), their sum 1."""
    distance = np.arange(TAPS) - float(RADIUS)
    weights = np.exp(-(distance**2) / (2.0 * SIGMA_PX**2))
    normalised: F32 = (weights / weights.sum()).astype(np.float32)
    return normalised


W0, W1, W2, W3, W4, W5, *_ = window()


@register_jitable
def filter_across(line: F32, out: F32) -> None:
    """Filter a row that begins with RADIUS zeros and ends with as many."""
    for j in range(len(out)):
        out[j] = (
            W0 * (line[j] + line[j + 10])
            + W1 * (line[j + 1] + line[j + 9])
            + W2 * (line[j + 2] + line[j + 8])
            + W3 * (line[j + 3] + line[j + 7])
            + W4 * (line[j + 4] + line[j + 6])
            + W5 * line[j + 5]
        )


@register_jitable
def _pairs(a: F32, b: F32, c: F32, d: F32, out: F32, first: np.float32, second: np.float32) -> None:
    for j in range(len(out)):
        out[j] += first * (a[j] + b[j]) + second * (c[j] + d[j])


@register_jitable
def filter_down(ring: F32, row: int, out: F32) -> None:
    """Filter the ring along y around a row."""
    middle = ring[row % TAPS]
    for j in range(len(out)):
        out[j] = W5 * middle[j]
    for k, first, second in ((0, W0, W1), (2, W2, W3)):
        a, b = ring[(row - 5 + k) % TAPS], ring[(row + 5 - k) % TAPS]
        c, d = ring[(row - 4 + k) % TAPS], ring[(row + 4 - k) % TAPS]
        _pairs(a, b, c, d, out, first, second)
    a, b = ring[(row - 1) % TAPS], ring[(row + 1) % TAPS]
    for j in range(len(out)):
        out[j] += W4 * (a[j] + b[j])


@register_jitable
def _slopes(
    mean: F32, square: F32, product: F32, of_mean: F32, of_variance: F32, by: F32, total: F32
) -> None:
    """Add the SSIM of a row to `total`, and put its derivatives by the means into `by`."""
    for j in range(len(mean)):
        mu, nu = mean[j], of_mean[j]
        both = mu * nu
        squares = mu * mu + nu * nu
        light = (TWO * both + C1) / (squares + C1)
        bottom = ONE / (square[j] - mu * mu + of_variance[j] + C2)
        contrast = (TWO * (product[j] - both) + C2) * bottom
        # By the mean alone, by the mean of squares, by that of products with the target.
        by_light = (TWO * nu - TWO * mu * light) / (squares + C1)
        by_square = -light * contrast * bottom
        by_product = TWO * light * bottom
        by[0, j + RADIUS] = contrast * by_light - TWO * mu * by_square - nu * by_product
        by[1, j + RADIUS] = by_square
        by[2, j + RADIUS] = by_product
        total[j] += light * contrast


@register_jitable
def _read(image: F32, target: F32, row: int, c: int, lines: F32) -> None:
    """A row of the image, its square and its product with the target, zeros left and right."""
    for j in range(target.shape[2]):
        value = image[row, j, c]
        lines[0, j + RADIUS] = value
        lines[1, j + RADIUS] = value * value
        lines[2, j + RADIUS] = value * target[c, row, j]


@register_jitable
def _write(
    image: F32, of_row: F32, row: int, c: int, by: F32, weights: F32, gradient: F32, totals: F32
) -> None:
    """The gradient of a row from filtered derivatives; adds its errors to `totals`."""
    error, structure = weights[0], weights[1]
    for j in range(len(of_row)):
        value, wanted = image[row, j, c], of_row[j]
        slope = by[0, j] + TWO * value * by[1, j] + wanted * by[2, j]
        apart = value - wanted
        sign = np.float32(apart > ZERO) - np.float32(apart < ZERO)
        gradient[row, j, c] = error * sign - structure * slope
        totals[ABSOLUTE, j] += abs(apart)
        totals[SQUARED, j] += apart * apart


@register_jitable
def compare(
    item: int,
    worker: int,
    image: F32,
    target: F32,
    of_mean: F32,
    of_variance: F32,
    weights: F32,
    gradient: F32,
    sums: F64,
) -> None:
    """Gradient (H, W, C) of weights[0] |image - target| - weights[1] SSIM; sums per work item."""
    _, height, width = target.shape
    bands = (height + BAND - 1) // BAND
    lines = np.zeros((3, width + 2 * RADIUS), np.float32)
    slopes = np.zeros((3, width + 2 * RADIUS), np.float32)
    rows = np.zeros((3, TAPS, width), np.float32)
    turned = np.zeros((3, TAPS, width), np.float32)
    means = np.empty((3, width), np.float32)
    # Sums by column, and those of rows outside the band, which belong to another work item.
    totals, others = np.zeros((3, width), np.float32), np.zeros(width, np.float32)
    c, top = item // bands, item % bands * BAND
    end = min(top + BAND, height)
    totals[:] = ZERO
    for row in range(top - 2 * RADIUS, end + 2 * RADIUS):
        # Python's remainder: not negative.
        slot = row % TAPS
        if 0 <= row < height:
            _read(image, target, row, c, lines)
            for k in range(3):
                filter_across(lines[k], rows[k, slot])
        else:
            rows[:, slot] = ZERO
        middle = row - RADIUS
        if middle < top - RADIUS:
            continue
        slot = middle % TAPS
        if 0 <= middle < height:
            for k in range(3):
                filter_down(rows[k], middle, means[k])
            of = of_mean[c, middle], of_variance[c, middle]
            total = totals[SIMILARITY] if top <= middle < end else others
            _slopes(means[0], means[1], means[2], of[0], of[1], slopes, total)
            for k in range(3):
                filter_across(slopes[k], turned[k, slot])
        else:
            turned[:, slot] = ZERO
        last = middle - RADIUS
        if last >= top:
            for k in range(3):
                filter_down(turned[k], last, means[k])
            _write(image, target[c, last], last, c, means, weights, gradient, totals)
    for k in range(3):
        sums[item, k] = 0.0
        for j in range(width):
            sums[item, k] += float(totals[k, j])


class SsimLoss:
    """Mean absolute error and mean SSIM against one target, zeros outside both images."""

    def __init__(self, target: F32, threads: int = 1) -> None:
        """Filter the target.

        Args:
            target: float32 (H, W, C), 0..1, C = 1..4.
            threads: how many threads to use; no result depends on it.

        Raises:
            TypeError: the target is not float32.
            ValueError: its shape does not fit.
        """
        if getattr(target, "ndim", 0) != 3 or not 1 <= target.shape[2] <= CHANNELS_MAX:
            raise ValueError(f"target must be (H, W, 1..4), got {np.shape(target)}")
        self._shape = height, _, channels = target.shape
        validation.check_image("target", target, self._shape)
        self._threads = validation.check_threads(threads)
        self._target = np.ascontiguousarray(target.transpose(2, 0, 1))
        self._mean = _filtered(self._target)
        self._variance = _filtered(self._target * self._target) - self._mean**2
        self._sums = np.zeros((channels * -(-height // BAND), 3))
        self._gradient = np.empty(self._shape, np.float32)

    def compare(self, image: F32, absolute: float, structure: float) -> Comparison:
        """Errors of an image, and the gradient of a mix of them.

        Args:
            image: float32, the shape of the target; not modified.
            absolute, structure: weights of the mean absolute error and of 1 - SSIM in the mix.

        Returns:
            Means over all values; the gradient is overwritten by the next call.
        """
        image = validation.check_image("image", image, self._shape)
        count = image.size
        weights = np.array([absolute / count, structure / count], np.float32)
        maps = image, self._target, self._mean, self._variance
        arguments = *maps, weights, self._gradient, self._sums
        pool.run(self._threads, [pool.Step(kernel("compare"), arguments, len(self._sums))])
        # One band after the other, whoever did it.
        sums = (self._sums.sum(axis=0) / count).tolist()
        return Comparison(sums[ABSOLUTE], sums[SQUARED], sums[SIMILARITY], self._gradient)


def _filtered(planes: F32) -> F32:
    """Weighted means of (C, H, W) under the window, zeros outside."""
    for axis in (1, 2):
        margin = [(0, 0)] * 3
        margin[axis] = (RADIUS, RADIUS)
        padded = np.pad(planes.astype(np.float64), margin)
        side = planes.shape[axis]
        parts = [np.take(padded, np.arange(k, k + side), axis) for k in range(TAPS)]
        planes = np.tensordot(window().astype(np.float64), np.stack(parts), 1)
    return np.ascontiguousarray(planes, np.float32)
