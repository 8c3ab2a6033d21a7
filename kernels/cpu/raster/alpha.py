"""Alpha blending of Gaussians and its gradients: arrays in, arrays out."""

from __future__ import annotations

import numpy as np

from gsic_kernels import validation
from gsic_kernels.cpu.raster.work_division import count_record_items
from gsic_kernels.cpu.raster.workspace import allocate_gradients, borrow_workspace
from gsic_kernels.cpu.runtime import pool
from gsic_kernels.cpu.runtime.dispatch import kernel
from gsic_kernels.types import F32, AlphaGradients, Blended, Splats, Window

# Planes of a strip beside those of the colours, forward and backward alike, so that one plan
# serves both; and what a strip sums up for a Gaussian beside the gradient by colour.
_EXTRA_PLANES = 3
_MOMENTS = 6


def render_alpha(
    splats: Splats,
    opacity: F32,
    window: Window,
    background: F32,
    threads: int = 1,
    *,
    plain: bool = False,
) -> Blended:
    """Blend Gaussians over `background`, the first in front.

    A Gaussian hides alpha = min(0.999, opacity * weight) of what is behind it. Below 1/255 it is
    skipped, and a pixel ends before the first Gaussian that would leave less than 1e-4 of what
    is behind. One whose opacity is not finite and above 0 contributes nothing.

    Args:
        splats: 0 <= N <= 2^24 Gaussians of C channels, front to back; not modified.
        opacity: float32 (N,).
        window: the pixels to render, anywhere.
        background: float32 (C,), 1.0 = full scale.
        threads: how many threads to use; the result does not depend on it.
        plain: use the loops of `alpha_scalar`; the same but for rounding, and slower.

    Returns:
        The image and what `render_alpha_backward` needs of it.

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
    draw = kernel("alpha_forward", channels, plain)
    limit, limited = _limited(splats, opacity)
    with borrow_workspace(width, rows, channels, threads, _EXTRA_PLANES) as workspace:

        def after() -> list[pool.Step]:
            lists = workspace.channels, workspace.records, workspace.starts, workspace.pairs
            place = (x, y), workspace.height, workspace.scratch
            return [
                pool.Step(draw, (*lists, background, opacity, *place, *blended), workspace.strips)
            ]

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
    *,
    plain: bool = False,
) -> AlphaGradients:
    """Gradient of `sum(render_alpha(...).image * grad)`.

    Args:
        splats, opacity, window, background: what was rendered; not modified.
        blended: what `render_alpha` returned for it. The image in it is not looked at.
        grad: float32 (height, width, C), the derivative by each rendered value.
        threads: how many threads to use; the result does not depend on it.
        plain: use the loops of `alpha_scalar`; the same but for rounding, and slower.

    Returns:
        Freshly made gradients; zero for Gaussians that contribute nothing. The cuts at `cutoff`,
        at 1/255 and at transmittance 1e-4, and `offset`, are taken as fixed; where alpha is capped
        it does not change.

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
    of_splats = *allocate_gradients(splats), np.empty(count, np.float32)
    by_background = np.empty((rows, channels))
    draw, add = kernel("alpha_backward", channels, plain), kernel("reduce_gradients")
    limit, limited = _limited(splats, opacity)
    with borrow_workspace(width, rows, channels, threads, _EXTRA_PLANES) as workspace:

        def after() -> list[pool.Step]:
            lists = workspace.records, workspace.starts, workspace.pairs
            partials = np.empty((len(workspace.pairs), _MOMENTS + channels), np.float32)
            strips = (
                *(
                    workspace.channels,
                    *lists,
                    background,
                    opacity,
                    (x, y),
                    workspace.height,
                    workspace.scratch,
                ),
                *(transmittance, stop, grad, partials, by_background),
            )
            totals = *lists, opacity, partials, *of_splats
            return [
                pool.Step(draw, strips, workspace.strips),
                pool.Step(add, totals, count_record_items(count)),
            ]

        workspace.run(limited, window, [limit], after)
        workspace.clear_idle(of_splats)
    return AlphaGradients(*of_splats, by_background.sum(axis=0).astype(np.float32))


def _limited(splats: Splats, opacity: F32) -> tuple[pool.Step, Splats]:
    """The splats with room for the cutoff at which they can still be seen, and the step for it."""
    cutoff = np.empty_like(splats.cutoff)
    arguments = opacity, splats.cutoff, splats.offset, cutoff
    step = pool.Step(kernel("limit_cutoffs"), arguments, count_record_items(len(opacity)))
    return step, splats._replace(cutoff=cutoff)
