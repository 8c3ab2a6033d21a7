"""A pass of rate-distortion optimised quantisation (RDOQ) over the symbols of Gaussians."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gsic_kernels import validation
from gsic_kernels.cpu.rdoq.moves import MOVES
from gsic_kernels.cpu.runtime.dispatch import kernel
from gsic_kernels.cpu.runtime.lanes import LANES
from gsic_kernels.cpu.sums import layout
from gsic_kernels.cpu.sums.blocks import BLOCK_HEIGHT
from gsic_kernels.cpu.sums.division import SEGMENT_COLUMNS
from gsic_kernels.cpu.sums.lattices import divide_window
from gsic_kernels.types import F32, F64, I64, SHAPE_ROWS, LogSymbols, Window


class CodeLengths(NamedTuple):
    """Code lengths of the symbols of N Gaussians, and of other values near them, in bits.

    The value v of row 4 + k of Gaussian n takes `bits[origins[k, n] + v]` if v lies between
    `lowest[k, n]` and `highest[k, n]`; a value beyond takes as much as the nearer end.
    """

    bits: F64  # (M,)
    origins: I64  # (3 + C, N)
    lowest: I64  # (3 + C, N)
    highest: I64  # (3 + C, N)
    own: F64  # (N,), of cell and classes


class PassResult(NamedTuple):
    """What a pass did: the number of moves, and by how much they changed error and bits."""

    moves: int
    sse: float  # sum of squared errors, 1.0 = full scale
    bits: float


class RdoqImage:
    """The image that passes of RDOQ bring closer to a target, block by block.

    Args:
        target: float32 (H, W, C), 0..1: the image, or some rows of it.
        top: the row of the image that is the first of the target, a multiple of the height of a
            block.
        height: of the image, px; None where the target is all of it.
    """

    def __init__(self, target: F32, top: int = 0, height: int | None = None) -> None:
        self._shape = rows, width, _ = target.shape
        if top % BLOCK_HEIGHT:
            raise ValueError(f"top must be a multiple of {BLOCK_HEIGHT}, got {top}")
        self._size = width, rows if height is None else height
        self._target = layout.to_blocks(validation.check_image("target", target, self._shape))
        inside = layout.to_blocks(np.ones((rows, width, 1), np.float32))
        self._inside = inside
        self._lattice = divide_window(Window(0, top, width, rows), 1, 1)[0]
        blocks = len(inside) // LANES
        # The last one counts exchanges.
        self._stamps = np.zeros(blocks + 1, np.int32)
        listed = LANES * (SEGMENT_COLUMNS + LANES) + LANES
        self._lists = np.empty((2, listed), np.float32), np.empty(listed, np.int32)

    def run_pass(
        self, symbols: LogSymbols, lengths: CodeLengths, lambda_: float, image: F32
    ) -> PassResult:
        """Move each of N Gaussians once to a neighbour, if that lowers error + lambda bits.

        What lies outside the rows of the target does not count.

        Args:
            symbols: Gaussians, changed in place; one that does not pay gets amplitudes of 0. All
                are taken as drawn on the pixels, which hardly differs.
            lengths: code lengths of their symbols.
            lambda_: squared error, 1.0 = full scale, that a bit is worth; above 0.
            image: float32 (H, W, C), the sum of all Gaussians where the target is, not clamped.

        Raises:
            TypeError, ValueError: as `validation.check_log_symbols` says; the image does not fit;
                the rows, which are changed in place, are not contiguous.
        """
        rows, grid = validation.check_log_symbols(symbols)
        if not rows.flags.c_contiguous:
            raise ValueError("rows must be contiguous, as they are changed in place")
        channels = self._shape[2]
        if len(rows) != SHAPE_ROWS + channels:
            raise ValueError(f"rows must be those of {channels} channels, got {rows.shape}")
        validation.check_shape("image", image, self._shape)
        drawn = layout.to_blocks(image)
        error = np.clip(drawn, 0.0, 1.0)
        error -= self._target
        numbers = np.array(grid[:-1], np.float64)
        self._stamps[:] = 0
        sums = np.zeros(2)
        moves = kernel("rdoq_pass", channels)(
            *((0,) * channels, rows, numbers, grid.transform, MOVES, *lengths, lambda_),
            *(self._lattice, self._size),
            *(drawn, self._target, error, self._inside, self._stamps, *self._lists, sums),
        )
        return PassResult(int(moves), float(sums[0]), float(sums[1]))
