"""Lists of the Gaussians that touch each tile, and an order that keeps neighbours together."""

from __future__ import annotations

import numpy as np

from gsic_kernels.cpu.runtime.work_items import ABORT, ABORTED, DONE, READY
from gsic_kernels.cpu.runtime.work_loop import mark_done, take_work_item, wait_for_steps_before
from gsic_kernels.cpu.sums.lattices import (
    FIRST_TILE,
    LEFT,
    TILE_COLUMNS,
    TILE_ROWS,
    TILES_ACROSS,
    TOP,
)
from gsic_kernels.types import I32, I64


def bin_to_tiles(
    counters: I64,
    work_counts: I64,
    step: int,
    worker: int,
    arguments: tuple[I32, I32, I64, I64, I32, I64, I32],
) -> int:
    """List the Gaussians of each tile in the given order, as one work item.

    The arguments are boxes, level, lattices, starts, order, sizes and pairs. Afterwards
    `pairs[starts[k]:starts[k + 1]]` are the Gaussians of tile k, `order` holds every Gaussian that
    contributes, by its first tile, and `sizes` are the numbers of entries of `order` and of
    `pairs`. If `pairs` is too short, the call is aborted.
    """
    state: int = wait_for_steps_before(counters, work_counts, step)
    if state != READY:
        return state
    if take_work_item(counters[step], worker, 1) < 0:
        return READY
    boxes, level, lattices, starts, order, sizes, pairs = arguments
    tiles = len(starts) - 1
    # A counting sort: count, turn counts into places, then put every index in its place.
    places = np.zeros(tiles + 1, np.int64)
    starts[:] = 0
    for n in range(len(boxes)):
        if boxes[n, 3] < boxes[n, 2]:
            continue
        lattice = lattices[level[n]]
        left = (boxes[n, 0] - lattice[LEFT]) >> lattice[TILE_COLUMNS]
        right = (boxes[n, 1] - lattice[LEFT]) >> lattice[TILE_COLUMNS]
        top = (boxes[n, 2] - lattice[TOP]) >> lattice[TILE_ROWS]
        bottom = (boxes[n, 3] - lattice[TOP]) >> lattice[TILE_ROWS]
        first = lattice[FIRST_TILE] + top * lattice[TILES_ACROSS]
        places[first + left + 1] += 1
        for _ in range(top, bottom + 1):
            for tile in range(first + left, first + right + 1):
                starts[tile + 1] += 1
            first += lattice[TILES_ACROSS]
    for k in range(tiles):
        starts[k + 1] += starts[k]
        places[k + 1] += places[k]
    sizes[0], sizes[1] = places[tiles], starts[tiles]
    if starts[tiles] > len(pairs):
        counters[:, DONE] = ABORT
        return ABORTED
    # Ascending indices keep the order of the Gaussians within each tile.
    cursor = starts.copy()
    for n in range(len(boxes)):
        if boxes[n, 3] < boxes[n, 2]:
            continue
        lattice = lattices[level[n]]
        left = (boxes[n, 0] - lattice[LEFT]) >> lattice[TILE_COLUMNS]
        right = (boxes[n, 1] - lattice[LEFT]) >> lattice[TILE_COLUMNS]
        top = (boxes[n, 2] - lattice[TOP]) >> lattice[TILE_ROWS]
        bottom = (boxes[n, 3] - lattice[TOP]) >> lattice[TILE_ROWS]
        first = lattice[FIRST_TILE] + top * lattice[TILES_ACROSS]
        order[places[first + left]] = n
        places[first + left] += 1
        for _ in range(top, bottom + 1):
            for tile in range(first + left, first + right + 1):
                pairs[cursor[tile]] = n
                cursor[tile] += 1
            first += lattice[TILES_ACROSS]
    mark_done(counters[step])
    return READY
