"""How kernels are launched, and where."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import triton

from gsic_kernels.backend import BackendUnavailable


def interpreted(kernel: Any) -> bool:
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
        kernel: a function of `triton.jit`.
        programs: 1 or more.
        arguments: tensors and numbers.
        warps: per program.
        fuse: let the compiler fuse multiplications and additions, and not only where the kernel
            says so. Without, what two kernels decide by the same formula is the same.
        constants: arguments that are compiled in.
    """
    kernel[(programs,)](*arguments, **constants, num_warps=warps, enable_fp_fusion=fuse)


def pieces(count: int, size: int) -> int:
    """How many pieces of `size` things `count` things are; at least one."""
    return max(1, -(-count // size))


def room(count: int) -> int:
    """Capacity of a buffer that turned out to need `count` elements."""
    return count + count // 4


def empty(shape: tuple[int, ...], kind: torch.dtype, device: torch.device) -> torch.Tensor:
    """An uninitialised tensor; where all of them come from, so that tests can fill them."""
    return torch.empty(shape, dtype=kind, device=device)


@contextmanager
def memory() -> Iterator[None]:
    """Say it in the registry's words when the device has too little memory."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        said = str(error).partition(". ")[0]
        raise BackendUnavailable(f"device cuda has too little memory: {said}") from error
