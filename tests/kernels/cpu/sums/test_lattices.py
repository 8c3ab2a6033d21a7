"""The lattices of a window: each has the cells that the next finer one needs; tiles cover it."""

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gsic_kernels.cpu.sums.blocks import BLOCK_HEIGHT, BLOCK_WIDTH
from gsic_kernels.cpu.sums.lattices import (
    COLUMNS,
    FIRST_TILE,
    GROUP,
    LEFT,
    ROWS,
    TOP,
    divide_window,
    find_tile,
)
from gsic_kernels.types import I64, Window

windows = st.builds(
    Window,
    *(st.integers(-5000, 5000), st.integers(-5000, 5000)),
    *(st.integers(1, 3000), st.integers(1, 3000)),
)


def cells_across(lattice: I64) -> tuple[int, int]:
    """Return the first cell of a lattice along x, and the one behind its last."""
    left = int(lattice[LEFT]) * BLOCK_WIDTH
    return left, left + int(lattice[COLUMNS]) * BLOCK_WIDTH


def cells_down(lattice: I64) -> tuple[int, int]:
    """Return the first cell of a lattice along y, and the one behind its last."""
    top = int(lattice[TOP]) * BLOCK_HEIGHT
    return top, top + int(lattice[ROWS]) * BLOCK_HEIGHT


@given(windows, st.integers(1, 8), st.integers(1, 5))
def test_every_cell_finds_the_four_coarse_cells_that_it_reads(
    window: Window, levels: int, threads: int
) -> None:
    lattices = divide_window(window, levels, threads)
    x, y, width, height = window
    assert cells_across(lattices[0])[0] <= x < x + width <= cells_across(lattices[0])[1]
    assert cells_down(lattices[0])[0] <= y < y + height <= cells_down(lattices[0])[1]
    for fine, coarse in pairwise(lattices[:levels]):
        for cells in (cells_across, cells_down):
            (first, end), (first_coarse, end_coarse) = cells(fine), cells(coarse)
            # Cells 2 j and 2 j + 1 read four cells from j - 2 and from j - 1 on.
            for cell in (first, first + 1, end - 2, end - 1):
                begin = cell // 2 - 2 + cell % 2
                assert first_coarse <= begin
                assert begin + 4 <= end_coarse


@given(windows, st.integers(1, 8), st.integers(1, 5))
def test_tiles_cover_every_block_of_a_lattice_once(
    window: Window, levels: int, threads: int
) -> None:
    lattices = divide_window(window, levels, threads)
    assert lattices[0, FIRST_TILE] == 0
    for lattice, following in pairwise(lattices):
        assert lattice[COLUMNS] % GROUP == 0
        covered = np.zeros((lattice[ROWS], lattice[COLUMNS]), int)
        for item in range(following[FIRST_TILE] - lattice[FIRST_TILE]):
            column, row, columns, rows = find_tile(lattice, item)
            column, row = column - lattice[LEFT], row - lattice[TOP]
            # Rows of cells of a tile are whole vectors.
            assert columns % GROUP == 0
            assert min(columns, rows) > 0
            covered[row : row + rows, column : column + columns] += 1
        assert (covered == 1).all()


@given(windows, st.integers(1, 8))
def test_the_number_of_threads_changes_no_lattice(window: Window, levels: int) -> None:
    one, many = divide_window(window, levels, 1), divide_window(window, levels, 3)
    assert np.array_equal(one[:levels, : ROWS + 1], many[:levels, : ROWS + 1])
