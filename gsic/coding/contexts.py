"""Contexts: groups of rows with statistics of their own.

A context is a small integer per row that the decoder knows already (a class, the size of an
earlier number). Rows of equal context form a group with a scale of its own, which is where most of
the gain of context modelling lies, at about four bits per group and column.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from gsic.arrays import Int64


class Contexts:
    """Groups of rows of equal context, computed once for all columns that share them.

    Args:
        contexts: integers (n,) of a small range; the groups are in ascending order of them.
        least: a group of fewer rows is joined with the next one, at the end with the last one.
        doubling: values of each group are expected to be about twice those of the one before.

    Attributes:
        sizes: number of rows of each group.
        order: int64 (n,), the rows of one group after the other.
        doubling: as given.
    """

    def __init__(
        self, contexts: npt.NDArray[np.integer], *, least: int = 1, doubling: bool = False
    ) -> None:
        self.doubling = doubling
        contexts = contexts - contexts.min() if contexts.size else contexts
        groups, self.sizes = _join_small(np.bincount(contexts).tolist(), least)
        # NumPy sorts integers of 8 and 16 bits in linear time.
        self.order: Int64 = groups.take(contexts).argsort(kind="stable")

    def split(self, values: Int64) -> list[Int64]:
        """Split the values of a column by group; within a group they keep their order."""
        return np.split(values[self.order], np.cumsum(self.sizes)[:-1])


def _join_small(sizes: list[int], least: int) -> tuple[npt.NDArray[np.integer], list[int]]:
    """Join contexts into groups of at least `least` rows.

    Args:
        sizes: number of rows of each context.
        least: number of rows.

    Returns:
        The group of each context, and the number of rows of each group.
    """
    groups: list[int] = []
    joined: list[int] = []
    rows = 0
    for size in sizes:
        groups.append(len(joined))
        rows += size
        if rows >= least:
            joined.append(rows)
            rows = 0
    if rows and joined:
        # The rows that are left are too few for a group of their own.
        joined[-1] += rows
    elif rows:
        joined.append(rows)
    last = max(len(joined) - 1, 0)
    kind = np.min_scalar_type(last)
    return np.array([min(group, last) for group in groups], kind), joined
