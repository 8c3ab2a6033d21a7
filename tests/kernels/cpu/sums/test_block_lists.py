"""The blocks that are listed for an ellipse: none that it touches is missing."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_scenes import factors
from numba import njit

from gsic_kernels.constants import MAX_SIDE_PX
from gsic_kernels.cpu.runtime.lanes import LANES
from gsic_kernels.cpu.sums.block_lists import SPANS, list_blocks
from gsic_kernels.cpu.sums.blocks import BLOCK_HEIGHT, BLOCK_WIDTH
from gsic_kernels.cpu.sums.lattices import divide_window
from gsic_kernels.cpu.sums.records import RECORD, P, R, T, prepare_splats
from gsic_kernels.types import Window

# Rows and columns of blocks of the list, side by side in `places`.
_STRIDE, _SIZE = 1000, 1


@njit  # type: ignore[untyped-decorator]
def _list(records: Any, box: Any, lists: Any) -> int:
    area = box[0], box[1], box[2], box[3]
    grid = -box[2] * _STRIDE - box[0] * _SIZE, _STRIDE, _SIZE
    count: int = list_blocks(records, 0, area, grid, lists, 0)
    return count


def list_of(
    mean: np.ndarray, factor: np.ndarray, cutoff: float, window: Window
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """List the blocks of a Gaussian: its record, columns and rows of blocks, u and v at corners."""
    records, boxes = np.zeros((1, RECORD), np.float32), np.zeros((1, 4), np.int32)
    flat, lattices = np.zeros(1, np.float32), divide_window(window, 1, 1)
    arguments = mean, factor, np.ones((1, 1), np.float32), flat + np.float32(cutoff), flat
    prepare_splats(0, 0, *arguments, np.zeros(1, np.int32), lattices, records, boxes)
    box = boxes[0]
    if box[3] < box[2]:
        return records[0], np.zeros((0, 2), int), np.zeros(0), np.zeros(0)
    room = (box[1] - box[0] + 1 + LANES) * (box[3] - box[2] + 1 + LANES)
    offsets, places = np.zeros((2, room), np.float32), np.zeros(room, np.int32)
    spans = np.zeros(SPANS, np.float32)
    count = _list(records, box.astype(np.int64), (spans, offsets, places))
    found = np.stack([places[:count] % _STRIDE + box[0], places[:count] // _STRIDE + box[2]], -1)
    return records[0], found, offsets[0, :count], offsets[1, :count]


@given(
    st.tuples(st.floats(-40, 140), st.floats(-40, 110)),
    st.floats(np.log(0.05), np.log(90.0)),
    st.floats(0.0, np.log(1000.0)),
    st.floats(0.0, np.pi),
    st.floats(0.0, 16.0),
    st.tuples(*[st.integers(-MAX_SIDE_PX, MAX_SIDE_PX - 97)] * 2),
)
def test_every_pixel_of_an_ellipse_is_in_a_listed_block(
    place: tuple[float, float],
    log_sigma: float,
    log_aspect: float,
    angle: float,
    cutoff: float,
    origin: tuple[int, int],
) -> None:
    window = Window(*origin, 97, 71)
    mean = np.array([[place[0] + origin[0], place[1] + origin[1]]], np.float32)
    factor = factors(*(np.array([v]) for v in (np.exp(log_sigma), np.exp(log_aspect), angle)))
    _, found, _, _ = list_of(mean, factor, cutoff, window)
    listed = {(int(column), int(row)) for column, row in found}
    assert len(listed) == len(found), "a block is listed twice"
    x, y = np.meshgrid(window.x + np.arange(97) + 0.5, window.y + np.arange(71) + 0.5)
    p, r, t = (float(value) for value in factor[0])
    dx, dy = x - float(mean[0, 0]), y - float(mean[0, 1])
    inside = ((p * dx + r * dy) ** 2 + (t * dy) ** 2) / 2 <= cutoff
    rows, columns = inside.nonzero()
    needed = set(
        zip(
            ((columns + window.x) // BLOCK_WIDTH).tolist(),
            ((rows + window.y) // BLOCK_HEIGHT).tolist(),
            strict=True,
        )
    )
    assert needed <= listed


def test_listed_offsets_are_those_of_the_corners() -> None:
    window = Window(-20, -30, 97, 71)
    mean = np.array([[21.3, 7.9]], np.float32)
    factor = np.array([[0.11, -0.04, 0.15]], np.float32)
    record, found, u, v = list_of(mean, factor, 8.0, window)
    assert len(found) > 50
    dx, dy = (found * (BLOCK_WIDTH, BLOCK_HEIGHT) - mean.astype(np.float64)).T
    np.testing.assert_allclose(u, record[P] * dx + record[R] * dy, atol=1e-6)
    np.testing.assert_allclose(v, record[T] * dy, atol=1e-6)


@pytest.mark.parametrize("sigma", [2.0, 9.0, 40.0])
def test_few_blocks_are_listed_in_vain(sigma: float) -> None:
    """A list that held the whole box would be right, too, but slow."""
    window = Window(0, 0, 400, 400)
    mean = np.array([[200.2, 199.7]], np.float32)
    factor = factors(np.array([sigma]), np.array([6.0]), np.array([0.7]))
    _, found, _, _ = list_of(mean, factor, 4.0, window)
    corners = np.array([(i, j) for i in (0, 1) for j in (0, 1)]) * (BLOCK_WIDTH, BLOCK_HEIGHT)
    # An ellipse that is larger by the diagonal of a block has every block that it touches inside.
    p, r, t = (float(value) for value in factor[0])
    dx, dy = (found[:, None] * (BLOCK_WIDTH, BLOCK_HEIGHT) + corners - mean[0]).T
    nearest = np.sqrt((p * dx + r * dy) ** 2 + (t * dy) ** 2).min(axis=0)
    assert (nearest <= np.sqrt(8.0) + 8.0 / sigma).all()
