"""The Gaussian window of SSIM, and the filters of the kernels that compare images under it.

Kernels filter an image on the way down. Each row is filtered along x into a ring of the last
SSIM_TAPS rows, and the ring is filtered along y. So no plane of filtered values is stored, and a
worker needs a few rows of memory only. Row y of an image is row y % SSIM_TAPS of its ring.

Loops are plain, over whole rows and few arrays each, because LLVM vectorises them then.
"""

from __future__ import annotations

import numpy as np

from gsic_kernels.constants import SSIM_K1, SSIM_K2, SSIM_SIGMA_PX, SSIM_TAPS
from gsic_kernels.cpu.runtime.jitable import register_jitable
from gsic_kernels.types import F32

TAPS = SSIM_TAPS
RADIUS = TAPS // 2
# Of values with a full scale of 1.
C1, C2 = np.float32(SSIM_K1**2), np.float32(SSIM_K2**2)
ZERO, ONE, TWO = np.float32(0.0), np.float32(1.0), np.float32(2.0)

# Rows of a work item of a kernel that compares images. It filters 10 more above and below them:
# more rows waste less, fewer rows give small images more items to share between threads.
BAND = 128


def make_window() -> F32:
    """Compute the weights of the window along one axis, float32 (TAPS,) with a sum of 1."""
    distance = np.arange(TAPS) - float(RADIUS)
    weights = np.exp(-(distance**2) / (2.0 * SSIM_SIGMA_PX**2))
    normalised: F32 = (weights / weights.sum()).astype(np.float32)
    return normalised


W0, W1, W2, W3, W4, W5, *_ = make_window()


@register_jitable
def filter_across(line: F32, out: F32) -> None:
    """Filter a row along x that begins and ends with RADIUS zeros."""
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
def filter_down(ring: F32, row: int, out: F32) -> None:
    """Filter a ring along y around a row."""
    # Eleven rows are added in four loops of few arrays each, which LLVM vectorises.
    middle = ring[row % TAPS]
    for j in range(len(out)):
        out[j] = W5 * middle[j]
    for k, first, second in ((0, W0, W1), (2, W2, W3)):
        a, b = ring[(row - 5 + k) % TAPS], ring[(row + 5 - k) % TAPS]
        c, d = ring[(row - 4 + k) % TAPS], ring[(row + 4 - k) % TAPS]
        _add_pairs(a, b, c, d, out, first, second)
    a, b = ring[(row - 1) % TAPS], ring[(row + 1) % TAPS]
    for j in range(len(out)):
        out[j] += W4 * (a[j] + b[j])


@register_jitable
def _add_pairs(
    a: F32, b: F32, c: F32, d: F32, out: F32, first: np.float32, second: np.float32
) -> None:
    for j in range(len(out)):
        out[j] += first * (a[j] + b[j]) + second * (c[j] + d[j])
