"""Kernels that came with the package as machine code, so that nothing has to be compiled.

`gsic_kernels.cpu.ahead` makes them when a wheel is built: one extension module for Linux on x86-64,
with every vector kernel for the levels x86-64-v4 (AVX-512) and x86-64-v3 (AVX2 and FMA). It needs
neither Numba nor LLVM, and any Python from 3.11 on can load it. At its end, where the system's
loader does not look, are MAGIC, the name of the kernel sources that it was made from, and the
SHA-256 of all before. Where it is missing, damaged or of other sources, or the CPU or the system
is another, kernels are compiled as if there were no such file.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import sys
from functools import cache
from hashlib import sha256
from importlib.machinery import ExtensionFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from gsic_kernels.cpu.runtime import compiling, forks
from gsic_kernels.cpu.runtime.messages import say

FILE = Path(__file__).with_name("kernels-x86_64-linux.so")
MAGIC = b"gsic kernels 1\r\n"
MODULE = "gsic_kernels.cpu.runtime.shipped_kernels"
_NAME_BYTES = 32
_TRAILER_BYTES = len(MAGIC) + _NAME_BYTES + 32

# Variables with which a user asks Numba for machine code of another kind.
_CHOICES = {
    *("NUMBA_CPU_NAME", "NUMBA_CPU_FEATURES", "NUMBA_ENABLE_AVX", "NUMBA_OPT", "NUMBA_BOUNDSCHECK"),
    *("NUMBA_DEBUGINFO", "NUMBA_LOOP_VECTORIZE", "NUMBA_SLP_VECTORIZE"),
}

_taken = 0


class Shipped(NamedTuple):
    """What there is of shipped kernels.

    Attributes:
        module: the extension module; None if it cannot be used, and `reason` says why.
        reason: a part of a sentence, empty if there is a module.
    """

    module: ModuleType | None
    reason: str


def find(name: str, channels: int) -> Any | None:
    """Return a kernel that came with the package, or None if it is to be compiled.

    Args:
        name: of the kernel in the table of `dispatch`.
        channels: its number of channels, 0 if it has no such number.
    """
    global _taken
    function = getattr(load().module, export_name(name, channels), None)
    _taken += function is not None
    return function


def export_name(name: str, channels: int) -> str:
    """Name a kernel in the extension module."""
    return f"{name}_{channels}" if channels else name


def count_kernels() -> int:
    """Count the kernels that this process has taken from the package."""
    return _taken


@cache
def load() -> Shipped:
    """Load the extension module, if this machine can use it."""
    reason = _why_not_here()
    if reason:
        return Shipped(None, reason)
    with forks.no_forks():
        try:
            check(FILE.read_bytes(), compiling.folder_name())
            spec = importlib.util.spec_from_file_location(
                MODULE, FILE, loader=ExtensionFileLoader(MODULE, str(FILE))
            )
            assert spec is not None
            return Shipped(importlib.util.module_from_spec(spec), "")
        except FileNotFoundError:
            return Shipped(None, "the package came without machine code")
        except Damaged as error:
            say(f"kernels of the package are not used: {FILE}: {error}")
            return Shipped(None, str(error))
        except (OSError, ImportError) as error:
            return Shipped(None, str(error))


class Damaged(ImportError):
    """The file is not as it was made."""


def check(data: bytes, sources: str) -> None:
    """Check that a file of kernels is whole and was made from these sources.

    Args:
        data: all bytes of the file.
        sources: as `compiling.folder_name` names them.

    Raises:
        Damaged: a byte is not as it was made.
        ImportError: it was made from other sources.
    """
    trailer, digest = data[-_TRAILER_BYTES:-32], data[-32:]
    if not trailer.startswith(MAGIC) or digest != sha256(memoryview(data)[:-32]).digest():
        raise Damaged("damaged")
    if trailer != MAGIC + _pad(sources):
        raise ImportError("that of the package was made from other sources")


def seal(module: bytes, sources: str) -> bytes:
    """Return the bytes of an extension module with a trailer, as `check` accepts them."""
    data = module + MAGIC + _pad(sources)
    return data + sha256(data).digest()


def _pad(sources: str) -> bytes:
    return sources.encode().ljust(_NAME_BYTES, b"\0")


def _why_not_here() -> str:
    """Say why this process cannot use the file, whatever is in it."""
    if sys.platform != "linux" or platform.machine() != "x86_64" or sys.maxsize < 1 << 32:
        return "that of the package is for Linux on x86-64"
    if sys.implementation.name != "cpython" or "t" in sys.abiflags:
        return "that of the package is for CPython with its global lock"
    if chosen := sorted(_CHOICES & {*os.environ}):
        return f"{chosen[0]} asks for another"
    return ""
