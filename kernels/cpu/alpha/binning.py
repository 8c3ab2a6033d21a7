"""Lists of the Gaussians that touch each strip of rows of the window."""

from __future__ import annotations

from gsic_kernels.cpu.runtime.work_items import ABORT, ABORTED, DONE, READY
from gsic_kernels.cpu.runtime.work_loop import mark_done, take_work_item, wait_for_steps_before
from gsic_kernels.types import I32, I64


def bin_to_strips(
    counters: I64,
    work_counts: I64,
    step: int,
    worker: int,
    arguments: tuple[I32, int, I64, I32],
) -> int:
    """List the Gaussians of each strip of 2^shift rows in the given order, as one work item.

    The arguments are row_ranges, shift, starts and pairs. Afterwards
    `pairs[starts[s]:starts[s + 1]]` are the Gaussians of strip s. If `pairs` is too short, the call
    is aborted; the last of `starts` tells how long it must be.
    """
    state: int = wait_for_steps_before(counters, work_counts, step)
    if state != READY:
        return state
    if take_work_item(counters[step], worker, 1) < 0:
        return READY
    row_ranges, shift, starts, pairs = arguments
    # A counting sort: count, turn counts into places, then put every index in its place.
    starts[:] = 0
    # Per strip the difference to the count of the strip before: one more where a Gaussian begins,
    # one less behind its end. So a tall Gaussian costs as little here as a small one.
    for n in range(len(row_ranges)):
        if row_ranges[n, 1] >= 0:
            starts[row_ranges[n, 0] >> shift] += 1
            starts[(row_ranges[n, 1] >> shift) + 1] -= 1
    count, place = 0, 0
    for s in range(len(starts)):
        count += starts[s]
        starts[s] = place
        place += count
    if place > len(pairs):
        counters[:, DONE] = ABORT
        return ABORTED
    cursor = starts.copy()
    # Ascending indices keep the order of the Gaussians within each strip.
    for n in range(len(row_ranges)):
        if row_ranges[n, 1] >= 0:
            for s in range(row_ranges[n, 0] >> shift, (row_ranges[n, 1] >> shift) + 1):
                pairs[cursor[s]] = n
                cursor[s] += 1
    mark_done(counters[step])
    return READY
