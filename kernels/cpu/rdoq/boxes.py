"""Boxes of pixels in a search over symbols: without a Gaussian, along one, and one exchanged.

A box is its first column, how many columns, its first row and how many rows. Images are (C, H, W);
what is kept of a box has a row of pixels for each channel, line after line.
"""

from __future__ import annotations

import numpy as np
from numba.extending import register_jitable
from numpy.typing import NDArray

from gsic_kernels.cpu.rdoq.candidates import CUTOFF, add, errors, inner, row_range, span, weigh

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]


@register_jitable
def set_aside(
    image: F32,
    target: F32,
    trial: F64,
    color: F64,
    box: tuple[int, int, int, int],
    weights: F32,
    without: F32,
) -> None:
    """Fill a box with the errors of the image, less what a Gaussian adds to it."""
    x0, columns, y0, lines = box
    channels, _, width = image.shape
    for y in range(y0, y0 + lines):
        at = (y - y0) * columns
        for c in range(channels):
            line, aim = image[c, y, x0 : x0 + columns], target[c, y, x0 : x0 + columns]
            errors(line, aim, without[c, at : at + columns])
        first, last = span(trial, y, width)
        if trial[CUTOFF] > 0.0 and first <= last:
            weigh(trial, y, first, last, weights)
            at += first - x0
            count = last - first + 1
            for c in range(channels):
                add(weights, without[c, at : at + count], count, np.float32(-color[c]))


@register_jitable
def inner_products(
    trial: F64,
    without: F32,
    box: tuple[int, int, int, int],
    width: int,
    height: int,
    weights: F32,
    products: F64,
) -> float:
    """Inner products of weights with what was set aside, by channel, and with themselves."""
    x0, columns, y0, _ = box
    squares = 0.0
    products[:] = 0.0
    top, bottom = row_range(trial, height)
    for y in range(top, bottom + 1):
        first, last = span(trial, y, width)
        if first <= last:
            squares += weigh(trial, y, first, last, weights)
            at, count = (y - y0) * columns + first - x0, last - first + 1
            for c in range(len(products)):
                products[c] += inner(weights, without[c, at : at + count], count)
    return squares


@register_jitable
def exchange(
    image: F32,
    old: F64,
    before: F64,
    new: F64,
    after: F64,
    box: tuple[int, int, int, int],
    weights: F32,
    fresh: F32,
) -> None:
    """Fill a box with the image, one Gaussian replaced by another."""
    x0, columns, y0, lines = box
    channels, _, width = image.shape
    for y in range(y0, y0 + lines):
        at = (y - y0) * columns
        for c in range(channels):
            fresh[c, at : at + columns] = image[c, y, x0 : x0 + columns]
        for side in range(2):
            trial, color = (new, after) if side else (old, before)
            if trial[CUTOFF] <= 0.0:
                continue
            first, last = span(trial, y, width)
            if first <= last:
                weigh(trial, y, first, last, weights)
                begin, count = at + first - x0, last - first + 1
                for c in range(channels):
                    share = np.float32(color[c] if side else -color[c])
                    add(weights, fresh[c, begin : begin + count], count, share)
