"""The table of all CPU kernels, and the function that finds the machine code of one of them.

There are three kinds:

- "items": a function over one work item. `work_loop.make_kernel` makes the kernel of a step of it.
- "step": the kernel of a step, which waits and counts by itself.
- "plain": a function that is called directly, on one thread.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import cache
from typing import Any, Literal, NamedTuple

from gsic_kernels.constants import CHANNELS_MAX
from gsic_kernels.cpu.runtime import compiling, forks, shipped

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


# channels, records, boxes, starts, pairs and lattices, with which kernels that render sums begin;
# the next coarser lattice, tiles, offsets, places and buffers follow the background.
_SUM = f"{_CHANNELS}, {_F32_2D}, {_I32_2D}, {_I64}, {_I32}, {_I64_2D}"
_TILE = f"{_F32}, {_F32_2D}, {_F32_3D}, {_I32_2D}, {_F32_2D}"
# What kernels that make splats fill: what the way back needs, and the arrays of splats.
_DRAWN = f"{_F64_2D}, {_F32_2D}, {_F32_2D}, {_F32_2D}, {_F32}, {_F32}, {_I32}"

_KERNELS = {
    "barrier": _Entry("step", "runtime.work_loop", ""),
    "wait_for_signal": _Entry("plain", "runtime.work_loop", f"{_I64}, int64, int64"),
    "prepare_records": _Entry(
        "items",
        "alpha.records",
        f"{_F32_2D}, {_F32_2D}, {_F32_2D}, {_F32}, {_F32}, int64, int64, int64, int64, {_F32_2D},"
        f" {_I32_2D}",
    ),
    "bin_to_strips": _Entry("step", "alpha.binning", f"{_I32_2D}, int64, {_I64}, {_I32}"),
    "dequantise": _Entry(
        "items",
        "sums.dequantising",
        f"{_I32_2D}, {_F64}, {_F64_2D}, {_F64_2D}, {_F32_2D}, {_F32_2D}, {_F32_2D}, {_F32}, {_F32},"
        f" {_I32}",
    ),
    "prepare_splats": _Entry(
        "items",
        "sums.records",
        f"{_F32_2D}, {_F32_2D}, {_F32_2D}, {_F32}, {_F32}, {_I32}, {_I64_2D}, {_F32_2D}, {_I32_2D}",
    ),
    "bin_to_tiles": _Entry(
        "step",
        "sums.binning",
        f"{_I32_2D}, {_I32}, {_I64_2D}, {_I64}, {_I32}, {_I64}, {_I32}",
    ),
    "render_planes": _Entry("items", "sums.forward", f"{_SUM}, int64, {_F32}, {_TILE}, {_F32}"),
    "render_bytes": _Entry("items", "sums.forward", f"{_SUM}, {_F32}, {_TILE}, {_PAIR}, {_U8_3D}"),
    "compare_tile": _Entry(
        "items",
        "sums.comparison",
        f"{_SUM}, {_F32}, {_TILE}, {_F32}, {_F32}, {_F32}, {_F32}, {_F32}, {_F32}, {_F32}, int64,"
        f" int64, {_F64_2D}",
    ),
    "draw_floats": _Entry("items", "fit.drawing", f"{_F64_2D}, float64, int64, {_DRAWN}"),
    "draw_symbols": _Entry(
        "items",
        "fit.drawing",
        f"{_F64_2D}, {_I64}, {_I64}, {_PAIR}, UniTuple(float64, 9), {_F64_2D}, int64, {_I64_2D},"
        f" {_DRAWN}",
    ),
    "check_levels": _Entry("step", "fit.drawing", f"{_I32}, {_I64_2D}"),
    "move_gaussians": _Entry(
        "items",
        "fit.moving",
        f"{_F32_2D}, {_F32_2D}, {_F32_2D}, {_I32_2D}, {_F64_2D}, {_F64_2D}, {_F64}, {_F64},"
        f" UniTuple(float64, 2), UniTuple(float64, 3), {_F64_2D}, {_F64_2D}, {_F64_2D}, {_F64}",
    ),
    "split_to_blocks": _Entry(
        "items", "sums.shrinking", f"{_CHANNELS}, {_F32_3D}, {_PAIR}, {_I64_2D}, {_F32}"
    ),
    "shrink_gradient": _Entry(
        "items", "sums.shrinking", f"{_CHANNELS}, {_I64_2D}, int64, {_F32_2D}, {_I64}, {_F32}"
    ),
    "sum_backward": _Entry(
        "items",
        "sums.backward",
        f"{_CHANNELS}, {_F32_2D}, {_I32_2D}, {_I32}, {_I32}, {_I64}, {_I64_2D}, {_F32}, {_I64},"
        f" {_F32_3D}, {_I32_2D}, float32, {_F32_2D}, {_F32_2D}, {_F32_2D}",
    ),
    "limit_cutoffs": _Entry("items", "alpha.per_gaussian", f"{_F32}, {_F32}, {_F32}, {_F32}"),
    "alpha_forward": _Entry(
        "items",
        "alpha.forward",
        f"{_RENDER}, {_F32}, {_WINDOW}, {_F32_3D}, {_F32_2D}, {_I32_2D}",
    ),
    "alpha_backward": _Entry(
        "items",
        "alpha.backward",
        f"{_RENDER}, {_F32}, {_WINDOW}, {_F32_2D}, {_I32_2D}, {_F32_3D}, {_F32_2D}, {_F64_2D}",
    ),
    "reduce_gradients": _Entry(
        "items",
        "alpha.per_gaussian",
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
        f"{_CHANNELS}, {_I32_2D}, {_F64}, {_F64_2D}, {_I64_2D}, {_F64}, {_I64_2D}, {_I64_2D},"
        f" {_I64_2D}, {_F64}, float64, {_I64}, {_PAIR}, {_F32}, {_F32}, {_F32}, {_F32}, {_I32},"
        f" {_F32_2D}, {_I32}, {_F64}",
    ),
}


@cache
def kernel(name: str, channels: int = 0) -> Any:
    """Take one kernel from those that came with the package, load it from the cache, or compile it.

    Args:
        name: a key of the table above.
        channels: 1 to 4 for kernels that are compiled for a number of channels.

    Returns:
        Its machine code as a function.
    """
    function = shipped.find(name, channels if "{C}" in _KERNELS[name].arguments else 0)
    return compiling.kernel(*find_source(name, channels)) if function is None else function


def list_kernels() -> list[tuple[str, int]]:
    """List every kernel of the table with its number of channels, 0 if it has no such number."""
    return [
        (name, channels)
        for name, entry in _KERNELS.items()
        for channels in (range(1, CHANNELS_MAX + 1) if "{C}" in entry.arguments else (0,))
    ]


def find_source(name: str, channels: int) -> tuple[str, Callable[..., Any]]:
    """Find what to compile for a kernel of the table.

    Args:
        name, channels: as for `kernel`.

    Returns:
        Its Numba signature and the function.
    """
    entry = _KERNELS[name]
    with forks.no_forks():
        source = importlib.import_module(f"gsic_kernels.cpu.{entry.module}")
        function: Callable[..., Any] = getattr(source, name)
        if entry.kind == "items":
            # Imported here, as Numba must not be before a kernel is wanted.
            from gsic_kernels.cpu.runtime.work_loop import make_kernel

            function = make_kernel(function)
    arguments = entry.arguments.format(C=channels)
    if entry.kind != "plain":
        # With a comma behind it, a single argument is a tuple of one as well.
        arguments = f"{_STEP}, Tuple(({arguments}{',' if arguments else ''}))"
    return f"int64({arguments})", function
