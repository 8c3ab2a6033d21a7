"""The kernel that renders a sum of Gaussians and compares it with a target, strip by strip."""

from __future__ import annotations

from gsic_kernels.cpu.raster.columns import ZERO, draw_strip
from gsic_kernels.cpu.runtime.lanes import LANES
from gsic_kernels.cpu.runtime.simd import (
    absolute,
    broadcast,
    clamp01,
    fma,
    load,
    sign,
    store,
    total,
)
from gsic_kernels.cpu.runtime.work_items import item_function
from gsic_kernels.types import F32, F64, I32, I64


@item_function
def sum_loss(
    item: int,
    worker: int,
    channels: tuple[int, ...],
    records: F32,
    starts: I64,
    pairs: I32,
    background: F32,
    width: int,
    height: int,
    scratch: F32,
    spans: I32,
    target: F32,
    inside: F32,
    errors: F32,
    gradient: F32,
    weights: F32,
    offsets: F32,
    l1: int,
    stop_at_clamp: int,
    sums: F64,
) -> None:
    """Render strip `item` of `height` rows and compare it with the target.

    All images are planar, rows of C planes of `len(inside)` floats. The kernel sets

    - errors = clamp(rendering) - target, and 0 in the slack of a row, where `inside` is 0 and not
      1: the backward kernel reads it.
    - gradient, unless it is empty: half the derivative of the loss by each error. This is the
      error; with `l1` its sign (the whole derivative); with `weights` and `offsets`, unless they
      are empty, weights x error + offsets. With `stop_at_clamp` it is 0 where the clamp changed the
      value.
    - sums (rows, 2): per row the sum of absolute errors, or with `weights` the sum of
      weights x error^2 + 2 x offsets x error, and the sum of squared errors.
    """
    strip = scratch[worker]
    pitch = len(inside)
    rows = len(target) // (len(channels) * pitch)
    top = item * height
    used = min(height, rows - top)
    members = pairs[starts[item] : starts[item + 1]]
    draw_strip(
        *(channels, records, members, background, (0, 0), top, width, used),
        *(strip, pitch, spans[worker]),
    )
    # Sums are per row, and added up by the caller from top to bottom: so they do not depend on how
    # many rows a strip has, or on who renders it.
    for row in range(top, top + used):
        row_absolutes, row_squares = broadcast(ZERO), broadcast(ZERO)
        row_weighted = broadcast(ZERO)
        for c in range(len(channels)):
            at = ((row - top) * len(channels) + c) * pitch
            to = (row * len(channels) + c) * pitch
            for x in range(0, pitch, LANES):
                value = load(strip, at + x)
                clamped = clamp01(value)
                error = (clamped - load(target, to + x)) * load(inside, x)
                store(errors, to + x, error)
                if len(gradient):
                    slope = sign(error) if l1 else error
                    if len(weights):
                        offset = load(offsets, to + x)
                        slope = fma(error, load(weights, to + x), offset)
                        row_weighted = fma(error, slope + offset, row_weighted)
                    # The sign is 0 exactly where the clamp changed nothing.
                    if stop_at_clamp:
                        slope = slope - slope * absolute(sign(value - clamped))
                    store(gradient, to + x, slope)
                row_absolutes = row_absolutes + absolute(error)
                row_squares = fma(error, error, row_squares)
        sums[row, 0], sums[row, 1] = total(row_absolutes), total(row_squares)
        if len(weights):
            sums[row, 0] = total(row_weighted)
