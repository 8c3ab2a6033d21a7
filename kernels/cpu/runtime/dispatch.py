"""Which compiled kernel does what: by name, number of channels, and vector or plain."""

from __future__ import annotations

import importlib
import sys
from functools import cache
from typing import Any

from gsic_kernels.cpu.runtime import compiling

_PLANE, _LINE, _IMAGE = "float32[:, ::1]", "float32[::1]", "float32[:, :, ::1]"
_INTS, _LIST, _PAIR = "int64[::1]", "int32[::1]", "UniTuple(int64, 2)"
_NUMBERS, _MATRIX = "float64[::1]", "float64[:, ::1]"
_INT_PLANE, _WORDS = "int64[:, ::1]", "uint32[::1]"
# What is decoded, and what its tables are made from.
_PAYLOAD = f"{_WORDS}, uint64[::1]"
_CURVES = f"uint32[:, :, ::1], {_INT_PLANE}, {_INTS}"
# What `pool.run` gives every kernel: gates, needs, step, worker.
_SHARE = "int64[:, ::1], int64[::1], int64, int64"
_RENDER = f"{_SHARE}, UniTuple(int64, {{C}}), {_PLANE}, {_INTS}, {_LIST}, {_LINE}"

# name: (module of the vector kernel, plain one or None where there is one for both, arguments)
_KERNELS: dict[str, tuple[str, str | None, str]] = {
    "settle": ("runtime.work", None, _SHARE),
    "prepare": (
        "raster.prepare",
        None,
        f"{_SHARE}, {_PLANE}, {_PLANE}, {_PLANE}, {_LINE}, {_LINE}, int64, int64, int64, int64,"
        f" {_PLANE}, int32[:, ::1]",
    ),
    "fill_strips": (
        "raster.prepare",
        None,
        f"{_SHARE}, int32[:, ::1], int64, {_INTS}, {_LIST}, {_LIST}, {_INTS}",
    ),
    "render_float": (
        "raster.sum_forward",
        "raster.sum_scalar",
        f"{_RENDER}, {_PAIR}, int64, {_PLANE}, {_IMAGE}",
    ),
    "render_bytes": (
        "raster.sum_forward",
        "raster.sum_scalar",
        f"{_RENDER}, {_PAIR}, int64, {_PLANE}, uint8[:, :, ::1]",
    ),
    "render_loss": (
        "raster.sum_forward",
        "raster.sum_scalar",
        f"{_RENDER}, int64, int64, {_PLANE}, {_LINE}, {_LINE}, {_LINE}, {_LINE}, {_LINE}, {_LINE},"
        " int64, int64, float64[:, ::1]",
    ),
    "split_planes": (
        "raster.sum_backward",
        "raster.sum_scalar",
        f"{_SHARE}, UniTuple(int64, {{C}}), {_IMAGE}, {_LINE}, int64",
    ),
    "gather": (
        "raster.sum_backward",
        "raster.sum_scalar",
        f"{_SHARE}, UniTuple(int64, {{C}}), {_PLANE}, {_LIST}, {_INTS}, {_PAIR}, int64, int64,"
        f" {_LINE}, int64, float32, {_PLANE}, {_PLANE}, {_PLANE}",
    ),
    "limit_cutoff": ("raster.alpha_steps", None, f"{_SHARE}, {_LINE}, {_LINE}, {_LINE}, {_LINE}"),
    "blend": (
        "raster.alpha_forward",
        "raster.alpha_scalar",
        f"{_RENDER}, {_LINE}, {_PAIR}, int64, {_PLANE}, {_IMAGE}, {_PLANE}, int32[:, ::1]",
    ),
    "unblend": (
        "raster.alpha_backward",
        "raster.alpha_scalar",
        f"{_RENDER}, {_LINE}, {_PAIR}, int64, {_PLANE}, {_PLANE}, int32[:, ::1], {_IMAGE},"
        f" {_PLANE}, float64[:, ::1]",
    ),
    "add_strips": (
        "raster.alpha_steps",
        None,
        f"{_SHARE}, {_PLANE}, {_INTS}, {_LIST}, {_LINE}, {_PLANE}, {_PLANE}, {_PLANE}, {_PLANE},"
        f" {_LINE}",
    ),
    "fill_tables": (
        "ans.tables",
        None,
        f"{_INT_PLANE}, {_INTS}, int64, {_CURVES}, {_WORDS}, {_INT_PLANE}",
    ),
    "read_values": (
        "ans.symbols",
        None,
        f"{_PAYLOAD}, {_WORDS}, {_INT_PLANE}, {_INTS}, int64, {_INTS}",
    ),
    "read_columns": (
        "ans.columns",
        None,
        f"{_PAYLOAD}, {_WORDS}, {_INT_PLANE}, {_CURVES}, {_INTS}, int64, {_INTS}, {_INTS}",
    ),
    "read_sets": (
        "ans.sorted_sets",
        None,
        f"{_PAYLOAD}, {_CURVES}, {_INT_PLANE}, int64, {_INTS}",
    ),
    "search": (
        "rdoq.rdoq_pass",
        None,
        f"int32[:, ::1], {_NUMBERS}, {_MATRIX}, {_INT_PLANE}, {_NUMBERS}, {_INT_PLANE},"
        f" {_INT_PLANE}, {_INT_PLANE}, {_NUMBERS}, float64, {_IMAGE}, {_IMAGE}, {_NUMBERS}",
    ),
    "compare": (
        "losses.ssim",
        None,
        f"{_SHARE}, {_IMAGE}, {_IMAGE}, {_IMAGE}, {_IMAGE}, {_LINE}, {_IMAGE}, float64[:, ::1]",
    ),
    "halve": ("losses.ms_ssim_scales", None, f"{_SHARE}, {_IMAGE}, int64, {_IMAGE}"),
    "compare_scale": (
        "losses.ms_ssim_scales",
        None,
        f"{_SHARE}, {_IMAGE}, {_IMAGE}, {_LINE}, {_LINE}, int64, int64, {_IMAGE}, float64[:, ::1]",
    ),
    "add_coarser": ("losses.ms_ssim_scales", None, f"{_SHARE}, {_LINE}, {_IMAGE}, int64, {_IMAGE}"),
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
    vector_module, plain_module, arguments = _KERNELS[name]
    signature = f"int64({arguments.format(C=channels)})"
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
