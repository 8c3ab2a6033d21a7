"""Buffers of per-tile partial gradients, kept between calls, and the gradients made from them."""

from __future__ import annotations

import torch

from gsic_kernels.gpu.launch import add_headroom, allocate, count_blocks, launch
from gsic_kernels.gpu.raster.device_arrays import DeviceGradients, DeviceSplats
from gsic_kernels.gpu.raster.tile_gradients import REDUCE_COUNT, reduce_partials
from gsic_kernels.gpu.raster.tile_lists import TileLists

# First guess of how many tiles the box of a Gaussian has, and a least capacity.
_TILES_EACH, _LEAST = 8, 1 << 14


class GradientBuffer:
    """The buffer of `tile_gradients` for the Gaussians of some lists; it grows like `TileLists`."""

    def __init__(self, lists: TileLists, columns: int) -> None:
        """Allocate the buffer.

        Args:
            lists: of the Gaussians that are differentiated.
            columns: partial gradients of a Gaussian in a tile.
        """
        self._lists, self._columns = lists, columns
        self.rows_end = allocate((lists.max_count,), torch.int64, lists.device)
        self._needed = torch.zeros(1, dtype=torch.int64, device=lists.device)
        self._allocate(_TILES_EACH * lists.max_count + _LEAST)

    def _allocate(self, capacity: int) -> None:
        self.capacity = capacity
        # One row more than the capacity takes everything that does not fit.
        shape = capacity + 1, self._columns
        self.partials = allocate(shape, torch.float32, self._lists.device)

    def clear(self, count: int) -> None:
        """Clear the buffer and give rows to the first `count` Gaussians, once lists are built."""
        torch.cumsum(self._lists.box_tiles[:count], 0, out=self.rows_end[:count])
        self.partials.zero_()

    def reduce(
        self,
        splats: DeviceSplats,
        gradients: DeviceGradients,
        d_opacity: torch.Tensor | None = None,
    ) -> None:
        """Add up what tiles have written to the buffer since `clear`.

        Args:
            splats: N Gaussians, those of the lists.
            gradients: by `splats`, overwritten.
            d_opacity: float32 (N,), overwritten; for alpha blending.
        """
        count, channels = splats.color.shape
        launch(
            reduce_partials,
            count_blocks(count, REDUCE_COUNT.value),
            *(self._lists.records, splats.factor, count, self._lists.box_tiles, self.rows_end),
            *(self.partials, self.capacity, *gradients),
            *(gradients.mean if d_opacity is None else d_opacity, self._needed),
            CHANNELS=channels,
            BLEND=d_opacity is not None,
            warps=1,
        )

    def grow(self) -> bool:
        """Wait for the device, and make the buffer longer if it was too short.

        Returns:
            Whether it was: then what was differentiated since the last call has to be repeated.
        """
        needed = int(self._needed.item())
        self._needed.zero_()
        if needed <= self.capacity:
            return False
        self._allocate(add_headroom(needed))
        return True
