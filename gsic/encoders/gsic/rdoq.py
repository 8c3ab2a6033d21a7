"""Discrete search: the symbols of tuned Gaussians, moved to neighbours that cost less.

Rounding leaves each number within half a step of what the optimiser wanted, whatever the others
were rounded to. The search takes the others as they are and weighs squared error against bits.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from gsic.gaussians import compute_factor
from gsic.profiles.gsic.bitstream import code_lengths
from gsic.profiles.gsic.profile import grid_of, rows_of
from gsic.profiles.gsic.symbols import Header, Symbols, dequantise
from gsic_kernels.cpu.rdoq.rdoq_pass import CodeLengths, search_sweep
from gsic_kernels.registry import get
from gsic_kernels.types import LogSymbols, Window, round_splats

Float32 = NDArray[np.float32]

# Symbols may leave the range of those of their class by this much in one sweep.
_AROUND = 16

# A sweep that moves fewer of the Gaussians than this is the last.
_LEAST_MOVED = 0.02


def searched(
    planes: Float32, header: Header, symbols: Symbols, price: float, sweeps: int
) -> Symbols:
    """Lower squared error + price bits by moves of single Gaussians; no more of them come back.

    It is one thread's work on the CPU, whatever device the Gaussians were fitted on: each move
    depends on those before it.

    Args:
        planes: float32 (H, W, C), 0..1, the image.
        header: what all Gaussians share.
        symbols: one or more Gaussians; those that do not pay for their bits are left out.
        price: squared error that a bit is worth, in squared global steps, above 0.
        sweeps: how often each Gaussian is looked at, at most.
    """
    search = Search(planes, header, symbols)
    for _ in range(sweeps):
        symbols = symbols.visible()
        if not len(symbols):
            break
        symbols, moves = search.sweep(symbols, price)
        if moves < _LEAST_MOVED * len(symbols):
            break
    return symbols.visible()


class Search:
    """What the sweeps of a search share.

    Args:
        planes: float32 (H, W, C), 0..1, the image.
        header: what all Gaussians share.
        symbols: the Gaussians, before the first sweep.
    """

    def __init__(self, planes: Float32, header: Header, symbols: Symbols) -> None:
        self._header = header
        self._target = np.ascontiguousarray(planes.transpose(2, 0, 1))
        self._image = _drawn(header, symbols)

    def sweep(self, symbols: Symbols, price: float) -> tuple[Symbols, int]:
        """Look at each of one or more Gaussians once; those that do not pay get amplitudes of 0.

        Args:
            symbols: those of the last sweep, or of the first one, that draw anything.
            price: as of `searched`.

        Returns:
            The Gaussians in the same order, and how many of them are others now.
        """
        header = self._header
        on_grid = LogSymbols(rows_of(symbols), grid_of(header))
        lengths = code_lengths_of(header, symbols)
        price *= header.step**2
        swept = search_sweep(on_grid, lengths, price, self._image, self._target)
        return _moved(symbols, on_grid.rows), swept.moves


def _drawn(header: Header, symbols: Symbols) -> Float32:
    """What Gaussians draw, not clamped, float32 (C, H, W)."""
    seen = dequantise(header, symbols)
    splats = round_splats(
        seen.mean, compute_factor(seen.entries), seen.color, seen.cutoff, np.exp(-seen.cutoff)
    )
    window = Window(0, 0, header.width, header.height)
    background = header.background_color.astype(np.float32)
    image = get("cpu").render_sum(splats, window, background)
    return np.ascontiguousarray(image.transpose(2, 0, 1))


def code_lengths_of(header: Header, symbols: Symbols) -> CodeLengths:
    """About what each symbol of one or more Gaussians costs, as a kernel takes it."""
    values, own = code_lengths(header, symbols, _AROUND)
    starts = np.cumsum([0, *(len(prices.bits) for prices in values[:-1])])
    origins = [prices.origins + start for prices, start in zip(values, starts, strict=True)]
    return CodeLengths(
        np.concatenate([prices.bits for prices in values]),
        np.array(origins),
        np.array([prices.lowest for prices in values]),
        np.array([prices.highest for prices in values]),
        own,
    )


def _moved(symbols: Symbols, rows: NDArray[np.int32]) -> Symbols:
    """Symbols as a sweep left their rows."""
    cell, size, stretch, color = np.split(rows[2:].astype(np.int64), (2, 3, 5))
    return replace(symbols, cell=cell.T, size=size[0], stretch=stretch.T, color=color.T)
