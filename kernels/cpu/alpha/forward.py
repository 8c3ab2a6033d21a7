"""The kernel that blends Gaussians, a strip of rows at a time, the first Gaussian in front.

A row of a strip has C planes of colour and one of transmittance T: the share of what lies behind
that is still seen. A pixel stops before the first Gaussian that would leave less than
TRANSMITTANCE_MIN, and stays as it is from then on. This happens at most once per pixel, so the loop
over the rows of a column only marks the pixel by a negative T, and a rare branch behind the loop
handles it: it writes T and the index to the output and replaces the mark by STOPPED. STOPPED is not
a number, so no comparison holds for it, and no later Gaussian is drawn there.
"""

from __future__ import annotations

import numpy as np

from gsic_kernels.constants import ALPHA_MAX, ALPHA_MIN, TRANSMITTANCE_MIN
from gsic_kernels.cpu.alpha.column_spans import append_spans
from gsic_kernels.cpu.alpha.records import COLOR, LIMIT, MEAN_X, MEAN_Y, OFFSET, RECORD, P, R, T
from gsic_kernels.cpu.alpha.work_division import BATCH
from gsic_kernels.cpu.runtime.jitable import register_jitable
from gsic_kernels.cpu.runtime.lanes import LANES
from gsic_kernels.cpu.runtime.planar_rows import row_pitch
from gsic_kernels.cpu.runtime.planar_simd import (
    fma_planes,
    load_colors,
    load_planes,
    store_pixels,
    store_planes,
)
from gsic_kernels.cpu.runtime.simd import (
    any_below,
    broadcast,
    exp_minus_8,
    fma,
    load,
    ramp,
    rolled,
    select_le,
    smaller,
    store,
    where_le,
)
from gsic_kernels.cpu.runtime.work_items import item_function
from gsic_kernels.types import F32, I32, I64

HALF, ZERO, ONE = np.float32(0.5), np.float32(0.0), np.float32(1.0)
MOST, LEAST = np.float32(ALPHA_MAX), np.float32(ALPHA_MIN)
END = np.float32(TRANSMITTANCE_MIN)
# A Gaussian whose peak is below this needs no cap, however its pixels are rounded.
NEARLY_MOST = np.float32(ALPHA_MAX - 1e-3)
STOPPED = np.float32(np.nan)


@register_jitable
def _stop_pixels(
    strip: F32, depth: int, n: int, transmittance: F32, stop: I32, row: int, x: int
) -> None:
    """Stop the marked pixels among the LANES of one row, where Gaussian n would leave too little.

    `depth` is the place of their transmittance in the strip.
    """
    for lane in range(LANES):
        if strip[depth + lane] < ZERO:
            # Lanes in the slack of the row are stopped too, but have no place in the output.
            if x + lane < stop.shape[1]:
                transmittance[row, x + lane] = -strip[depth + lane]
                stop[row, x + lane] = n
            strip[depth + lane] = STOPPED


@register_jitable
def _blend_column(
    channels: tuple[int, ...],
    records: F32,
    opacity: np.float32,
    n: int,
    x: int,
    first: int,
    last: int,
    strip: F32,
    at: int,
    pitch: int,
) -> bool:
    """Blend one column of Gaussian n, rows first..last, behind what the strip holds from `at` on.

    Returns:
        Whether a pixel has been marked to stop.
    """
    mean_x, mean_y = records[n, MEAN_X], records[n, MEAN_Y]
    p, r, t = records[n, P], records[n, R], records[n, T]
    limit, offset = records[n, LIMIT], -(records[n, OFFSET] * opacity)
    colors = load_colors(records, n * RECORD + COLOR, channels)
    u_column = (ramp() + (np.float32(x) + HALF) - mean_x) * p
    depth = at + len(channels) * pitch
    # The least transmittance of each lane over all rows: with it, one test behind the loop tells
    # whether any pixel is marked.
    least = broadcast(ONE)
    y = np.float32(first) + HALF
    for _ in range(first, last + 1):
        rolled()
        dy = y - mean_y
        y += ONE
        u, v = u_column + r * dy, t * dy
        z = fma(u, u, v * v)
        raw = where_le(z, limit, fma(exp_minus_8(z), opacity, offset))
        # Alpha is 0 where the Gaussian is too faint to be drawn.
        alpha = where_le(LEAST, raw, smaller(raw, MOST))
        before = load(strip, depth)
        after = before * (ONE - alpha)
        # A pixel that would keep less than END gets no share of the Gaussian, and its mark.
        share = where_le(END, after, before * alpha)
        planes = load_planes(strip, at, pitch, channels)
        store_planes(strip, at, pitch, fma_planes(share, colors, planes))
        store(strip, depth, select_le(END, after, after, ZERO - before))
        least = smaller(after, least)
        at += (len(channels) + 1) * pitch
        depth += (len(channels) + 1) * pitch
    stops: bool = any_below(least, END)
    return stops


@item_function
def alpha_forward(
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
    image: F32,
    transmittance: F32,
    stop: I32,
) -> None:
    """Render strip `item` of `height` rows to `image` (H, W, C), `transmittance`, `stop` (H, W)."""
    strip = scratch[worker]
    rows, width, _ = image.shape
    pitch = row_pitch(width)
    row_pitch_all = (len(channels) + 1) * pitch
    flat, depths = image.reshape(-1), transmittance.reshape(-1)
    spans, line = spans[worker], np.empty(LANES * len(channels), np.float32)
    top = item * height
    count = min(height, rows - top)
    x0, y0 = origin[0], origin[1] + top
    for row in range(count):
        at = row * row_pitch_all
        for x in range(at, at + len(channels) * pitch, LANES):
            store(strip, x, broadcast(ZERO))
        for x in range(at + len(channels) * pitch, at + row_pitch_all, LANES):
            store(strip, x, broadcast(ONE))
        stop[top + row, :] = len(opacity)
    members = pairs[starts[item] : starts[item + 1]]
    for begin in range(0, len(members), BATCH):
        found = 0
        for k in range(begin, min(begin + BATCH, len(members))):
            found = append_spans(
                records, members[k], x0, x0 + width - 1, y0, y0 + count - 1, spans, found
            )
        for i in range(found):
            n, x, first, last = spans[i, 0], spans[i, 1], spans[i, 2], spans[i, 3]
            at = (first - y0) * row_pitch_all + x - x0
            row = top + first - y0
            if _blend_column(channels, records, opacity[n], n, x, first, last, strip, at, pitch):
                for k in range(last + 1 - first):
                    depth = at + k * row_pitch_all + len(channels) * pitch
                    if any_below(load(strip, depth), ZERO):
                        _stop_pixels(strip, depth, n, transmittance, stop, row + k, x - x0)
    colors = load_colors(background, 0, channels)
    whole = width - width % LANES
    for row in range(top, top + count):
        at = (row - top) * row_pitch_all
        depth = at + len(channels) * pitch
        to = row * width
        for x in range(0, whole, LANES):
            running = load(strip, depth + x)
            # No comparison holds for STOPPED, so the transmittance written at the stop is kept.
            seen = select_le(ZERO, running, running, load(depths, to + x))
            planes = load_planes(strip, at + x, pitch, channels)
            store(depths, to + x, seen)
            store_pixels(flat, (to + x) * len(channels), fma_planes(seen, colors, planes))
        if whole < width:
            for x in range(whole, width):
                if strip[depth + x] >= ZERO:
                    transmittance[row, x] = strip[depth + x]
                strip[depth + x] = transmittance[row, x]
            planes = load_planes(strip, at + whole, pitch, channels)
            planes = fma_planes(load(strip, depth + whole), colors, planes)
            store_pixels(line, 0, planes)
            for i in range((width - whole) * len(channels)):
                flat[(to + whole) * len(channels) + i] = line[i]
