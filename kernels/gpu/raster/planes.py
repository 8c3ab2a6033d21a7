"""Planes: the values of up to four channels at some pixels or cells.

They are four tensors a, b, c, d, because Triton cannot index a tuple of tensors; planes beyond
CHANNELS are zero.
"""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def load_planes(image, pixel, mask, CHANNELS: tl.constexpr):
    """Load four planes of an image (H, W, C), zero where there is no pixel or no channel."""
    a = tl.load(image + pixel * CHANNELS, mask=mask, other=0.0)
    b, c, d = tl.zeros_like(a), tl.zeros_like(a), tl.zeros_like(a)
    if CHANNELS > 1:
        b = tl.load(image + pixel * CHANNELS + 1, mask=mask, other=0.0)
    if CHANNELS > 2:
        c = tl.load(image + pixel * CHANNELS + 2, mask=mask, other=0.0)
    if CHANNELS > 3:
        d = tl.load(image + pixel * CHANNELS + 3, mask=mask, other=0.0)
    return a, b, c, d


@triton.jit
def store_planes(image, pixel, mask, a, b, c, d, CHANNELS: tl.constexpr):
    """Store the first CHANNELS of four planes in an image (H, W, C)."""
    tl.store(image + pixel * CHANNELS, a, mask=mask)
    if CHANNELS > 1:
        tl.store(image + pixel * CHANNELS + 1, b, mask=mask)
    if CHANNELS > 2:
        tl.store(image + pixel * CHANNELS + 2, c, mask=mask)
    if CHANNELS > 3:
        tl.store(image + pixel * CHANNELS + 3, d, mask=mask)


@triton.jit
def fma_planes(weight, values, a, b, c, d, CHANNELS: tl.constexpr):
    """Add `weight` times the C scalars at `values` to four planes."""
    a = tl.fma(weight, tl.load(values), a)
    if CHANNELS > 1:
        b = tl.fma(weight, tl.load(values + 1), b)
    if CHANNELS > 2:
        c = tl.fma(weight, tl.load(values + 2), c)
    if CHANNELS > 3:
        d = tl.fma(weight, tl.load(values + 3), d)
    return a, b, c, d


@triton.jit
def dot_planes(first, values, b, c, d, CHANNELS: tl.constexpr):
    """Return a dot product over channels of planes and of the C scalars at `values`.

    `first` is the product of the first plane and value, which callers combine with other terms.
    """
    total = first
    if CHANNELS > 1:
        total = tl.fma(b, tl.load(values + 1), total)
    if CHANNELS > 2:
        total = tl.fma(c, tl.load(values + 2), total)
    if CHANNELS > 3:
        total = tl.fma(d, tl.load(values + 3), total)
    return total
