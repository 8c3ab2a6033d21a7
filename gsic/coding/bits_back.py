"""Bits-back coding of sets of symbol rows: interleaved sampling without replacement.

The order of a set carries no information. The encoder lets the bits that are already on the ANS
stack choose the element that is coded next, and pops them; the decoder sees which rank the element
has, and pushes these bits back. So a set of N elements takes log2 N! bits less than a list. The
first elements are coded plainly, because popping needs bits to pop from. One plain element is
enough for rows that are longer than a rank; `count_plain_rows` gives the published, more careful
rule.

This takes a step of Python per element. Sorted sets (`sorted_set`) come within 0.2 bit per element
of it and decode as arrays; their tests use this module as the reference.
"""

import math
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import groupby, pairwise
from typing import Any

import numpy as np

from gsic.arrays import Int32
from gsic.coding.models import CoderModel, Uniform
from gsic.coding.stack import check_finished, load_coder, new_coder, save_coder
from gsic.errors import CorruptFile

# Rows of a block of `_SortedRows`, to twice as many.
_BLOCK_ROWS = 2048


def count_plain_rows(row_bits: Sequence[float]) -> int:
    """Count the rows to code plainly, so that the rows after them never lack bits to pop.

    Args:
        row_bits: code length of each row in bits, in the order of coding.

    Returns:
        The least K such that the first K rows hold log2((N - K)!) bits.
    """
    count, held = len(row_bits), 0.0
    for plain in range(count):
        if held >= math.lgamma(count - plain + 1) / math.log(2):
            return plain
        held += row_bits[plain]
    return count


def order_rows(rows: Iterable[Sequence[int]]) -> list[tuple[int, ...]]:
    """Sort rows into the order of coding.

    Repeated rows come first, because the rank of a row among equal ones is ambiguous: they must be
    plain. The others descend.
    """
    ordered = sorted(map(tuple, rows), reverse=True)
    repeated = [one for one, other in pairwise(ordered) if one == other]
    return repeated + [one for one, _ in groupby(ordered)]


def encode(rows: Int32, models: Sequence[CoderModel], plain: int = 1) -> bytes:
    """Encode a set of rows.

    Args:
        rows: int32 (N, S), in any order.
        models: S models, one per column.
        plain: number of rows to code without popping, 0..N. With 0 the first rows find the stack
            empty; they decode all the same, but save nothing.

    Returns:
        The payload.

    Raises:
        ValueError: there are more repeated rows than plain ones.
    """
    ordered = order_rows(rows.tolist())
    plain = min(plain, len(ordered))
    left = ordered[plain:][::-1]
    if len(set(left)) < len(left):
        raise ValueError(f"more than {plain} rows occur again")
    coder = new_coder()
    for row in ordered[:plain]:
        _push_row(coder, row, models)
    while left:
        rank = int(coder.decode(Uniform(len(left)))) if len(left) > 1 else 0
        _push_row(coder, left.pop(rank), models)
    return save_coder(coder)


def decode(payload: bytes, models: Sequence[CoderModel], count: int, plain: int = 1) -> Int32:
    """Decode a set of rows.

    Args:
        payload: what `encode` returned.
        models, plain: as given to `encode`.
        count: number of rows.

    Returns:
        int32 (count, S), the rows in ascending order.

    Raises:
        CorruptFile: the payload is not a set of that many rows.
    """
    if count > 8 * len(payload):
        raise CorruptFile(f"payload: {count} rows are more than its bytes can hold")
    coder = load_coder(payload)
    rows = _SortedRows()
    for done in range(1, count + 1):
        row = tuple(int(coder.decode(m.coder_model)) + m.lowest for m in models)
        rank = rows.insert(row)
        if 1 < done <= count - plain:
            coder.encode_reverse(rank, Uniform(done))
    check_finished(coder)
    return np.array(rows.list_all(), np.int32).reshape(count, len(models))


class _SortedRows:
    """Rows in ascending order, in blocks: one list would take quadratic time to grow."""

    def __init__(self) -> None:
        self._blocks: list[list[tuple[int, ...]]] = [[]]
        self._sizes = [0]
        # The first row of each block but the first one.
        self._borders: list[tuple[int, ...]] = []

    def insert(self, row: tuple[int, ...]) -> int:
        """Insert a row, and return how many rows are less."""
        at = bisect_left(self._borders, row)
        block = self._blocks[at]
        place = bisect_left(block, row)
        block.insert(place, row)
        self._sizes[at] += 1
        rank = sum(self._sizes[:at]) + place
        if len(block) >= 2 * _BLOCK_ROWS:
            self._blocks[at : at + 1] = block[:_BLOCK_ROWS], block[_BLOCK_ROWS:]
            self._sizes[at : at + 1] = _BLOCK_ROWS, len(block) - _BLOCK_ROWS
            self._borders.insert(at, block[_BLOCK_ROWS])
        return rank

    def list_all(self) -> list[tuple[int, ...]]:
        """Return all rows in ascending order."""
        return [row for block in self._blocks for row in block]


def _push_row(coder: Any, row: Sequence[int], models: Sequence[CoderModel]) -> None:
    """Encode a row backwards, so that its first column is decoded first."""
    for value, model in zip(reversed(row), reversed(models), strict=True):
        coder.encode_reverse(value - model.lowest, model.coder_model)
