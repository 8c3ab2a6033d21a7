"""Lists of the Gaussians that touch each strip of rows of the window."""

from __future__ import annotations

import numpy as np

from gsic_kernels.cpu.runtime.work_items import ABORT, ABORTED, DONE, READY
from gsic_kernels.cpu.runtime.work_loop import mark_done, take_work_item, wait_for_steps_before
from gsic_kernels.types import I32, I64

# The backward kernel visits the Gaussians from top to bottom, in bands of this many rows: the part
# of the image gradient that it reads meanwhile fits a second-level cache.
ROWS_PER_BAND = 16


def bin_to_strips(
    counters: I64,
    work_counts: I64,
    step: int,
    worker: int,
    arguments: tuple[I32, int, I64, I32, I32, I64],
) -> int:
    """List the Gaussians of each strip of 2^shift rows in the given order, as one work item.

    The arguments are row_ranges, shift, starts, order, pairs and sizes. Afterwards
    `pairs[starts[s]:starts[s + 1]]` are the Gaussians of strip s, `order` holds every Gaussian that
    contributes, by bands of ROWS_PER_BAND rows from the top, and `sizes` are the numbers of
    entries of `order` and of `pairs`. If `pairs` is too short, the call is aborted.
    """
    state: int = wait_for_steps_before(counters, work_counts, step)
    if state != READY:
        return state
    if take_work_item(counters[step], worker, 1) < 0:
        return READY
    row_ranges, shift, starts, order, pairs, sizes = arguments
    # A counting sort: count, turn counts into places, then put every index in its place.
    places = np.zeros((len(starts) << shift) // ROWS_PER_BAND + 2, np.int64)
    starts[:] = 0
    # Per strip the difference to the count of the strip before: one more where a Gaussian begins,
    # one less behind its end. So a tall Gaussian costs as little here as a small one.
    for n in range(len(row_ranges)):
        if row_ranges[n, 1] >= 0:
            places[row_ranges[n, 0] // ROWS_PER_BAND + 1] += 1
            starts[row_ranges[n, 0] >> shift] += 1
            starts[(row_ranges[n, 1] >> shift) + 1] -= 1
    count, place = 0, 0
    for s in range(len(starts)):
        count += starts[s]
        starts[s] = place
        place += count
    for k in range(1, len(places)):
        places[k] += places[k - 1]
    sizes[0], sizes[1] = places[-1], place
    if place > len(pairs):
        counters[:, DONE] = ABORT
        return ABORTED
    cursor = starts.copy()
    # Ascending indices keep the order of the Gaussians within each strip and band.
    for n in range(len(row_ranges)):
        if row_ranges[n, 1] >= 0:
            band = row_ranges[n, 0] // ROWS_PER_BAND
            order[places[band]] = n
            places[band] += 1
            for s in range(row_ranges[n, 0] >> shift, (row_ranges[n, 1] >> shift) + 1):
                pairs[cursor[s]] = n
                cursor[s] += 1
    mark_done(counters[step])
    return READY
