"""Decoding of ANS payloads: 32-bit words, 64-bit state, frequencies that sum to 2^24.

A payload is a stack of words. A table gives consecutive integers a frequency each; its *starts* are
the sums of the frequencies below each symbol, and 2^24 at the end. A *row* describes a group of
values: which table they have, how many there are, and the other fields of `layout`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gsic_kernels.cpu.ans.layout import BAD_LAYOUT, FIELDS
from gsic_kernels.cpu.runtime.dispatch import kernel
from gsic_kernels.types import I64, U32, U64


class Curves(NamedTuple):
    """What the tables of a scale and a shape are made from; beyond S the last 4 scales repeat.

    Attributes:
        chances: uint32 (S, spreads, R), probabilities of the magnitudes from 1 on in 2^-24.
        zeros: int64 (S, zeros), least frequencies of 0.
        magnitudes: int64 (S,), largest magnitudes, at most R.
    """

    chances: U32
    zeros: I64
    magnitudes: I64


def load() -> None:
    """Compile the kernels that decode columns and sets, or load them from the cache."""
    for name in ("fill_tables", "read_sets", "read_columns"):
        kernel(name)


def build_tables(choices: I64, levels: I64, signed: bool, curves: Curves) -> tuple[U32, I64]:
    """Build tables from the parameters that choose them.

    Args:
        choices: int64 (G, 5), of each table: 1 for an explicit histogram, else 0; scale (for a
            histogram its size less 2, at most 2 R - 1); zero; spread; positive. All in range.
        levels: int64, 0..15, of the histograms one after the other.
        signed: True for tables of both signs.
        curves: for tables of that kind.

    Returns:
        starts uint32 (M,), and rows int64 (G, FIELDS) of groups without values.
    """
    starts = np.empty(len(choices) * (2 * curves.chances.shape[2] + 2), np.uint32)
    rows = np.empty((len(choices), FIELDS), np.int64)
    kernel("fill_tables")(choices, levels, int(signed), *curves, starts, rows)
    return starts, rows


def read_values(
    words: U32, coder: U64, starts: U32, rows: I64, order: I64, bound: int, out: I64
) -> int:
    """Read groups of values: first all symbols, then the excess of escapes, then raw low bits.

    Args:
        words: uint32, the payload.
        coder: uint64 (4,), with the fields of `layout`; updated.
        starts: uint32 (M,), of all tables.
        rows: int64 (G, FIELDS); the groups fill columns of equal length.
        order: int64 (n,), a permutation of 0..n - 1: where in its column each value goes.
        bound: magnitudes before low bits must be less.
        out: int64 (columns * n,), receives the values; as many as the groups have.

    Returns:
        A status; if it is not OK, nothing can be read any more.

    Raises:
        ValueError: the groups do not fill their columns, or a table lies outside `starts`.
    """
    status: int = kernel("read_values")(words, coder, starts, rows, order, bound, out)
    if status == BAD_LAYOUT:
        raise ValueError(f"{len(rows)} groups do not fill {len(out)} values of {len(order)} rows")
    return status


def read_columns(
    words: U32,
    coder: U64,
    fixed: tuple[U32, I64],
    curves: Curves,
    sizes: I64,
    doubling: bool,
    order: I64,
    out: I64,
) -> int:
    """Read columns of integers with all parameters that describe them.

    Args:
        words, coder: as for `read_values`.
        fixed: starts and rows of the tables that are the same for all columns.
        curves: for two-sided tables.
        sizes: int64 (G,), number of rows of each group, 1 or more.
        doubling: values are expected to double from group to group.
        order: int64 (n,), a permutation of 0..n - 1: the rows of one group after the other.
        out: int64 (S * n,), receives the columns.

    Returns:
        A status; if it is not OK, nothing can be read any more.

    Raises:
        ValueError: the groups do not fill their columns.
    """
    parts = *fixed, *curves, sizes, int(doubling), order, out
    status: int = kernel("read_columns")(words, coder, *parts)
    if status == BAD_LAYOUT:
        raise ValueError(f"{len(sizes)} groups do not fill {len(out)} values of {len(order)} rows")
    return status


def read_sets(words: U32, coder: U64, curves: Curves, sets: I64, bound: int, out: I64) -> int:
    """Read sets of ascending keys with the parameters that describe their gaps.

    Args:
        words, coder: as for `read_values`.
        curves: for one-sided tables.
        sets: int64 (S, 5), of each set: number of keys; cells, at most 2^60; low bits of a gap; the
            predicted scale and zero of the quotients.
        bound: quotients of gaps must be less.
        out: int64, receives the keys of all sets.

    Returns:
        A status; if it is not OK, nothing can be read any more.

    Raises:
        ValueError: the sets do not fill `out`.
    """
    status: int = kernel("read_sets")(words, coder, *curves, sets, bound, out)
    if status == BAD_LAYOUT:
        raise ValueError(f"{len(sets)} sets do not fill {len(out)} keys")
    return status
