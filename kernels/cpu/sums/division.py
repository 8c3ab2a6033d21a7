"""How the steps of a sum are divided into work items."""

from __future__ import annotations

from numba.extending import register_jitable

from gsic_kernels.cpu.runtime.work_items import count_items
from gsic_kernels.cpu.sums.records import RECORDS_PER_ITEM

# Gaussians of one work item of a gradient.
_GRADIENTS_PER_ITEM = 32
# Columns of blocks of a Gaussian that a gradient lists at once: lists have a fixed size then.
SEGMENT_COLUMNS = 256


def count_record_items(count: int) -> int:
    """Count the work items that fill the records of `count` Gaussians."""
    return count_items(count, RECORDS_PER_ITEM)


@register_jitable
def count_gradient_items(count: int) -> int:
    """Count the work items that compute the gradients of a sum of `count` Gaussians."""
    # A few Gaussians may cover a whole lattice each: with 64 work items more, there are enough for
    # all threads even then.
    return min(count, 64 + count // _GRADIENTS_PER_ITEM)
