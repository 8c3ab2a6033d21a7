"""The kernel that renders a sum of Gaussians to float32 or to bytes, a strip of rows at a time."""

from __future__ import annotations

import numpy as np

from gsic_kernels.cpu.raster.column_spans import row_pitch
from gsic_kernels.cpu.raster.columns import draw_strip
from gsic_kernels.cpu.raster.planar_simd import load_planes, store_pixels
from gsic_kernels.cpu.runtime.lanes import LANES
from gsic_kernels.cpu.runtime.work_items import item_function
from gsic_kernels.types import F32, I32, I64, U8


@item_function
def sum_forward(
    item: int,
    worker: int,
    channels: tuple[int, ...],
    records: F32,
    starts: I64,
    pairs: I32,
    background: F32,
    origin: tuple[int, int],
    height: int,
    scratch: F32,
    spans: I32,
    out: F32 | U8,
) -> None:
    """Render strip `item` of `height` rows to `out` (H, W, C), float32 or bytes.

    Bytes are the values clamped to 0..1, times 255, rounded half up.
    """
    strip = scratch[worker]
    rows, width, _ = out.shape
    pitch = row_pitch(width)
    top = item * height
    used = min(height, rows - top)
    members = pairs[starts[item] : starts[item + 1]]
    draw_strip(
        *(channels, records, members, background, origin, top, width, used),
        *(strip, pitch, spans[worker]),
    )
    flat, line = out.reshape(-1), np.empty(LANES * len(channels), out.dtype)
    whole = width - width % LANES
    for row in range(used):
        at = row * len(channels) * pitch
        to = (top + row) * width * len(channels)
        for x in range(0, whole, LANES):
            planes = load_planes(strip, at + x, pitch, channels)
            store_pixels(flat, to + x * len(channels), planes)
        # The rest of a row takes a detour, so as not to write past its end: the next row may be
        # another worker's.
        if whole < width:
            store_pixels(line, 0, load_planes(strip, at + whole, pitch, channels))
            for i in range((width - whole) * len(channels)):
                flat[to + whole * len(channels) + i] = line[i]
