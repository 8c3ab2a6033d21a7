"""One pool of threads for all kernels, which run without the GIL.

Work is a list of steps, and a step is a number of work items that threads take (see `work_items`).
A thread that comes late, or never, costs time but not correctness: the other threads do its work
items. All steps of a call are one visit to the pool. The calling thread spins until they are done
instead of sleeping, because to wake a thread takes as long as a small step.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np

from gsic_kernels.cpu.runtime.dispatch import kernel
from gsic_kernels.cpu.runtime.work_items import (
    ABORT,
    ABORTED,
    COUNTER_STRIDE,
    DONE,
    TIMED_OUT,
)

_lock = threading.Lock()
_executor: ThreadPoolExecutor | None = None


class Step(NamedTuple):
    """Work that several threads do together."""

    kernel: Callable[..., int]  # called with counters, work_counts, step, worker and `arguments`
    arguments: tuple[Any, ...]
    work_items: int  # how many work items the kernel takes and marks as done


def run(threads: int, steps: Sequence[Step]) -> None:
    """Run the steps on this thread and up to `threads - 1` of the pool; return when all are done.

    Workers have the numbers 0 (this thread) to `threads - 1`. When this function returns, a worker
    of the pool may still be about to leave a kernel, or may not have started. Such a worker finds
    no work item left and touches nothing but `counters`, which are new in every call.
    """
    # New in every call, so that a late worker of the call before cannot disturb this one.
    counters = np.zeros((len(steps), threads * COUNTER_STRIDE), np.int64)
    work_counts = np.array([step.work_items for step in steps], np.int64)

    def work(worker: int, steps: Sequence[Step]) -> bool:
        """Help with all steps; return False if the call is aborted."""
        try:
            for k, (call, arguments, _) in enumerate(steps):
                while True:
                    state = call(counters, work_counts, k, worker, arguments)
                    if state != TIMED_OUT:
                        break
                    # There are more threads than cores: let the one run that is waited for.
                    time.sleep(1e-5)
                if state == ABORTED:
                    return False
        except BaseException:
            # The work item that this thread has taken will never be done: nobody may wait for it.
            counters[:, DONE] = ABORT
            raise
        return True

    if threads == 1:
        work(0, steps)
        return
    futures = list(_ask_for_help(threads, work, steps))
    complete = False
    try:
        # The barrier, which has an index behind the last step, waits for the others' work items.
        complete = work(0, [*steps, Step(kernel("barrier"), (), 0)])
    finally:
        running = [future for future in futures if not future.cancel()]
        if not complete:
            # The call is aborted. Wait until no worker writes into the arrays of the caller.
            for future in running:
                future.exception()
    if not complete:
        for future in running:
            future.result()


def _ask_for_help(
    threads: int, work: Callable[[int, Sequence[Step]], bool], steps: Sequence[Step]
) -> Iterator[Future[bool]]:
    """Start `work` on threads of the pool, as many of them as there are."""
    for worker in range(1, threads):
        try:
            yield _pool().submit(work, worker, steps)
        except RuntimeError:
            # The system starts no more threads, or the main thread has ended: others do the work.
            return


def _pool() -> ThreadPoolExecutor:
    """Return the pool of this process; create it at the first use."""
    global _executor
    with _lock:
        if _executor is None:
            _executor = ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="gsic")
        return _executor


def _forget_pool() -> None:
    """Drop the pool in a forked child, where the threads of the parent do not exist."""
    global _executor, _lock
    _lock, _executor = threading.Lock(), None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_pool)
