"""Loops of RDOQ over the box of pixels that the candidates of a Gaussian cover.

A box is (first column, number of columns, first row, number of rows). Images are (C, H, W); a copy
of a box has a row of values for each channel, one line of the box after the other.
"""

from __future__ import annotations

import numpy as np

from gsic_kernels.cpu.rdoq.candidates import CUTOFF, find_rows, find_span
from gsic_kernels.cpu.rdoq.pixel_rows import (
    add_row,
    measure_change,
    multiply_rows,
    subtract_row,
    weigh_row,
)
from gsic_kernels.cpu.runtime.jitable import register_jitable
from gsic_kernels.types import F32, F64


@register_jitable
def remove_gaussian(
    image: F32,
    target: F32,
    candidate: F64,
    color: F64,
    box: tuple[int, int, int, int],
    weights: F32,
    without: F32,
) -> None:
    """Fill `without` with the errors of a box, less what a Gaussian adds to the image."""
    x0, columns, y0, lines = box
    channels, _, width = image.shape
    for y in range(y0, y0 + lines):
        at = (y - y0) * columns
        for c in range(channels):
            line, wanted = image[c, y, x0 : x0 + columns], target[c, y, x0 : x0 + columns]
            subtract_row(line, wanted, without[c, at : at + columns])
        first, last = find_span(candidate, y, width)
        if candidate[CUTOFF] > 0.0 and first <= last:
            weigh_row(candidate, y, first, last, weights)
            at += first - x0
            count = last - first + 1
            for c in range(channels):
                add_row(weights, without[c, at : at + count], count, np.float32(-color[c]))


@register_jitable
def multiply_box(
    candidate: F64,
    without: F32,
    box: tuple[int, int, int, int],
    width: int,
    height: int,
    weights: F32,
    products: F64,
) -> float:
    """Compute the inner products of a candidate's weights with `without`, by channel.

    Returns the inner product of the weights with themselves.
    """
    x0, columns, y0, _ = box
    squares = 0.0
    products[:] = 0.0
    top, bottom = find_rows(candidate, height)
    for y in range(top, bottom + 1):
        first, last = find_span(candidate, y, width)
        if first <= last:
            squares += weigh_row(candidate, y, first, last, weights)
            at, count = (y - y0) * columns + first - x0, last - first + 1
            for c in range(len(products)):
                products[c] += multiply_rows(weights, without[c, at : at + count], count)
    return squares


@register_jitable
def replace_gaussian(
    image: F32,
    old: F64,
    old_color: F64,
    new: F64,
    new_color: F64,
    box: tuple[int, int, int, int],
    weights: F32,
    fresh: F32,
) -> None:
    """Fill `fresh` with the image in a box, with one Gaussian replaced by another."""
    x0, columns, y0, lines = box
    channels, _, width = image.shape
    for y in range(y0, y0 + lines):
        at = (y - y0) * columns
        for c in range(channels):
            fresh[c, at : at + columns] = image[c, y, x0 : x0 + columns]
        for side in range(2):
            candidate, color = (new, new_color) if side else (old, old_color)
            if candidate[CUTOFF] <= 0.0:
                continue
            first, last = find_span(candidate, y, width)
            if first <= last:
                weigh_row(candidate, y, first, last, weights)
                begin, count = at + first - x0, last - first + 1
                for c in range(channels):
                    share = np.float32(color[c] if side else -color[c])
                    add_row(weights, fresh[c, begin : begin + count], count, share)


@register_jitable
def measure_box(image: F32, fresh: F32, target: F32, box: tuple[int, int, int, int]) -> float:
    """Compute the change of the squared error from the image to `fresh` in a box."""
    x0, columns, y0, lines = box
    change = 0.0
    for y in range(lines):
        at = y * columns
        for c in range(len(image)):
            old, new = image[c, y0 + y, x0 : x0 + columns], fresh[c, at : at + columns]
            wanted = target[c, y0 + y, x0 : x0 + columns]
            change += float(measure_change(old, new, wanted))
    return change


@register_jitable
def copy_box(fresh: F32, box: tuple[int, int, int, int], image: F32) -> None:
    """Copy `fresh` into a box of the image."""
    x0, columns, y0, lines = box
    for y in range(lines):
        at = y * columns
        for c in range(len(image)):
            image[c, y0 + y, x0 : x0 + columns] = fresh[c, at : at + columns]
