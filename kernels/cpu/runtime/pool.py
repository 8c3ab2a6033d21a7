"""One set of threads for all kernels, which run without the GIL.

Work is a list of steps, and a step is a number of work items that threads take (see `work_items`).
A thread that comes late, or never, costs time but not correctness: the other threads do its work
items. All steps of a call are one visit to the threads. The calling thread spins until they are
done instead of sleeping, because to wake a thread takes as long as a small step. For the same
reason a thread that has helped spins for a while before it sleeps: the next call often comes soon.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from queue import SimpleQueue
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

# How often a thread that has helped looks for the next call before it sleeps: about half a
# millisecond, longer than what a decoder does on one thread between two calls.
_LOOKS = 1_000_000


class Step(NamedTuple):
    """Work that several threads do together."""

    kernel: Callable[..., int]  # called with counters, work_counts, step, worker and `arguments`
    arguments: tuple[Any, ...]
    work_items: int  # how many work items the kernel takes and marks as done


def run(threads: int, steps: Sequence[Step]) -> None:
    """Run the steps on this thread and up to `threads - 1` others; return when all are done.

    Workers have the numbers 0 (this thread) to `threads - 1`. When this function returns, another
    worker may still be about to leave a kernel, or may not have started. Such a worker finds no
    work item left and touches nothing but `counters`, which are new in every call.
    """
    call = _Call(threads, steps)
    if threads == 1:
        call.work(0, steps)
        return
    _find_helpers().ask(call, threads - 1)
    complete = False
    try:
        # The barrier, which has an index behind the last step, waits for the others' work items.
        complete = call.work(0, [*steps, Step(kernel("barrier"), (), 0)])
    finally:
        call.close(wait=not complete)
    if call.error is not None:
        raise call.error


class _Call:
    """The steps of one call of `run`, and who works on them.

    Attributes:
        error: what the work of another thread has raised.
    """

    def __init__(self, threads: int, steps: Sequence[Step]) -> None:
        # New in every call, so that a late worker of the call before cannot disturb this one.
        self._counters = np.zeros((len(steps), threads * COUNTER_STRIDE), np.int64)
        self._work_counts = np.array([step.work_items for step in steps], np.int64)
        self._steps = steps
        self._change = threading.Condition()
        self._open, self._helping = True, 0
        self.error: BaseException | None = None

    def work(self, worker: int, steps: Sequence[Step]) -> bool:
        """Help with all steps; return False if the call is aborted."""
        try:
            for k, (call, arguments, _) in enumerate(steps):
                while True:
                    state = call(self._counters, self._work_counts, k, worker, arguments)
                    if state != TIMED_OUT:
                        break
                    # There are more threads than cores: let the one run that is waited for.
                    time.sleep(1e-5)
                if state == ABORTED:
                    return False
        except BaseException:
            # The work item that this thread has taken will never be done: nobody may wait for it.
            self._counters[:, DONE] = ABORT
            raise
        return True

    def help(self, worker: int) -> None:
        """Work as one more thread, unless the call is over."""
        with self._change:
            if not self._open:
                return
            self._helping += 1
        try:
            self.work(worker, self._steps)
        except BaseException as error:
            self.error = error
        with self._change:
            self._helping -= 1
            self._change.notify()

    def close(self, wait: bool) -> None:
        """Let no other thread begin; if asked, wait until none writes into the caller's arrays."""
        with self._change:
            self._open = False
            while wait and self._helping:
                self._change.wait()


class _Helpers:
    """The threads of this process that help with calls; they are started when they are missing."""

    def __init__(self) -> None:
        self._requests: SimpleQueue[tuple[_Call, int]] = SimpleQueue()
        # Its element DONE counts how often help was asked for.
        self._signal = np.zeros(COUNTER_STRIDE, np.int64)
        self._started = 0
        self._looks = _LOOKS if _count_cores() > 1 else 0

    def ask(self, call: _Call, helpers: int) -> None:
        """Ask that many threads to help with a call."""
        while self._started < min(helpers, _count_cores()):
            try:
                threading.Thread(target=self._serve, name="gsic", daemon=True).start()
            except RuntimeError:
                # The system starts no more threads, or the main thread has ended: others do the
                # work.
                break
            self._started += 1
        if not self._started:
            return
        for worker in range(1, helpers + 1):
            self._requests.put((call, worker))
        # After that, so that a thread that sees the signal finds a request.
        self._signal[DONE] += 1

    def _serve(self) -> None:
        """Help with one call after the other, for ever."""
        wait = kernel("wait_for_signal")
        while True:
            seen = int(self._signal[DONE])
            if self._requests.empty():
                wait(self._signal, seen, self._looks)
            call, worker = self._requests.get()
            call.help(worker)
            # Its arrays may be large.
            del call


_lock = threading.Lock()
_helpers: _Helpers | None = None


def _find_helpers() -> _Helpers:
    """Return the threads of this process."""
    global _helpers
    with _lock:
        if _helpers is None:
            _helpers = _Helpers()
        return _helpers


def _count_cores() -> int:
    """Count the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _forget_helpers() -> None:
    """Drop the threads in a forked child, where those of the parent do not exist."""
    global _helpers, _lock
    _lock, _helpers = threading.Lock(), None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_helpers)
