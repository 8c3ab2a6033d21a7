"""The ANS kernels refuse calls that would read or write outside their arrays."""

import numpy as np
import pytest

from gsic.coding import column_modes, tables
from gsic.coding.models import TOTAL, Model, Tables
from gsic_kernels.cpu.ans import decoder, layout

TABLES = Tables.from_models([Model([TOTAL // 4] * 4), Model([TOTAL - 1, 1], -5)])


def read(rows: np.ndarray, order: int, out: int, starts: np.ndarray = TABLES.starts) -> int:
    coder = np.array([TOTAL, 0, 2**50, 0], np.uint64)
    words = np.zeros(1, np.uint32)
    return decoder.read_values(
        words, coder, starts, rows, np.arange(order), 2**62, np.empty(out, np.int64)
    )


def rows(**fields: int) -> np.ndarray:
    changed = TABLES.rows.copy()
    changed[:, layout.SIZE] = 3
    for name, value in fields.items():
        changed[1, getattr(layout, name)] = value
    return changed


def test_groups_must_fill_columns() -> None:
    assert read(rows(), 6, 6) == layout.OK
    assert read(rows(), 3, 6) == layout.OK
    for order, out in ((6, 5), (6, 7), (5, 6), (4, 6), (2, 6), (0, 6), (12, 6)):
        with pytest.raises(ValueError, match="do not fill"):
            read(rows(), order, out)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("SIZE", size) for size in (-3, 2**62)),
        *(("START", start) for start in (-1, 1, 2**62)),
        *(("SYMBOLS", count) for count in (0, -2, 1, 3, 2**62)),
    ],
)
def test_rows_must_lie_inside_the_tables(field: str, value: int) -> None:
    with pytest.raises(ValueError, match="do not fill"):
        read(rows(**{field: value}), 6, 6)


@pytest.mark.parametrize("sizes", [[3, 4], [7], [6, 0], [-1, 7], [], [2**62, 2**62]])
def test_group_sizes_must_fill_columns(sizes: list[int]) -> None:
    coder = np.array([TOTAL, 0, 2**50, 0], np.uint64)
    fixed, curves = column_modes.build_fixed_tables(), tables.build_curves(True)
    groups = np.array(sizes, np.int64), False, np.arange(6)
    with pytest.raises(ValueError, match="do not fill"):
        decoder.read_columns(
            np.zeros(1, np.uint32), coder, fixed, curves, *groups, np.empty(12, np.int64)
        )


@pytest.mark.parametrize("counts", [[3], [5], [-1, 5], [2**62, 4 - 2**62]])
def test_counts_must_fill_the_keys(counts: list[int]) -> None:
    coder = np.array([TOTAL, 0, 2**50, 0], np.uint64)
    sets = np.array([(count, 10, 0, 8, 6) for count in counts])
    out = np.empty(4, np.int64)
    with pytest.raises(ValueError, match="do not fill"):
        decoder.read_sets(
            np.zeros(1, np.uint32), coder, tables.build_curves(False), sets, 2**60, out
        )
