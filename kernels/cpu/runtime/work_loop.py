"""The loop of a kernel that shares the work items of its step (see `work_items`)."""

# Numba's extension interface has no types.
# mypy: disable-error-code="no-untyped-call, untyped-decorator"

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import extending
from numba.core import types

from gsic_kernels.cpu.runtime.jitable import register_jitable
from gsic_kernels.cpu.runtime.work_items import (
    ABORTED,
    COUNTER_STRIDE,
    DONE,
    READY,
    SPIN_LIMIT,
    TIMED_OUT,
)
from gsic_kernels.types import I64

# For type checkers a Numba intrinsic is the function that describes it; kernels call it with other
# arguments.
intrinsic: Any = extending.intrinsic

_INT64 = ir.IntType(64)


def _element(context: Any, builder: Any, kind: Any, array: Any, index: Any) -> Any:
    """Emit the address of array[index]."""
    data = context.make_array(kind)(context, builder, array).data
    return builder.gep(data, [index], inbounds=True)


@intrinsic
def fetch_add(typing: Any, counters: Any, index: Any) -> Any:
    """Add 1 to counters[index] atomically and return the value before."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        pointer = _element(context, builder, sig.args[0], *args)
        # Relaxed order is enough: only the number matters here, not what others have written.
        return builder.atomic_rmw("add", pointer, _INT64(1), "monotonic")

    return types.int64(counters, types.int64), lower


@intrinsic
def mark_done(typing: Any, counters: Any) -> Any:
    """Count one work item as done and publish everything that this thread has written."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        pointer = _element(context, builder, sig.args[0], args[0], _INT64(DONE))
        builder.atomic_rmw("add", pointer, _INT64(1), "release")
        return context.get_dummy_value()

    return types.void(counters), lower


@intrinsic
def count_done(typing: Any, counters: Any) -> Any:
    """Read how many work items are done; what their threads wrote is visible afterwards."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        pointer = _element(context, builder, sig.args[0], args[0], _INT64(DONE))
        return builder.load_atomic(pointer, "acquire", 8, typ=_INT64)

    return types.int64(counters), lower


@register_jitable
def wait_for_steps_before(counters: I64, work_counts: I64, step: int) -> int:
    """Wait until all steps before `step` are done; return READY, TIMED_OUT or ABORTED."""
    for before in range(step):
        looks = 0
        while True:
            done = count_done(counters[before])
            if done < 0:
                return ABORTED
            if done >= work_counts[before]:
                break
            looks += 1
            if looks > SPIN_LIMIT:
                return TIMED_OUT
    return READY


@register_jitable
def take_work_item(counters: I64, worker: int, count: int) -> int:
    """Take a work item of 0..count - 1 that nobody else has or gets; return -1 if none is left."""
    workers = len(counters) // COUNTER_STRIDE
    for other in range(workers):
        owner = (worker + other) % workers
        item: int = count * owner // workers + fetch_add(counters, owner * COUNTER_STRIDE)
        if item < count * (owner + 1) // workers:
            return item
    return -1


def make_kernel(do_item: Callable[..., None]) -> Callable[..., int]:
    """Make the kernel of a step from a function that does one work item.

    Args:
        do_item: a `work_items.item_function`. It is called with the index of the work item, the
            number of the worker that does it, and the arguments of the step.

    Returns:
        A kernel for `pool.Step`. It waits for the steps before its own, then does work items until
        none is left to take.
    """

    def kernel(counters: I64, work_counts: I64, step: int, worker: int, arguments: Any) -> int:
        state: int = wait_for_steps_before(counters, work_counts, step)
        if state != READY:
            return state
        row, count = counters[step], work_counts[step]
        while True:
            item = take_work_item(row, worker, count)
            if item < 0:
                return READY
            do_item(item, worker, *arguments)
            mark_done(row)

    # Numba names the files of its cache after these. Without them, all kernels would share one.
    kernel.__name__ = do_item.__name__
    kernel.__qualname__ = f"{do_item.__module__}.{do_item.__name__}"
    return kernel


def barrier(counters: I64, work_counts: I64, step: int, worker: int, arguments: Any) -> int:
    """Wait for the steps before; a kernel without work items."""
    return wait_for_steps_before(counters, work_counts, step)


def wait_for_signal(signal: I64, seen: int, looks: int) -> int:
    """Look at the element DONE of `signal` until it is no longer `seen`, or so many times."""
    for look in range(looks):
        if count_done(signal) != seen:
            return look
    return looks
