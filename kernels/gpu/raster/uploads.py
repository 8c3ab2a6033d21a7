"""Bring Gaussians to the device in one copy: as splats, or as symbols to be dequantised there."""

from __future__ import annotations

import math

import numpy as np
import torch

from gsic_kernels.constants import LEVELS_MAX
from gsic_kernels.gpu.launch import allocate, count_blocks, launch
from gsic_kernels.gpu.raster.dequantise import (
    DEQUANTISE_COUNT,
    GRID_SCALARS,
    dequantise,
    pack_grid,
)
from gsic_kernels.gpu.raster.device_arrays import DeviceSplats
from gsic_kernels.types import F32, SHAPE_ROWS, LogSymbols, Splats, count_levels

_Layout = list[tuple[tuple[int, ...], torch.dtype]]

# Tensors begin at multiples of this many bytes: Triton compiles kernels for aligned pointers.
_ALIGNMENT = 16


class _StagingBuffer:
    """Arrays in one piece of host memory, pinned for CUDA, and their copies on a device."""

    def __init__(self, device: torch.device, layout: _Layout) -> None:
        starts = [0]
        for shape, dtype in layout:
            nbytes = math.prod(shape) * dtype.itemsize
            starts.append(starts[-1] + count_blocks(nbytes, _ALIGNMENT) * _ALIGNMENT)
        pinned = device.type == "cuda"
        self._on_host = torch.zeros(starts[-1], dtype=torch.uint8, pin_memory=pinned)
        self._on_device = allocate((starts[-1],), torch.uint8, device)

        def split(memory: torch.Tensor) -> list[torch.Tensor]:
            return [
                memory[start : start + math.prod(shape) * dtype.itemsize].view(dtype).view(shape)
                for start, (shape, dtype) in zip(starts, layout, strict=False)
            ]

        self.host = [part.numpy() for part in split(self._on_host)]
        self.device = split(self._on_device)

    def copy(self) -> None:
        self._on_device.copy_(self._on_host, non_blocking=True)


def _splat_layout(channels: int, count: int) -> _Layout:
    shapes: list[tuple[int, ...]] = [(count, 2), (count, 3), (count, channels), (count,), (count,)]
    return [*((shape, torch.float32) for shape in shapes), ((count,), torch.int32)]


def allocate_splats(channels: int, count: int, device: torch.device) -> DeviceSplats:
    """Allocate `count` Gaussians of C channels on a device."""
    return DeviceSplats(
        *(allocate(shape, dtype, device) for shape, dtype in _splat_layout(channels, count))
    )


def bound_levels(symbols: LogSymbols) -> int:
    """Compute a number of levels, 1 or more, that is enough for all Gaussians.

    It is what they would need if their axes had equal lengths.
    """
    rows, grid = symbols
    steps = rows[4] * np.exp2(-rows[1].astype(np.float64))
    most = min(float(steps.max(initial=0.0)) * grid.log_scale_step, grid.max_log_scale)
    return min(math.floor(max(most, 0.0) * 0.5), LEVELS_MAX - 1) + 1


class SplatUpload:
    """Uploads `max_count` Gaussians or fewer as splats, and a background."""

    def __init__(self, channels: int, max_count: int, device: torch.device) -> None:
        """Allocate memory on both sides.

        Args:
            channels: C, 1 to 4.
            max_count: the largest number of Gaussians.
            device: where they go.
        """
        self.channels, self.max_count, self.device = channels, max_count, device
        background: _Layout = [((channels,), torch.float32)]
        self._buffer = _StagingBuffer(device, _splat_layout(channels, max_count) + background)

    def stage(self, splats: Splats, background: F32) -> int:
        """Write Gaussians and background to host memory; no copy may be under way.

        Returns:
            The number of levels that the Gaussians need.
        """
        *arrays, staged_background = self._buffer.host
        count = len(splats.mean)
        for target, array in zip(arrays, splats, strict=True):
            target[:count] = array
        # All `max_count` Gaussians are drawn: with a cutoff below zero, one contributes nothing.
        arrays[3][count:] = -1.0
        arrays[5][count:] = 0
        staged_background[:] = background
        return count_levels(splats)

    def send(self) -> tuple[DeviceSplats, torch.Tensor]:
        """Launch the copy, and return where `max_count` splats and the background will be."""
        self._buffer.copy()
        *arrays, background = self._buffer.device
        return DeviceSplats(*arrays), background


class SymbolUpload:
    """Uploads `max_count` Gaussians or fewer as symbols, and a background."""

    def __init__(self, channels: int, max_count: int, device: torch.device) -> None:
        """Allocate memory on both sides, and for the splats that the symbols become.

        Args:
            channels: C, 1 to 4.
            max_count: the largest number of Gaussians.
            device: where they go.
        """
        self.channels, self.max_count, self.device = channels, max_count, device
        layout: _Layout = [
            ((SHAPE_ROWS + channels, max_count), torch.int32),
            ((GRID_SCALARS + channels * channels,), torch.float64),
            ((channels,), torch.float32),
        ]
        self._buffer = _StagingBuffer(device, layout)
        self._splats = allocate_splats(channels, max_count, device)

    def stage(self, symbols: LogSymbols, background: F32) -> int:
        """Write Gaussians and background to host memory; no copy may be under way.

        Returns:
            A number of levels that is enough for the Gaussians.
        """
        rows, grid, staged_background = self._buffer.host
        count = symbols.rows.shape[1]
        rows[:, :count] = symbols.rows
        # All `max_count` Gaussians are drawn: with amplitudes of zero, one contributes nothing.
        rows[:, count:] = 0
        grid[:] = pack_grid(symbols.grid)
        staged_background[:] = background
        return bound_levels(symbols)

    def send(self) -> tuple[DeviceSplats, torch.Tensor]:
        """Launch copy and dequantisation, and return where splats and background will be."""
        self._buffer.copy()
        rows, grid, background = self._buffer.device
        launch(
            dequantise,
            count_blocks(self.max_count, DEQUANTISE_COUNT.value),
            *(rows, grid, self.max_count, *self._splats),
            CHANNELS=self.channels,
            warps=2,
        )
        return self._splats, background
