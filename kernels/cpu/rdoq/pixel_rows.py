"""Loops over a row of pixels of a candidate of RDOQ: weights, products, errors.

The loops are plain, so that LLVM vectorises them. Sums may be taken in any order, which LLVM needs
for that too: the result depends on the machine, and the encoder may; no decoder runs these loops.
"""

from __future__ import annotations

import numpy as np

from gsic_kernels.cpu.raster.sum_scalar import exp_minus_8
from gsic_kernels.cpu.rdoq.candidates import CUTOFF, OFFSET, P, R, T, X, Y
from gsic_kernels.cpu.runtime.jitable import register_jitable
from gsic_kernels.types import F32, F64

_ZERO, _ONE, _TWO = np.float32(0.0), np.float32(1.0), np.float32(2.0)

_REORDER = {"reassoc", "contract", "nsz"}


@register_jitable
def weigh_row(candidate: F64, y: int, first: int, last: int, weights: F32) -> float:
    """Fill the weights of the pixels first..last of row y, and return the sum of their squares.

    The weight of pixel `first` goes to weights[0].
    """
    dx, dy = first + 0.5 - candidate[X], y + 0.5 - candidate[Y]
    # With a quarter of the factor, z is an eighth of the exponent, as `exp_minus_8` takes it.
    p, v = 0.25 * candidate[P], 0.25 * candidate[T] * dy
    u = p * dx + 0.25 * candidate[R] * dy
    energy = _weigh(
        np.float32(u),
        np.float32(p),
        np.float32(v * v),
        np.float32(0.125 * candidate[CUTOFF]),
        np.float32(candidate[OFFSET]),
        last - first + 1,
        weights,
    )
    return float(energy)


@register_jitable(fastmath=_REORDER)
def _weigh(
    u0: np.float32,
    p: np.float32,
    square: np.float32,
    limit: np.float32,
    offset: np.float32,
    count: int,
    weights: F32,
) -> np.float32:
    energy = _ZERO
    for k in range(count):
        u = u0 + np.float32(k) * p
        z = u * u + square
        weight = exp_minus_8(min(z, _TWO)) - offset if z <= limit else _ZERO
        weights[k] = weight
        energy += weight * weight
    return energy


@register_jitable(fastmath=_REORDER)
def multiply_rows(weights: F32, values: F32, count: int) -> np.float32:
    """Return the inner product of the first `count` weights and values."""
    total = _ZERO
    for k in range(count):
        total += weights[k] * values[k]
    return total


@register_jitable(fastmath=_REORDER)
def add_row(weights: F32, values: F32, count: int, share: np.float32) -> None:
    """Add the first `count` weights times `share` to values."""
    for k in range(count):
        values[k] += share * weights[k]


@register_jitable
def subtract_row(image: F32, target: F32, out: F32) -> None:
    """Compute clamp(image, 0, 1) - target."""
    for k in range(len(image)):
        out[k] = min(max(image[k], _ZERO), _ONE) - target[k]


@register_jitable(fastmath=_REORDER)
def measure_change(before: F32, after: F32, target: F32) -> np.float32:
    """Return the change of the sum of squared errors of clamped values."""
    total = _ZERO
    for k in range(len(target)):
        old = min(max(before[k], _ZERO), _ONE)
        new = min(max(after[k], _ZERO), _ONE)
        total += (new - old) * (new + old - _TWO * target[k])
    return total
