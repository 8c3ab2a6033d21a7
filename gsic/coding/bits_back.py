"""Sets of symbol rows without their order: interleaved sampling without replacement.

The encoder lets the bits already on the ANS stack choose which element comes next and pops them;
the decoder pushes them back when it sees where the element ranks. A set of N costs log2 N! bits
less than a list. The first elements are coded plainly, since popping needs bits to pop from: one
is enough for rows longer than a rank; `plain_count` gives the published, more careful rule.

This takes a step per element. Sorted sets come within 0.2 bit per element of it and decode as
arrays; their tests hold them against it.
"""

import math
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import groupby, pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from gsic.coding.ans import CoderModel, Uniform, check_finished, new_coder, restored, stored
from gsic.errors import CorruptFile

Int32Array = npt.NDArray[np.int32]


def plain_count(row_bits: Sequence[float]) -> int:
    """Return how many rows to code plainly so that those after them never lack bits to pop.

    Args:
        row_bits: cost of each row in bits, in the order of coding.

    Returns:
        The least K whose rows hold log2((N - K)!) bits.
    """
    count, held = len(row_bits), 0.0
    for plain in range(count):
        if held >= math.lgamma(count - plain + 1) / math.log(2):
            return plain
        held += row_bits[plain]
    return count


def coding_order(rows: Iterable[Sequence[int]]) -> list[tuple[int, ...]]:
    """Return rows in the order of coding, of which the first are the plain ones.

    Those that occur again come first: a rank says nothing among equals. The others descend.
    """
    ordered = sorted(map(tuple, rows), reverse=True)
    again = [one for one, other in pairwise(ordered) if one == other]
    return again + [one for one, _ in groupby(ordered)]


def encode(rows: Int32Array, models: Sequence[CoderModel], plain: int = 1) -> bytes:
    """Return a set of rows as a payload.

    Args:
        rows: int32 (N, S), in any order.
        models: S models, one per column.
        plain: how many rows to code without popping, 0..N. An empty stack pops a fixed rank and
            gains nothing, which is inefficient but sound.

    Raises:
        ValueError: more rows that occur again than plain ones.
    """
    ordered = coding_order(rows.tolist())
    plain = min(plain, len(ordered))
    left = ordered[plain:][::-1]
    if len(set(left)) < len(left):
        raise ValueError(f"more than {plain} rows occur again")
    coder = new_coder()
    for row in ordered[:plain]:
        _push(coder, row, models)
    while left:
        rank = int(coder.decode(Uniform(len(left)))) if len(left) > 1 else 0
        _push(coder, left.pop(rank), models)
    return stored(coder)


def decode(payload: bytes, models: Sequence[CoderModel], count: int, plain: int = 1) -> Int32Array:
    """Return the rows of a set in ascending order, int32 (count, S).

    Args:
        payload: what `encode` returned.
        models, plain: as given to `encode`.
        count: how many rows.

    Raises:
        CorruptFile: the payload is not a set of that many rows.
    """
    if count > 8 * len(payload):
        raise CorruptFile(f"payload: {count} rows are more than its bytes can hold")
    coder = restored(payload)
    rows: list[tuple[int, ...]] = []
    for done in range(1, count + 1):
        row = tuple(int(coder.decode(m.coder_model)) + m.lowest for m in models)
        rank = bisect_left(rows, row)
        rows.insert(rank, row)
        if 1 < done <= count - plain:
            coder.encode_reverse(rank, Uniform(done))
    check_finished(coder)
    return np.array(rows, np.int32).reshape(count, len(models))


def _push(coder: Any, row: Sequence[int], models: Sequence[CoderModel]) -> None:
    for value, model in zip(reversed(row), reversed(models), strict=True):
        coder.encode_reverse(value - model.lowest, model.coder_model)
