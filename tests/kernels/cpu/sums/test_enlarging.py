"""A lattice enlarged by two, and a gradient shrunk by the adjoint of that."""

import numpy as np
import pytest

from gsic_kernels import reference
from gsic_kernels.cpu.sums.blocks import BLOCK_HEIGHT, BLOCK_WIDTH
from gsic_kernels.cpu.sums.lattices import COLUMNS, LEFT, ROWS, TOP, plane_pitch
from gsic_kernels.cpu.sums.workspace import Workspace
from gsic_kernels.types import Gradients, Splats, Window, round_splats

# Widths around one and two vectors of blocks, and wider than a tile; origins of either sign.
WINDOWS = [
    Window(0, 0, 1, 1),
    Window(0, 0, 64, 48),
    Window(-1, -1, 2, 2),
    Window(-37, 5, 33, 71),
    Window(3, -130, 131, 65),
    Window(5, 7, 1100, 5),
]


def nothing(channels: int) -> Splats:
    """Make no Gaussians of so many channels."""
    return round_splats(*(np.zeros(shape) for shape in ((0, 2), (0, 3), (0, channels), (0,), (0,))))


def whole(workspace: Workspace, level: int) -> Window:
    """Return all cells of a level as a window of it."""
    left, top = (int(workspace.lattices[level, field]) for field in (LEFT, TOP))
    columns, rows = (int(workspace.lattices[level, field]) for field in (COLUMNS, ROWS))
    return Window(
        *(left * BLOCK_WIDTH, top * BLOCK_HEIGHT, columns * BLOCK_WIDTH, rows * BLOCK_HEIGHT)
    )


def view_planes(workspace: Workspace, level: int, cells: np.ndarray) -> np.ndarray:
    """View rows of cells as an image (H, W, C)."""
    _, _, width, height = whole(workspace, level)
    pitch = int(plane_pitch(width // BLOCK_WIDTH))
    channels = len(workspace.channels)
    planes = cells[: height * channels * pitch].reshape(height, channels, pitch)
    return planes[:, :, :width].transpose(0, 2, 1)


def view_blocks(workspace: Workspace, level: int) -> np.ndarray:
    """View the blocks of a level of the gradient as (rows, i, columns, j, C)."""
    _, _, width, height = whole(workspace, level)
    channels, begin = len(workspace.channels), int(workspace.begins[level])
    blocks = workspace.slopes[begin : begin + width * height * channels]
    shape = height // BLOCK_HEIGHT, width // BLOCK_WIDTH, channels, BLOCK_HEIGHT, BLOCK_WIDTH
    return blocks.reshape(shape).transpose(0, 3, 1, 4, 2)


def enlarge(workspace: Workspace, coarse: np.ndarray, background: np.ndarray) -> np.ndarray:
    """Enlarge an image on level 1 to all of level 0."""
    view_planes(workspace, 1, workspace.cells[1])[:] = coarse
    out = workspace.allocate_cells(0)
    out[:] = np.nan
    workspace.run(nothing(coarse.shape[2]), (), lambda: [workspace.planes_step(0, background, out)])
    return view_planes(workspace, 0, out)


def shrink(workspace: Workspace, fine: np.ndarray) -> np.ndarray:
    """Shrink a gradient on all of level 0 to level 1."""
    workspace.slopes[:] = np.nan
    blocks = view_blocks(workspace, 0)
    blocks[:] = fine.reshape(blocks.shape)
    none = nothing(fine.shape[2])
    gradients = Gradients(*(array for array in none[:3]))
    workspace.run(none, (), lambda: workspace.backward_steps(none, gradients, 1.0))
    _, _, width, height = whole(workspace, 1)
    return view_blocks(workspace, 1).reshape(height, width, fine.shape[2])


def random_cells(workspace: Workspace, level: int, seed: int) -> np.ndarray:
    _, _, width, height = whole(workspace, level)
    shape = height, width, len(workspace.channels)
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("window", WINDOWS, ids=str)
@pytest.mark.parametrize("channels", [1, 3])
def test_enlarging_is_the_matrix_of_the_reference(window: Window, channels: int) -> None:
    workspace = Workspace(window, 2, channels, 2)
    coarse = random_cells(workspace, 1, 1)
    background = np.arange(channels, dtype=np.float32)
    area, down, across = reference._make_enlarging(whole(workspace, 0))
    x, y, width, height = whole(workspace, 1)
    # The matrices read no cell that the lattice does not have.
    assert x <= area.x <= area.x + area.width <= x + width
    assert y <= area.y <= area.y + area.height <= y + height
    read = coarse[area.y - y :, area.x - x :][: area.height, : area.width].astype(np.float64)
    expected = background + reference.enlarge(read, down, across)
    np.testing.assert_allclose(enlarge(workspace, coarse, background), expected, atol=2e-6)


def test_a_constant_stays_constant_and_a_ramp_a_ramp() -> None:
    workspace = Workspace(Window(-9, -14, 70, 50), 2, 1, 1)
    x, y, width, height = whole(workspace, 1)
    black = np.zeros(1, np.float32)
    flat = np.full((height, width, 1), 0.7, np.float32)
    np.testing.assert_allclose(enlarge(workspace, flat, black), 0.7, atol=1e-6)
    # Cell centres in px: a coarse cell is 2 px wide.
    across, down = 2 * (x + np.arange(width) + 0.5), 2 * (y + np.arange(height) + 0.5)
    ramp = (0.5 * across - 0.25 * down[:, None]).astype(np.float32)[:, :, None]
    x, y, width, height = whole(workspace, 0)
    across, down = x + np.arange(width) + 0.5, y + np.arange(height) + 0.5
    expected = (0.5 * across - 0.25 * down[:, None])[:, :, None]
    np.testing.assert_allclose(enlarge(workspace, ramp, black), expected, atol=1e-5)


@pytest.mark.parametrize("window", WINDOWS, ids=str)
@pytest.mark.parametrize("channels", [1, 3])
def test_shrinking_is_the_adjoint_of_enlarging(window: Window, channels: int) -> None:
    """<enlarge(x), y> = <x, shrink(y)>, by the matrices of enlarging and directly."""
    workspace = Workspace(window, 2, channels, 2)
    fine = random_cells(workspace, 0, 2)
    area, down, across = reference._make_enlarging(whole(workspace, 0))
    x, y, width, height = whole(workspace, 1)
    expected = np.zeros((height, width, channels))
    expected[area.y - y :, area.x - x :][: area.height, : area.width] = np.einsum(
        "ij,ilc,lk->jkc", down, fine.astype(np.float64), across
    )
    np.testing.assert_allclose(shrink(workspace, fine), expected, atol=5e-6)
    coarse = random_cells(workspace, 1, 3)
    black = np.zeros(channels, np.float32)
    one = np.vdot(enlarge(workspace, coarse, black).astype(np.float64), fine)
    other = np.vdot(coarse.astype(np.float64), shrink(workspace, fine))
    scale = float(np.linalg.norm(coarse) * np.linalg.norm(fine))
    assert one == pytest.approx(other, abs=1e-6 * scale)
