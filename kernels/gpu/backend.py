"""The GPU backend as the registry hands it out: NumPy arrays in and out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Literal, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from gsic_kernels import validation
from gsic_kernels.backend import Backend
from gsic_kernels.constants import CHANNELS_MAX
from gsic_kernels.cpu.losses.ms_ssim_surrogate import Surrogate
from gsic_kernels.cpu.losses.ssim import SsimLoss
from gsic_kernels.gpu.fit.resident import ResidentFit
from gsic_kernels.gpu.launch import empty, interpreted, memory
from gsic_kernels.gpu.raster.frames import render_bytes
from gsic_kernels.gpu.raster.gradients import DeviceGradients
from gsic_kernels.gpu.raster.lists import DeviceSplats
from gsic_kernels.gpu.raster.records import prepare
from gsic_kernels.gpu.raster.renderer import DeviceBlended, Renderer
from gsic_kernels.types import F32, AlphaGradients, Blended, Gradients, LogSymbols, Splats, Window

_Result = TypeVar("_Result")


def device() -> torch.device:
    """Where tensors have to be: the current GPU, or the CPU while Triton interprets kernels."""
    return torch.device("cpu" if interpreted(prepare) else "cuda")


def backend(name: str) -> Backend:
    """The functions of this module."""
    return Backend(
        name=name,
        render_sum=render_sum,
        render_sum_bytes=render_sum_bytes,
        render_sum_backward=render_sum_backward,
        SumLoss=SumLoss,
        render_alpha=render_alpha,
        render_alpha_backward=render_alpha_backward,
        SsimLoss=SsimLoss,  # of the CPU: images come back from the device
        Surrogate=Surrogate,
        ResidentFit=partial(ResidentFit, device=device()),
        render_symbols_bytes=render_symbols_bytes,
    )


def render_sum(splats: Splats, window: Window, background: F32, threads: int = 1) -> F32:
    """Render like `gsic_kernels.cpu.raster.sum.render_sum`; `threads` is of no consequence."""
    splats, window, shape = _checked(splats, window, threads)
    background = validation.check_background(background, shape[2])
    with _borrowed(shape, len(splats.mean)) as draw:
        out = empty(shape, torch.float32, device())
        sent = DeviceSplats(*_sent(*splats))
        (behind,) = _sent(background)
        _until_complete(draw, lambda: draw.render_sum(sent, window, behind, out))
        image: F32 = out.cpu().numpy()
        return image


def render_sum_bytes(
    splats: Splats, window: Window, background: F32, threads: int = 1
) -> NDArray[np.uint8]:
    """Render like `gsic_kernels.cpu.raster.sum.render_sum_bytes`."""
    splats, window, shape = _checked(splats, window, threads)
    background = validation.check_background(background, shape[2])
    with memory():
        return render_bytes(splats, window, background, device())


def render_symbols_bytes(symbols: LogSymbols, window: Window, background: F32) -> NDArray[np.uint8]:
    """Render Gaussians that come as integers into 8-bit pixels.

    Args:
        symbols: N >= 0 Gaussians of C channels.
        window: the pixels to render.
        background: float32 (C,), 1.0 = full scale.

    Returns:
        uint8 (height, width, C), as `render_sum_bytes` of the splats that they stand for.
    """
    symbols, window = validation.check_log_symbols(symbols), validation.check_window(window)
    background = validation.check_background(background, len(symbols.grid.transform))
    with memory():
        return render_bytes(symbols, window, background, device())


def render_sum_backward(splats: Splats, window: Window, grad: F32, threads: int = 1) -> Gradients:
    """Gradients like those of `gsic_kernels.cpu.raster.sum.render_sum_backward`."""
    splats, window, shape = _checked(splats, window, threads)
    grad = validation.check_image("grad", grad, shape)
    with _borrowed(shape, len(splats.mean)) as draw:
        sent = DeviceSplats(*_sent(*splats))
        gradients = _like(sent)
        (slope,) = _sent(grad)
        _until_complete(draw, lambda: draw.render_sum_backward(sent, window, slope, gradients))
        return Gradients(*_fetched(*gradients))


def render_alpha(
    splats: Splats, opacity: F32, window: Window, background: F32, threads: int = 1
) -> Blended:
    """Blend like `gsic_kernels.cpu.alpha.render_alpha`."""
    splats, window, shape = _checked(splats, window, threads)
    opacity = validation.check_opacity(opacity, len(splats.mean))
    background = validation.check_background(background, shape[2])
    with _borrowed(shape, len(splats.mean)) as draw:
        out = DeviceBlended(
            empty(shape, torch.float32, device()),
            empty(shape[:2], torch.float32, device()),
            empty(shape[:2], torch.int32, device()),
        )
        sent = DeviceSplats(*_sent(*splats))
        strength, behind = _sent(opacity, background)
        _until_complete(draw, lambda: draw.render_alpha(sent, strength, window, behind, out))
        return Blended(*_fetched(*out))


def render_alpha_backward(
    splats: Splats,
    opacity: F32,
    window: Window,
    background: F32,
    blended: Blended,
    grad: F32,
    threads: int = 1,
) -> AlphaGradients:
    """Gradients like those of `gsic_kernels.cpu.alpha.render_alpha_backward`."""
    splats, window, shape = _checked(splats, window, threads)
    opacity = validation.check_opacity(opacity, len(splats.mean))
    background = validation.check_background(background, shape[2])
    blended, grad = (
        validation.check_blended(blended, shape),
        validation.check_image("grad", grad, shape),
    )
    with _borrowed(shape, len(splats.mean)) as draw:
        sent = DeviceSplats(*_sent(*splats))
        gradients = _like(sent)
        strength, behind, slope = _sent(opacity, background, grad)
        d_opacity, d_background = torch.empty_like(strength), torch.empty_like(behind)
        arguments = (
            *(sent, strength, window, behind, DeviceBlended(*_sent(*blended)), slope),
            *(gradients, d_opacity, d_background),
        )
        _until_complete(draw, lambda: draw.render_alpha_backward(*arguments))
        return AlphaGradients(*_fetched(*gradients, d_opacity, d_background))


class SumLoss:
    """Loss against a target like `cpu.losses.sum_loss.SumLoss`; the target stays on the GPU."""

    def __init__(
        self,
        target: F32,
        loss: Literal["l2", "l1"] = "l2",
        threads: int = 1,
        *,
        stopped: bool = False,
    ) -> None:
        """Send the target.

        Args:
            target: float32 (H, W, C), 0..1, C = 1..4.
            loss: "l2", the sum of squared errors, or "l1", the sum of absolute errors.
            threads: of no consequence.
            stopped: the gradient is 0 where the clamp changes something.

        Raises:
            TypeError: the target is not float32.
            ValueError: its shape does not fit, or there is no such loss.
        """
        if loss not in ("l2", "l1"):
            raise ValueError(f"loss must be l2 or l1, got {loss!r}")
        if getattr(target, "ndim", 0) != 3 or not 1 <= target.shape[2] <= CHANNELS_MAX:
            raise ValueError(f"target must be (H, W, 1..4), got {np.shape(target)}")
        self._shape = target.shape
        self._window = validation.check_window(Window(0, 0, target.shape[1], target.shape[0]))
        validation.check_threads(threads)
        self._l1, self._stopped = loss == "l1", stopped
        (self._target,) = _sent(validation.check_image("target", target, self._shape))
        self._residual = torch.zeros_like(self._target)
        self._draw: Renderer | None = None

    def step(self, splats: Splats, background: F32) -> tuple[float, Gradients]:
        """Loss, summed over all values, and its gradient.

        Args:
            splats: N >= 0 Gaussians of C channels; not modified.
            background: float32 (C,), 1.0 = full scale.
        """
        sums, gradients = self._run(splats, background, gather=True)
        assert gradients is not None
        return sums[0 if self._l1 else 1], Gradients(*_fetched(*gradients))

    def sse(self, splats: Splats, background: F32) -> float:
        """Sum of squared errors of the clamped rendering over all values, forward only."""
        return self._run(splats, background, gather=False)[0][1]

    def error(self) -> F32:
        """clamp(render) - target of the last call: float32 (H, W, C)."""
        residual: F32 = self._residual.cpu().numpy()
        return residual

    def _run(
        self, splats: Splats, background: F32, gather: bool
    ) -> tuple[list[float], DeviceGradients | None]:
        splats, _, shape = _checked(splats, self._window, 1)
        if shape != self._shape:
            raise ValueError(f"splats have {shape[2]} channels, the target {self._shape[2]}")
        background = validation.check_background(background, shape[2])
        with memory():
            draw = self._draw
            if draw is None or draw.most < len(splats.mean):
                draw = self._draw = _renderer(shape, len(splats.mean))
            sent = DeviceSplats(*_sent(*splats))
            gradients = _like(sent) if gather else None
            (behind,) = _sent(background)
            images = self._target, self._residual
            rules = self._l1, self._stopped
            sums: list[float] = _until_complete(
                draw, lambda: draw.sum_loss(sent, behind, *images, gradients, *rules)
            ).tolist()
            return sums, gradients


def _checked(
    splats: Splats, window: Window, threads: int
) -> tuple[Splats, Window, tuple[int, int, int]]:
    """The same, checked, and the shape of what is rendered."""
    validation.check_threads(threads)
    splats, window = validation.check_splats(splats), validation.check_window(window)
    return splats, window, (window.height, window.width, splats.color.shape[1])


def _sent(*arrays: NDArray[Any]) -> tuple[torch.Tensor, ...]:
    # Arrays may be read-only, and stay as they are even where the device is the CPU.
    return tuple(torch.tensor(array, device=device()) for array in arrays)


def _fetched(*tensors: torch.Tensor) -> tuple[Any, ...]:
    return tuple(tensor.cpu().numpy() for tensor in tensors)


def _like(splats: DeviceSplats) -> DeviceGradients:
    return DeviceGradients(*(torch.empty_like(array) for array in splats[:3]))


def _until_complete(draw: Renderer, render: Callable[[], _Result]) -> _Result:
    """Render until every list was long enough."""
    while True:
        result = render()
        if not draw.grow():
            return result


def _renderer(shape: tuple[int, int, int], count: int) -> Renderer:
    return Renderer(shape[1], shape[0], shape[2], count, device())


# The renderer of the last call, for the next one of the same shape.
_spare: list[Renderer] = []


@contextmanager
def _borrowed(shape: tuple[int, int, int], count: int) -> Iterator[Renderer]:
    """A renderer of this shape with room for `count` Gaussians that nobody else uses meanwhile."""
    with memory():
        try:
            draw = _spare.pop()
        except IndexError:
            draw = None
        if draw is None or draw.shape != (shape[1], shape[0], shape[2]) or draw.most < count:
            draw = _renderer(shape, count)
        yield draw
        _spare[:] = [draw]
