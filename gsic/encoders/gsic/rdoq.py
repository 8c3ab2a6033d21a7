"""Rate-distortion optimised quantisation (RDOQ) of the symbols of a trained image.

Rounding leaves each number within half a step of what the optimiser wanted, whatever the others
were rounded to. RDOQ takes the other Gaussians as they are and moves the symbols of one Gaussian
at a time to the neighbours that lower D + lambda R: squared error plus lambda times bits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from gsic.arrays import Rows
from gsic.encoders.gsic.rdoq_strips import RdoqStrips
from gsic.profiles.gsic.code_lengths import compute_code_lengths
from gsic.profiles.gsic.dequantisation import make_log_grid
from gsic.profiles.gsic.symbols import Header, QuantisedImage, Symbols, pack_symbols
from gsic_kernels.cpu.rdoq.rdoq_pass import CodeLengths
from gsic_kernels.types import LogSymbols

# How far symbols may leave the range of those of their class in one pass.
_MARGIN = 16

# RDOQ ends with a pass that moves fewer of the Gaussians than this share.
_LEAST_MOVED = 0.02


def run_rdoq(
    planes: Rows,
    state: QuantisedImage,
    lambda_: float,
    passes: int,
    go_on: Callable[[], bool] | None = None,
    *,
    threads: int = 1,
) -> QuantisedImage:
    """Lower D + lambda R by moves of single Gaussians, in passes over all of them.

    RDOQ runs on the CPU, whatever device the Gaussians were fitted on, and on one thread where the
    image is one strip: each move depends on the moves before it.

    Args:
        planes: float32 (H, W, C), 0..1, the image.
        state: symbols; Gaussians that do not pay for their bits are left out of the result, and
            never come back.
        lambda_: squared error that a bit is worth, in squared global steps, above 0.
        passes: largest number of passes; with 0 the symbols stay as they are.
        go_on: called after each pass; no other follows where it returns False.
        threads: CPU threads, on which no result depends.
    """
    if not passes:
        return state
    header, symbols = state
    rdoq = Rdoq(planes, header, threads)
    for _ in range(passes):
        symbols = symbols.drop_invisible()
        if not len(symbols):
            break
        symbols, moves = rdoq.run_pass(symbols, lambda_)
        stopped = go_on is not None and not go_on()
        if stopped or moves < _LEAST_MOVED * len(symbols):
            break
    return QuantisedImage(header, symbols.drop_invisible())


class Rdoq:
    """What the RDOQ passes over one image share.

    Args:
        planes: float32 (H, W, C), 0..1, the image.
        header: header of the file.
        threads: CPU threads, on which no result depends.
    """

    def __init__(self, planes: Rows, header: Header, threads: int = 1) -> None:
        self._header = header
        background = header.background_color.astype(np.float32)
        self._strips = RdoqStrips(planes, background, threads)

    def run_pass(self, symbols: Symbols, lambda_: float) -> tuple[Symbols, int]:
        """Try the neighbours of each Gaussian once; one that does not pay gets amplitudes of 0.

        Args:
            symbols: one or more Gaussians.
            lambda_: as for `run_rdoq`.

        Returns:
            The Gaussians in the same order, and how many of them were moved.
        """
        header = self._header
        on_grid = LogSymbols(pack_symbols(symbols), make_log_grid(header))
        lengths = code_lengths_of(header, symbols)
        moves = self._strips.run_pass(on_grid, lengths, lambda_ * header.step**2)
        return _unpack_rows(symbols, on_grid.rows), moves


def code_lengths_of(header: Header, symbols: Symbols) -> CodeLengths:
    """Estimate the code length of each symbol of one or more Gaussians, as a kernel takes them."""
    values, own = compute_code_lengths(header, symbols, _MARGIN)
    # One array for all columns: the lengths of a column begin where those of the last one end.
    starts = np.cumsum([0, *(len(lengths.bits) for lengths in values[:-1])])
    origins = [lengths.origins + start for lengths, start in zip(values, starts, strict=True)]
    return CodeLengths(
        np.concatenate([lengths.bits for lengths in values]),
        np.array(origins),
        np.array([lengths.lowest for lengths in values]),
        np.array([lengths.highest for lengths in values]),
        own,
    )


def _unpack_rows(symbols: Symbols, rows: NDArray[np.int32]) -> Symbols:
    """Return the symbols of a kernel's rows; classes are those of `symbols`."""
    place, scale, anisotropy, color = np.split(rows[2:].astype(np.int64), (2, 3, 5))
    return replace(
        symbols, place=place.T, log_scale=scale[0], log_anisotropy=anisotropy.T, color=color.T
    )
