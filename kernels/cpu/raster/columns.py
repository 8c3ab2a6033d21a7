"""Draw Gaussians into a strip of rows, in columns of LANES pixels side by side.

A column is as many rows as the ellipse covers in it, so the loop over its rows has no test but the
mask on q, and dx is one vector for all rows. The value of a pixel depends on the splats, their
order and the pixel only: no arithmetic depends on where a column, a strip or the window begins.

Rows of a strip are planar: C planes of `pitch` floats, with at least LANES floats of slack.
"""

from __future__ import annotations

import numpy as np

from gsic_kernels.cpu.raster.column_spans import append_spans
from gsic_kernels.cpu.raster.planar_simd import fma_planes, load_colors, load_planes, store_planes
from gsic_kernels.cpu.raster.records import COLOR, LIMIT, MEAN_X, MEAN_Y, OFFSET, RECORD, P, R, T
from gsic_kernels.cpu.raster.work_division import BATCH
from gsic_kernels.cpu.runtime.jitable import register_jitable
from gsic_kernels.cpu.runtime.lanes import LANES
from gsic_kernels.cpu.runtime.simd import broadcast, exp_minus_8, fma, ramp, rolled, store, where_le
from gsic_kernels.types import F32, I32

HALF, ZERO, ONE = np.float32(0.5), np.float32(0.0), np.float32(1.0)


@register_jitable
def draw_strip(
    channels: tuple[int, ...],
    records: F32,
    members: I32,
    background: F32,
    origin: tuple[int, int],
    top: int,
    width: int,
    height: int,
    strip: F32,
    pitch: int,
    spans: I32,
) -> None:
    """Fill `height` rows of the strip with the background, then add `members` in their order."""
    for row in range(height):
        for c in range(len(channels)):
            at = (row * len(channels) + c) * pitch
            for x in range(0, pitch, LANES):
                store(strip, at + x, broadcast(background[c]))
    x0, y0 = origin[0], origin[1] + top
    for begin in range(0, len(members), BATCH):
        count = 0
        for k in range(begin, min(begin + BATCH, len(members))):
            n = members[k]
            count = append_spans(records, n, x0, x0 + width - 1, y0, y0 + height - 1, spans, count)
        for i in range(count):
            n, x, first, last = spans[i, 0], spans[i, 1], spans[i, 2], spans[i, 3]
            at = (first - y0) * len(channels) * pitch + x - x0
            draw_column(channels, records, n, x, first, last, strip, at, pitch)


@register_jitable
def draw_column(
    channels: tuple[int, ...],
    records: F32,
    n: int,
    x: int,
    first: int,
    last: int,
    strip: F32,
    at: int,
    pitch: int,
) -> None:
    """Add one column of Gaussian n, rows first..last, to the rows of the strip from `at` on."""
    mean_x, mean_y = records[n, MEAN_X], records[n, MEAN_Y]
    p, r, t = records[n, P], records[n, R], records[n, T]
    limit, offset = records[n, LIMIT], records[n, OFFSET]
    colors = load_colors(records, n * RECORD + COLOR, channels)
    u_column = (ramp() + (np.float32(x) + HALF) - mean_x) * p
    # Adding ones is exact in float32 as far as windows reach, so it makes no difference where a
    # column begins.
    y = np.float32(first) + HALF
    for _ in range(first, last + 1):
        rolled()
        dy = y - mean_y
        y += ONE
        u, v = u_column + r * dy, t * dy
        z = fma(u, u, v * v)
        weight = where_le(z, limit, exp_minus_8(z) - offset)
        planes = load_planes(strip, at, pitch, channels)
        store_planes(strip, at, pitch, fma_planes(weight, colors, planes))
        at += len(channels) * pitch
