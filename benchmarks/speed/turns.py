"""Timing of things that take turns, so that a busy machine slows all of them alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from statistics import median

import numpy as np


def take_turns(tasks: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Run each task once per round, after a round that does not count.

    Returns:
        The milliseconds of each task by its name, one for each round.
    """
    spent: dict[str, list[float]] = {name: [] for name in tasks}
    for counts in [False, *[True] * rounds]:
        for name, task in tasks.items():
            start = time.perf_counter()
            task()
            if counts:
                spent[name].append(1e3 * (time.perf_counter() - start))
    return spent


def find_spread(values: Sequence[float]) -> dict[str, float]:
    """Return the least, the 10th percentile, the median and the 90th percentile of values."""
    low, middle, high = np.percentile(values, [10, 50, 90])
    spread = {"least": min(values), "p10": low, "median": middle, "p90": high}
    return {name: round(float(value), 4) for name, value in spread.items()}


def find_ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Return the median of the ratios within each round."""
    return round(median(one / other for one, other in zip(ours, theirs, strict=True)), 4)
