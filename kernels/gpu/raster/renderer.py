"""Renderings and gradients on tensors of one device, with all memory kept between calls."""

from __future__ import annotations

import torch

from gsic_kernels.gpu.launch import allocate, launch
from gsic_kernels.gpu.raster.alpha import alpha_backward, alpha_forward
from gsic_kernels.gpu.raster.device_arrays import DeviceBlended, DeviceGradients, DeviceSplats
from gsic_kernels.gpu.raster.gradient_buffers import GradientBuffer
from gsic_kernels.gpu.raster.sums import sum_backward, sum_forward, sum_loss
from gsic_kernels.gpu.raster.tile_gradients import ALPHA_PARTIALS, SUM_PARTIALS
from gsic_kernels.gpu.raster.tile_lists import TileLists
from gsic_kernels.types import Window

# Warps of a program that draws a tile. A single warp sums over a tile without shared memory and
# without a barrier, so kernels that store partial gradients have one. They also let the compiler
# fuse, which saves instructions in their sums; what decides about a pixel has no sum of products
# but explicitly fused ones, so all kernels decide alike.
_FORWARD_WARPS = 2
_BACKWARD_WARPS = 1


class Renderer:
    """Renders windows of one size from up to `max_count` Gaussians.

    No method but `grow` waits for the device, and none allocates memory once it has been called, so
    all others can be captured in a CUDA graph. Lists have a capacity, and what exceeds it is left
    out: call `grow` after a rendering, or after many if what is rendered changes slowly.
    """

    def __init__(
        self, width: int, height: int, channels: int, max_count: int, device: torch.device
    ) -> None:
        """Allocate memory for renderings.

        Args:
            width, height: size of the windows, px.
            channels: C, 1 to 4.
            max_count: the largest number of Gaussians.
            device: of all tensors.
        """
        self.shape, self.max_count = (width, height, channels), max_count
        self.lists = TileLists(width, height, max_count, device)
        self._channels = channels
        self._sum_buffer: GradientBuffer | None = None
        self._alpha_buffer: GradientBuffer | None = None
        self._tile_sums = allocate((self.lists.tiles, 2), torch.float32, device)
        self._tile_background = allocate((self.lists.tiles, channels), torch.float32, device)
        self._totals = allocate((2,), torch.float64, device)

    def grow(self) -> bool:
        """Wait for the device, and make everything longer that was too short since the last call.

        Returns:
            Whether anything was: then what was rendered since the last call has to be rendered
            again, and graphs have to be captured again.
        """
        grown = self.lists.grow()
        for buffer in (self._sum_buffer, self._alpha_buffer):
            grown |= buffer is not None and buffer.grow()
        return grown

    def render_sum(
        self, splats: DeviceSplats, window: Window, background: torch.Tensor, out: torch.Tensor
    ) -> None:
        """Render the background plus the sum of weight times colour.

        Args:
            splats: 0 <= N <= `max_count` Gaussians.
            window: of this object's size.
            background: float32 (C,), 1.0 = full scale.
            out: (height, width, C), overwritten; float32, not clamped, or uint8, clamped to 0..1,
                times 255, rounded half up.
        """
        lists = self.lists
        lists.build(splats, window)
        launch(
            sum_forward,
            lists.tiles,
            *(lists.records, len(splats.mean), *self._tile_arguments(window), background, out),
            CHANNELS=self._channels,
            BYTES=out.dtype == torch.uint8,
            warps=_FORWARD_WARPS,
        )

    def render_sum_backward(
        self, splats: DeviceSplats, window: Window, grad: torch.Tensor, gradients: DeviceGradients
    ) -> None:
        """Differentiate `sum(render_sum(...) * grad)`.

        Args:
            splats, window: what was rendered.
            grad: float32 (height, width, C).
            gradients: by `splats`, overwritten; zero for Gaussians that contribute nothing.
        """
        self.lists.build(splats, window)
        buffer = self._clear_sum_buffer(len(splats.mean))
        launch(
            sum_backward,
            self.lists.tiles,
            *(self.lists.records, *self._tile_arguments(window)),
            *(self.lists.boxes, buffer.rows_end, buffer.partials, buffer.capacity, grad),
            CHANNELS=self._channels,
            warps=_BACKWARD_WARPS,
            fuse=True,
        )
        buffer.reduce(splats, gradients)

    def sum_loss(
        self,
        splats: DeviceSplats,
        background: torch.Tensor,
        target: torch.Tensor,
        error: torch.Tensor,
        gradients: DeviceGradients | None,
        l1: bool = False,
        stopped: bool = False,
    ) -> torch.Tensor:
        """Compute the loss of clamp(render_sum, 0, 1) against a target, and its gradient.

        The gradient passes straight through the clamp: it is that of the clamped error.

        Args:
            splats: 0 <= N <= `max_count` Gaussians.
            background: float32 (C,), 1.0 = full scale.
            target: float32 (height, width, C), 0..1; the window starts at the origin.
            error: float32 (height, width, C), overwritten by clamp(rendering) - target.
            gradients: of the sum of squared errors by `splats`, overwritten; None if not wanted.
            l1: differentiate the sum of absolute errors instead.
            stopped: the gradient is 0 where the clamp changes a value.

        Returns:
            float64 (2,), the sums of absolute and of squared errors; the next call overwrites it.
        """
        lists = self.lists
        width, height, _ = self.shape
        lists.build(splats, Window(0, 0, width, height))
        count = len(splats.mean)
        buffer = None if gradients is None else self._clear_sum_buffer(count)
        if buffer is None:
            # Not read: tensors of the right types, so that there is one signature to compile.
            rows = lists.box_tiles, error, 0
        else:
            rows = buffer.rows_end, buffer.partials, buffer.capacity
        launch(
            sum_loss,
            lists.tiles,
            *(lists.records, count, lists.pairs, len(lists.pairs), lists.pairs_end),
            *(width, height, lists.tiles_x, background, target, error, self._tile_sums),
            *(lists.boxes, *rows),
            CHANNELS=self._channels,
            L1=l1,
            STOPPED=stopped,
            BACKWARD=buffer is not None,
            warps=_BACKWARD_WARPS,
            fuse=True,
        )
        if buffer is not None and gradients is not None:
            buffer.reduce(splats, gradients)
        # Sums over a whole image lose too much in float32.
        return torch.sum(self._tile_sums, 0, dtype=torch.float64, out=self._totals)

    def render_alpha(
        self,
        splats: DeviceSplats,
        opacity: torch.Tensor,
        window: Window,
        background: torch.Tensor,
        out: DeviceBlended,
    ) -> None:
        """Blend Gaussians over the background, the first in front, by the rules of `constants`.

        Args:
            splats: 0 <= N <= `max_count` Gaussians, front to back.
            opacity: float32 (N,).
            window: of this object's size.
            background: float32 (C,), 1.0 = full scale.
            out: overwritten.
        """
        lists = self.lists
        lists.build(splats, window, opacity)
        launch(
            alpha_forward,
            lists.tiles,
            *(lists.records, len(splats.mean), *self._tile_arguments(window), background, *out),
            CHANNELS=self._channels,
            warps=_FORWARD_WARPS,
        )

    def render_alpha_backward(
        self,
        splats: DeviceSplats,
        opacity: torch.Tensor,
        window: Window,
        background: torch.Tensor,
        blended: DeviceBlended,
        grad: torch.Tensor,
        gradients: DeviceGradients,
        d_opacity: torch.Tensor,
        d_background: torch.Tensor,
    ) -> None:
        """Differentiate `sum(render_alpha(...).image * grad)`.

        Args:
            splats, opacity, window, background: what was rendered.
            blended: the result; its image is not read.
            grad: float32 (height, width, C).
            gradients: by `splats`, overwritten; zero for Gaussians that contribute nothing.
            d_opacity: float32 (N,), overwritten.
            d_background: float32 (C,), overwritten.
        """
        lists = self.lists
        lists.build(splats, window, opacity)
        if self._alpha_buffer is None:
            self._alpha_buffer = GradientBuffer(lists, ALPHA_PARTIALS.value + self._channels)
        buffer = self._alpha_buffer
        buffer.clear(len(splats.mean))
        launch(
            alpha_backward,
            lists.tiles,
            *(lists.records, *self._tile_arguments(window), background),
            *(blended.transmittance, blended.stop, lists.boxes),
            *(buffer.rows_end, buffer.partials, buffer.capacity, grad, self._tile_background),
            CHANNELS=self._channels,
            warps=_BACKWARD_WARPS,
            fuse=True,
        )
        buffer.reduce(splats, gradients, d_opacity)
        torch.sum(self._tile_background, 0, out=d_background)

    def _tile_arguments(self, window: Window) -> tuple[torch.Tensor | int, ...]:
        """Return the arguments about lists and window that all kernels that draw a tile take."""
        lists = self.lists
        return lists.pairs, len(lists.pairs), lists.pairs_end, *window, lists.tiles_x

    def _clear_sum_buffer(self, count: int) -> GradientBuffer:
        """Return the cleared buffer of sums, allocated with the first call."""
        if self._sum_buffer is None:
            self._sum_buffer = GradientBuffer(self.lists, SUM_PARTIALS.value + self._channels)
        self._sum_buffer.clear(count)
        return self._sum_buffer
