"""The cells of the lattices above level 0, in memory that is kept between calls."""

from __future__ import annotations

import torch

from gsic_kernels.constants import LEVELS_MAX
from gsic_kernels.gpu.launch import allocate, count_blocks, launch
from gsic_kernels.gpu.raster.enlarging import ENLARGE_COUNT, SHRINK_COUNT, enlarge, shrink
from gsic_kernels.gpu.raster.lattices import Lattices
from gsic_kernels.types import Window


class CoarseCells:
    """What the cells of coarser lattices are worth or, on the way back, the gradient by that."""

    def __init__(self, lattices: Lattices, channels: int, device: torch.device) -> None:
        """Allocate memory.

        Args:
            lattices: of the windows that are drawn.
            channels: C, 1 to 4.
            device: of all tensors.
        """
        self._lattices, self._channels = lattices, channels
        count = lattices.count_coarse_cells(LEVELS_MAX)
        self.values = allocate((count, channels), torch.float32, device)

    def enlarge(self, levels: int, window: Window) -> None:
        """Complete the cells of level 1, where each level holds its own Gaussians alone.

        Args:
            levels: number of levels that hold anything, 2 or more.
            window: that is drawn.
        """
        for level in range(levels - 2, 0, -1):
            launch(
                enlarge,
                count_blocks(self._lattices.count_cells(level), ENLARGE_COUNT.value),
                *(self._lattices.table, level, window.x, window.y, self.values),
                CHANNELS=self._channels,
            )

    def shrink(self, levels: int, window: Window, grad: torch.Tensor) -> None:
        """Compute the gradients by all coarser lattices.

        Args:
            levels: number of levels that were drawn, 2 or more.
            window: that was drawn.
            grad: float32 (height, width, C), the gradient by the pixels.
        """
        for level in range(1, levels):
            launch(
                shrink,
                count_blocks(self._lattices.count_cells(level), SHRINK_COUNT.value),
                *(self._lattices.table, level, window.x, window.y),
                *(grad if level == 1 else self.values, self.values),
                CHANNELS=self._channels,
            )
