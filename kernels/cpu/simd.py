"""A Numba type of LANES float32, so that kernels read like NumPy and LLVM sees vectors.

LLVM maps the lanes onto whatever the CPU has: one register of AVX-512 or AVX2, two of SSE or NEON
(see `lanes`). Every function below is emitted in place: a vector is never an argument of a call,
whose ABI would depend on the CPU.

    v = load(row, x)            LANES floats of a one-dimensional float32 array, any alignment
    store(row, x, v)            the array must reach x + LANES: rows carry that much slack
    v + w, v - w, v * w         vector with vector, or with a float32 scalar
    fma(v, w, z)                v * w + z, fused where the CPU can
"""

# Numba's extension interface has no types.
# mypy: disable-error-code="no-untyped-call, untyped-decorator"

from __future__ import annotations

import operator
from typing import Any

from gsic_kernels.cpu.lanes import LANES
from gsic_kernels.cpu.prepare import EXP_COEFFICIENTS, EXP_SQUARINGS
from llvmlite import ir
from numba import extending
from numba.core import cgutils, types
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import lower_builtin, models, register_model

# Numba types an intrinsic as the function that is its recipe, not as what a kernel calls.
intrinsic: Any = extending.intrinsic

_FLOAT = ir.FloatType()
_BYTE = ir.IntType(8)
_INT32 = ir.IntType(32)
_VECTOR = ir.VectorType(_FLOAT, LANES)


class _Lanes(types.Type):
    def __init__(self) -> None:
        super().__init__(name="Lanes")


lanes = _Lanes()


@register_model(_Lanes)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, _VECTOR)


def _spread(builder: Any, scalar: Any) -> Any:
    first = builder.insert_element(ir.Constant(_VECTOR, ir.Undefined), scalar, _INT32(0))
    zeros = ir.Constant(ir.VectorType(_INT32, LANES), [0] * LANES)
    return builder.shuffle_vector(first, ir.Constant(_VECTOR, ir.Undefined), zeros)


def _as_vector(builder: Any, kind: Any, value: Any) -> Any:
    return value if isinstance(kind, _Lanes) else _spread(builder, value)


def _constant(value: float) -> Any:
    return ir.Constant(_VECTOR, [value] * LANES)


def _fma(builder: Any, a: Any, b: Any, c: Any) -> Any:
    kind = ir.FunctionType(_VECTOR, [_VECTOR] * 3)
    function = cgutils.get_or_insert_function(builder.module, kind, f"llvm.fmuladd.v{LANES}f32")
    return builder.call(function, [a, b, c])


def _larger(builder: Any, a: Any, b: Any) -> Any:
    return builder.select(builder.fcmp_ordered(">", a, b), a, b)


def _smaller(builder: Any, a: Any, b: Any) -> Any:
    return builder.select(builder.fcmp_ordered("<", a, b), a, b)


def _pointer(context: Any, builder: Any, kind: Any, array: Any, index: Any) -> Any:
    data = context.make_array(kind)(context, builder, array).data
    return builder.gep(data, [index], inbounds=True)


# --- arithmetic operators -------------------------------------------------------------------------


def _register(operation: Any, emit: str) -> None:
    @infer_global(operation)
    class _Operator(AbstractTemplate):
        def generic(self, args: Any, kws: Any) -> Any:
            if len(args) == 2 and lanes in args and {*args} <= {lanes, types.float32}:
                return signature(lanes, *args)
            return None

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        a, b = (_as_vector(builder, k, v) for k, v in zip(sig.args, args, strict=True))
        return getattr(builder, emit)(a, b)

    for pair in ((_Lanes, _Lanes), (_Lanes, types.Float), (types.Float, _Lanes)):
        lower_builtin(operation, *pair)(lower)


_register(operator.add, "fadd")
_register(operator.sub, "fsub")
_register(operator.mul, "fmul")


# --- functions ------------------------------------------------------------------------------------


def _vector_function(count: int, emit: Any) -> Any:
    """An intrinsic of `count` arguments, vectors or float32, whose value is a vector."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        vectors = [_as_vector(builder, k, v) for k, v in zip(sig.args, args, strict=True)]
        return emit(builder, *vectors)

    def typed(args: Any) -> Any:
        return (lanes(*args), lower) if {*args} <= {lanes, types.float32} else None

    # Numba reads the number of arguments off the function's signature.
    if count == 1:
        return intrinsic(lambda typing, a: typed((a,)))
    if count == 2:
        return intrinsic(lambda typing, a, b: typed((a, b)))
    if count == 3:
        return intrinsic(lambda typing, a, b, c: typed((a, b, c)))
    return intrinsic(lambda typing, a, b, c, d: typed((a, b, c, d)))


def _emit_exp(builder: Any, z: Any) -> Any:
    value = _constant(EXP_COEFFICIENTS[0])
    for coefficient in EXP_COEFFICIENTS[1:]:
        value = _fma(builder, value, z, _constant(coefficient))
    for _ in range(EXP_SQUARINGS):
        value = builder.fmul(value, value)
    return value


def _emit_where_le(builder: Any, a: Any, b: Any, value: Any) -> Any:
    return builder.select(builder.fcmp_ordered("<=", a, b), value, _constant(0.0))


def _emit_clamp01(builder: Any, a: Any) -> Any:
    return _smaller(builder, _larger(builder, a, _constant(0.0)), _constant(1.0))


def _emit_sign(builder: Any, a: Any) -> Any:
    zero = _constant(0.0)
    below = builder.select(builder.fcmp_ordered("<", a, zero), _constant(-1.0), zero)
    return builder.select(builder.fcmp_ordered(">", a, zero), _constant(1.0), below)


def _emit_absolute(builder: Any, a: Any) -> Any:
    return _larger(builder, a, builder.fsub(_constant(0.0), a))


def _emit_total(builder: Any, value: Any) -> Any:
    width = LANES
    while width > 1:
        width //= 2
        order = ir.VectorType(_INT32, width)
        low = ir.Constant(order, list(range(width)))
        high = ir.Constant(order, list(range(width, 2 * width)))
        value = builder.fadd(
            builder.shuffle_vector(value, value, low),
            builder.shuffle_vector(value, value, high),
        )
    return builder.extract_element(value, _INT32(0))


#: a float32 in every lane
broadcast = _vector_function(1, lambda builder, a: a)
#: a * b + c
fma = _vector_function(3, _fma)
#: exp(-8 z) for 0 <= z <= 2, to 6e-7; anything at all outside
exp_minus_8 = _vector_function(1, _emit_exp)
#: value where a <= b, else 0 (also where a or b is not a number)
where_le = _vector_function(3, _emit_where_le)
#: limited to 0..1; not a number becomes 0
clamp01 = _vector_function(1, _emit_clamp01)
#: -1, 0 or 1
sign = _vector_function(1, _emit_sign)
absolute = _vector_function(1, _emit_absolute)


@intrinsic
def ramp(typing: Any) -> Any:
    """0, 1, .. LANES - 1."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return ir.Constant(_VECTOR, [float(lane) for lane in range(LANES)])

    return lanes(), lower


@intrinsic
def total(typing: Any, a: Any) -> Any:
    """Sum of the lanes, by halves."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return _emit_total(builder, args[0])

    return types.float32(lanes), lower


@intrinsic
def load(typing: Any, array: Any, index: Any) -> Any:
    """The LANES floats at array[index:]."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        pointer = _pointer(context, builder, sig.args[0], *args)
        return builder.load(pointer, align=4, typ=_VECTOR)

    return lanes(array, types.intp), lower


@intrinsic
def store(typing: Any, array: Any, index: Any, value: Any) -> Any:
    """Write LANES floats to array[index:]."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        array, index, value = args
        pointer = _pointer(context, builder, sig.args[0], array, index)
        builder.store(value, builder.bitcast(pointer, _VECTOR.as_pointer()), align=4)
        return context.get_dummy_value()

    return types.void(array, types.intp, lanes), lower


# --- tuples of vectors: one per colour channel ----------------------------------------------------
#
# `channels` is a tuple of C integers whose values do not matter: its type tells the compiler C.
# Plane c of a row lies c * pitch floats behind plane 0.


@intrinsic
def load_colors(typing: Any, array: Any, index: Any, channels: Any) -> Any:
    """C consecutive floats of an array of any shape, each broadcast."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        array, index, _ = args
        vectors = []
        for c in range(len(channels)):
            place = builder.add(index, index.type(c))
            pointer = _pointer(context, builder, sig.args[0], array, place)
            vectors.append(_spread(builder, builder.load(pointer, align=4)))
        return context.make_tuple(builder, sig.return_type, vectors)

    return types.UniTuple(lanes, len(channels))(array, types.intp, channels), lower


@intrinsic
def load_planes(typing: Any, array: Any, index: Any, pitch: Any, channels: Any) -> Any:
    """LANES pixels of C planes."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        array, index, pitch, _ = args
        vectors = []
        for _c in range(len(channels)):
            pointer = _pointer(context, builder, sig.args[0], array, index)
            vectors.append(builder.load(pointer, align=4, typ=_VECTOR))
            index = builder.add(index, pitch)
        return context.make_tuple(builder, sig.return_type, vectors)

    result = types.UniTuple(lanes, len(channels))
    return result(array, types.intp, types.intp, channels), lower


@intrinsic
def store_planes(typing: Any, array: Any, index: Any, pitch: Any, planes: Any) -> Any:
    """Write LANES pixels of C planes."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        array, index, pitch, planes = args
        for vector in cgutils.unpack_tuple(builder, planes):
            pointer = _pointer(context, builder, sig.args[0], array, index)
            builder.store(vector, builder.bitcast(pointer, _VECTOR.as_pointer()), align=4)
            index = builder.add(index, pitch)
        return context.get_dummy_value()

    return types.void(array, types.intp, types.intp, planes), lower


@intrinsic
def fma_planes(typing: Any, weight: Any, colors: Any, planes: Any) -> Any:
    """weight * colors[c] + planes[c]."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        weight, colors, planes = args
        pairs = zip(
            cgutils.unpack_tuple(builder, colors),
            cgutils.unpack_tuple(builder, planes),
            strict=True,
        )
        vectors = [_fma(builder, weight, color, plane) for color, plane in pairs]
        return context.make_tuple(builder, sig.return_type, vectors)

    return planes(lanes, colors, planes), lower


@intrinsic
def dot_planes(typing: Any, colors: Any, planes: Any) -> Any:
    """Sum over c of colors[c] * planes[c]."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        colors, planes = (cgutils.unpack_tuple(builder, value) for value in args)
        value = builder.fmul(colors[0], planes[0])
        for color, plane in zip(colors[1:], planes[1:], strict=True):
            value = _fma(builder, color, plane, value)
        return value

    return lanes(colors, planes), lower


@intrinsic
def zero_planes(typing: Any, channels: Any) -> Any:
    """C vectors of zeros."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return context.make_tuple(builder, sig.return_type, [_constant(0.0)] * len(channels))

    return types.UniTuple(lanes, len(channels))(channels), lower


@intrinsic
def total_planes(typing: Any, planes: Any) -> Any:
    """Sum of the lanes of each plane: a tuple of C float32."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        sums = [_emit_total(builder, v) for v in cgutils.unpack_tuple(builder, args[0])]
        return context.make_tuple(builder, sig.return_type, sums)

    return types.UniTuple(types.float32, len(planes))(planes), lower


@intrinsic
def clamp01_planes(typing: Any, planes: Any) -> Any:
    """Each plane limited to 0..1; not a number becomes 0."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        vectors = [_emit_clamp01(builder, v) for v in cgutils.unpack_tuple(builder, args[0])]
        return context.make_tuple(builder, sig.return_type, vectors)

    return planes(planes), lower


# --- between planes and interleaved pixels --------------------------------------------------------


def _joined(builder: Any, a: Any, b: Any) -> Any:
    width = 2 * a.type.count
    order = ir.Constant(ir.VectorType(_INT32, width), list(range(width)))
    return builder.shuffle_vector(a, b, order)


def _interleaved(builder: Any, vectors: list[Any]) -> Any:
    """One vector a0 b0 c0 a1 b1 c1 .. of 1 to 4 vectors."""
    count = len(vectors)
    if count == 1:
        return vectors[0]
    four = [*vectors, *[vectors[-1]] * (4 - count)]
    every = _joined(builder, _joined(builder, *four[:2]), _joined(builder, *four[2:]))
    order = [LANES * c + lane for lane in range(LANES) for c in range(count)]
    mask = ir.Constant(ir.VectorType(_INT32, len(order)), order)
    return builder.shuffle_vector(every, every, mask)


@intrinsic
def store_pixels(typing: Any, array: Any, index: Any, planes: Any) -> Any:
    """Write LANES pixels interleaved to array[index:], float32."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        array, index, planes = args
        value = _interleaved(builder, cgutils.unpack_tuple(builder, planes))
        pointer = _pointer(context, builder, sig.args[0], array, index)
        builder.store(value, builder.bitcast(pointer, value.type.as_pointer()), align=4)
        return context.get_dummy_value()

    return types.void(array, types.intp, planes), lower


@intrinsic
def store_bytes(typing: Any, array: Any, index: Any, planes: Any) -> Any:
    """Write LANES pixels in 0..1 interleaved to array[index:] as 0..255, rounded half up."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        array, index, planes = args
        vectors = []
        for plane in cgutils.unpack_tuple(builder, planes):
            level = _fma(builder, plane, _constant(255.0), _constant(0.5))
            whole = builder.fptosi(level, ir.VectorType(_INT32, LANES))
            vectors.append(builder.trunc(whole, ir.VectorType(_BYTE, LANES)))
        value = _interleaved(builder, vectors)
        pointer = _pointer(context, builder, sig.args[0], array, index)
        builder.store(value, builder.bitcast(pointer, value.type.as_pointer()), align=1)
        return context.get_dummy_value()

    return types.void(array, types.intp, planes), lower


@intrinsic
def load_pixels(typing: Any, array: Any, index: Any, channels: Any) -> Any:
    """Read LANES interleaved float32 pixels at array[index:] as planes."""
    count = len(channels)

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        array, index, _ = args
        pointer = _pointer(context, builder, sig.args[0], array, index)
        kind = ir.VectorType(_FLOAT, LANES * count)
        value = builder.load(builder.bitcast(pointer, kind.as_pointer()), align=4, typ=kind)
        vectors = []
        for c in range(count):
            order = [lane * count + c for lane in range(LANES)]
            mask = ir.Constant(ir.VectorType(_INT32, LANES), order)
            vectors.append(builder.shuffle_vector(value, value, mask))
        return context.make_tuple(builder, sig.return_type, vectors)

    return types.UniTuple(lanes, count)(array, types.intp, channels), lower


# --- loops ----------------------------------------------------------------------------------------


@intrinsic
def rolled(typing: Any) -> Any:
    """Keep the loop that holds this from being unrolled."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        call = builder.asm(ir.FunctionType(ir.VoidType(), []), "", "", [], True)
        call.attributes.add("convergent")
        return context.get_dummy_value()

    return types.void(), lower
