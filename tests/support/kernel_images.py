"""Payloads of profile `gsic` that are made by hand, and what the kernel says of them."""

from collections.abc import Callable, Sequence

import numpy as np

from gsic.coding import ans, column_modes, tables
from gsic.coding.ans import SymbolWriter
from gsic.coding.column_modes import ColumnMode
from gsic.coding.escapes import write_escaped
from gsic.coding.models import Model
from gsic.coding.sorted_set import write_sets
from gsic_kernels.cpu.ans import layout

# Squares of class 0 along a side, and the side in px.
SQUARES = 64
SIDE = 4 * SQUARES


def read(
    payload: bytes, counts: Sequence[int] = (1,), positions: Sequence[int] = (0,), channels: int = 1
) -> np.ndarray:
    """Read the rows of an image of SIDE x SIDE pixels with margins."""
    classes = np.array([positions, counts]).T.copy()
    return ans.read_image(payload, classes, (SIDE, SIDE), channels)


def write_keys(writer: SymbolWriter, counts: Sequence[int]) -> None:
    """Append the sets of Gaussians in all of the first cells, in classes from 0 on."""
    squares = [(SQUARES << position) ** 2 for position in range(len(counts))]
    write_sets(writer, [np.arange(count) for count in counts], squares)


def write_head(
    writer: SymbolWriter, mode: ColumnMode, positive: int = layout.POSITIVE_EVEN
) -> None:
    """Append the head of a single column."""
    shape = tables.Shape()
    writer.write_raw(np.array([mode | shape.zero << layout.MODE_BITS]), layout.HEAD_BITS)
    writer.write_symbols(np.array([shape.spread]), column_modes.build_spread_table())
    share = np.array([positive - layout.POSITIVE_EVEN])
    writer.write_symbols(share, column_modes.build_positive_table())


def make_payload(
    counts: Sequence[int],
    mode: ColumnMode,
    *steps: tuple[list[int], Model],
    more: Callable[[SymbolWriter], None] | None = None,
) -> bytes:
    """Make a payload whose amplitude classes are a hand-made column, and that then goes wrong.

    Args:
        counts: Gaussians of each position class from 0 on.
        mode: of the column.
        steps: groups of values that follow its head, with their tables.
        more: appends what follows them.
    """
    writer = SymbolWriter()
    write_keys(writer, counts)
    write_head(writer, mode)
    for values, table in steps:
        write_escaped(writer, [np.array(values)], [table])
    if more is not None:
        more(writer)
    writer.write_raw(np.arange(64), 24)
    return writer.finish(ans.count_states(sum(counts)))
