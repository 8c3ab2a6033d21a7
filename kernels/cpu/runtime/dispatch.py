"""The table of all CPU kernels, and the function that compiles one of them.

There are three kinds:

- "items": a function over one work item. `work_items.make_kernel` makes the kernel of a step of it.
- "step": the kernel of a step, which waits and counts by itself.
- "plain": a function that is called directly, on one thread.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import cache
from typing import Any, Literal, NamedTuple

from gsic_kernels.cpu.runtime import compiling, forks
from gsic_kernels.cpu.runtime.messages import say

# Types of arguments as Numba writes them. {C} is the number of channels.
_F32, _F32_2D, _F32_3D = "float32[::1]", "float32[:, ::1]", "float32[:, :, ::1]"
_F64, _F64_2D = "float64[::1]", "float64[:, ::1]"
_I32, _I32_2D = "int32[::1]", "int32[:, ::1]"
_I64, _I64_2D = "int64[::1]", "int64[:, ::1]"
_SPANS, _U8_3D, _U32, _U64 = "int32[:, :, ::1]", "uint8[:, :, ::1]", "uint32[::1]", "uint64[::1]"
_PAIR, _CHANNELS = "UniTuple(int64, 2)", "UniTuple(int64, {C})"
# counters, work_counts, step and worker, with which `pool.run` calls every kernel.
_STEP = f"{_I64_2D}, {_I64}, int64, int64"
# channels, records, starts, pairs and background, with which kernels that render begin.
_RENDER = f"{_CHANNELS}, {_F32_2D}, {_I64}, {_I32}, {_F32}"
# origin, height, scratch and spans follow where the window may begin anywhere.
_WINDOW = f"{_PAIR}, int64, {_F32_2D}, {_SPANS}"


class _Entry(NamedTuple):
    """Where the source of a kernel is, and how it is compiled."""

    kind: Literal["items", "step", "plain"]
    module: str
    arguments: str
    scalar_module: str | None = None  # of the same function without vectors, if there is one
    function: str | None = None  # its name in the module, if it is not that of the kernel


_KERNELS = {
    "barrier": _Entry("step", "runtime.work_items", ""),
    "prepare_records": _Entry(
        "items",
        "raster.records",
        f"{_F32_2D}, {_F32_2D}, {_F32_2D}, {_F32}, {_F32}, int64, int64, int64, int64, {_F32_2D},"
        f" {_I32_2D}",
    ),
    "bin_to_strips": _Entry(
        "step", "raster.binning", f"{_I32_2D}, int64, {_I64}, {_I32}, {_I32}, {_I64}"
    ),
    "sum_forward": _Entry(
        "items", "raster.sum_forward", f"{_RENDER}, {_WINDOW}, {_F32_3D}", "raster.sum_scalar"
    ),
    "sum_forward_bytes": _Entry(
        "items",
        "raster.sum_forward",
        f"{_RENDER}, {_WINDOW}, {_U8_3D}",
        "raster.sum_scalar",
        "sum_forward",
    ),
    "sum_loss": _Entry(
        "items",
        "raster.sum_loss",
        f"{_RENDER}, int64, int64, {_F32_2D}, {_SPANS}, {_F32}, {_F32}, {_F32}, {_F32}, {_F32},"
        f" {_F32}, int64, int64, {_F64_2D}",
        "raster.sum_scalar",
    ),
    "split_planes": _Entry(
        "items",
        "raster.sum_backward",
        f"{_CHANNELS}, {_F32_3D}, {_F32}, int64",
        "raster.sum_scalar",
    ),
    "sum_backward": _Entry(
        "items",
        "raster.sum_backward",
        f"{_CHANNELS}, {_F32_2D}, {_I32}, {_I64}, {_PAIR}, int64, int64, {_SPANS},"
        f" {_F32}, int64, float32, {_F32_2D}, {_F32_2D}, {_F32_2D}",
        "raster.sum_scalar",
    ),
    "limit_cutoffs": _Entry(
        "items", "raster.alpha_per_gaussian", f"{_F32}, {_F32}, {_F32}, {_F32}"
    ),
    "alpha_forward": _Entry(
        "items",
        "raster.alpha_forward",
        f"{_RENDER}, {_F32}, {_WINDOW}, {_F32_3D}, {_F32_2D}, {_I32_2D}",
        "raster.alpha_scalar",
    ),
    "alpha_backward": _Entry(
        "items",
        "raster.alpha_backward",
        f"{_RENDER}, {_F32}, {_WINDOW}, {_F32_2D}, {_I32_2D}, {_F32_3D}, {_F32_2D}, {_F64_2D}",
        "raster.alpha_scalar",
    ),
    "reduce_gradients": _Entry(
        "items",
        "raster.alpha_per_gaussian",
        f"{_F32_2D}, {_I64}, {_I32}, {_F32}, {_F32_2D}, {_F32_2D}, {_F32_2D}, {_F32_2D}, {_F32}",
    ),
    "compare_ssim": _Entry(
        "items",
        "losses.ssim_kernel",
        f"{_F32_3D}, {_F32_3D}, {_F32_3D}, {_F32_3D}, {_F32}, {_F32_3D}, {_F64_2D}",
    ),
    "halve": _Entry("items", "losses.ms_ssim_kernels", f"{_F32_3D}, int64, {_F32_3D}"),
    "compare_scale": _Entry(
        "items",
        "losses.ms_ssim_kernels",
        f"{_F32_3D}, {_F32_3D}, {_F32}, {_F32}, int64, int64, {_F32_3D}, {_F64_2D}",
    ),
    "add_coarser": _Entry(
        "items", "losses.ms_ssim_kernels", f"{_F32}, {_F32_3D}, int64, {_F32_3D}"
    ),
    "fill_tables": _Entry(
        "plain",
        "ans.tables",
        f"{_U32}, {_U32}, int64, {_I64_2D}, uint64[:, ::1], uint32[:, ::1]",
    ),
    "encode": _Entry("plain", "ans.encoder", f"{_I64_2D}, int64, {_U32}"),
    "read_image": _Entry(
        "plain",
        "ans.image",
        f"{_U32}, {_I64_2D}, int64, int64, {_U32}, {_U32}, {_U64}, {_U32}, {_U32}, {_U32}, {_U32},"
        f" {_U32}, {_I64_2D}, {_I64_2D}, {_I64}, {_I64_2D}, {_I32}",
    ),
    "rdoq_pass": _Entry(
        "plain",
        "rdoq.pass_kernel",
        f"{_I32_2D}, {_F64}, {_F64_2D}, {_I64_2D}, {_F64}, {_I64_2D}, {_I64_2D}, {_I64_2D}, {_F64},"
        f" float64, {_F32_3D}, {_F32_3D}, {_F64}",
    ),
}

_vectors_work = True


def vectors_work() -> bool:
    """Tell whether every vector kernel that was asked for so far could be compiled."""
    return _vectors_work


@cache
def kernel(name: str, channels: int = 0, plain: bool = False) -> Any:
    """Compile one kernel, or load it from the cache.

    Args:
        name: a key of the table above.
        channels: 1 to 4 for kernels that are compiled for a number of channels.
        plain: take the scalar loops of `sum_scalar` or `alpha_scalar` instead of vectors.

    Returns:
        The compiled function. If the vector type does not compile with the installed Numba, the
        scalar kernels are used from then on, and one line on stderr says so.
    """
    global _vectors_work
    entry = _KERNELS[name]
    if entry.scalar_module and (plain or not _vectors_work):
        return _compile(entry.scalar_module, name, channels)
    try:
        return _compile(entry.module, name, channels)
    except (MemoryError, RecursionError):
        raise  # it says nothing of vectors
    except Exception as error:
        # What an untested version of Numba or LLVM raises here cannot be known beforehand.
        if entry.scalar_module is None:
            raise
        _vectors_work = False
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        say(f"slow kernels, vectors do not compile: {reason}")
        return _compile(entry.scalar_module, name, channels)


def _compile(module: str, name: str, channels: int) -> Any:
    """Compile a kernel of the table from its function in `module`."""
    entry = _KERNELS[name]
    with forks.no_forks():
        source = importlib.import_module(f"gsic_kernels.cpu.{module}")
        function: Callable[..., Any] = getattr(source, entry.function or name)
        if entry.kind == "items":
            # Imported here, as Numba must not be before a kernel is wanted.
            from gsic_kernels.cpu.runtime.work_items import make_kernel

            function = make_kernel(function)
    arguments = entry.arguments.format(C=channels)
    if entry.kind != "plain":
        # With a comma behind it, a single argument is a tuple of one as well.
        arguments = f"{_STEP}, Tuple(({arguments}{',' if arguments else ''}))"
    return compiling.kernel(f"int64({arguments})", function)
