"""Renderings and gradients on tensors of one device, with all memory kept between calls."""

from __future__ import annotations

from typing import NamedTuple

import torch

from gsic_kernels.gpu.launch import empty, launch
from gsic_kernels.gpu.raster import alpha, sums
from gsic_kernels.gpu.raster.gradients import DeviceGradients, Slots
from gsic_kernels.gpu.raster.lists import DeviceSplats, Lists
from gsic_kernels.types import Window

# Warps of a program that draws a tile. What tiles know of a gradient is added up without memory
# that warps share if there is one of them. Adding up is the better for being fused; what kernels
# decide about a pixel has no sums of products that are not fused in all of them.
_DRAW_WARPS = 2
_GATHER_WARPS = 1


class DeviceBlended(NamedTuple):
    """The arrays of `types.Blended` as tensors of one device."""

    image: torch.Tensor  # float32 (height, width, C)
    transmittance: torch.Tensor  # float32 (height, width)
    stop: torch.Tensor  # int32 (height, width)


class Renderer:
    """Renders windows of one size from up to `count` Gaussians.

    No method but `grow` waits for the device, and none allocates memory once each has been called:
    all can be captured in a CUDA graph. Lists of Gaussians have a capacity, and what exceeds it is
    left out. So after a call, or after many when what is rendered changes slowly, ask `grow`.
    """

    def __init__(
        self, width: int, height: int, channels: int, count: int, device: torch.device
    ) -> None:
        """Make room for a rendering.

        Args:
            width, height: of a window, px.
            channels: 1 to 4.
            count: the most Gaussians there will be.
            device: where all tensors are.
        """
        self.shape, self.most = (width, height, channels), count
        self.lists = Lists(width, height, count, device)
        self._channels = channels
        self._sum_slots: Slots | None = None
        self._alpha_slots: Slots | None = None
        self._sums = empty((self.lists.tiles, 2), torch.float32, device)
        self._by_tile = empty((self.lists.tiles, channels), torch.float32, device)
        self._totals = empty((2,), torch.float64, device)

    def grow(self) -> bool:
        """Tell whether lists were too short since the last call, and if so make them longer.

        Waits for the device. After True, what was rendered has to be rendered again, graphs have
        to be captured again.
        """
        grown = self.lists.grow()
        for slots in (self._sum_slots, self._alpha_slots):
            grown |= slots is not None and slots.grow()
        return grown

    def render_sum(
        self, splats: DeviceSplats, window: Window, background: torch.Tensor, out: torch.Tensor
    ) -> None:
        """Render the background plus the sum of weight times colour.

        Args:
            splats: 0 <= N <= `count` Gaussians.
            window: of this object's size.
            background: float32 (C,), 1.0 = full scale.
            out: (height, width, C), overwritten; float32, not clamped, or uint8, clamped to 0..1,
                times 255, rounded half up.
        """
        lists = self.lists
        lists.build(splats, window)
        launch(
            sums.render,
            lists.tiles,
            *(lists.records, len(splats.mean), *self._of_tile(window), background, out),
            CHANNELS=self._channels,
            BYTES=out.dtype == torch.uint8,
            warps=_DRAW_WARPS,
        )

    def render_sum_backward(
        self, splats: DeviceSplats, window: Window, grad: torch.Tensor, gradients: DeviceGradients
    ) -> None:
        """Gradient of `sum(render_sum(...) * grad)`.

        Args:
            splats, window: what was rendered.
            grad: float32 (height, width, C).
            gradients: by `splats`, overwritten; zero for Gaussians that contribute nothing.
        """
        self.lists.build(splats, window)
        slots = self._slots_of_sums(len(splats.mean))
        launch(
            sums.render_backward,
            self.lists.tiles,
            *(self.lists.records, *self._of_tile(window)),
            *(self.lists.boxes, slots.ends, slots.values, slots.capacity, grad),
            CHANNELS=self._channels,
            warps=_GATHER_WARPS,
            fuse=True,
        )
        slots.add(splats, gradients)

    def sum_loss(
        self,
        splats: DeviceSplats,
        background: torch.Tensor,
        target: torch.Tensor,
        residual: torch.Tensor,
        gradients: DeviceGradients | None,
        l1: bool = False,
        stopped: bool = False,
    ) -> torch.Tensor:
        """Loss of clamp(render_sum, 0, 1) against a target, and its gradient.

        The gradient passes straight through the clamp: it is that of the clamped error.

        Args:
            splats: 0 <= N <= `count` Gaussians.
            background: float32 (C,), 1.0 = full scale.
            target: float32 (height, width, C), 0..1; the window starts at the origin.
            residual: float32 (height, width, C), overwritten by clamp(rendering) - target.
            gradients: by `splats` of the sum of squared errors, overwritten; None for none.
            l1: gradients are those of the sum of absolute errors instead.
            stopped: gradients are 0 where the clamp changes something.

        Returns:
            float64 (2,), the sums of absolute and of squared errors; the next call overwrites it.
        """
        lists = self.lists
        width, height, _ = self.shape
        lists.build(splats, Window(0, 0, width, height))
        count = len(splats.mean)
        slots = None if gradients is None else self._slots_of_sums(count)
        if slots is None:
            places = lists.slots, residual, 0
        else:
            places = slots.ends, slots.values, slots.capacity
        launch(
            sums.render_loss,
            lists.tiles,
            *(lists.records, count, lists.pairs, len(lists.pairs), lists.ends),
            *(width, height, lists.tiles_x, background, target, residual, self._sums),
            *(lists.boxes, *places),
            CHANNELS=self._channels,
            L1=l1,
            STOPPED=stopped,
            GATHER=slots is not None,
            warps=_GATHER_WARPS,
            fuse=True,
        )
        if slots is not None and gradients is not None:
            slots.add(splats, gradients)
        return torch.sum(self._sums, 0, dtype=torch.float64, out=self._totals)

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
            splats: 0 <= N <= `count` Gaussians, front to back.
            opacity: float32 (N,).
            window: of this object's size.
            background: float32 (C,), 1.0 = full scale.
            out: overwritten.
        """
        lists = self.lists
        lists.build(splats, window, opacity)
        launch(
            alpha.blend,
            lists.tiles,
            *(lists.records, len(splats.mean), *self._of_tile(window), background, *out),
            CHANNELS=self._channels,
            warps=_DRAW_WARPS,
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
        """Gradient of `sum(render_alpha(...).image * grad)`.

        Args:
            splats, opacity, window, background: what was rendered.
            blended: the result. The image in it is not looked at.
            grad: float32 (height, width, C).
            gradients: by `splats`, overwritten; zero for Gaussians that contribute nothing.
            d_opacity: float32 (N,), overwritten.
            d_background: float32 (C,), overwritten.
        """
        lists = self.lists
        lists.build(splats, window, opacity)
        if self._alpha_slots is None:
            self._alpha_slots = Slots(lists, alpha.MOMENTS.value + self._channels)
        slots = self._alpha_slots
        slots.clear(len(splats.mean))
        launch(
            alpha.blend_backward,
            lists.tiles,
            *(lists.records, *self._of_tile(window), background),
            *(blended.transmittance, blended.stop, lists.boxes),
            *(slots.ends, slots.values, slots.capacity, grad, self._by_tile),
            CHANNELS=self._channels,
            warps=_GATHER_WARPS,
            fuse=True,
        )
        slots.add(splats, gradients, d_opacity)
        torch.sum(self._by_tile, 0, out=d_background)

    def _of_tile(self, window: Window) -> tuple[torch.Tensor | int, ...]:
        """What every kernel that draws a tile is told about lists and places."""
        lists = self.lists
        return lists.pairs, len(lists.pairs), lists.ends, *window, lists.tiles_x

    def _slots_of_sums(self, count: int) -> Slots:
        if self._sum_slots is None:
            self._sum_slots = Slots(self.lists, sums.MOMENTS.value + self._channels)
        self._sum_slots.clear(count)
        return self._sum_slots
