"""What more threads are worth on this machine at their best: arithmetic that stays in registers."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from statistics import median
from typing import Any

import numba
import numpy as np

from benchmarks.speed.turns import find_spread, take_turns

# Multiplications of one thread, some 20 ms.
_STEPS = 5_000_000


@numba.njit(nogil=True)  # type: ignore[untyped-decorator]
def _multiply(steps: int) -> float:
    """Advance eight independent recurrences, which fill the pipeline of a core."""
    a, b, c, d = 1.1, 1.2, 1.3, 1.4
    e, f, g, h = 1.5, 1.6, 1.7, 1.8
    for _ in range(steps):
        a, b, c, d = a * 0.999 + 0.1, b * 0.998 + 0.1, c * 0.997 + 0.1, d * 0.996 + 0.1
        e, f, g, h = e * 0.995 + 0.1, f * 0.994 + 0.1, g * 0.993 + 0.1, h * 0.992 + 0.1
    return a + b + c + d + e + f + g + h


def measure_ceiling(threads: int, rounds: int) -> dict[str, Any]:
    """Time one thread, and several that each do the same at once.

    Returns:
        The spread of both in ms, and how many times as much several threads do in the same time.
    """
    with ThreadPoolExecutor(threads) as pool:

        def run_on(count: int) -> None:
            for done in [pool.submit(_multiply, _STEPS) for _ in range(count)]:
                done.result()

        tasks: dict[str, Callable[[], object]] = {
            name: partial(run_on, count) for name, count in (("one", 1), ("several", threads))
        }
        spent = take_turns(tasks, rounds)
    speedups = threads * np.array(spent["one"]) / np.array(spent["several"])
    return {
        "threads": threads,
        "one_ms": find_spread(spent["one"]),
        "several_ms": find_spread(spent["several"]),
        "speedup": round(float(median(speedups)), 4),
    }
