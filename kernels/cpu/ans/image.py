"""Kernel that decodes the payload of an image of profile `gsic` to one array of integers.

The order is that of FORMAT.md section 7.2.
"""

# NumPy's stubs tell integers apart that are one type to Numba.
# mypy: disable-error-code="arg-type, assignment, return-value"

from __future__ import annotations

import numpy as np

from gsic_kernels.cpu.ans.columns import join_groups, read_columns
from gsic_kernels.cpu.ans.layout import (
    AMPLITUDE_CLASSES,
    BAD_CLASS,
    EXPECTED_CLASS,
    FOUR_STATES_FROM,
    HISTOGRAM_SIZE_MIN,
    LARGEST,
    LAST_WHOLE,
    LEAST_GROUP,
    LOG_SCALE_EXPONENT,
    OK,
    SCALE_FIELDS,
    SCALES,
    STARTS,
    TWO_STATES_FROM,
)
from gsic_kernels.cpu.ans.sorted_sets import COLUMNS, ROWS, SET_FIELDS, SIZE, read_sets
from gsic_kernels.cpu.ans.states import begin, end
from gsic_kernels.cpu.runtime.jitable import register_jitable
from gsic_kernels.types import I32, I64, U32, U64

# Rows before the log-scale: P, A, column and row of the cell.
_PLACE_ROWS = 4


def read_image(
    words: U32,
    classes: I64,
    width: int,
    height: int,
    chances: U32,
    scales: U32,
    coder: U64,
    out: I32,
) -> int:
    """Kernel of `coder.read_image`."""
    sets = np.empty((len(classes), SET_FIELDS), np.int64)
    counts = np.zeros(AMPLITUDE_CLASSES, np.int64)
    count = np.int64(0)
    for g in range(len(classes)):
        count += classes[g, 1]
        sets[g, SIZE] = counts[g] = classes[g, 1]
        sets[g, COLUMNS] = _count_cells(width, classes[g, 0])
        sets[g, ROWS] = _count_cells(height, classes[g, 0])
    columns = len(out) // count - _PLACE_ROWS
    # At least as many as there can be levels, and numbers that describe groups.
    most = max(count, columns * AMPLITUDE_CLASSES * (SCALES + HISTOGRAM_SIZE_MIN))
    table = np.empty(STARTS + 2 + 2 * scales[LAST_WHOLE * SCALE_FIELDS + LARGEST], np.uint32)
    fields, places = np.empty(most, np.uint32), np.empty(columns * most, np.uint32)
    identity = np.empty(most, np.uint32)
    for k in range(most):
        identity[k] = k
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
        out,
    )
    joined, sizes, order = np.empty_like(counts), np.empty_like(counts), identity[:count]
    # First the amplitude classes, grouped by position class; then all that these group.
    for grouped in range(2):
        first = _PLACE_ROWS * count if grouped else count
        if status == OK and grouped:
            status = _complete_classes(classes, counts, count, out)
        if status != OK:
            return status
        groups = join_groups(counts, LEAST_GROUP, joined, sizes)
        if grouped:
            order = _sort_by_group(joined, sizes[:groups], out[count : 2 * count])
        status = read_columns(
            words,
            coder,
            table,
            chances,
            scales,
            identity,
            order,
            sizes,
            groups,
            grouped,
            columns if grouped else 1,
            first,
            fields,
            places,
            out,
        )
    for k in range(count):
        position, amplitude = out[k], out[count + k]
        octaves = 2 * (amplitude - position)
        out[first + k] += octaves << max(amplitude - LOG_SCALE_EXPONENT, 0)
    return end(words, coder) if status == OK else status


@register_jitable
def _count_cells(size: int, position_class: int) -> int:
    """Count the cells of a class along a side of `size` pixels."""
    if position_class >= 0:
        return size << position_class
    return -(-size >> -position_class)


@register_jitable
def _complete_classes(classes: I64, counts: I64, count: int, out: I32) -> int:
    """Fill the position classes, add their predictions to the amplitude classes, count these."""
    counts[:] = 0
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
def _sort_by_group(joined: I64, sizes: I64, classes: I32) -> U32:
    """Return the rows of one group after the other, in ascending order within a group."""
    places, place = np.empty_like(sizes), 0
    for g in range(len(sizes)):
        places[g] = place
        place += sizes[g]
    order = np.empty(len(classes), np.uint32)
    for k in range(len(classes)):
        group = joined[classes[k]]
        order[places[group]] = k
        places[group] += 1
    return order
