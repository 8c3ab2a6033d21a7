"""Sums and blends of Gaussians as differentiable torch functions, for tests of gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from gsic_kernels import registry
from gsic_kernels.types import Blended, Splats, Window


def render_sum(
    mean: torch.Tensor,
    factor: torch.Tensor,
    color: torch.Tensor,
    cutoff: torch.Tensor,
    offset: torch.Tensor,
    level: torch.Tensor,
    window: Window,
    background: torch.Tensor,
    threads: int = 1,
) -> torch.Tensor:
    """Render like the backend's `render_sum`, differentiable in mean, factor, color, background.

    Args:
        mean, factor, color: float32, as in `Splats`.
        cutoff, offset, level: as in `Splats`, taken as fixed.
        window: the pixels to render.
        background: float32 (C,).
        threads: number of threads to use; no result depends on it.

    Returns:
        float32 (height, width, C), not clamped.

    Raises:
        TypeError: a tensor is not float32 on the CPU.
        ValueError: a shape does not fit.
    """
    image: torch.Tensor = _RenderSum.apply(  # type: ignore[no-untyped-call]
        mean, factor, color, background, cutoff, offset, level, window, threads
    )
    return image


def render_alpha(
    mean: torch.Tensor,
    factor: torch.Tensor,
    color: torch.Tensor,
    cutoff: torch.Tensor,
    offset: torch.Tensor,
    level: torch.Tensor,
    opacity: torch.Tensor,
    window: Window,
    background: torch.Tensor,
    threads: int = 1,
) -> torch.Tensor:
    """Render like the backend's `render_alpha`, differentiable in all but cutoff and offset.

    Args:
        mean, factor, color: float32, as in `Splats`; the first Gaussian is in front.
        cutoff, offset, level: as in `Splats`, taken as fixed.
        opacity: float32 (N,).
        window: the pixels to render.
        background: float32 (C,).
        threads: number of threads to use; no result depends on it.

    Returns:
        float32 (height, width, C), not clamped.

    Raises:
        TypeError: a tensor is not float32 on the CPU.
        ValueError: a shape does not fit.
    """
    image: torch.Tensor = _RenderAlpha.apply(  # type: ignore[no-untyped-call]
        mean, factor, color, opacity, background, cutoff, offset, level, window, threads
    )
    return image


class _RenderSum(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        mean: torch.Tensor,
        factor: torch.Tensor,
        color: torch.Tensor,
        background: torch.Tensor,
        cutoff: torch.Tensor,
        offset: torch.Tensor,
        level: torch.Tensor,
        window: Window,
        threads: int,
    ) -> torch.Tensor:
        ctx.save_for_backward(mean, factor, color, cutoff, offset, level)
        ctx.window, ctx.threads = window, threads
        splats = Splats(*map(_array, (mean, factor, color, cutoff, offset, level)))
        image = registry.get("cpu").render_sum(splats, window, _array(background), threads)
        return torch.from_numpy(image)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> Any:
        (grad,) = grads
        splats = Splats(*map(_array, ctx.saved_tensors))
        gradients = registry.get("cpu").render_sum_backward(
            splats, ctx.window, _array(grad), ctx.threads
        )
        return (
            *(torch.from_numpy(gradient) for gradient in gradients),
            grad.sum(dim=(0, 1)),
            *[None] * 5,
        )


class _RenderAlpha(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        mean: torch.Tensor,
        factor: torch.Tensor,
        color: torch.Tensor,
        opacity: torch.Tensor,
        background: torch.Tensor,
        cutoff: torch.Tensor,
        offset: torch.Tensor,
        level: torch.Tensor,
        window: Window,
        threads: int,
    ) -> torch.Tensor:
        splats = Splats(*map(_array, (mean, factor, color, cutoff, offset, level)))
        image, *seen = registry.get("cpu").render_alpha(
            splats, _array(opacity), window, _array(background), threads
        )
        result = torch.from_numpy(image)
        ctx.save_for_backward(mean, factor, color, cutoff, offset, level, opacity, background)
        ctx.seen, ctx.window, ctx.threads = seen, window, threads
        return result

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> Any:
        grad = _array(grads[0])
        *of_splats, opacity, background = (_array(tensor) for tensor in ctx.saved_tensors)
        # The gradient does not depend on the image, so `grad` can take its place.
        gradients = registry.get("cpu").render_alpha_backward(
            Splats(*of_splats),
            opacity,
            ctx.window,
            background,
            Blended(grad, *ctx.seen),
            grad,
            ctx.threads,
        )
        return *(torch.from_numpy(gradient) for gradient in gradients), *[None] * 5


def _array(tensor: torch.Tensor) -> Any:
    if tensor.device.type != "cpu":
        raise TypeError(f"tensors must be on the CPU, got {tensor.device}")
    array = tensor.detach().numpy()
    return np.ascontiguousarray(array)
