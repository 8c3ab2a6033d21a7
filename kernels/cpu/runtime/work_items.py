"""Share the work items of a step between threads, from inside compiled kernels.

A call of `pool.run` is a list of steps, and a step is a number of work items. A step begins when
all work items of the steps before it are done. Two int64 arrays hold the state of a call:

    work_counts (steps,)         number of work items of each step
    counters (steps, workers x COUNTER_STRIDE)
        element w x COUNTER_STRIDE   work items taken so far from the range of worker w
        element DONE                 work items of the step that are done, or negative once the
                                     call is aborted

Each worker owns a range of the work items, the same range in every step and every call, so that
it mostly reads what it wrote itself and what is in the cache of its core. When its own range is
used up, it takes work items from the ranges of the others.

Waiting happens inside the kernel, without the GIL: to get the GIL back takes longer than most
waits last.
"""

from __future__ import annotations

from collections.abc import Callable

from gsic_kernels.cpu.runtime.jitable import register_jitable

# Counters of two workers, and the counter of finished items, lie in different cache lines (8 int64
# each): otherwise every atomic addition would take the line away from all other cores.
DONE = 8
COUNTER_STRIDE = 16
# Number of looks at a counter, some 100 microseconds, after which a waiting thread should sleep:
# with more threads than cores it would otherwise keep the thread it waits for from running.
SPIN_LIMIT = 200_000
# What a kernel returns: its step is done as far as it could help; it timed out while it waited and
# has to be called again; the call is aborted.
READY, TIMED_OUT, ABORTED = 1, 0, -1
# So far below zero that work items which are finished later cannot make the counter positive.
ABORT = -(1 << 62)


@register_jitable
def count_items(total: int, per_item: int) -> int:
    """Count the work items of up to `per_item` elements that cover `total` elements."""
    return (total + per_item - 1) // per_item


def item_function(function: Callable[..., None]) -> Callable[..., None]:
    """Mark a function over one work item, from which `work_loop` makes a kernel.

    LLVM inlines it into the loop of the kernel. A call per work item would pass each array as eight
    values or more, and count references to it.
    """
    marked: Callable[..., None] = register_jitable(forceinline=True)(function)
    return marked
