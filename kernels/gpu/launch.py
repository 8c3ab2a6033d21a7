"""Launch Triton kernels, allocate device memory, and report when it runs out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import triton

from gsic_kernels.backend import BackendUnavailable


def is_interpreted(kernel: Any) -> bool:
    """Tell whether Triton interprets a kernel on the CPU instead of compiling it."""
    return not isinstance(kernel, triton.JITFunction)


def launch(
    kernel: Any,
    programs: int,
    *arguments: Any,
    warps: int = 4,
    fuse: bool = False,
    **constants: Any,
) -> None:
    """Start `programs` programs of a kernel on the current stream.

    Args:
        kernel: a function decorated with `triton.jit`.
        programs: 1 or more.
        arguments: tensors and integers, in the order of the kernel's parameters.
        warps: per program.
        fuse: let the compiler fuse a multiplication and an addition into one instruction. Without
            it, only an explicit `tl.fma` is fused, so two kernels that evaluate the same formula
            get the same bits and take the same decision about a pixel.
        constants: arguments that are compiled in.
    """
    kernel[(programs,)](*arguments, **constants, num_warps=warps, enable_fp_fusion=fuse)


def count_blocks(total: int, size: int) -> int:
    """Return how many blocks of `size` hold `total` items, at least 1: no launch may be empty."""
    return max(1, -(-total // size))


def add_headroom(count: int) -> int:
    """Return the capacity to allocate for `count` elements, so that slow growth is rare."""
    return count + count // 4


def allocate(shape: tuple[int, ...], dtype: torch.dtype, device: torch.device) -> torch.Tensor:
    """Allocate an uninitialised tensor; all of them come from here, so that tests can fill them."""
    return torch.empty(shape, dtype=dtype, device=device)


@contextmanager
def report_out_of_memory() -> Iterator[None]:
    """Raise `BackendUnavailable` where PyTorch reports that the device has too little memory."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        reason = str(error).partition(". ")[0]
        raise BackendUnavailable(f"device cuda has too little memory: {reason}") from error
