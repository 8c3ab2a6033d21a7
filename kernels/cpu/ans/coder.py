"""Coding of ANS payloads: 32-bit words, 64-bit states, frequencies that sum to 2^24.

A table gives consecutive integers a frequency each; its *starts* are the sums of the frequencies
below each symbol, and 2^24 at the end.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gsic_kernels.cpu.ans.layout import (
    AMPLITUDE_CLASSES,
    CODER_FIELDS,
    DETAIL,
    GROUP_FIELDS,
    HISTOGRAM_SIZE_MIN,
    LOWEST,
    MAX_STATES,
    PLACE_ROWS,
    SCALES,
    SET_FIELDS,
    STARTS,
    SYMBOLS,
    TABLE_SIZE,
)
from gsic_kernels.cpu.runtime.dispatch import kernel
from gsic_kernels.types import I32, I64, U32


class Curves(NamedTuple):
    """What tables are made from, for each of the S scales whose values have no raw low bits.

    Attributes:
        chances: uint32 (S * SPREADS * R,), of each scale and spread the probabilities of the
            magnitudes from 1 up to, but without, 1 + k, in 2^-24; R is MAX_MAGNITUDE.
        scales: uint32 (S * SCALE_FIELDS,), with the fields of `layout`.
    """

    chances: U32
    scales: U32


def load() -> None:
    """Compile the kernel that decodes images, or load it from the cache."""
    kernel("read_image")


def build_tables(choices: I64, signed: bool, curves: Curves) -> list[tuple[I64, int]]:
    """Build tables from the parameters that choose them.

    Args:
        choices: int64 (G, 4), of each table: scale, zero, spread, positive. All in range.
        signed: True for tables of both signs.
        curves: of the format.

    Returns:
        Of each table its starts, and what its first symbol stands for.
    """
    coders = np.zeros((len(choices), CODER_FIELDS), np.uint64)
    tables = np.zeros((len(choices), TABLE_SIZE), np.uint32)
    kernel("fill_tables")(*curves, int(signed), choices, coders, tables)
    lowest = coders[:, LOWEST].view(np.int64).tolist()
    ends = (coders[:, SYMBOLS].astype(np.int64) + STARTS + 1).tolist()
    return [
        (table[STARTS:end].astype(np.int64), first)
        for table, end, first in zip(tables, ends, lowest, strict=True)
    ]


def encode(numbers: I64, states: int) -> U32:
    """Encode numbers.

    Args:
        numbers: int64 (n, 2), in the order of decoding: of a symbol its frequency and its start; of
            a chunk of raw bits their number, negated, and the bits.
        states: how many states take turns, 1 to MAX_STATES.

    Returns:
        The words, uint32, in the order in which a decoder takes them.
    """
    # A number enlarges a state by 32 bits at most; a state in the end takes two words and a length.
    words = np.empty(len(numbers) + 4 * MAX_STATES, np.uint32)
    count = kernel("encode")(numbers, states, words)
    return words[:count][::-1]


def read_image(
    words: U32, classes: I64, size: tuple[int, int], curves: Curves, out: I32
) -> tuple[int, int]:
    """Read the Gaussians of an image of profile `gsic`.

    Args:
        words: uint32, one or more words of a payload, and one more of any value.
        classes: int64 (G, 2), the position classes that occur, ascending, and how many Gaussians
            each has, 1 or more.
        size: width and height in px of what cells divide.
        curves: of the format.
        out: int32 (7 + C, N), N the sum of those numbers; receives the rows of `LogSymbols`.

    Returns:
        A status, and a number for its message. The rows are of no use if the status is not OK.
    """
    columns, count = out.shape[0] - PLACE_ROWS, out.shape[1]
    groups = columns * AMPLITUDE_CLASSES
    # Numbers that describe groups, and levels of histograms, may be more than there are rows.
    fields = max(count, groups * (SCALES + HISTOGRAM_SIZE_MIN))
    coder = np.zeros(CODER_FIELDS, np.uint64)
    status = kernel("read_image")(
        words,
        classes,
        *size,
        *curves,
        coder,
        np.empty(TABLE_SIZE, np.uint32),
        np.arange(max(count, groups), dtype=np.uint32),  # identity
        np.empty(count, np.uint32),  # order
        np.empty(fields, np.uint32),
        np.empty(columns * count, np.uint32),  # places of escapes
        np.empty((len(classes), SET_FIELDS), np.int64),
        np.empty((groups, GROUP_FIELDS), np.int64),
        np.empty(count, np.int64),  # keys
        np.empty((3, AMPLITUDE_CLASSES), np.int64),  # rows, group, and group sizes of contexts
        out.reshape(-1),
    )
    return status, int(coder[DETAIL])
