"""Functions that render sums of Gaussians and differentiate them: arrays in, arrays out."""

from __future__ import annotations

import numpy as np

from gsic_kernels import validation
from gsic_kernels.cpu.runtime import pool
from gsic_kernels.cpu.runtime.allocation import allocate_gradients
from gsic_kernels.cpu.runtime.dispatch import kernel
from gsic_kernels.cpu.sums.blocks import BLOCK_HEIGHT, BLOCK_WIDTH
from gsic_kernels.cpu.sums.dequantising import dequantise_symbols
from gsic_kernels.cpu.sums.lattices import ROWS, plane_pitch
from gsic_kernels.cpu.sums.workspace import Workspace, borrow_workspace
from gsic_kernels.types import F32, U8, Gradients, LogSymbols, Splats, Window, count_levels


def render_sum(splats: Splats, window: Window, background: F32, threads: int = 1) -> F32:
    """Render `background` plus the sum of weight times colour over all Gaussians.

    Args:
        splats: N >= 0 Gaussians of C channels; not modified.
        window: the pixels to render, anywhere in the plane.
        background: float32 (C,), 1.0 = full scale.
        threads: number of threads to use; the result does not depend on it.

    Returns:
        float32 (height, width, C), a strided view, not clamped.

    Raises:
        TypeError: an array is not float32.
        ValueError: a shape does not fit.
    """
    splats, window, background, threads = _check(splats, window, background, threads)
    with borrow_workspace(window, count_levels(splats), len(background), threads) as workspace:
        out = workspace.allocate_cells(0)
        workspace.run(
            splats,
            (),
            lambda: [*workspace.coarse_steps(), workspace.planes_step(0, background, out)],
        )
        return _view_window(workspace, window, out)


def render_sum_bytes(
    splats: Splats,
    window: Window,
    background: F32,
    threads: int = 1,
    out: U8 | None = None,
) -> U8:
    """Render like `render_sum`, clamped to 0..1, times 255, rounded half up.

    Args:
        splats, window, background, threads: as for `render_sum`.
        out: uint8 (height, width, C), C-contiguous, receives the result; None for a new array.

    Returns:
        uint8 (height, width, C).

    Raises:
        TypeError, ValueError: as `render_sum`.
    """
    splats, window, background, threads = _check(splats, window, background, threads)
    x, y, width, height = window
    out = np.empty((height, width, len(background)), np.uint8) if out is None else out
    with borrow_workspace(window, count_levels(splats), len(background), threads) as workspace:

        def draw() -> list[pool.Step]:
            last = workspace.tiles_step("render_bytes", background, (x, y), out)
            return [*workspace.coarse_steps(), last]

        workspace.run(splats, (), draw)
    return out


def render_symbols_bytes(
    symbols: LogSymbols,
    window: Window,
    background: F32,
    threads: int = 1,
    out: U8 | None = None,
) -> U8:
    """Dequantise Gaussians and render them like `render_sum_bytes`."""
    # Few Gaussians are dequantised in the time that it takes to wake a thread.
    dequantised = dequantise_symbols(symbols, min(threads, 1 + symbols.rows.shape[1] // 8192))
    return render_sum_bytes(dequantised, window, background, threads, out)


def render_sum_backward(splats: Splats, window: Window, grad: F32, threads: int = 1) -> Gradients:
    """Compute the gradient of `sum(render_sum(...) * grad)` by mean, factor and color.

    Args:
        splats: N >= 0 Gaussians of C channels; not modified.
        window: the pixels that were rendered.
        grad: float32 (height, width, C), the derivative by each rendered value.
        threads: number of threads to use; the result does not depend on it.

    Returns:
        New gradients, in the units of the arrays of `splats`, zero for Gaussians that contribute
        nothing. `cutoff` and `offset` are taken as fixed.

    Raises:
        TypeError: an array is not float32.
        ValueError: a shape does not fit.
    """
    splats, window = validation.check_splats(splats), validation.check_window(window)
    threads, channels = validation.check_threads(threads), splats.color.shape[1]
    grad = validation.check_image("grad", grad, (window.height, window.width, channels))
    gradients = allocate_gradients(splats)
    with borrow_workspace(window, count_levels(splats), channels, threads) as workspace:
        lattices = workspace.lattices
        split = pool.Step(
            kernel("split_to_blocks", channels),
            (workspace.channels, grad, (window.x, window.y), lattices, workspace.slopes),
            int(lattices[0, ROWS]),
        )
        workspace.run(splats, [split], lambda: workspace.backward_steps(splats, gradients, 1.0))
        workspace.clear_idle(gradients)
    return gradients


def _check(
    splats: Splats, window: Window, background: F32, threads: int
) -> tuple[Splats, Window, F32, int]:
    """Check the arguments of a rendering."""
    splats, window = validation.check_splats(splats), validation.check_window(window)
    background = validation.check_background(background, splats.color.shape[1])
    return splats, window, background, validation.check_threads(threads)


def _view_window(workspace: Workspace, window: Window, out: F32) -> F32:
    """View the pixels of a window in the rows of cells of level 0, float32 (height, width, C)."""
    left, top, columns, rows = (int(value) for value in workspace.lattices[0, : ROWS + 1])
    pitch, channels = int(plane_pitch(columns)), len(workspace.channels)
    lines = rows * BLOCK_HEIGHT
    planes = out[: lines * channels * pitch].reshape(lines, channels, pitch)
    x, y = window.x - left * BLOCK_WIDTH, window.y - top * BLOCK_HEIGHT
    part = planes[y : y + window.height, :, x : x + window.width]
    return part.transpose(0, 2, 1)
