"""How the steps of alpha blending are divided into work items."""

from __future__ import annotations

from gsic_kernels.cpu.runtime.work_items import count_items

# Gaussians whose records one work item fills, or whose gradients it reduces: so many that the
# atomic counters cost next to nothing.
RECORDS_PER_ITEM = 1024
# Gaussians whose spans are solved before the first of them is drawn: the latencies of solving, and
# those of fetching the records, then overlap.
BATCH = 32


def count_record_items(count: int) -> int:
    """Count the work items that fill the records of `count` Gaussians."""
    return count_items(count, RECORDS_PER_ITEM)
