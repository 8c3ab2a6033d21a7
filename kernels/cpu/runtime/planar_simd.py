"""Tuples of C vectors, one per colour channel, and how they are loaded and stored.

`channels` is a tuple of C integers whose values do not matter: its type tells the compiler C. In
scratch rows channels are planar: plane c lies c * pitch floats behind plane 0. In images they are
interleaved: a0 b0 c0 a1 b1 c1 and so on.
"""

# Numba's extension interface has no types.
# mypy: disable-error-code="no-untyped-call, untyped-decorator"

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import cgutils, types

from gsic_kernels.cpu.runtime.lanes import LANES
from gsic_kernels.cpu.runtime.simd import (
    INT32,
    VECTOR,
    element_pointer,
    emit_constant,
    emit_fma,
    emit_spread,
    emit_total,
    intrinsic,
    lanes,
)

_FLOAT = ir.FloatType()


@intrinsic
def load_colors(typing: Any, array: Any, index: Any, channels: Any) -> Any:
    """Load C consecutive floats of an array of any shape and broadcast each to a vector."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        array, index, _ = args
        vectors = []
        for c in range(len(channels)):
            place = builder.add(index, index.type(c))
            pointer = element_pointer(context, builder, sig.args[0], array, place)
            vectors.append(emit_spread(builder, builder.load(pointer, align=4)))
        return context.make_tuple(builder, sig.return_type, vectors)

    return types.UniTuple(lanes, len(channels))(array, types.intp, channels), lower


@intrinsic
def load_planes(typing: Any, array: Any, index: Any, pitch: Any, channels: Any) -> Any:
    """Load LANES pixels of C planes."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        array, index, pitch, _ = args
        vectors = []
        for _c in range(len(channels)):
            pointer = element_pointer(context, builder, sig.args[0], array, index)
            vectors.append(builder.load(pointer, align=4, typ=VECTOR))
            index = builder.add(index, pitch)
        return context.make_tuple(builder, sig.return_type, vectors)

    result = types.UniTuple(lanes, len(channels))
    return result(array, types.intp, types.intp, channels), lower


@intrinsic
def store_planes(typing: Any, array: Any, index: Any, pitch: Any, planes: Any) -> Any:
    """Store LANES pixels of C planes."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        array, index, pitch, planes = args
        for vector in cgutils.unpack_tuple(builder, planes):
            pointer = element_pointer(context, builder, sig.args[0], array, index)
            builder.store(vector, builder.bitcast(pointer, VECTOR.as_pointer()), align=4)
            index = builder.add(index, pitch)
        return context.get_dummy_value()

    return types.void(array, types.intp, types.intp, planes), lower


@intrinsic
def fma_planes(typing: Any, weight: Any, colors: Any, planes: Any) -> Any:
    """Compute weight * colors[c] + planes[c] for each c."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        weight, colors, planes = args
        pairs = zip(
            cgutils.unpack_tuple(builder, colors),
            cgutils.unpack_tuple(builder, planes),
            strict=True,
        )
        vectors = [emit_fma(builder, weight, color, plane) for color, plane in pairs]
        return context.make_tuple(builder, sig.return_type, vectors)

    return planes(lanes, colors, planes), lower


@intrinsic
def dot_planes(typing: Any, colors: Any, planes: Any) -> Any:
    """Compute the sum over c of colors[c] * planes[c], channel 0 first."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        colors, planes = (cgutils.unpack_tuple(builder, value) for value in args)
        value = builder.fmul(colors[0], planes[0])
        for color, plane in zip(colors[1:], planes[1:], strict=True):
            value = emit_fma(builder, color, plane, value)
        return value

    return lanes(colors, planes), lower


@intrinsic
def zero_planes(typing: Any, channels: Any) -> Any:
    """Make C vectors of zeros."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return context.make_tuple(builder, sig.return_type, [emit_constant(0.0)] * len(channels))

    return types.UniTuple(lanes, len(channels))(channels), lower


@intrinsic
def total_planes(typing: Any, planes: Any) -> Any:
    """Sum the lanes of each plane: a tuple of C float32."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        sums = [emit_total(builder, v) for v in cgutils.unpack_tuple(builder, args[0])]
        return context.make_tuple(builder, sig.return_type, sums)

    return types.UniTuple(types.float32, len(planes))(planes), lower


@intrinsic
def load_pixels(typing: Any, array: Any, index: Any, channels: Any) -> Any:
    """Load LANES interleaved float32 pixels at array[index:] as planes."""
    count = len(channels)

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        array, index, _ = args
        pointer = element_pointer(context, builder, sig.args[0], array, index)
        # One wide load and a shuffle per channel: LLVM has instructions for these strides, but
        # does not find them in LANES single loads.
        kind = ir.VectorType(_FLOAT, LANES * count)
        value = builder.load(builder.bitcast(pointer, kind.as_pointer()), align=4, typ=kind)
        vectors = []
        for c in range(count):
            order = [lane * count + c for lane in range(LANES)]
            mask = ir.Constant(ir.VectorType(INT32, LANES), order)
            vectors.append(builder.shuffle_vector(value, value, mask))
        return context.make_tuple(builder, sig.return_type, vectors)

    return types.UniTuple(lanes, count)(array, types.intp, channels), lower


@intrinsic
def store_pixels(typing: Any, array: Any, index: Any, planes: Any) -> Any:
    """Store LANES pixels interleaved at array[index:]."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        array, index, planes = args
        value = _emit_interleave(builder, cgutils.unpack_tuple(builder, planes))
        pointer = element_pointer(context, builder, sig.args[0], array, index)
        builder.store(value, builder.bitcast(pointer, value.type.as_pointer()), align=4)
        return context.get_dummy_value()

    return types.void(array, types.intp, planes), lower


def _emit_interleave(builder: Any, vectors: list[Any]) -> Any:
    """Emit one vector a0 b0 c0 a1 b1 c1 and so on of 1 to 4 vectors."""
    count = len(vectors)
    if count == 1:
        return vectors[0]
    # A shuffle takes two vectors of the same length: join them in pairs, the last one repeated.
    four = [*vectors, *[vectors[-1]] * (4 - count)]
    joined = _emit_join(builder, _emit_join(builder, *four[:2]), _emit_join(builder, *four[2:]))
    order = [LANES * c + lane for lane in range(LANES) for c in range(count)]
    mask = ir.Constant(ir.VectorType(INT32, len(order)), order)
    return builder.shuffle_vector(joined, joined, mask)


def _emit_join(builder: Any, a: Any, b: Any) -> Any:
    """Emit the vector of the lanes of `a`, then those of `b`."""
    width = 2 * a.type.count
    order = ir.Constant(ir.VectorType(INT32, width), list(range(width)))
    return builder.shuffle_vector(a, b, order)
