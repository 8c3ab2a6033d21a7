"""Decoding of range asymmetric numeral systems: 32-bit words, 64-bit state, 24-bit frequencies.

A payload is a stack of words. A table gives consecutive integers a frequency each, 2^24 in all;
its *starts* are the sums of the frequencies below each symbol, and 2^24 at the end. A *row* says
of a group of values which table they have and what else there is to know of them.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from gsic_kernels.cpu.runtime.dispatch import kernel

I64: TypeAlias = NDArray[np.int64]
U32: TypeAlias = NDArray[np.uint32]
U64: TypeAlias = NDArray[np.uint64]

PRECISION = 24
TOTAL = 1 << PRECISION

# Fields of a row. START: where in `starts` the table begins. SYMBOLS: how many it has; 1 for values
# that are all raw. LOWEST: the first symbol. ESCAPE: the magnitude that more may follow to, -1 for
# none. LEAST_COST: of a symbol, in bits of 2^-24. LOW_BITS: how many bits of each value are raw.
# SIZE: how many values. BASE: added to each at the end. CELLS: 0, or the bound of ascending keys
# whose gaps the values are.
START, SYMBOLS, LOWEST, ESCAPE, LEAST_COST, LOW_BITS, SIZE, BASE, CELLS = range(9)
FIELDS = 9

# Fields of a coder: state; words left on the stack; what the payload can still hold, in bits of
# 2^-24; for messages, the size of the array that was too much for it, or the most cells.
STATE, LEFT, ROOM, CULPRIT = range(4)

# What reading may find: all is well; an array that the payload cannot hold; a magnitude at or above
# the bound; a gap or a key beyond the last cell; a negative magnitude; a share of positive values,
# a scale or a centre out of range; a scale that sets have not.
FINE, TOO_MANY, OUT_OF_RANGE, WIDE_GAP, HIGH_KEY, NEGATIVE = range(6)
NO_SHARE, NO_SCALE, FAR_CENTRE, HIGH_SCALE = range(6, 10)

# What only a caller can have done wrong: groups that are not where their tables and values are.
MISFIT = -1

# Least frequency of the symbols that are escapes.
ESCAPE_FREQUENCY = 256

# Forms of a column: values; less a centre; magnitudes less a centre, and signs; less the least, by
# a listed table, whose scale is the number of its levels less LEAST_LISTED.
PLAIN, CENTRED, MIRRORED, LISTED = range(4)
LEAST_LISTED = 2

# Before the first group; what scales grow by where values are expected to double; the share of
# positive values, in sixteenths, that others are coded relative to.
FIRST_SCALE = 8
GROWTH = 3
EVEN = 8

# Magnitudes of values are less, and those of residuals and of all that leads to them.
VALUE_BOUND = 1 << 30
RESIDUAL_BOUND = 1 << 32

# Where among the tables that are the same for all columns these are; before them come those of the
# numbers in a head.
SCALE_CHANGES, CENTRE_CHANGES = 3, 4


class Curves(NamedTuple):
    """What tables of a scale and a shape are made from; the last 4 scales repeat beyond S.

    Attributes:
        chances: uint32 (S, spreads, R), of the magnitudes from 1 on in 2^-24.
        zeros: int64 (S, zeros), least frequencies of 0.
        reaches: int64 (S,), largest magnitudes, at most R.
    """

    chances: U32
    zeros: I64
    reaches: I64


def load() -> None:
    """Compile or load what decodes columns and sets."""
    for name in ("fill_tables", "read_sets", "read_columns"):
        kernel(name)


def tables(choices: I64, levels: I64, signed: bool, curves: Curves) -> tuple[U32, I64]:
    """Build tables from what describes them.

    Args:
        choices: int64 (G, 5), of each table: 1 if its levels are listed, scale (number of levels
            less 2 if they are, at most 2 R - 1), zero, spread and positive, all in range.
        levels: int64, 0..15, of the listed tables one after the other.
        signed: True for tables of both signs.
        curves: for tables of that kind.

    Returns:
        starts uint32 (M,) and rows int64 (G, FIELDS) of groups without values.
    """
    starts = np.empty(len(choices) * (2 * curves.chances.shape[2] + 2), np.uint32)
    rows = np.empty((len(choices), FIELDS), np.int64)
    kernel("fill_tables")(choices, levels, int(signed), *curves, starts, rows)
    return starts, rows


def read_values(
    words: U32, coder: U64, starts: U32, rows: I64, order: I64, bound: int, out: I64
) -> int:
    """Read groups of values: all symbols, what exceeds the escapes among them, and raw low bits.

    Args:
        words: uint32, the payload.
        coder: uint64 (4,), fields as above; carried on.
        starts: uint32 (M,), of all tables.
        rows: int64 (G, FIELDS); the groups fill columns of equal length.
        order: int64 (n,), 0..n - 1 in any order: where in its column each value goes.
        bound: magnitudes before low bits must be less.
        out: int64 (columns * n,), the values; as many as the groups have.

    Returns:
        FINE, or what was found; nothing can be read any more then.

    Raises:
        ValueError: groups that do not fill their columns, or tables outside `starts`.
    """
    finding: int = kernel("read_values")(words, coder, starts, rows, order, bound, out)
    if finding == MISFIT:
        raise ValueError(f"{len(rows)} groups do not fill {len(out)} values of {len(order)} rows")
    return finding


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
    """Read columns of integers with all that describes them.

    Args:
        words, coder: as for `read_values`.
        fixed: starts and rows of the tables that are the same for all columns.
        curves: for two-sided tables.
        sizes: int64 (G,), at least 1, of the groups of rows.
        doubling: values are expected to double from group to group.
        order: int64 (n,), 0..n - 1 in any order: the rows of each group, one after the other.
        out: int64 (S * n,), the columns.

    Returns:
        FINE, or what was found; nothing can be read any more then.

    Raises:
        ValueError: groups that do not fill their columns.
    """
    parts = *fixed, *curves, sizes, int(doubling), order, out
    finding: int = kernel("read_columns")(words, coder, *parts)
    if finding == MISFIT:
        raise ValueError(f"{len(sizes)} groups do not fill {len(out)} values of {len(order)} rows")
    return finding


def read_sets(words: U32, coder: U64, curves: Curves, sets: I64, bound: int, out: I64) -> int:
    """Read ascending keys with what describes their gaps.

    Args:
        words, coder: as for `read_values`.
        curves: for one-sided tables.
        sets: int64 (S, 5), of each set: how many keys; cells, at most 2^60; low bits of a gap; the
            expected scale and zero of the rest.
        bound: what is left of gaps must be less.
        out: int64, the keys of all sets.

    Returns:
        FINE, or what was found; nothing can be read any more then.

    Raises:
        ValueError: sets that do not fill `out`.
    """
    finding: int = kernel("read_sets")(words, coder, *curves, sets, bound, out)
    if finding == MISFIT:
        raise ValueError(f"{len(sets)} sets do not fill {len(out)} keys")
    return finding
