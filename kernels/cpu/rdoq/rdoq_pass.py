"""A pass of rate-distortion optimised quantisation (RDOQ) over the symbols of Gaussians."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gsic_kernels import validation
from gsic_kernels.cpu.rdoq.pass_kernel import MOVES
from gsic_kernels.cpu.runtime.dispatch import kernel
from gsic_kernels.types import F32, F64, I64, SHAPE_ROWS, LogSymbols


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


def run_rdoq_pass(
    symbols: LogSymbols, lengths: CodeLengths, lambda_: float, image: F32, target: F32
) -> PassResult:
    """Move each of N Gaussians once to a neighbour, if that lowers squared error + lambda bits.

    Args:
        symbols: Gaussians, changed in place; one that does not pay gets amplitudes of 0.
        lengths: code lengths of their symbols.
        lambda_: squared error, 1.0 = full scale, that a bit is worth; above 0.
        image: float32 (C, H, W), the sum of the Gaussians, not clamped; changed along with them.
        target: float32 (C, H, W), 0..1.

    Raises:
        TypeError, ValueError: as `validation.check_log_symbols` says; an image does not fit; an
            array that is changed is not contiguous.
    """
    rows, grid = validation.check_log_symbols(symbols)
    if not (rows.flags.c_contiguous and image.flags.c_contiguous):
        raise ValueError("rows and image must be contiguous, as they are changed in place")
    channels = len(rows) - SHAPE_ROWS
    if len(target) != channels:
        raise ValueError(f"target must have {channels} planes, got {len(target)}")
    image = validation.check_image("image", image, target.shape)
    target = validation.check_image("target", target, target.shape)
    numbers = np.array(grid[:-1], np.float64)
    sums = np.zeros(2)
    arguments = rows, numbers, grid.transform, MOVES, *lengths, lambda_, image, target, sums
    moves = kernel("rdoq_pass")(*arguments)
    return PassResult(int(moves), float(sums[0]), float(sums[1]))
