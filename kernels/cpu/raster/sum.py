"""Functions that render sums of Gaussians and differentiate them: arrays in, arrays out."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from gsic_kernels import validation
from gsic_kernels.cpu.raster.work_division import count_row_items
from gsic_kernels.cpu.raster.workspace import allocate_gradients, borrow_workspace
from gsic_kernels.cpu.runtime import pool
from gsic_kernels.cpu.runtime.dispatch import kernel
from gsic_kernels.types import F32, U8, Gradients, Splats, Window


def render_sum(
    splats: Splats, window: Window, background: F32, threads: int = 1, *, plain: bool = False
) -> F32:
    """Render `background` plus the sum of weight times colour over all Gaussians.

    Args:
        splats: N >= 0 Gaussians of C channels; not modified.
        window: the pixels to render, anywhere in the plane.
        background: float32 (C,), 1.0 = full scale.
        threads: number of threads to use; the result does not depend on it.
        plain: use the scalar loops of `sum_scalar`, which are slower and round differently.

    Returns:
        float32 (height, width, C), not clamped.

    Raises:
        TypeError: an array is not float32.
        ValueError: a shape does not fit.
    """
    image: F32 = _render("sum_forward", np.float32, splats, window, background, threads, plain)
    return image


def render_sum_bytes(
    splats: Splats, window: Window, background: F32, threads: int = 1, *, plain: bool = False
) -> U8:
    """Render like `render_sum`, clamped to 0..1, times 255, rounded half up.

    Args:
        splats, window, background, threads, plain: as for `render_sum`.

    Returns:
        uint8 (height, width, C).

    Raises:
        TypeError, ValueError: as `render_sum`.
    """
    image: U8 = _render("sum_forward_bytes", np.uint8, splats, window, background, threads, plain)
    return image


def render_sum_backward(
    splats: Splats, window: Window, grad: F32, threads: int = 1, *, plain: bool = False
) -> Gradients:
    """Compute the gradient of `sum(render_sum(...) * grad)` by mean, factor and color.

    Args:
        splats: N >= 0 Gaussians of C channels; not modified.
        window: the pixels that were rendered.
        grad: float32 (height, width, C), the derivative by each rendered value.
        threads: number of threads to use; the result does not depend on it.
        plain: use the scalar loops of `sum_scalar`, which are slower and round differently.

    Returns:
        New gradients, zero for Gaussians that contribute nothing. `cutoff` and `offset` are taken
        as fixed.

    Raises:
        TypeError: an array is not float32.
        ValueError: a shape does not fit.
    """
    splats, window = validation.check_splats(splats), validation.check_window(window)
    threads, channels = validation.check_threads(threads), splats.color.shape[1]
    _, _, width, rows = window
    grad = validation.check_image("grad", grad, (rows, width, channels))
    gradients = allocate_gradients(splats)
    with borrow_workspace(width, rows, channels, threads) as workspace:
        split = pool.Step(
            kernel("split_planes", channels, plain),
            (workspace.channels, grad, workspace.planar, workspace.pitch),
            count_row_items(rows),
        )
        workspace.run(
            splats,
            window,
            [split],
            lambda: [workspace.backward_step(gradients, window, workspace.planar, 1.0, plain)],
        )
        workspace.clear_idle(gradients)
    return gradients


def _render(
    name: str,
    dtype: DTypeLike,
    splats: Splats,
    window: Window,
    background: F32,
    threads: int,
    plain: bool,
) -> NDArray[Any]:
    """Check the arguments and render with the kernel `name` to a new array of `dtype`."""
    splats, window = validation.check_splats(splats), validation.check_window(window)
    threads, channels = validation.check_threads(threads), splats.color.shape[1]
    background = validation.check_background(background, channels)
    x, y, width, rows = window
    out: NDArray[Any] = np.empty((rows, width, channels), dtype)
    draw = kernel(name, channels, plain)
    with borrow_workspace(width, rows, channels, threads) as workspace:

        def after() -> list[pool.Step]:
            arguments = *workspace.lists, background, (x, y), *workspace.strip_memory, out
            return [pool.Step(draw, arguments, workspace.strips)]

        workspace.run(splats, window, (), after)
    return out
