"""Slots for what tiles know of gradients, kept between calls, and gradients from them."""

from __future__ import annotations

from typing import NamedTuple

import torch

from gsic_kernels.gpu.launch import empty, launch, pieces, room
from gsic_kernels.gpu.raster.lists import DeviceSplats, Lists
from gsic_kernels.gpu.raster.tile_gradients import GAUSSIANS, add_slots

# First guess of the slots of a Gaussian.
_SLOTS_EACH, _LEAST = 8, 1 << 14


class DeviceGradients(NamedTuple):
    """The arrays of `types.Gradients` as float32 tensors of one device."""

    mean: torch.Tensor  # (N, 2)
    factor: torch.Tensor  # (N, 3)
    color: torch.Tensor  # (N, C)


class Slots:
    """Slots of the Gaussians of some lists, kept between calls; they grow like `Lists`."""

    def __init__(self, lists: Lists, row: int) -> None:
        """Make room for slots.

        Args:
            lists: whose Gaussians have them.
            row: values in a slot.
        """
        self._lists, self._row = lists, row
        self.ends = empty((lists.most,), torch.int64, lists.device)
        self._needs = torch.zeros(1, dtype=torch.int64, device=lists.device)
        self._make(_SLOTS_EACH * lists.most + _LEAST)

    def _make(self, capacity: int) -> None:
        self.capacity = capacity
        shape = capacity + 1, self._row
        self.values = empty(shape, torch.float32, self._lists.device)

    def clear(self, count: int) -> None:
        """Give each of the first `count` Gaussians its slots, of zeros, once lists are built."""
        torch.cumsum(self._lists.slots[:count], 0, out=self.ends[:count])
        self.values.zero_()

    def add(
        self,
        splats: DeviceSplats,
        gradients: DeviceGradients,
        d_opacity: torch.Tensor | None = None,
    ) -> None:
        """Add up what tiles have written to the slots since `clear`.

        Args:
            splats: what the lists are of.
            gradients: are overwritten.
            d_opacity: float32 (N,), overwritten; for alpha blending.
        """
        count, channels = splats.color.shape
        launch(
            add_slots,
            pieces(count, GAUSSIANS.value),
            *(self._lists.records, splats.factor, count, self._lists.slots, self.ends),
            *(self.values, self.capacity, *gradients),
            *(gradients.mean if d_opacity is None else d_opacity, self._needs),
            CHANNELS=channels,
            BLEND=d_opacity is not None,
            warps=1,
        )

    def grow(self) -> bool:
        """Like `Lists.grow`."""
        need = int(self._needs.item())
        self._needs.zero_()
        if need <= self.capacity:
            return False
        self._make(room(need))
        return True
