"""One pool of threads for all kernels, which run without the GIL.

Kernels share work by taking pieces from a counter, so a worker that comes late, or never, costs
time but not correctness: whoever is there does the rest.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

_lock = threading.Lock()
_executor: ThreadPoolExecutor | None = None


def run(threads: int, work: Callable[[int], object]) -> None:
    """Call `work(0)` here and `work(1)` .. `work(threads - 1)` on the pool; return when all ended.

    Workers that have not begun when `work(0)` is done are dropped: nothing is left for them.
    """
    if threads == 1:
        work(0)
        return
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
