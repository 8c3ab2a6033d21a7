"""Which compiled kernel does what: by name, number of channels, and vector or plain."""

from __future__ import annotations

import importlib
import sys
from functools import cache
from typing import Any

from gsic_kernels.cpu import compiling

# name: (module of the vector kernel, plain one or None where there is one for both, signature)
_PLANE, _LINE, _PAIR = "float32[:, ::1]", "float32[::1]", "UniTuple(int64, 2)"
_SHARE = "int64[::1], int64"  # a counter and a worker
_STRIPS = f"UniTuple(int64, {{C}}), {_SHARE}, {_PLANE}, int64[::1], int32[::1], {_LINE}"
_KERNELS: dict[str, tuple[str, str | None, str]] = {
    "finish_piece": ("work", None, "void(int64[::1])"),
    "wait_for": ("work", None, "int64(int64[::1], int64)"),
    "prepare": (
        "prepare",
        None,
        f"void({_SHARE}, {_PLANE}, {_PLANE}, {_PLANE}, {_LINE}, {_LINE}, int64, int64, int64,"
        f" int64, {_PLANE}, int32[:, ::1])",
    ),
    "fill_strips": (
        "prepare",
        None,
        f"{_PAIR}(int32[:, ::1], int64, int64[::1], int32[::1], int32[::1])",
    ),
    "render_float": (
        "forward",
        "scalar",
        f"void({_STRIPS}, {_PAIR}, int64, {_LINE}, float32[:, :, ::1])",
    ),
    "render_bytes": (
        "forward",
        "scalar",
        f"void({_STRIPS}, {_PAIR}, int64, {_LINE}, uint8[:, :, ::1])",
    ),
    "render_loss": (
        "forward",
        "scalar",
        f"void({_STRIPS}, int64, int64, {_LINE}, {_LINE}, {_LINE}, {_LINE}, {_LINE},"
        " float64[:, ::1])",
    ),
    "split_planes": (
        "backward",
        "scalar",
        f"void(UniTuple(int64, {{C}}), {_SHARE}, float32[:, :, ::1], {_LINE}, int64)",
    ),
    "gather": (
        "backward",
        "scalar",
        f"void(UniTuple(int64, {{C}}), {_SHARE}, {_PLANE}, int32[::1], {_PAIR}, int64, int64,"
        f" {_LINE}, int64, float32, {_PLANE}, {_PLANE}, {_PLANE})",
    ),
}

_vectors_work = True


@cache
def kernel(name: str, channels: int = 0, plain: bool = False) -> Any:
    """Compile or load one kernel.

    Args:
        name: a key of the table above.
        channels: 1 to 4 for kernels that are made for a number of channels.
        plain: take the loops of `scalar` instead of vectors.

    Returns:
        The compiled function. Where the vector type does not compile with the Numba at hand, the
        plain kernels are used from then on, and one line on stderr says so.
    """
    global _vectors_work
    vector_module, plain_module, signature = _KERNELS[name]
    signature = signature.format(C=channels)
    if plain_module and (plain or not _vectors_work):
        return _compile(plain_module, name, signature)
    try:
        return _compile(vector_module, name, signature)
    except Exception as error:
        # What a foreign Numba or LLVM raises here cannot be known beforehand.
        if plain_module is None:
            raise
        _vectors_work = False
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        print(f"gsic: slow kernels, vectors do not compile: {reason}", file=sys.stderr)
        return _compile(plain_module, name, signature)


def _compile(module: str, name: str, signature: str) -> Any:
    source = importlib.import_module(f"gsic_kernels.cpu.{module}")
    return compiling.kernel(signature, getattr(source, name))
