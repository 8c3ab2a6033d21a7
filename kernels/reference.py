"""The reference renderer: Gaussians in float64, one after the other over the whole window.

It is slow and simple on purpose. Tests compare every kernel with it, forward and for each gradient.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gsic_kernels.constants import (
    ALPHA_MAX,
    ALPHA_MIN,
    CUTOFF_MAX,
    ENLARGING_FILTER,
    SIGMA_MAX_PX,
    SIGMA_MIN_PX,
    TRANSMITTANCE_MIN,
)
from gsic_kernels.types import F32, F64, I64, Splats, Window, count_levels


def contributes(splats: Splats) -> NDArray[np.bool_]:
    """Tell which Gaussians contribute, by the rules of `constants`: bool (N,)."""
    answer = np.zeros(len(splats.mean), bool)
    for n in range(len(answer)):
        values = np.concatenate([np.ravel(array[n]) for array in splats[:5]])
        if not np.isfinite(values).all() or splats.cutoff[n] < 0:
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
    return image + _render_level(splats, 0, window)


def _render_level(splats: Splats, level: int, window: Window) -> F64:
    """Render the Gaussians of a level and the coarser ones in a window of its lattice."""
    image = np.zeros((window.height, window.width, splats.color.shape[1]))
    for n in np.flatnonzero(contributes(splats) & (splats.level == level)).tolist():
        _, _, _, _, _, weight = _terms(splats, n, window)
        image += weight[:, :, None] * splats.color[n].astype(np.float64)
    if level + 1 < count_levels(splats):
        coarse, down, across = _make_enlarging(window)
        image += enlarge(_render_level(splats, level + 1, coarse), down, across)
    return image


def enlarge(coarse: F64, down: F64, across: F64) -> F64:
    """Enlarge a lattice (H, W, C) by the matrices of its columns and of its rows."""
    fine: F64 = np.einsum("ij,jkc,lk->ilc", down, coarse, across)
    return fine


def _make_enlarging(window: Window) -> tuple[Window, F64, F64]:
    """Return the coarse window that a window is enlarged from, and the matrices that do it."""
    first_x, across = _make_filter(window.x, window.width)
    first_y, down = _make_filter(window.y, window.height)
    return Window(first_x, first_y, across.shape[1], down.shape[1]), down, across


def _make_filter(first: int, count: int) -> tuple[int, F64]:
    """Return the first coarse cell that some fine cells read, and the weights of all they read."""
    cells = np.arange(first, first + count)
    # The cells 2 j and 2 j + 1 read four coarse cells each, from j - 2 and from j - 1 on.
    begins = cells // 2 - 2 + cells % 2
    matrix = np.zeros((count, begins[-1] + 4 - begins[0]))
    for row, (begin, odd) in enumerate(zip(begins - begins[0], cells % 2, strict=True)):
        matrix[row, begin : begin + 4] = ENLARGING_FILTER[:: -1 if odd else 1]
    return int(begins[0]), matrix


def render_sum_backward(splats: Splats, window: Window, grad: F64) -> tuple[F64, F64, F64]:
    """Compute the gradient of `sum(render_sum(...) * grad)`.

    Args:
        splats: N Gaussians, C channels.
        window: the pixels that were rendered.
        grad: float64 (height, width, C), the derivative by each rendered value.

    Returns:
        The derivatives by mean (N, 2), factor (N, 3) and color (N, C), float64, in cells of the
        lattice of each Gaussian. `cutoff` and `offset` are taken as fixed.
    """
    count, channels = splats.color.shape
    d_mean, d_factor = np.zeros((count, 2)), np.zeros((count, 3))
    d_color = np.zeros((count, channels))
    for level in range(count_levels(splats)):
        for n in np.flatnonzero(contributes(splats) & (splats.level == level)).tolist():
            p, r, t = (float(value) for value in splats.factor[n])
            dx, dy, u, v, bell, weight = _terms(splats, n, window)
            d_color[n] = (grad * weight[:, :, None]).sum(axis=(0, 1))
            d_q = -bell * (grad @ splats.color[n].astype(np.float64))
            d_factor[n] = (d_q * u * dx).sum(), (d_q * u * dy).sum(), (d_q * v * dy).sum()
            d_mean[n] = (d_q * -u * p).sum(), (d_q * -(u * r + v * t)).sum()
        # The gradient by the next coarser lattice is that of the enlarging.
        window, down, across = _make_enlarging(window)
        grad = np.einsum("ij,ilc,lk->jkc", down, grad, across)
    return d_mean, d_factor, d_color


class Alpha(NamedTuple):
    """An alpha-blended rendering, in float64."""

    image: F64  # (height, width, C), not clamped
    transmittance: F64  # (height, width)
    stop: I64  # (height, width), index of the Gaussian before which the pixel stopped, N for none
    margin: F64  # (height, width), least relative distance of a compared value to its threshold


class AlphaDerivatives(NamedTuple):
    """Derivatives of a scalar by the inputs of `render_alpha`, in float64."""

    mean: F64  # (N, 2)
    factor: F64  # (N, 3)
    color: F64  # (N, C)
    opacity: F64  # (N,)
    background: F64  # (C,)


class _Layer(NamedTuple):
    """The effect of one Gaussian on each pixel, (height, width)."""

    raw: F64  # opacity times weight
    alpha: F64  # raw, capped; 0 where the Gaussian is skipped or the pixel has stopped
    front: F64  # transmittance in front of it


def render_alpha(splats: Splats, opacity: F32, window: Window, background: F32) -> Alpha:
    """Blend Gaussians over `background`, the first in front.

    Args:
        splats: N Gaussians, C channels, front to back.
        opacity: float32 (N,).
        window: the pixels to render.
        background: float32 (C,), 1.0 = full scale.

    Returns:
        The rendering, not clamped.
    """
    answer, _ = _blend(splats, opacity, window, background)
    return answer


def render_alpha_backward(
    splats: Splats, opacity: F32, window: Window, background: F32, grad: F64
) -> AlphaDerivatives:
    """Compute the gradient of `sum(render_alpha(...).image * grad)`.

    Args:
        splats, opacity, window, background: the arguments of `render_alpha`.
        grad: float64 (height, width, C), the derivative by each rendered value.

    Returns:
        The derivatives. `offset` and all cuts are taken as fixed; where alpha is capped, it is a
        constant.
    """
    count, channels = splats.color.shape
    d_mean, d_factor = np.zeros((count, 2)), np.zeros((count, 3))
    d_color, d_opacity = np.zeros((count, channels)), np.zeros(count)
    rendering, layers = _blend(splats, opacity, window, background)
    # The colour that is seen of everything behind the current Gaussian. The walk goes from back to
    # front, so it is known without a second blend.
    behind = np.broadcast_to(background.astype(np.float64), rendering.image.shape)
    for n in reversed(layers):
        raw, alpha, front = layers[n]
        color = splats.color[n].astype(np.float64)
        d_color[n] = (grad * (alpha * front)[:, :, None]).sum(axis=(0, 1))
        d_raw = front * (grad * (color - behind)).sum(axis=2)
        d_raw[(alpha == 0.0) | (raw > ALPHA_MAX)] = 0.0
        behind = alpha[:, :, None] * color + (1.0 - alpha)[:, :, None] * behind
        p, r, t = (float(value) for value in splats.factor[n])
        dx, dy, u, v, bell, weight = _terms(splats, n, window)
        d_opacity[n] = (d_raw * weight).sum()
        d_q = -bell * d_raw * float(opacity[n])
        d_factor[n] = (d_q * u * dx).sum(), (d_q * u * dy).sum(), (d_q * v * dy).sum()
        d_mean[n] = (d_q * -u * p).sum(), (d_q * -(u * r + v * t)).sum()
    d_background = (grad * rendering.transmittance[:, :, None]).sum(axis=(0, 1))
    return AlphaDerivatives(d_mean, d_factor, d_color, d_opacity, d_background)


def _blend(
    splats: Splats, opacity: F32, window: Window, background: F32
) -> tuple[Alpha, dict[int, _Layer]]:
    """Blend the Gaussians; return the rendering, and its layers by the index of the Gaussian."""
    shape = window.height, window.width
    color_sum = np.zeros((*shape, splats.color.shape[1]))
    left, margin = np.ones(shape), np.full(shape, np.inf)
    stop = np.full(shape, len(opacity))
    layers: dict[int, _Layer] = {}
    usable = contributes(splats) & np.isfinite(opacity) & (opacity > 0)
    for n in np.flatnonzero(usable).tolist():
        *_, weight = _terms(splats, n, window)
        raw = float(opacity[n]) * weight
        alpha = np.minimum(raw, ALPHA_MAX)
        running = stop == len(opacity)
        seen = running & (alpha >= ALPHA_MIN)
        after = left * (1.0 - alpha)
        refused = seen & (after < TRANSMITTANCE_MIN)
        for value, threshold, asked in (
            (raw, ALPHA_MIN, running),
            (raw, ALPHA_MAX, running),
            (after, TRANSMITTANCE_MIN, seen),
        ):
            distance = np.abs(value / threshold - 1.0)
            margin = np.where(asked, np.minimum(margin, distance), margin)
        stop[refused] = n
        alpha = np.where(seen & ~refused, alpha, 0.0)
        layers[n] = _Layer(raw, alpha, left)
        color_sum += (left * alpha)[:, :, None] * splats.color[n].astype(np.float64)
        left = left * (1.0 - alpha)
    image = color_sum + left[:, :, None] * background.astype(np.float64)
    return Alpha(image, left, stop, margin), layers


def _terms(splats: Splats, n: int, window: Window) -> tuple[F64, F64, F64, F64, F64, F64]:
    """Compute dx, dy, u, v, exp(-q) within the cutoff, and the weight, each (height, width)."""
    x = window.x + np.arange(window.width) + 0.5
    y = window.y + np.arange(window.height) + 0.5
    p, r, t = (float(value) for value in splats.factor[n])
    dx, dy = np.meshgrid(x - float(splats.mean[n, 0]), y - float(splats.mean[n, 1]))
    u, v = p * dx + r * dy, t * dy
    q = (u * u + v * v) / 2
    inside = q <= min(float(splats.cutoff[n]), CUTOFF_MAX)
    bell = np.where(inside, np.exp(-q), 0.0)
    return dx, dy, u, v, bell, np.where(inside, bell - float(splats.offset[n]), 0.0)
