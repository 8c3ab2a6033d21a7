"""The kernel that renders a sum of Gaussians and compares it with a target, tile by tile."""

from __future__ import annotations

import numpy as np

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
from gsic_kernels.cpu.sums.forward import render_tile
from gsic_kernels.cpu.sums.lattices import COLUMNS, LEFT, TILE_COLUMNS, TILES_ACROSS, TOP
from gsic_kernels.types import F32, F64, I32, I64

_ZERO = np.float32(0.0)


@item_function
def compare_tile(
    item: int,
    worker: int,
    channels: tuple[int, ...],
    records: F32,
    boxes: I32,
    starts: I64,
    pairs: I32,
    lattices: I64,
    background: F32,
    coarse: F32,
    tiles: F32,
    offsets: F32,
    places: I32,
    buffers: F32,
    target: F32,
    inside_columns: F32,
    inside_rows: F32,
    errors: F32,
    slopes: F32,
    weights: F32,
    shifts: F32,
    l1: int,
    stop_at_clamp: int,
    sums: F64,
) -> None:
    """Render tile `item` of level 0 and compare it with the target.

    All images lie block by block, like a tile that is the whole lattice. `inside_columns` and
    `inside_rows` hold a vector for each column and row of blocks, 1 for pixels inside the image and
    0 for others. The kernel sets

    - errors = clamp(rendering) - target, and 0 outside the image.
    - slopes, unless it is empty: half the derivative of the loss by each error. This is the error;
      with `l1` its sign (the whole derivative); with `weights` and `shifts`, unless they are empty,
      weights x error + shifts. With `stop_at_clamp` it is 0 where the clamp changed the value.
    - sums (rows of blocks x tiles across, 2): per row of blocks of a tile the sum of absolute
      errors, or with `weights` the sum of weights x error^2 + 2 x shifts x error, and the sum of
      squared errors.
    """
    tile = tiles[worker]
    memory = tile, offsets[worker], places[worker], buffers[worker]
    column, row, columns, rows = render_tile(
        *(channels, records, boxes, starts, pairs, lattices, 0, background, coarse, item),
        memory,
    )
    lattice = lattices[0]
    column, row = column - lattice[LEFT], row - lattice[TOP]
    across = lattice[TILES_ACROSS]
    size = len(channels) * LANES
    # Sums are per row of blocks, and added up by the caller from top to bottom: so they do not
    # depend on how many rows a tile has, or on who renders it.
    for y in range(rows):
        row_absolutes, row_squares = broadcast(_ZERO), broadcast(_ZERO)
        row_weighted = broadcast(_ZERO)
        inside_row = load(inside_rows, (row + y) * LANES)
        at = y * columns * size
        to = ((row + y) * lattice[COLUMNS] + column) * size
        for x in range(columns):
            inside = load(inside_columns, (column + x) * LANES) * inside_row
            for _ in range(len(channels)):
                value = load(tile, at)
                clamped = clamp01(value)
                error = (clamped - load(target, to)) * inside
                store(errors, to, error)
                if len(slopes):
                    slope = sign(error) if l1 else error
                    if len(weights):
                        shift = load(shifts, to)
                        slope = fma(error, load(weights, to), shift)
                        row_weighted = fma(error, slope + shift, row_weighted)
                    # The sign is 0 exactly where the clamp changed nothing.
                    if stop_at_clamp:
                        slope = slope - slope * absolute(sign(value - clamped))
                    store(slopes, to, slope)
                row_absolutes = row_absolutes + absolute(error)
                row_squares = fma(error, error, row_squares)
                at, to = at + LANES, to + LANES
        k = (row + y) * across + (column >> lattice[TILE_COLUMNS])
        sums[k, 0], sums[k, 1] = total(row_absolutes), total(row_squares)
        if len(weights):
            sums[k, 0] = total(row_weighted)
