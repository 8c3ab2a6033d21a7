"""Steps shared by threads: every piece once, barriers, and no hanging when something breaks."""

import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numba import njit

from gsic_kernels.cpu.runtime import pool
from gsic_kernels.cpu.runtime.work import (
    COUNTER,
    DONE,
    GIVEN_UP,
    IMPATIENT,
    READY,
    next_piece,
    wait_for,
)


def python_step(work: Callable[[int], None], pieces: int) -> pool.Step:
    """A step in Python whose pieces each worker takes as kernels do."""
    guard, left = threading.Lock(), list(range(pieces))

    def kernel(gates: Any, needs: Any, step: int, worker: int) -> int:
        if (gates[:step, DONE] < 0).any():
            return GIVEN_UP
        if (gates[:step, DONE] < needs[:step]).any():
            return IMPATIENT
        while True:
            with guard:
                if not left:
                    return READY
                piece = left.pop(0)
            work(piece)
            with guard:
                gates[step, DONE] += 1

    return pool.Step(kernel, (), pieces)


@pytest.mark.parametrize("threads", [1, 2, 3, 5])
def test_a_step_begins_when_those_before_are_done(threads: int) -> None:
    done: list[tuple[int, int]] = []

    def work(step: int) -> Callable[[int], None]:
        def one(piece: int) -> None:
            time.sleep(0.001)
            done.append((step, piece))

        return one

    pool.run(threads, [python_step(work(step), 7) for step in range(3)])
    assert sorted(done) == [(step, piece) for step in range(3) for piece in range(7)]
    assert [step for step, _ in done] == [0] * 7 + [1] * 7 + [2] * 7


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_an_error_reaches_the_caller_and_nobody_waits(threads: int) -> None:
    def fail(piece: int) -> None:
        if piece == 2:
            raise MemoryError("piece 2")
        time.sleep(0.001)

    later: list[int] = []
    with pytest.raises(MemoryError, match="piece 2"):
        pool.run(threads, [python_step(fail, 6), python_step(later.append, 3)])
    assert later == []
    # The pool is as good as before.
    pool.run(threads, [python_step(later.append, 3)])
    assert sorted(later) == [0, 1, 2]


@njit
def take_all(counter: Any, worker: int, pieces: int) -> list[int]:
    taken = []
    while True:
        piece = next_piece(counter, worker, pieces)
        if piece < 0:
            return taken
        taken.append(piece)


@pytest.mark.parametrize(("workers", "pieces"), [(1, 5), (2, 5), (3, 1), (4, 2), (3, 10)])
def test_every_piece_is_taken_once_own_range_first(workers: int, pieces: int) -> None:
    for first in range(workers):
        counter = np.zeros(workers * COUNTER, np.int64)
        taken = take_all(counter, first, pieces)
        assert sorted(taken) == list(range(pieces))
        own = range(pieces * first // workers, pieces * (first + 1) // workers)
        assert taken[: len(own)] == list(own)
        assert take_all(counter, 0, pieces) == [-1][:0]


@njit
def wait(gates: Any, needs: Any, step: int) -> int:
    return wait_for(gates, needs, step)


def test_waiting_ends() -> None:
    gates, needs = np.zeros((2, COUNTER), np.int64), np.array([3, 0], np.int64)
    assert wait(gates, needs, 0) == READY
    assert wait(gates, needs, 1) == IMPATIENT
    gates[0, DONE] = 3
    assert wait(gates, needs, 1) == READY
    gates[1, DONE] = -1
    assert wait(gates, needs, 1) == READY
    assert wait(gates, needs, 2) == GIVEN_UP
