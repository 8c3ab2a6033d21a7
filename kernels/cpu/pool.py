"""One pool of threads for all kernels, which run without the GIL.

Work is a list of steps, and a step is a number of pieces that threads take (see `work`). A thread
that comes late, or never, costs time but not correctness: whoever is there does the rest.
All steps of a call are one visit to the pool, since waking a thread takes as long as a strip.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
from gsic_kernels.cpu.dispatch import kernel
from gsic_kernels.cpu.work import COUNTER, DONE
from numpy.typing import NDArray

_lock = threading.Lock()
_executor: ThreadPoolExecutor | None = None


class Step(NamedTuple):
    """Work that several threads do together."""

    pieces: int
    # call(counter, worker) takes pieces until there are none, and finishes each.
    call: Callable[[NDArray[np.int64], int], object]
    # All pieces of the steps before must be done first.
    waits: bool = True


def once(function: Callable[[], object]) -> Step:
    """A step of one piece, which one thread does while the others wait for it."""
    free = iter([True])

    def call(counter: NDArray[np.int64], _worker: int) -> None:
        if next(free, False):
            function()
            kernel("finish_piece")(counter)

    return Step(1, call)


def run(threads: int, steps: Sequence[Step]) -> None:
    """Do the steps on this thread and `threads - 1` of the pool; return when all ended.

    Workers are numbered 0 (this thread) to `threads - 1`. Those that have not begun when this
    thread is through are dropped: nothing is left for them.
    """
    counters = np.zeros((len(steps), threads * COUNTER), np.int64)
    if threads == 1:
        for step, counter in zip(steps, counters, strict=True):
            step.call(counter, 0)
        return

    def work(worker: int) -> None:
        try:
            for k, step in enumerate(steps):
                if step.waits and not all(_reached(counters[j], steps[j].pieces) for j in range(k)):
                    return
                step.call(counters[k], worker)
        except BaseException:
            # Nobody shall wait for a piece that this thread has taken.
            counters[:, DONE] = np.iinfo(np.int64).min // 2
            raise

    futures = [_pool().submit(work, worker) for worker in range(1, threads)]
    try:
        work(0)
    finally:
        # Workers write into the caller's arrays: never return while one may be running.
        running = [future for future in futures if not future.cancel()]
        for future in running:
            future.exception()
    for future in running:
        future.result()


def _reached(counter: NDArray[np.int64], pieces: int) -> bool:
    """Wait until the pieces are done; False when they never will be."""
    wait_for: Any = kernel("wait_for")
    while (answer := wait_for(counter, pieces)) == 0:
        # More threads than cores: let the one run that is waited for.
        time.sleep(1e-5)
    return bool(answer > 0)


def _pool() -> ThreadPoolExecutor:
    global _executor
    with _lock:
        if _executor is None:
            _executor = ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="gsic")
        return _executor


def _forget() -> None:
    """In a forked child: the threads of the parent's pool are not there."""
    global _executor, _lock
    _lock, _executor = threading.Lock(), None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
