"""Renderings and gradients on tensors of one device, with all memory kept between calls."""

from __future__ import annotations

import torch

from gsic_kernels.gpu.launch import allocate, launch
from gsic_kernels.gpu.raster.alpha import alpha_backward, alpha_forward
from gsic_kernels.gpu.raster.coarse_cells import CoarseCells
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

    Sums take the number of levels that are drawn, 1 to LEVELS_MAX; Gaussians of other levels are
    left out, and a level without Gaussians changes nothing.
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
        self._channels, self._device = channels, device
        self._coarse: CoarseCells | None = None
        self._slopes: torch.Tensor | None = None
        self._sum_buffer: GradientBuffer | None = None
        self._alpha_buffer: GradientBuffer | None = None
        self._black = torch.zeros(channels, device=device)
        tiles = self.lists.lattices.count_tiles(1)
        self._tile_sums = allocate((tiles, 2), torch.float32, device)
        self._tile_background = allocate((tiles, channels), torch.float32, device)
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
        self,
        splats: DeviceSplats,
        levels: int,
        window: Window,
        background: torch.Tensor,
        out: torch.Tensor,
    ) -> None:
        """Render the background plus the sum of weight times colour.

        Args:
            splats: 0 <= N <= `max_count` Gaussians.
            levels: number of levels that are drawn.
            window: of this object's size.
            background: float32 (C,), 1.0 = full scale.
            out: (height, width, C), overwritten; float32, not clamped, or uint8, clamped to 0..1,
                times 255, rounded half up.
        """
        count = len(splats.mean)
        self.lists.build(splats, window, levels)
        coarse = self._draw_coarse_levels(count, levels, window)
        self._draw(count, range(1), window, background, coarse, out)

    def _draw_coarse_levels(self, count: int, levels: int, window: Window) -> torch.Tensor | None:
        """Draw the lattices above level 0, once lists are built.

        Returns:
            Their cells, of which those of level 1 are complete; None if there is only level 0.
        """
        if levels == 1:
            return None
        coarse = self._allocate_coarse_cells()
        self._draw(count, range(1, levels), window, self._black, None, coarse.values)
        coarse.enlarge(levels, window)
        return coarse.values

    def _draw(
        self,
        count: int,
        levels: range,
        window: Window,
        background: torch.Tensor,
        coarse: torch.Tensor | None,
        out: torch.Tensor,
    ) -> None:
        """Draw the Gaussians of some levels over the background and enlarged cells."""
        lists = self.lists
        tile_arguments = self._tile_arguments(window, levels.start)
        launch(
            sum_forward,
            self._count_tiles(levels),
            *(lists.records, count, *tile_arguments, background),
            *(background if coarse is None else coarse, out),
            CHANNELS=self._channels,
            ENLARGE=coarse is not None,
            BYTES=out.dtype == torch.uint8,
            warps=_FORWARD_WARPS,
        )

    def render_sum_backward(
        self,
        splats: DeviceSplats,
        levels: int,
        window: Window,
        grad: torch.Tensor,
        gradients: DeviceGradients,
    ) -> None:
        """Differentiate `sum(render_sum(...) * grad)`.

        Args:
            splats, levels, window: what was rendered.
            grad: float32 (height, width, C).
            gradients: by `splats`, overwritten; zero for Gaussians that contribute nothing.
        """
        self.lists.build(splats, window, levels)
        buffer = self._clear_sum_buffer(len(splats.mean))
        self._store_partials(buffer, range(1), window, grad)
        self._store_coarse_partials(buffer, levels, window, grad)
        buffer.reduce(splats, gradients)

    def _store_coarse_partials(
        self, buffer: GradientBuffer, levels: int, window: Window, grad: torch.Tensor
    ) -> None:
        """Store the partial gradients of the lattices above level 0, from that by the pixels."""
        if levels > 1:
            coarse = self._allocate_coarse_cells()
            coarse.shrink(levels, window, grad)
            self._store_partials(buffer, range(1, levels), window, coarse.values)

    def _store_partials(
        self, buffer: GradientBuffer, levels: range, window: Window, grad: torch.Tensor
    ) -> None:
        """Store the partial gradients of some levels."""
        launch(
            sum_backward,
            self._count_tiles(levels),
            *(self.lists.records, *self._tile_arguments(window, levels.start)),
            *(self.lists.boxes, buffer.rows_end, buffer.partials, buffer.capacity, grad),
            CHANNELS=self._channels,
            warps=_BACKWARD_WARPS,
            fuse=True,
        )

    def sum_loss(
        self,
        splats: DeviceSplats,
        levels: int,
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
            levels: number of levels that are drawn.
            background: float32 (C,), 1.0 = full scale.
            target: float32 (height, width, C), 0..1; the window starts at the origin.
            error: float32 (height, width, C), overwritten by clamp(rendering) - target.
            gradients: of the sum of squared errors by `splats`, overwritten; None if not wanted.
            l1: differentiate the sum of absolute errors instead.
            stopped: the gradient is 0 where the clamp changes a value.

        Returns:
            float64 (2,), the sums of absolute and of squared errors; the next call overwrites it.
        """
        lists, count = self.lists, len(splats.mean)
        width, height, _ = self.shape
        window = Window(0, 0, width, height)
        lists.build(splats, window, levels)
        coarse = self._draw_coarse_levels(count, levels, window)
        # What is not read is a tensor of the right type, so that there is one signature to compile.
        slopes = error
        if levels > 1 and gradients is not None:
            slopes = self._allocate_slopes()
        buffer = None if gradients is None else self._clear_sum_buffer(count)
        if buffer is None:
            rows = lists.box_tiles, error, 0
        else:
            rows = buffer.rows_end, buffer.partials, buffer.capacity
        launch(
            sum_loss,
            self._count_tiles(range(1)),
            *(lists.records, count, lists.pairs, len(lists.pairs), lists.pairs_end),
            *(lists.lattices.table, lists.lattices.tile_levels, background),
            *(error if coarse is None else coarse, target, error, slopes, self._tile_sums),
            *(lists.boxes, *rows),
            CHANNELS=self._channels,
            ENLARGE=coarse is not None,
            L1=l1,
            STOPPED=stopped,
            BACKWARD=buffer is not None,
            warps=_BACKWARD_WARPS,
            fuse=True,
        )
        if buffer is not None and gradients is not None:
            self._store_coarse_partials(buffer, levels, window, slopes)
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
        lists.build(splats, window, 1, opacity)
        launch(
            alpha_forward,
            self._count_tiles(range(1)),
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
        lists.build(splats, window, 1, opacity)
        if self._alpha_buffer is None:
            self._alpha_buffer = GradientBuffer(lists, ALPHA_PARTIALS.value + self._channels)
        buffer = self._alpha_buffer
        buffer.clear(len(splats.mean))
        launch(
            alpha_backward,
            self._count_tiles(range(1)),
            *(lists.records, *self._tile_arguments(window), background),
            *(blended.transmittance, blended.stop, lists.boxes),
            *(buffer.rows_end, buffer.partials, buffer.capacity, grad, self._tile_background),
            CHANNELS=self._channels,
            warps=_BACKWARD_WARPS,
            fuse=True,
        )
        buffer.reduce(splats, gradients, d_opacity)
        torch.sum(self._tile_background, 0, out=d_background)

    def _count_tiles(self, levels: range) -> int:
        lattices = self.lists.lattices
        return lattices.count_tiles(levels.stop) - lattices.count_tiles(levels.start)

    def _tile_arguments(self, window: Window, level: int = 0) -> tuple[torch.Tensor | int, ...]:
        """Return the arguments of kernels about lists, lattices and the tiles from a level on."""
        lists, lattices = self.lists, self.lists.lattices
        first_tile = lattices.count_tiles(level)
        return (
            *(lists.pairs, len(lists.pairs), lists.pairs_end),
            *(lattices.table, lattices.tile_levels, first_tile, window.x, window.y),
        )

    def _allocate_coarse_cells(self) -> CoarseCells:
        """Return the cells of coarser lattices, allocated with the first call."""
        if self._coarse is None:
            self._coarse = CoarseCells(self.lists.lattices, self._channels, self._device)
        return self._coarse

    def _allocate_slopes(self) -> torch.Tensor:
        """Return memory for the gradient by the pixels, allocated with the first call."""
        if self._slopes is None:
            width, height, channels = self.shape
            self._slopes = allocate((height, width, channels), torch.float32, self._device)
        return self._slopes

    def _clear_sum_buffer(self, count: int) -> GradientBuffer:
        """Return the cleared buffer of sums, allocated with the first call."""
        if self._sum_buffer is None:
            self._sum_buffer = GradientBuffer(self.lists, SUM_PARTIALS.value + self._channels)
        self._sum_buffer.clear(count)
        return self._sum_buffer
