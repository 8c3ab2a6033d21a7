"""How the steps of a rendering are divided into work items, for vector and scalar kernels alike."""

from __future__ import annotations

from gsic_kernels.cpu.runtime.jitable import register_jitable
from gsic_kernels.cpu.runtime.work_items import count_items

# Gaussians whose records one work item fills, or whose gradients it reduces: so many that the
# atomic counters cost next to nothing.
RECORDS_PER_ITEM = 1024
# Gaussians whose spans are solved before the first of them is drawn: the latencies of solving, and
# those of fetching the records, then overlap. A work item of a gradient has at most one batch.
BATCH = 32
# Rows of an image that one work item splits into planes.
ROWS_PER_ITEM = 16


def count_record_items(count: int) -> int:
    """Count the work items that fill the records of `count` Gaussians."""
    return count_items(count, RECORDS_PER_ITEM)


def count_row_items(rows: int) -> int:
    """Count the work items that split an image of `rows` rows into planes."""
    return count_items(rows, ROWS_PER_ITEM)


@register_jitable
def count_gradient_items(count: int) -> int:
    """Count the work items of up to BATCH Gaussians that compute the gradients of a sum."""
    # A few Gaussians may cover the whole image each: with 64 work items more, there are enough for
    # all threads even then.
    return min(count, 64 + count // BATCH)
