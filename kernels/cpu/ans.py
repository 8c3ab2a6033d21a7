"""Decoding of range asymmetric numeral systems: 32-bit words, 64-bit state, 24-bit frequencies.

A payload is a stack of words. A table gives consecutive integers a frequency each, 2^24 in all;
its *starts* are the sums of the frequencies below each symbol, and 2^24 at the end. A *row* says
of a group of values which table they have and what else there is to know of them.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from gsic_kernels.cpu.dispatch import kernel

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
# the bound; a gap or a key beyond the last cell; a negative magnitude.
FINE, TOO_MANY, OUT_OF_RANGE, WIDE_GAP, HIGH_KEY, NEGATIVE = range(6)

# What only a caller can have done wrong: groups that are not where their tables and values are.
MISFIT = -1

# Least frequency of the symbols that are escapes.
ESCAPE_FREQUENCY = 256


def load() -> None:
    """Compile or load what decodes."""
    for name in ("fill_tables", "read_values", "read_signs"):
        kernel(name)


def curves(
    choices: I64, levels: I64, signed: bool, chances: U32, zeros: I64, reaches: I64
) -> tuple[U32, I64]:
    """Build tables from what describes them.

    Args:
        choices: int64 (G, 5), of each table: 1 if its levels are listed, scale (number of levels
            less 2 if they are, at most 2 R - 1), zero, spread and positive, all in range.
        levels: int64, 0..15, of the listed tables one after the other.
        signed: True for tables of both signs.
        chances: uint32 (S, spreads, R), of the magnitudes from 1 on in 2^-24; the last 4 scales
            repeat beyond S, with one more low bit each time.
        zeros: int64 (S, zeros), least frequencies of 0.
        reaches: int64 (S,), largest magnitudes, at most R.

    Returns:
        starts uint32 (M,) and rows int64 (G, FIELDS) of groups without values.
    """
    starts = np.empty((len(choices), 2 * chances.shape[2] + 2), np.uint32)
    rows = np.empty((len(choices), FIELDS), np.int64)
    parts = choices, levels, int(signed), chances, zeros, reaches
    kernel("fill_tables")(*parts, starts, rows)
    return starts.reshape(-1), rows


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


def read_signs(words: U32, coder: U64, rows: I64, order: I64, column: I64) -> int:
    """Read a share for each group and a flag for each value of it that is not 0; negate by them.

    Args:
        words, coder: as for `read_values`.
        rows: int64 (G, FIELDS), of which only sizes count here.
        order: int64 (n,), where the values of each group are, one group after the other.
        column: int64 (n,), magnitudes, to which signs are given.

    Returns:
        FINE, or what was found; nothing can be read any more then.

    Raises:
        ValueError: groups that do not fill the column.
    """
    finding: int = kernel("read_signs")(words, coder, rows, order, column)
    if finding == MISFIT:
        raise ValueError(f"{len(rows)} groups do not fill {len(column)} rows")
    return finding
