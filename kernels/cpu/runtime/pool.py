"""One pool of threads for all kernels, which run without the GIL.

Work is a list of steps, and a step is a number of pieces that threads take (see `work`). A thread
that comes late, or never, costs time but not correctness: whoever is there does the rest. All
steps of a call are one visit to the pool, and its end is not waited for by sleeping, since waking
a thread takes as long as a small step.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np

from gsic_kernels.cpu.runtime.dispatch import kernel
from gsic_kernels.cpu.runtime.work import COUNTER, DONE, GIVEN_UP, IMPATIENT, STOP

_lock = threading.Lock()
_executor: ThreadPoolExecutor | None = None


class Step(NamedTuple):
    """Work that several threads do together."""

    kernel: Callable[..., int]  # called with gates, needs, step, worker and `arguments`
    arguments: tuple[Any, ...]
    pieces: int  # how many pieces the kernel takes and finishes


def run(threads: int, steps: Sequence[Step]) -> None:
    """Do the steps on this thread and up to `threads - 1` of the pool; return when all are done.

    Workers are numbered 0 (this thread) to `threads - 1`. A worker of the pool may still be on its
    way out then, or not have begun at all. It will find no piece left, and touch nothing but
    `gates`, which are new in every call.
    """
    gates = np.zeros((len(steps), threads * COUNTER), np.int64)
    needs = np.array([step.pieces for step in steps], np.int64)

    def work(worker: int, steps: Sequence[Step]) -> bool:
        try:
            for k, (call, arguments, _) in enumerate(steps):
                while (state := call(gates, needs, k, worker, *arguments)) == IMPATIENT:
                    # More threads than cores: let the one run that is waited for.
                    time.sleep(1e-5)
                if state == GIVEN_UP:
                    return False
        except BaseException:
            # Nobody shall wait for a piece that this thread has taken.
            gates[:, DONE] = STOP
            raise
        return True

    if threads == 1:
        work(0, steps)
        return
    futures = [_pool().submit(work, worker, steps) for worker in range(1, threads)]
    complete = False
    try:
        complete = work(0, [*steps, Step(kernel("settle"), (), 0)])
    finally:
        running = [future for future in futures if not future.cancel()]
        if not complete:
            # Something broke: see that nobody writes into the caller's arrays any more.
            for future in running:
                future.exception()
    if not complete:
        for future in running:
            future.result()


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
