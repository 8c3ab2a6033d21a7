"""The GPU backend, which takes and returns NumPy arrays; the registry hands it out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Literal, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from gsic_kernels import validation
from gsic_kernels.backend import Backend, Rows
from gsic_kernels.constants import CHANNELS_MAX
from gsic_kernels.cpu.losses.ms_ssim_surrogate import Surrogate
from gsic_kernels.cpu.losses.ssim import SsimLoss
from gsic_kernels.gpu.fit.resident_fit import ResidentFit
from gsic_kernels.gpu.launch import allocate, is_interpreted, report_out_of_memory
from gsic_kernels.gpu.raster.device_arrays import DeviceBlended, DeviceGradients, DeviceSplats
from gsic_kernels.gpu.raster.graph_renderer import render_bytes
from gsic_kernels.gpu.raster.records import prepare
from gsic_kernels.gpu.raster.renderer import Renderer
from gsic_kernels.types import (
    F32,
    AlphaGradients,
    Blended,
    Gradients,
    LogSymbols,
    Splats,
    Window,
    count_levels,
)

_Result = TypeVar("_Result")


def choose_device() -> torch.device:
    """Return the current GPU, or the CPU if Triton interprets kernels there."""
    return torch.device("cpu" if is_interpreted(prepare) else "cuda")


def backend(name: str) -> Backend:
    """Return the functions of this module as a `Backend` called `name`."""
    return Backend(
        name=name,
        render_sum=render_sum,
        render_sum_bytes=render_sum_bytes,
        render_sum_backward=render_sum_backward,
        SumLoss=SumLoss,
        render_alpha=render_alpha,
        render_alpha_backward=render_alpha_backward,
        # Losses that look at neighbouring pixels are those of the CPU: they get images back.
        SsimLoss=SsimLoss,
        Surrogate=Surrogate,
        ResidentFit=partial(ResidentFit, device=choose_device()),
        render_symbols_bytes=render_symbols_bytes,
    )


def render_sum(splats: Splats, window: Window, background: F32, threads: int = 1) -> F32:
    """Render like `gsic_kernels.cpu.sums.render.render_sum`; `threads` changes nothing."""
    splats, window, shape = _check(splats, window, threads)
    background = validation.check_background(background, shape[2])
    with _borrow_renderer(shape, len(splats.mean)) as renderer:
        out = allocate(shape, torch.float32, choose_device())
        sent, levels = DeviceSplats(*_send(*splats)), count_levels(splats)
        (sent_background,) = _send(background)
        _repeat_until_complete(
            renderer, lambda: renderer.render_sum(sent, levels, window, sent_background, out)
        )
        image: F32 = out.cpu().numpy()
        return image


def render_sum_bytes(
    splats: Splats, window: Window, background: F32, threads: int = 1
) -> NDArray[np.uint8]:
    """Render like `gsic_kernels.cpu.sums.render.render_sum_bytes`; `threads` changes nothing."""
    splats, window, shape = _check(splats, window, threads)
    background = validation.check_background(background, shape[2])
    with report_out_of_memory():
        return render_bytes(splats, window, background, choose_device())


def render_symbols_bytes(
    symbols: LogSymbols,
    window: Window,
    background: F32,
    threads: int = 1,
    out: NDArray[np.uint8] | None = None,
) -> NDArray[np.uint8]:
    """Dequantise Gaussians on the device and render them into 8-bit pixels.

    Args:
        symbols: N >= 0 Gaussians of C channels.
        window: the pixels to render.
        background: float32 (C,), 1.0 = full scale.
        threads: changes nothing.
        out: uint8 (height, width, C), receives the result; None for a new array.

    Returns:
        uint8 (height, width, C), like `render_sum_bytes` of the dequantised splats.

    Raises:
        TypeError: an array has another dtype.
        ValueError: a shape or the window does not fit.
        BackendUnavailable: the device has too little memory.
    """
    validation.check_threads(threads)
    symbols, window = validation.check_log_symbols(symbols), validation.check_window(window)
    background = validation.check_background(background, len(symbols.grid.transform))
    with report_out_of_memory():
        drawn = render_bytes(symbols, window, background, choose_device())
    if out is None:
        return drawn
    np.copyto(out, drawn)
    return out


def render_sum_backward(splats: Splats, window: Window, grad: F32, threads: int = 1) -> Gradients:
    """Differentiate like `gsic_kernels.cpu.sums.render.render_sum_backward`."""
    splats, window, shape = _check(splats, window, threads)
    grad = validation.check_image("grad", grad, shape)
    with _borrow_renderer(shape, len(splats.mean)) as renderer:
        sent, levels = DeviceSplats(*_send(*splats)), count_levels(splats)
        gradients = _allocate_gradients(sent)
        (sent_grad,) = _send(grad)
        arguments = sent, levels, window, sent_grad, gradients
        _repeat_until_complete(renderer, lambda: renderer.render_sum_backward(*arguments))
        return Gradients(*_fetch(*gradients))


def render_alpha(
    splats: Splats, opacity: F32, window: Window, background: F32, threads: int = 1
) -> Blended:
    """Blend like `gsic_kernels.cpu.alpha.render.render_alpha`; `threads` changes nothing."""
    splats, window, shape = _check(splats, window, threads)
    opacity = validation.check_opacity(opacity, len(splats.mean))
    background = validation.check_background(background, shape[2])
    with _borrow_renderer(shape, len(splats.mean)) as renderer:
        device = choose_device()
        out = DeviceBlended(
            allocate(shape, torch.float32, device),
            allocate(shape[:2], torch.float32, device),
            allocate(shape[:2], torch.int32, device),
        )
        sent = DeviceSplats(*_send(*splats))
        sent_opacity, sent_background = _send(opacity, background)
        arguments = sent, sent_opacity, window, sent_background, out
        _repeat_until_complete(renderer, lambda: renderer.render_alpha(*arguments))
        return Blended(*_fetch(*out))


def render_alpha_backward(
    splats: Splats,
    opacity: F32,
    window: Window,
    background: F32,
    blended: Blended,
    grad: F32,
    threads: int = 1,
) -> AlphaGradients:
    """Differentiate like `gsic_kernels.cpu.alpha.render.render_alpha_backward`."""
    splats, window, shape = _check(splats, window, threads)
    opacity = validation.check_opacity(opacity, len(splats.mean))
    background = validation.check_background(background, shape[2])
    blended = validation.check_blended(blended, shape)
    grad = validation.check_image("grad", grad, shape)
    with _borrow_renderer(shape, len(splats.mean)) as renderer:
        sent, sent_blended = DeviceSplats(*_send(*splats)), DeviceBlended(*_send(*blended))
        gradients = _allocate_gradients(sent)
        sent_opacity, sent_background, sent_grad = _send(opacity, background, grad)
        d_opacity = torch.empty_like(sent_opacity)
        d_background = torch.empty_like(sent_background)
        arguments = (
            *(sent, sent_opacity, window, sent_background, sent_blended, sent_grad),
            *(gradients, d_opacity, d_background),
        )
        _repeat_until_complete(renderer, lambda: renderer.render_alpha_backward(*arguments))
        return AlphaGradients(*_fetch(*gradients, d_opacity, d_background))


class SumLoss:
    """A loss against a target like `cpu.losses.sum_loss.SumLoss`; the target stays on the GPU."""

    def __init__(
        self,
        target: Rows,
        loss: Literal["l2", "l1"] = "l2",
        threads: int = 1,
        *,
        stopped: bool = False,
    ) -> None:
        """Copy the target to the device.

        Args:
            target: float32 (H, W, C), 0..1, C = 1..4.
            loss: "l2", the sum of squared errors, or "l1", the sum of absolute errors.
            threads: changes nothing.
            stopped: the gradient is 0 where the clamp changes a value; else it passes straight.

        Raises:
            TypeError: the target is not float32.
            ValueError: its shape does not fit, or there is no such loss.
        """
        if loss not in ("l2", "l1"):
            raise ValueError(f"loss must be l2 or l1, got {loss!r}")
        target = target[:]
        if getattr(target, "ndim", 0) != 3 or not 1 <= target.shape[2] <= CHANNELS_MAX:
            raise ValueError(f"target must be (H, W, 1..4), got {np.shape(target)}")
        self._shape = target.shape
        self._window = validation.check_window(Window(0, 0, target.shape[1], target.shape[0]))
        validation.check_threads(threads)
        self._l1, self._stopped = loss == "l1", stopped
        (self._target,) = _send(validation.check_image("target", target, self._shape))
        self._error = torch.zeros_like(self._target)
        self._renderer: Renderer | None = None

    def step(self, splats: Splats, background: F32) -> tuple[float, Gradients]:
        """Compute the loss, summed over all values, and its gradient.

        Args:
            splats: N >= 0 Gaussians of C channels; not modified.
            background: float32 (C,), 1.0 = full scale.
        """
        sums, gradients = self._run(splats, background, backward=True)
        assert gradients is not None
        return sums[0 if self._l1 else 1], Gradients(*_fetch(*gradients))

    def sse(self, splats: Splats, background: F32) -> float:
        """Compute the sum of squared errors of the clamped rendering, without a gradient."""
        return self._run(splats, background, backward=False)[0][1]

    def error(self) -> F32:
        """Return clamp(rendering, 0, 1) - target of the last call, float32 (H, W, C)."""
        error: F32 = self._error.cpu().numpy()
        return error

    def _run(
        self, splats: Splats, background: F32, backward: bool
    ) -> tuple[list[float], DeviceGradients | None]:
        """Return the sums of absolute and squared errors, and gradients if `backward`."""
        splats, _, shape = _check(splats, self._window, 1)
        if shape != self._shape:
            raise ValueError(f"splats have {shape[2]} channels, the target {self._shape[2]}")
        background = validation.check_background(background, shape[2])
        with report_out_of_memory():
            renderer = self._renderer
            if renderer is None or renderer.max_count < len(splats.mean):
                renderer = self._renderer = _make_renderer(shape, len(splats.mean))
            sent, levels = DeviceSplats(*_send(*splats)), count_levels(splats)
            gradients = _allocate_gradients(sent) if backward else None
            (sent_background,) = _send(background)
            arguments = sent, levels, sent_background, self._target, self._error, gradients
            rules = self._l1, self._stopped
            sums: list[float] = _repeat_until_complete(
                renderer, lambda: renderer.sum_loss(*arguments, *rules)
            ).tolist()
            return sums, gradients


def _check(
    splats: Splats, window: Window, threads: int
) -> tuple[Splats, Window, tuple[int, int, int]]:
    """Return checked splats and window, and the shape (height, width, C) of the rendering."""
    validation.check_threads(threads)
    splats, window = validation.check_splats(splats), validation.check_window(window)
    return splats, window, (window.height, window.width, splats.color.shape[1])


def _send(*arrays: NDArray[Any]) -> tuple[torch.Tensor, ...]:
    # `torch.tensor` copies: arrays may be read-only, and must not change if the device is the CPU.
    return tuple(torch.tensor(array, device=choose_device()) for array in arrays)


def _fetch(*tensors: torch.Tensor) -> tuple[Any, ...]:
    return tuple(tensor.cpu().numpy() for tensor in tensors)


def _allocate_gradients(splats: DeviceSplats) -> DeviceGradients:
    return DeviceGradients(*(torch.empty_like(array) for array in splats[:3]))


def _repeat_until_complete(renderer: Renderer, render: Callable[[], _Result]) -> _Result:
    """Call `render` until every list was long enough, and return its result."""
    while True:
        result = render()
        if not renderer.grow():
            return result


def _make_renderer(shape: tuple[int, int, int], count: int) -> Renderer:
    return Renderer(shape[1], shape[0], shape[2], count, choose_device())


# The renderer of the last call, for the next one of the same shape.
_spare: list[Renderer] = []


@contextmanager
def _borrow_renderer(shape: tuple[int, int, int], count: int) -> Iterator[Renderer]:
    """Lend a renderer of this shape for `count` Gaussians that no other thread uses meanwhile."""
    with report_out_of_memory():
        try:
            renderer = _spare.pop()
        except IndexError:
            renderer = None
        wanted = shape[1], shape[0], shape[2]
        if renderer is None or renderer.shape != wanted or renderer.max_count < count:
            renderer = _make_renderer(shape, count)
        yield renderer
        _spare[:] = [renderer]
