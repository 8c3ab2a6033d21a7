"""How Gaussians come to the device: in one copy, as splats or as integers that are made splats."""

from __future__ import annotations

import math

import torch

from gsic_kernels.gpu.launch import empty, launch, pieces
from gsic_kernels.gpu.raster.lists import DeviceSplats
from gsic_kernels.gpu.raster.symbols import NUMBERS, ROWS, dequantise, numbers_of
from gsic_kernels.types import F32, SHAPE_ROWS, LogSymbols, Splats

# Tensors begin at multiples of so many bytes, as kernels like them.
_ALIGNMENT = 16


class _Parcel:
    """Arrays in one piece of memory of the host, pinned if that helps, and its like on a device."""

    def __init__(self, device: torch.device, *layout: tuple[tuple[int, ...], torch.dtype]) -> None:
        starts = [0]
        for shape, kind in layout:
            bytes_of = math.prod(shape) * kind.itemsize
            starts.append(starts[-1] + pieces(bytes_of, _ALIGNMENT) * _ALIGNMENT)
        pinned = device.type == "cuda"
        self._sent = torch.zeros(starts[-1], dtype=torch.uint8, pin_memory=pinned)
        self._received = empty((starts[-1],), torch.uint8, device)

        def parts(memory: torch.Tensor) -> list[torch.Tensor]:
            return [
                memory[start : start + math.prod(shape) * kind.itemsize].view(kind).view(shape)
                for start, (shape, kind) in zip(starts, layout, strict=False)
            ]

        self.host = [part.numpy() for part in parts(self._sent)]
        self.device = parts(self._received)

    def send(self) -> None:
        self._received.copy_(self._sent, non_blocking=True)


def _shapes(channels: int, count: int) -> list[tuple[int, ...]]:
    """Of the arrays of splats."""
    return [(count, 2), (count, 3), (count, channels), (count,), (count,)]


class SplatInputs:
    """Up to `count` Gaussians as splats, and a background."""

    def __init__(self, channels: int, count: int, device: torch.device) -> None:
        """Make room for them, on both sides."""
        self.channels, self.count, self.device = channels, count, device
        shapes = [*_shapes(channels, count), (channels,)]
        self._parcel = _Parcel(device, *((shape, torch.float32) for shape in shapes))

    def put(self, splats: Splats, background: F32) -> None:
        """Take what is to be sent."""
        *arrays, behind = self._parcel.host
        count = len(splats.mean)
        for target, array in zip(arrays, splats, strict=True):
            target[:count] = array
        # With a cutoff below zero a Gaussian contributes nothing.
        arrays[3][count:] = -1.0
        behind[:] = background

    def send(self) -> tuple[DeviceSplats, torch.Tensor]:
        """Launch the copy; returns where splats and background will be."""
        self._parcel.send()
        *arrays, background = self._parcel.device
        return DeviceSplats(*arrays), background


class SymbolInputs:
    """Up to `count` Gaussians as integers, and a background."""

    def __init__(self, channels: int, count: int, device: torch.device) -> None:
        """Make room for them, on both sides, and for the splats that they become."""
        self.channels, self.count, self.device = channels, count, device
        self._parcel = _Parcel(
            device,
            ((SHAPE_ROWS + channels, count), torch.int32),
            ((NUMBERS + channels * channels,), torch.float64),
            ((channels,), torch.float32),
        )
        self._splats = DeviceSplats(
            *(empty(shape, torch.float32, device) for shape in _shapes(channels, count))
        )

    def put(self, symbols: LogSymbols, background: F32) -> None:
        """Take what is to be sent."""
        rows, grid, behind = self._parcel.host
        count = symbols.rows.shape[1]
        rows[:, :count] = symbols.rows
        # With no amplitude a Gaussian contributes nothing.
        rows[:, count:] = 0
        grid[:] = numbers_of(symbols.grid)
        behind[:] = background

    def send(self) -> tuple[DeviceSplats, torch.Tensor]:
        """Launch copy and dequantisation; returns where splats and background will be."""
        self._parcel.send()
        rows, grid, background = self._parcel.device
        launch(
            dequantise,
            pieces(self.count, ROWS.value),
            *(rows, grid, self.count, *self._splats),
            CHANNELS=self.channels,
            warps=2,
        )
        return self._splats, background
