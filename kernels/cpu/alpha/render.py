"""Functions that blend Gaussians by alpha and differentiate that: arrays in, arrays out."""

from __future__ import annotations

import numpy as np

from gsic_kernels import validation
from gsic_kernels.cpu.alpha.partials import BY_COLOR
from gsic_kernels.cpu.alpha.work_division import count_record_items
from gsic_kernels.cpu.alpha.workspace import borrow_workspace
from gsic_kernels.cpu.runtime import pool
from gsic_kernels.cpu.runtime.allocation import allocate_gradients
from gsic_kernels.cpu.runtime.dispatch import kernel
from gsic_kernels.types import F32, AlphaGradients, Blended, Splats, Window


def render_alpha(
    splats: Splats,
    opacity: F32,
    window: Window,
    background: F32,
    threads: int = 1,
) -> Blended:
    """Blend Gaussians over `background`, the first in front.

    A Gaussian hides alpha = min(0.999, opacity * weight) of what is behind it. It is skipped where
    alpha is below 1/255. A pixel stops before the first Gaussian that would leave less than 1e-4 of
    what is behind. A Gaussian whose opacity is not finite or not above 0 contributes nothing.

    Args:
        splats: 0 <= N <= 2^24 Gaussians of C channels, front to back; not modified. Levels are
            not read.
        opacity: float32 (N,).
        window: the pixels to render, anywhere in the plane.
        background: float32 (C,), 1.0 = full scale.
        threads: number of threads to use; the result does not depend on it.

    Returns:
        The image, and what `render_alpha_backward` needs besides.

    Raises:
        TypeError: an array is not float32.
        ValueError: a shape does not fit, or there are too many Gaussians.
    """
    splats, window = validation.check_splats(splats), validation.check_window(window)
    count, channels = splats.color.shape
    opacity, threads = validation.check_opacity(opacity, count), validation.check_threads(threads)
    background = validation.check_background(background, channels)
    x, y, width, rows = window
    blended = Blended(
        np.empty((rows, width, channels), np.float32),
        np.empty((rows, width), np.float32),
        np.empty((rows, width), np.int32),
    )
    draw = kernel("alpha_forward", channels)
    limit, limited = _limit_step(splats, opacity)
    with borrow_workspace(width, rows, channels, threads) as workspace:

        def after() -> list[pool.Step]:
            memory = workspace.strip_memory
            arguments = *workspace.lists, background, opacity, (x, y), *memory, *blended
            return [pool.Step(draw, arguments, workspace.strips)]

        workspace.run(limited, window, [limit], after)
    return blended


def render_alpha_backward(
    splats: Splats,
    opacity: F32,
    window: Window,
    background: F32,
    blended: Blended,
    grad: F32,
    threads: int = 1,
) -> AlphaGradients:
    """Compute the gradient of `sum(render_alpha(...).image * grad)`.

    Args:
        splats, opacity, window, background: what was rendered; not modified.
        blended: what `render_alpha` returned for it; its image is not read.
        grad: float32 (height, width, C), the derivative by each rendered value.
        threads: number of threads to use; the result does not depend on it.

    Returns:
        New gradients, zero for Gaussians that contribute nothing. `offset` and the cuts at
        `cutoff`, at alpha 1/255 and at transmittance 1e-4 are taken as fixed; where alpha is
        capped, it is a constant.

    Raises:
        TypeError: an array is of another type.
        ValueError: a shape does not fit, or there are too many Gaussians.
    """
    splats, window = validation.check_splats(splats), validation.check_window(window)
    count, channels = splats.color.shape
    opacity, threads = validation.check_opacity(opacity, count), validation.check_threads(threads)
    background = validation.check_background(background, channels)
    x, y, width, rows = window
    _, transmittance, stop = validation.check_blended(blended, (rows, width, channels))
    grad = validation.check_image("grad", grad, (rows, width, channels))
    gradients = *allocate_gradients(splats), np.empty(count, np.float32)
    # Per row, and added up here from top to bottom, so that the order of strips does not matter.
    d_background = np.empty((rows, channels))
    draw, reduce = kernel("alpha_backward", channels), kernel("reduce_gradients")
    limit, limited = _limit_step(splats, opacity)
    with borrow_workspace(width, rows, channels, threads) as workspace:

        def after() -> list[pool.Step]:
            partials = np.empty((len(workspace.pairs), BY_COLOR + channels), np.float32)
            strips = (
                *(*workspace.lists, background, opacity, (x, y), *workspace.strip_memory),
                *(transmittance, stop, grad, partials, d_background),
            )
            _, *lists = workspace.lists
            totals = *lists, opacity, partials, *gradients
            return [
                pool.Step(draw, strips, workspace.strips),
                pool.Step(reduce, totals, count_record_items(count)),
            ]

        workspace.run(limited, window, [limit], after)
        workspace.clear_idle(gradients)
    return AlphaGradients(*gradients, d_background.sum(axis=0).astype(np.float32))


def _limit_step(splats: Splats, opacity: F32) -> tuple[pool.Step, Splats]:
    """Make the step that limits cutoffs to what can be seen, and the splats that it completes."""
    cutoff = np.empty_like(splats.cutoff)
    arguments = opacity, splats.cutoff, splats.offset, cutoff
    step = pool.Step(kernel("limit_cutoffs"), arguments, count_record_items(len(opacity)))
    return step, splats._replace(cutoff=cutoff)
