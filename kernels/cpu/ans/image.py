"""Kernel that decodes the payload of an image of profile `gsic` to one array of integers.

The order is that of FORMAT.md section 7.2.
"""

# NumPy's stubs tell integers apart that are one type to Numba.
# mypy: disable-error-code="arg-type, assignment, return-value"

from __future__ import annotations

import numpy as np

from gsic_kernels.constants import PLACE_BITS, SQUARE_BITS
from gsic_kernels.cpu.ans.columns import join_groups, read_columns
from gsic_kernels.cpu.ans.layout import (
    AMPLITUDE_CLASSES,
    BAD_CLASS,
    CHUNK_BITS,
    COLUMNS,
    EXPECTED_CLASS,
    FOUR_STATES_FROM,
    LEAST_GROUP,
    LOG_SCALE_EXPONENT,
    OK,
    PLACE_ROWS,
    PRECISION,
    ROWS,
    SIZE,
    TOO_MANY,
    TWO_STATES_FROM,
)
from gsic_kernels.cpu.ans.sorted_sets import read_sets
from gsic_kernels.cpu.ans.states import NONE, ONE, begin, end, read_chunk, take_room
from gsic_kernels.cpu.places import count_fine_bits
from gsic_kernels.cpu.runtime.jitable import register_jitable
from gsic_kernels.types import I32, I64, U32, U64


def read_image(
    words: U32,
    classes: I64,
    width: int,
    height: int,
    chances: U32,
    scales: U32,
    coder: U64,
    table: U32,
    identity: U32,
    order: U32,
    fields: U32,
    places: U32,
    sets: I64,
    plans: I64,
    keys: I64,
    contexts: I64,
    out: I32,
) -> int:
    """Kernel of `coder.read_image`, which says what the arrays are for."""
    counts, joined, sizes = contexts[0], contexts[1], contexts[2]
    count = np.int64(len(order))
    for g in range(len(counts)):
        counts[g] = classes[g, 1] if g < len(classes) else 0
    for g in range(len(classes)):
        sets[g, SIZE] = classes[g, 1]
        sets[g, COLUMNS] = _count_squares(width, classes[g, 0])
        sets[g, ROWS] = _count_squares(height, classes[g, 0])
    begin(words, coder, 1 + (count >= TWO_STATES_FROM) + 2 * (count >= FOUR_STATES_FROM))
    status = read_sets(
        words,
        coder,
        table,
        chances,
        scales,
        identity,
        sets,
        2 * count,
        count,
        fields,
        places,
        keys,
        out,
    )
    # First the amplitude classes, grouped by position class; then all that these group.
    first, columns, rows = count, np.int64(1), identity[:count]
    for grouped in range(2):
        if status == OK and grouped:
            first, columns = PLACE_ROWS * count, len(out) // count - PLACE_ROWS
            status = _complete_classes(classes, counts, count, out)
        if status != OK:
            return status
        groups = join_groups(counts, LEAST_GROUP, joined, sizes)
        if grouped:
            _sort_by_group(joined, sizes, groups, counts, out[count : 2 * count], order)
            rows = order
        status = read_columns(
            words,
            coder,
            table,
            chances,
            scales,
            identity,
            rows,
            sizes,
            groups,
            grouped,
            columns,
            first,
            fields,
            places,
            plans[: columns * groups],
            joined,
            out,
        )
    if status == OK:
        status = _read_places(words, coder, count, fields, out)
    return end(words, coder) if status == OK else status


@register_jitable
def _read_places(words: U32, coder: U64, count: int, fields: U32, out: I32) -> int:
    """Read which cell of its square each mean lies in, and add what scales are predicted to be."""
    bits: int = np.int64(0)
    for k in range(count):
        position, amplitude = np.int64(out[k]), np.int64(out[count + k])
        first, second = np.int64(out[5 * count + k]), np.int64(out[6 * count + k])
        fine_bits = count_fine_bits(position, amplitude, first, second)
        fields[k] = fine_bits
        bits += 2 * SQUARE_BITS + (fine_bits & 1)
        octaves = 2 * (amplitude - position) - (fine_bits & 1)
        out[4 * count + k] += (octaves << amplitude) >> LOG_SCALE_EXPONENT
    if not take_room(coder, bits, np.int64(1 << PRECISION)):
        return TOO_MANY
    held, have, left = NONE, NONE, bits
    for k in range(count):
        half = np.int64(fields[k] >> 1)
        fine_bits = np.int64(fields[k])
        width = np.uint64(2 * SQUARE_BITS + (fine_bits & 1))
        if have < width:
            size = min(CHUNK_BITS, left)
            left -= size
            held |= np.uint64(read_chunk(words, coder, size)) << have
            have += np.uint64(size)
        cell = np.int64(held & ((ONE << width) - ONE))
        held >>= width
        have -= width
        # Columns are finer where the Gaussian is higher than wide.
        upright = out[5 * count + k] < 0
        place_along, place_across = (2 + upright) * count + k, (3 - upright) * count + k
        bits_along, shift = SQUARE_BITS - half, PLACE_BITS - np.int64(out[k]) + half
        along = np.int64(out[place_along]) << bits_along | cell & (1 << bits_along) - 1
        out[place_along] = (along << shift) + (1 << shift >> 1)
        across = np.int64(out[place_across]) << bits_along + fine_bits | cell >> bits_along
        shift -= fine_bits
        out[place_across] = (across << shift) + (1 << shift >> 1)
    return OK


@register_jitable
def _count_squares(size: int, position_class: int) -> int:
    """Count the squares of a class along a side of `size` pixels."""
    if position_class >= SQUARE_BITS:
        return size << position_class - SQUARE_BITS
    return -(-size >> SQUARE_BITS - position_class)


@register_jitable
def _complete_classes(classes: I64, counts: I64, count: int, out: I32) -> int:
    """Fill the position classes, add their predictions to the amplitude classes, count these."""
    for k in range(len(counts)):
        counts[k] = 0
    row = 0
    for g in range(len(classes)):
        position = classes[g, 0]
        for k in range(row, row + classes[g, 1]):
            amplitude = out[count + k] + max(position + EXPECTED_CLASS, 0)
            if amplitude < 0 or amplitude >= AMPLITUDE_CLASSES:
                return BAD_CLASS
            out[k], out[count + k] = position, amplitude
            counts[amplitude] += 1
        row += classes[g, 1]
    return OK


@register_jitable
def _sort_by_group(
    joined: I64, sizes: I64, groups: int, starts: I64, classes: I32, order: U32
) -> None:
    """Put the rows of one group after the other into `order`, in ascending order within a group.

    `starts` receives where the groups end.
    """
    place = np.int64(0)
    for g in range(groups):
        starts[g] = place
        place += sizes[g]
    for k in range(len(order)):
        group = joined[classes[k]]
        order[starts[group]] = k
        starts[group] += 1
