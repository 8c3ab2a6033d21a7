"""Profile `gsic`: estimates of how many bits symbols take, for the encoder.

They use the tables that `bitstream.write` would choose, without coding anything.
"""

from __future__ import annotations

from math import log2
from typing import NamedTuple

import numpy as np

from gsic.arrays import Float64
from gsic.coding.columns import ColumnCodeLengths, compute_column_code_lengths, estimate_column_bits
from gsic.profiles.gsic.bitstream import (
    count_cell_bits,
    count_fine_bits_of,
    group_by_amplitude,
    group_by_position,
    predict_log_scale,
    split_columns,
)
from gsic.profiles.gsic.symbols import Header, Symbols, count_squares

# The final state of the coder takes 32 bits more than the symbols.
_STATE_BITS = 32


def estimate_bits(header: Header, symbols: Symbols) -> float:
    """Estimate the bits of the payload of Gaussians in any order."""
    return sum(estimate_bits_by_attribute(header, symbols).values())


def estimate_bits_by_attribute(header: Header, symbols: Symbols) -> dict[str, float]:
    """Estimate for which attributes the payload of Gaussians in any order spends its bits.

    Returns:
        Bits of the positions, the amplitude classes, the log-scales ("scale"), the
        log-anisotropies ("anisotropy"), the luma (or grey) channel, the other channels, and the
        parameters of all tables.
    """
    names = "position", "classes", "scale", "anisotropy", "luma", "chroma", "tables"
    bits = dict.fromkeys(names, 0.0)
    if not len(symbols):
        return bits
    groups, counts = np.unique(symbols.position_class, return_counts=True)
    for group, count in zip(groups.tolist(), counts.tolist(), strict=True):
        columns, rows = count_squares(header, group)
        bits["position"] += _estimate_set_bits(count, columns * rows)
    fine_bits = count_fine_bits_of(symbols)
    bits["position"] += float(count_cell_bits(fine_bits).sum())
    classes, others = split_columns(symbols, fine_bits)
    of_others = ["scale", "anisotropy", "anisotropy", "luma", *["chroma"] * (header.channels - 1)]
    bits["tables"] = float(_STATE_BITS)
    for columns_of, owners, contexts in (
        ([classes], ["classes"], group_by_position(symbols.position_class)),
        (others, of_others, group_by_amplitude(symbols.amplitude_class)),
    ):
        for column, owner in zip(columns_of, owners, strict=True):
            values, described = estimate_column_bits(column, contexts)
            bits[owner] += values
            bits["tables"] += described
    return bits


class CodeLengths(NamedTuple):
    """Bits that the symbols of N Gaussians take, and that other symbols near them would take.

    Attributes:
        values: code lengths of the log-scale, both numbers of the log-anisotropy and each
            amplitude; rows in the order given, each value as `Symbols` has it.
        own: float64 (N,), bits of place and classes.
    """

    values: list[ColumnCodeLengths]
    own: Float64


def compute_code_lengths(header: Header, symbols: Symbols, around: int) -> CodeLengths:
    """Compute what each symbol costs in the tables that a file of these Gaussians would have.

    Args:
        header: what all Gaussians share.
        symbols: one or more Gaussians, in any order.
        around: by how much other symbols may lie outside the range of those.
    """
    position, amplitude = symbols.position_class, symbols.amplitude_class
    fine_bits = count_fine_bits_of(symbols)
    classes, others = split_columns(symbols, fine_bits)
    of_classes = compute_column_code_lengths(classes, group_by_position(position), 0)
    own = of_classes.bits[of_classes.origins + classes] + count_cell_bits(fine_bits)
    for group, count in zip(*np.unique(position, return_counts=True), strict=True):
        columns, rows = count_squares(header, int(group))
        # By so much the bits of the set grow with one more key.
        own[position == group] += log2(1.0 + columns * rows / count)
    contexts = group_by_amplitude(amplitude)
    values = [compute_column_code_lengths(column, contexts, around) for column in others]
    expected = predict_log_scale(position, amplitude, fine_bits)
    bits, origins, lowest, highest = values[0]
    values[0] = ColumnCodeLengths(bits, origins - expected, lowest + expected, highest + expected)
    return CodeLengths(values, own)


def _estimate_set_bits(count: int, cells: int) -> float:
    """Estimate log2 of how many sets of `count` cells there are, the bits of a uniform set."""
    ratio = cells / count
    return count * (log2(1.0 + ratio) + ratio * log2(1.0 + 1.0 / ratio))
