"""The oracle: sums of Gaussians in float64, one Gaussian after the other over the whole window.

Slow and plain on purpose. Every kernel is held against it, forward and for each gradient.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gsic_kernels.checks import F32, Splats, Window
from gsic_kernels.constants import REACH_MAX, SIGMA_MAX_PX, SIGMA_MIN_PX

F64 = NDArray[np.float64]


def contributes(splats: Splats) -> NDArray[np.bool_]:
    """Tell which Gaussians count at all, by the rules of `constants`: bool (N,)."""
    answer = np.zeros(len(splats.mean), bool)
    for n in range(len(answer)):
        values = np.concatenate([np.ravel(array[n]) for array in splats])
        if not np.isfinite(values).all() or splats.reach[n] < 0:
            continue
        p, r, t = (float(value) for value in splats.factor[n])
        largest, smallest = np.linalg.svd(np.array([[p, r], [0.0, t]]), compute_uv=False)
        answer[n] = largest * SIGMA_MIN_PX <= 1.0 and smallest * SIGMA_MAX_PX >= 1.0
    return answer


def render_sum(splats: Splats, window: Window, background: F32) -> F64:
    """Render `background` plus the sum of weight times colour.

    Args:
        splats: N Gaussians, C channels.
        window: the pixels to render.
        background: float32 (C,), 1.0 = full scale.

    Returns:
        float64 (height, width, C), not clamped.
    """
    image = np.tile(background.astype(np.float64), (window.height, window.width, 1))
    for n in np.flatnonzero(contributes(splats)).tolist():
        _, _, _, _, _, weight = _terms(splats, n, window)
        image += weight[:, :, None] * splats.color[n].astype(np.float64)
    return image


def render_sum_backward(splats: Splats, window: Window, grad: F64) -> tuple[F64, F64, F64]:
    """Gradient of `sum(render_sum(...) * grad)`.

    Args:
        splats: N Gaussians, C channels.
        window: the pixels that were rendered.
        grad: float64 (height, width, C), the derivative by each rendered value.

    Returns:
        The derivatives by mean (N, 2), factor (N, 3) and color (N, C), float64. The cut at
        `reach` and the floor are taken as fixed.
    """
    count, channels = splats.color.shape
    d_mean, d_factor = np.zeros((count, 2)), np.zeros((count, 3))
    d_color = np.zeros((count, channels))
    for n in np.flatnonzero(contributes(splats)).tolist():
        p, r, t = (float(value) for value in splats.factor[n])
        dx, dy, u, v, bell, weight = _terms(splats, n, window)
        d_color[n] = (grad * weight[:, :, None]).sum(axis=(0, 1))
        d_q = -bell * (grad @ splats.color[n].astype(np.float64))
        d_factor[n] = (d_q * u * dx).sum(), (d_q * u * dy).sum(), (d_q * v * dy).sum()
        d_mean[n] = (d_q * -u * p).sum(), (d_q * -(u * r + v * t)).sum()
    return d_mean, d_factor, d_color


def _terms(splats: Splats, n: int, window: Window) -> tuple[F64, F64, F64, F64, F64, F64]:
    """dx, dy, u, v, exp(-q) within reach, and the weight, each (height, width)."""
    x = window.x + np.arange(window.width) + 0.5
    y = window.y + np.arange(window.height) + 0.5
    p, r, t = (float(value) for value in splats.factor[n])
    dx, dy = np.meshgrid(x - float(splats.mean[n, 0]), y - float(splats.mean[n, 1]))
    u, v = p * dx + r * dy, t * dy
    q = (u * u + v * v) / 2
    inside = q <= min(float(splats.reach[n]), REACH_MAX)
    bell = np.where(inside, np.exp(-q), 0.0)
    return dx, dy, u, v, bell, np.where(inside, bell - float(splats.floor[n]), 0.0)
