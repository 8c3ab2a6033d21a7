"""Alpha blending, a strip of rows at a time, front to back in the order of the Gaussians.

Beside its C planes of colour a scratch row has one of transmittance: what is left to see through.
It turns negative where a pixel has stopped, so that no later Gaussian passes the test on what it
would leave. A pixel stops once at most: by which Gaussian is found out behind the loop over rows.
"""

from __future__ import annotations

import numpy as np
from numba.extending import register_jitable

from gsic_kernels.constants import ALPHA_MAX, ALPHA_MIN, TRANSMITTANCE_MIN
from gsic_kernels.cpu.forward import BATCH, F32, HALF, I32, I64, ONE, ZERO
from gsic_kernels.cpu.lanes import LANES
from gsic_kernels.cpu.planes import (
    fma_planes,
    load_colors,
    load_planes,
    store_pixels,
    store_planes,
)
from gsic_kernels.cpu.prepare import COLOR, FLOOR, LIMIT, MEAN_X, MEAN_Y, RECORD, P, R, T
from gsic_kernels.cpu.simd import (
    absolute,
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
from gsic_kernels.cpu.spans import row_pitch, solve_columns, span_table
from gsic_kernels.cpu.work import READY, finish, next_piece, wait_for

MOST, LEAST = np.float32(ALPHA_MAX), np.float32(ALPHA_MIN)
END = np.float32(TRANSMITTANCE_MIN)


@register_jitable
def _note_stops(
    strip: F32, depth: int, n: int, stop: I32, row: int, x: int, width: int, never: int
) -> None:
    """Write n to `stop` for the pixels that have stopped and are not known to, in one row."""
    for lane in range(min(LANES, width - x)):
        if strip[depth + lane] < ZERO and stop[row, x + lane] == never:
            stop[row, x + lane] = n


@register_jitable
def _blend(
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
    """Put one column of a Gaussian, rows first..last, behind what the rows from `at` on hold.

    Returns:
        Whether it made a pixel stop.
    """
    mean_x, mean_y = records[n, MEAN_X], records[n, MEAN_Y]
    p, r, t = records[n, P], records[n, R], records[n, T]
    limit, floor = records[n, LIMIT], records[n, FLOOR]
    colors = load_colors(records, n * RECORD + COLOR, channels)
    u_column = (ramp() + (np.float32(x) + HALF) - mean_x) * p
    depth = at + len(channels) * pitch
    # The least that is left where it is positive: of a pixel that has stopped it is not.
    least = broadcast(ONE)
    y = np.float32(first) + HALF
    for _ in range(first, last + 1):
        rolled()
        dy = y - mean_y
        y += ONE
        u, v = u_column + r * dy, t * dy
        z = fma(u, u, v * v)
        weight = where_le(z, limit, exp_minus_8(z) - floor)
        alpha = smaller(weight * opacity, MOST)
        alpha = where_le(LEAST, alpha, alpha)
        before = load(strip, depth)
        after = before * (ONE - alpha)
        share = where_le(END, after, before * alpha)
        planes = load_planes(strip, at, pitch, channels)
        store_planes(strip, at, pitch, fma_planes(share, colors, planes))
        store(strip, depth, select_le(END, after, after, smaller(before, ZERO - before)))
        least = smaller(least, select_le(after, ZERO, ONE, after))
        at += (len(channels) + 1) * pitch
        depth += (len(channels) + 1) * pitch
    return any_below(least, END)


def blend(
    gates: I64,
    needs: I64,
    step: int,
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
    image: F32,
    transmittance: F32,
    stop: I32,
) -> int:
    """Render strips of `height` rows to `image` (H, W, C), `transmittance` and `stop` (H, W)."""
    state = wait_for(gates, needs, step)
    if state != READY:
        return state
    counter, strip = gates[step], scratch[worker]
    rows, width, _ = image.shape
    pitch = row_pitch(width)
    row_pitch_all = (len(channels) + 1) * pitch
    flat = image.reshape(-1)
    line, spans = np.empty(LANES * len(channels), np.float32), span_table(width, BATCH)
    x0 = origin[0]
    while True:
        s = next_piece(counter, worker, len(starts) - 1)
        if s < 0:
            return READY
        top = s * height
        count = min(height, rows - top)
        y0 = origin[1] + top
        for row in range(count):
            at = row * row_pitch_all
            for x in range(at, at + len(channels) * pitch, LANES):
                store(strip, x, broadcast(ZERO))
            for x in range(at + len(channels) * pitch, at + row_pitch_all, LANES):
                store(strip, x, broadcast(ONE))
            stop[top + row, :] = len(opacity)
        members = pairs[starts[s] : starts[s + 1]]
        for begin in range(0, len(members), BATCH):
            found = 0
            for k in range(begin, min(begin + BATCH, len(members))):
                found = solve_columns(
                    records, members[k], x0, x0 + width - 1, y0, y0 + count - 1, spans, found
                )
            for i in range(found):
                n, x, first, last = spans[i, 0], spans[i, 1], spans[i, 2], spans[i, 3]
                at = (first - y0) * row_pitch_all + x - x0
                row = top + first - y0
                if _blend(channels, records, opacity[n], n, x, first, last, strip, at, pitch):
                    for k in range(last + 1 - first):
                        depth = at + k * row_pitch_all + len(channels) * pitch
                        _note_stops(strip, depth, n, stop, row + k, x - x0, width, len(opacity))
        colors = load_colors(background, 0, channels)
        for row in range(count):
            at = row * row_pitch_all
            depth = at + len(channels) * pitch
            to = (top + row) * width * len(channels)
            for x in range(0, width - LANES + 1, LANES):
                planes = load_planes(strip, at + x, pitch, channels)
                planes = fma_planes(absolute(load(strip, depth + x)), colors, planes)
                store_pixels(flat, to + x * len(channels), planes)
            x = width - width % LANES
            if x < width:
                planes = load_planes(strip, at + x, pitch, channels)
                planes = fma_planes(absolute(load(strip, depth + x)), colors, planes)
                store_pixels(line, 0, planes)
                for i in range((width - x) * len(channels)):
                    flat[to + x * len(channels) + i] = line[i]
            for x in range(width):
                transmittance[top + row, x] = abs(strip[depth + x])
        finish(counter)
