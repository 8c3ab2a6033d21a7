"""The kernel of the gradient of alpha blending: it walks each strip from back to front.

With T the transmittance in front of a Gaussian, h = sum over channels of color * gradient, and S
the same sum for the colour that is seen of everything behind it, the derivatives of the loss L are

    dL/dalpha = T (h - S)        dL/dcolor_c = T alpha gradient_c

and one Gaussian further to the front

    S <- S + alpha (h - S)       T <- T / (1 - alpha)

The walk begins with the final T and with S of the background. The division undoes what the forward
kernel multiplied by; the divisor is at least 1 - ALPHA_MAX. Where alpha is capped or skipped, it
does not change with the opacity or the place of the Gaussian. From dL/dalpha on, all is as for sums
(see `sums.backward`), but summed per strip: `reduce_gradients` adds the strips up.

A row of the strip has 3 + C planes: T, S, the index at which the pixel stopped, and the gradient of
the image.
"""

from __future__ import annotations

import numpy as np

from gsic_kernels.cpu.alpha.column_spans import append_spans
from gsic_kernels.cpu.alpha.forward import HALF, LEAST, MOST, NEARLY_MOST, ONE, ZERO
from gsic_kernels.cpu.alpha.partials import (
    BY_COLOR,
    BY_DY,
    BY_DY2,
    BY_OPACITY,
    BY_U,
    BY_U_DX,
    BY_U_DY,
)
from gsic_kernels.cpu.alpha.records import COLOR, LIMIT, MEAN_X, MEAN_Y, OFFSET, RECORD, P, R, T
from gsic_kernels.cpu.alpha.work_division import BATCH
from gsic_kernels.cpu.runtime.jitable import register_jitable
from gsic_kernels.cpu.runtime.lanes import LANES
from gsic_kernels.cpu.runtime.planar_rows import row_pitch
from gsic_kernels.cpu.runtime.planar_simd import (
    dot_planes,
    fma_planes,
    load_colors,
    load_pixels,
    load_planes,
    store_planes,
    total_planes,
    zero_planes,
)
from gsic_kernels.cpu.runtime.simd import (
    broadcast,
    exp_minus_8,
    fma,
    load,
    load_integers,
    ramp,
    rolled,
    smaller,
    store,
    total,
    where_le,
)
from gsic_kernels.cpu.runtime.work_items import item_function
from gsic_kernels.types import F32, F64, I32, I64


@register_jitable
def _load_row(
    channels: tuple[int, ...],
    background: F32,
    transmittance: F32,
    stop: I32,
    flat: F32,
    row: int,
    width: int,
    strip: F32,
    at: int,
    pitch: int,
    d_background: F64,
) -> None:
    """Fill a row of the strip; in its slack all planes become 0."""
    grads = at + 3 * pitch
    whole, start = width // LANES * LANES, row * width * len(channels)
    for x in range(0, whole, LANES):
        planes = load_pixels(flat, start + x * len(channels), channels)
        store_planes(strip, grads + x, pitch, planes)
    for c in range(len(channels)):
        for x in range(whole, width):
            strip[grads + c * pitch + x] = flat[start + x * len(channels) + c]
        for x in range(width, pitch):
            strip[grads + c * pitch + x] = ZERO
    for x in range(0, whole, LANES):
        store(strip, at + x, load(transmittance, row * width + x))
        store(strip, at + 2 * pitch + x, load_integers(stop, row * width + x))
    for x in range(whole, width):
        strip[at + x] = transmittance[row * width + x]
        strip[at + 2 * pitch + x] = np.float32(stop[row * width + x])
    # A transmittance of 0 stays 0, however often it is divided: with any other, opaque Gaussians
    # beside the image would make it infinite, and infinity times a gradient of 0 is not a number.
    for x in range(width, pitch):
        strip[at + x] = ZERO
        strip[at + 2 * pitch + x] = ZERO
    colors, sums = load_colors(background, 0, channels), zero_planes(channels)
    for x in range(0, pitch, LANES):
        planes = load_planes(strip, grads + x, pitch, channels)
        store(strip, at + pitch + x, dot_planes(colors, planes))
        sums = fma_planes(load(strip, at + x), planes, sums)
    by_color = total_planes(sums)
    for c in range(len(channels)):
        d_background[row, c] = by_color[c]


@item_function
def alpha_backward(
    item: int,
    worker: int,
    channels: tuple[int, ...],
    records: F32,
    starts: I64,
    pairs: I32,
    background: F32,
    opacity: F32,
    origin: tuple[int, int],
    height: int,
    scratch: F32,
    spans: I32,
    transmittance: F32,
    stop: I32,
    grad: F32,
    partials: F32,
    d_background: F64,
) -> None:
    """Compute the rows of `partials` and of `d_background` that belong to strip `item`.

    `partials` has a row per pair of a strip and a Gaussian (see `partials`),
    `d_background` a row per row of the image.
    """
    strip = scratch[worker]
    rows, width, _ = grad.shape
    flat, depths, stops = grad.reshape(-1), transmittance.reshape(-1), stop.reshape(-1)
    pitch = row_pitch(width)
    row_pitch_all = (3 + len(channels)) * pitch
    spans, zero = spans[worker], broadcast(ZERO)
    top = item * height
    count = min(height, rows - top)
    x0, y0 = origin[0], origin[1] + top
    for row in range(count):
        at = row * row_pitch_all
        _load_row(
            *(channels, background, depths, stops, flat, top + row, width),
            *(strip, at, pitch, d_background),
        )
    first_stop = stop[top : top + count].min()
    end = starts[item + 1]
    # Batches, and the Gaussians in them, from the last to the first: what is behind a Gaussian must
    # be known before its own gradient.
    while end > starts[item]:
        begin = max(end - BATCH, starts[item])
        found = 0
        for k in range(end - 1, begin - 1, -1):
            found = append_spans(
                records, pairs[k], x0, x0 + width - 1, y0, y0 + count - 1, spans, found
            )
        i = 0
        for k in range(end - 1, begin - 1, -1):
            n = pairs[k]
            mean_x, mean_y = records[n, MEAN_X], records[n, MEAN_Y]
            p, r, t = records[n, P], records[n, R], records[n, T]
            limit, strength = records[n, LIMIT], opacity[n]
            offset = -(records[n, OFFSET] * strength)
            # A pixel shows this Gaussian if it stopped at a later index. Indices of Gaussians are
            # exact in float32, see BLENDED_MAX.
            index = np.float32(n + 1)
            colors = load_colors(records, n * RECORD + COLOR, channels)
            # Whether a pixel may have stopped at or before this Gaussian, and whether alpha may be
            # capped. Most Gaussians need neither test.
            late = n >= first_stop
            capped = strength + offset > NEARLY_MOST
            by_u, by_u_dx, by_u_dy, by_dy, by_dy2 = zero, zero, zero, zero, zero
            by_opacity, by_color = zero, zero_planes(channels)
            while i < found and spans[i, 0] == n:
                x, first, last = spans[i, 1], spans[i, 2], spans[i, 3]
                i += 1
                dx = ramp() + (np.float32(x) + HALF) - mean_x
                u_column = dx * p
                at = (first - y0) * row_pitch_all + x - x0
                column_u = zero
                y = np.float32(first) + HALF
                for _ in range(first, last + 1):
                    rolled()
                    dy = y - mean_y
                    y += ONE
                    u, v = u_column + r * dy, t * dy
                    z = fma(u, u, v * v)
                    bell = exp_minus_8(z)
                    raw = where_le(z, limit, fma(bell, strength, offset))
                    if late:
                        raw = where_le(index, load(strip, at + 2 * pitch), raw)
                    alpha = where_le(LEAST, raw, raw)
                    if capped:
                        alpha = smaller(alpha, MOST)
                    # The transmittance in front of this Gaussian, and h - S.
                    front = load(strip, at) / (ONE - alpha)
                    behind = load(strip, at + pitch)
                    grads = load_planes(strip, at + 3 * pitch, pitch, channels)
                    change = dot_planes(colors, grads) - behind
                    store(strip, at, front)
                    store(strip, at + pitch, fma(alpha, change, behind))
                    by_color = fma_planes(front * alpha, grads, by_color)
                    # Where the Gaussian is skipped or capped, alpha does not follow its weight.
                    by_raw = where_le(LEAST, raw, front * change)
                    if capped:
                        by_raw = where_le(raw, MOST, by_raw)
                    by_opacity = fma(by_raw, raw, by_opacity)
                    he = where_le(z, limit, by_raw * bell)
                    he_dy = he * dy
                    column_u = fma(he, u, column_u)
                    by_u_dy = fma(he_dy, u, by_u_dy)
                    by_dy = by_dy + he_dy
                    by_dy2 = fma(he_dy, dy, by_dy2)
                    at += row_pitch_all
                by_u = by_u + column_u
                by_u_dx = fma(column_u, dx, by_u_dx)
            partials[k, BY_U], partials[k, BY_U_DX] = total(by_u), total(by_u_dx)
            partials[k, BY_U_DY], partials[k, BY_DY] = total(by_u_dy), total(by_dy)
            partials[k, BY_DY2], partials[k, BY_OPACITY] = total(by_dy2), total(by_opacity)
            sums = total_planes(by_color)
            for c in range(len(channels)):
                partials[k, BY_COLOR + c] = sums[c]
        end = begin
