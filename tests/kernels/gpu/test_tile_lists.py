"""Lattices of a window and the lists of their tiles.

Without a GPU, `test_interpreted` runs these tests under Triton's interpreter.
"""

from typing import Any

import numpy as np
import pytest
import torch
from gpu_scenes import spread
from kernel_scenes import Scene, make, moved
from numpy.typing import NDArray

from gsic_kernels import reference
from gsic_kernels.gpu import backend as gpu_backend
from gsic_kernels.gpu.raster.device_arrays import DeviceSplats
from gsic_kernels.gpu.raster.lattices import TILE, Lattices
from gsic_kernels.gpu.raster.tile_lists import TileLists, choose_sector_shift
from gsic_kernels.types import Window, count_levels

pytestmark = [pytest.mark.gpu, pytest.mark.usefixtures("poison")]

DEVICE = gpu_backend.choose_device()


def list_tiles(window: Window, levels: int) -> list[tuple[int, NDArray[Any], NDArray[Any]]]:
    """List the tiles of lattices, with the level and the columns and rows of cells of each."""
    tiles = []
    x, y, width, height = window
    for level in range(levels):
        for top in range(0, height, TILE.value):
            for left in range(0, width, TILE.value):
                columns = x + np.arange(left, min(left + TILE.value, width))
                rows = y + np.arange(top, min(top + TILE.value, height))
                tiles.append((level, columns, rows))
        x, y = -(-x // 2) - 2, -(-y // 2) - 2
        width, height = width // 2 + 4, height // 2 + 4
    return tiles


@pytest.mark.parametrize(
    "scene",
    [
        make(60, 120, 90, sigma=(0.3, 30.0), aspect=(1.0, 1000.0)),
        spread(make(60, 120, 90, sigma=(0.3, 30.0), aspect=(1.0, 1000.0)), 3),
        moved(make(30, 90, 120, sigma=(0.05, 3.0), aspect=(1.0, 1000.0)), 1 << 20, 9999),
    ],
)
def test_lists_hold_the_gaussians_of_each_tile_in_order(scene: Scene) -> None:
    window, levels = scene.window, count_levels(scene.splats)
    lists = TileLists(window.width, window.height, len(scene.splats.mean), DEVICE)
    splats = DeviceSplats(*(torch.tensor(array).to(DEVICE) for array in scene.splats))
    lists.build(splats, window, levels)
    assert not lists.grow()
    tiles = list_tiles(window, levels)
    assert len(tiles) == lists.lattices.count_tiles(levels)
    ends, pairs = lists.pairs_end[: len(tiles)].tolist(), lists.pairs.tolist()
    p, r, t = scene.splats.factor.astype(np.float64).T[:, :, None, None]
    mean = scene.splats.mean.astype(np.float64)
    listed = seen = 0
    for (level, columns, rows), start, end in zip(tiles, [0, *ends[:-1]], ends, strict=True):
        dx, dy = columns + 0.5 - mean[:, :1], rows + 0.5 - mean[:, 1:]
        q = (p * dx[:, None] + r * dy[:, :, None]) ** 2 + (t * dy[:, :, None]) ** 2
        near = (q / 2).min(axis=(1, 2)) <= scene.splats.cutoff
        meets = np.flatnonzero(near & (scene.splats.level == level))
        assert pairs[start:end] == sorted(set(pairs[start:end]))
        assert set(meets.tolist()) <= set(pairs[start:end])
        listed, seen = listed + end - start, seen + len(meets)
    # Needles pass between the centres of pixels; their boxes hold far more tiles than they meet.
    assert listed <= 1.25 * seen
    assert int(lists.box_tiles.sum()) > 1.5 * listed


def test_lattices_hold_what_is_enlarged() -> None:
    for first in range(-9, 9):
        for count in range(1, 20):
            coarse, across = reference._make_filter(first, count)
            assert coarse == -(-first // 2) - 2
            assert across.shape[1] <= count // 2 + 4
    lattices = Lattices(37, 250, DEVICE)
    assert lattices.table[:3].tolist() == [
        [37, 250, 3, 0, 0, 0],
        [22, 129, 2, 48, 16, 0],
        [15, 68, 1, 66, 25, 22 * 129],
    ]
    assert lattices.count_tiles(3) == 71
    assert lattices.count_tile_rows(3) == 30
    assert lattices.count_cells(2) == 15 * 68
    assert lattices.count_coarse_cells(3) == 22 * 129 + 15 * 68
    assert lattices.tile_levels[:71].tolist() == [0] * 48 + [1] * 18 + [2] * 5


def test_sectors_grow_with_the_image() -> None:
    for tiles, shift in [((1, 1), 0), ((2, 3), 0), ((48, 32), 2), ((1024, 1024), 5), ((25, 1), 1)]:
        assert choose_sector_shift(*tiles) == shift
