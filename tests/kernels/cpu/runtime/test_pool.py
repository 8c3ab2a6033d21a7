"""The pool: it does every work item once, keeps steps apart, and never hangs after an error."""

import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numba import njit

from gsic_kernels.cpu.runtime import jitable, pool
from gsic_kernels.cpu.runtime.work_items import (
    ABORTED,
    COUNTER_STRIDE,
    DONE,
    READY,
    TIMED_OUT,
)
from gsic_kernels.cpu.runtime.work_loop import take_work_item, wait_for_steps_before

# Before the functions below are compiled, which call some of those that are marked.
jitable.tell_numba()


def python_step(work: Callable[[int], None], count: int) -> pool.Step:
    """Make a step in Python whose work items each worker takes as kernels do."""
    guard, left = threading.Lock(), list(range(count))

    def kernel(
        counters: Any, work_counts: Any, step: int, worker: int, arguments: tuple[()]
    ) -> int:
        if (counters[:step, DONE] < 0).any():
            return ABORTED
        if (counters[:step, DONE] < work_counts[:step]).any():
            return TIMED_OUT
        while True:
            with guard:
                if not left:
                    return READY
                item = left.pop(0)
            work(item)
            with guard:
                counters[step, DONE] += 1

    return pool.Step(kernel, (), count)


@pytest.mark.parametrize("threads", [1, 2, 3, 5])
def test_a_step_begins_when_the_steps_before_it_are_done(threads: int) -> None:
    done: list[tuple[int, int]] = []

    def work(step: int) -> Callable[[int], None]:
        def do_item(item: int) -> None:
            time.sleep(0.001)
            done.append((step, item))

        return do_item

    pool.run(threads, [python_step(work(step), 7) for step in range(3)])
    assert sorted(done) == [(step, item) for step in range(3) for item in range(7)]
    assert [step for step, _ in done] == [0] * 7 + [1] * 7 + [2] * 7


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_an_error_in_a_work_item_reaches_the_caller_and_no_thread_waits(threads: int) -> None:
    def fail(item: int) -> None:
        if item == 2:
            raise MemoryError("item 2")
        time.sleep(0.001)

    later: list[int] = []
    with pytest.raises(MemoryError, match="item 2"):
        pool.run(threads, [python_step(fail, 6), python_step(later.append, 3)])
    assert later == []
    # The pool still works.
    pool.run(threads, [python_step(later.append, 3)])
    assert sorted(later) == [0, 1, 2]


@pytest.mark.parametrize("started", [0, 1])
def test_work_is_done_where_no_thread_can_be_started(
    monkeypatch: pytest.MonkeyPatch, started: int
) -> None:
    """As at a limit of the system, and in threads that outlive the main thread."""
    start, left = threading.Thread.start, [True] * started

    def start_some(thread: threading.Thread) -> None:
        if not left:
            raise RuntimeError("can't start new thread")
        left.pop()
        start(thread)

    monkeypatch.setattr(pool, "_helpers", None)
    monkeypatch.setattr(threading.Thread, "start", start_some)
    done: list[int] = []
    pool.run(4, [python_step(done.append, 5), python_step(done.append, 5)])
    assert sorted(done) == sorted([*range(5)] * 2)


def test_threads_that_sleep_are_woken() -> None:
    for pause in (0.0, 0.05):
        workers: set[int] = set()

        def kernel(counters: Any, work_counts: Any, step: int, worker: int, arguments: Any) -> int:
            workers.add(worker)  # noqa: B023
            deadline = time.monotonic() + 10.0
            while len(workers) < 2 and time.monotonic() < deadline:  # noqa: B023
                time.sleep(1e-4)
            return READY

        time.sleep(pause)
        pool.run(2, [pool.Step(kernel, (), 0)])
        assert workers == {0, 1}


def test_a_call_that_is_over_takes_no_help() -> None:
    done: list[int] = []
    step = python_step(done.append, 1)
    call = pool._Call(2, [step])
    call.close(wait=False)
    call.help(1)
    assert done == []


@njit
def take_all(counters: Any, worker: int, count: int) -> list[int]:
    taken = []
    while True:
        item = take_work_item(counters, worker, count)
        if item < 0:
            return taken
        taken.append(item)


@pytest.mark.parametrize(("workers", "count"), [(1, 5), (2, 5), (3, 1), (4, 2), (3, 10)])
def test_each_work_item_is_taken_once_and_the_own_range_first(workers: int, count: int) -> None:
    for first in range(workers):
        counters = np.zeros(workers * COUNTER_STRIDE, np.int64)
        taken = take_all(counters, first, count)
        assert sorted(taken) == list(range(count))
        own = range(count * first // workers, count * (first + 1) // workers)
        assert taken[: len(own)] == list(own)
        assert take_all(counters, 0, count) == [-1][:0]


@njit
def wait(counters: Any, work_counts: Any, step: int) -> int:
    return wait_for_steps_before(counters, work_counts, step)


def test_a_wait_ends_when_steps_are_done_when_it_takes_long_and_when_the_call_is_aborted() -> None:
    counters, counts = np.zeros((2, COUNTER_STRIDE), np.int64), np.array([3, 0], np.int64)
    assert wait(counters, counts, 0) == READY
    assert wait(counters, counts, 1) == TIMED_OUT
    counters[0, DONE] = 3
    assert wait(counters, counts, 1) == READY
    counters[1, DONE] = -1
    assert wait(counters, counts, 1) == READY
    assert wait(counters, counts, 2) == ABORTED
