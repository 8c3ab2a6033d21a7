"""A Numba type of LANES float32, with which kernels read like NumPy and LLVM sees vectors.

LLVM maps the lanes to what the CPU has: one register of AVX-512 or AVX2, two of SSE or NEON (see
`lanes`). Every function below is emitted in place. So a vector is never an argument of a call,
whose ABI would depend on the CPU.

    v = load(row, x)            loads LANES floats of a float32 array, at any alignment
    store(row, x, v)            stores them; the array must reach x + LANES, so rows have slack
    v + w, v - w, v * w, v / w  takes two vectors, or a vector and a float32 scalar
    fma(v, w, z)                is v * w + z, fused where the CPU can
"""

# Numba's extension interface has no types.
# mypy: disable-error-code="no-untyped-call, untyped-decorator"

from __future__ import annotations

import operator
from typing import Any

from llvmlite import ir
from numba import extending
from numba.core import cgutils, types
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import lower_builtin, models, register_model

from gsic_kernels.cpu.runtime.exponential import EXP_COEFFICIENTS, EXP_SQUARINGS
from gsic_kernels.cpu.runtime.lanes import LANES

# For type checkers a Numba intrinsic is the function that describes it; kernels call it with other
# arguments.
intrinsic: Any = extending.intrinsic

_FLOAT = ir.FloatType()
INT32 = ir.IntType(32)
VECTOR = ir.VectorType(_FLOAT, LANES)


class _Lanes(types.Type):
    def __init__(self) -> None:
        super().__init__(name="Lanes")


lanes = _Lanes()


@register_model(_Lanes)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, VECTOR)


def emit_spread(builder: Any, scalar: Any) -> Any:
    """Emit a vector with `scalar` in every lane."""
    first = builder.insert_element(ir.Constant(VECTOR, ir.Undefined), scalar, INT32(0))
    zeros = ir.Constant(ir.VectorType(INT32, LANES), [0] * LANES)
    return builder.shuffle_vector(first, ir.Constant(VECTOR, ir.Undefined), zeros)


def _as_vector(builder: Any, kind: Any, value: Any) -> Any:
    return value if isinstance(kind, _Lanes) else emit_spread(builder, value)


def emit_constant(value: float) -> Any:
    """Return a constant vector with `value` in every lane."""
    return ir.Constant(VECTOR, [value] * LANES)


def emit_fma(builder: Any, a: Any, b: Any, c: Any) -> Any:
    """Emit a b + c, with one rounding where the CPU has an instruction for it."""
    kind = ir.FunctionType(VECTOR, [VECTOR] * 3)
    function = cgutils.get_or_insert_function(builder.module, kind, f"llvm.fmuladd.v{LANES}f32")
    return builder.call(function, [a, b, c])


def _larger(builder: Any, a: Any, b: Any) -> Any:
    return builder.select(builder.fcmp_ordered(">", a, b), a, b)


def _smaller(builder: Any, a: Any, b: Any) -> Any:
    return builder.select(builder.fcmp_ordered("<", a, b), a, b)


def element_pointer(context: Any, builder: Any, kind: Any, array: Any, index: Any) -> Any:
    """Emit the address of an element of an array by its index in memory."""
    data = context.make_array(kind)(context, builder, array).data
    return builder.gep(data, [index], inbounds=True)


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
_register(operator.truediv, "fdiv")


def _vector_function(count: int, emit: Any) -> Any:
    """Make an intrinsic of `count` arguments, vectors or float32, whose value is a vector."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        vectors = [_as_vector(builder, k, v) for k, v in zip(sig.args, args, strict=True)]
        return emit(builder, *vectors)

    def typed(args: Any) -> Any:
        return (lanes(*args), lower) if {*args} <= {lanes, types.float32} else None

    # Numba counts the parameters of the function itself, so `*args` will not do.
    if count == 1:
        return intrinsic(lambda typing, a: typed((a,)))
    if count == 2:
        return intrinsic(lambda typing, a, b: typed((a, b)))
    if count == 3:
        return intrinsic(lambda typing, a, b, c: typed((a, b, c)))
    return intrinsic(lambda typing, a, b, c, d: typed((a, b, c, d)))


def _emit_exp(builder: Any, z: Any) -> Any:
    # A polynomial in z, then 3 squarings, in place of a range reduction: z is bounded.
    value = emit_constant(EXP_COEFFICIENTS[0])
    for coefficient in EXP_COEFFICIENTS[1:]:
        value = emit_fma(builder, value, z, emit_constant(coefficient))
    for _ in range(EXP_SQUARINGS):
        value = builder.fmul(value, value)
    return value


def _emit_where_le(builder: Any, a: Any, b: Any, value: Any) -> Any:
    return builder.select(builder.fcmp_ordered("<=", a, b), value, emit_constant(0.0))


def _emit_select_le(builder: Any, a: Any, b: Any, value: Any, other: Any) -> Any:
    return builder.select(builder.fcmp_ordered("<=", a, b), value, other)


def emit_clamp01(builder: Any, a: Any) -> Any:
    """Emit `a` limited to 0..1 in every lane."""
    return _smaller(builder, _larger(builder, a, emit_constant(0.0)), emit_constant(1.0))


def _emit_sign(builder: Any, a: Any) -> Any:
    zero = emit_constant(0.0)
    below = builder.select(builder.fcmp_ordered("<", a, zero), emit_constant(-1.0), zero)
    return builder.select(builder.fcmp_ordered(">", a, zero), emit_constant(1.0), below)


def _emit_absolute(builder: Any, a: Any) -> Any:
    return _larger(builder, a, builder.fsub(emit_constant(0.0), a))


def _emit_unary(name: str) -> Any:
    """Return a function that emits an operation of LLVM on one vector."""

    def emit(builder: Any, a: Any) -> Any:
        kind = ir.FunctionType(VECTOR, [VECTOR])
        name_of_kind = f"llvm.{name}.v{LANES}f32"
        return builder.call(cgutils.get_or_insert_function(builder.module, kind, name_of_kind), [a])

    return emit


def emit_total(builder: Any, value: Any) -> Any:
    """Emit the sum over all lanes: halves are added until one number is left."""
    width = LANES
    while width > 1:
        width //= 2
        order = ir.VectorType(INT32, width)
        low = ir.Constant(order, list(range(width)))
        high = ir.Constant(order, list(range(width, 2 * width)))
        value = builder.fadd(
            builder.shuffle_vector(value, value, low),
            builder.shuffle_vector(value, value, high),
        )
    return builder.extract_element(value, INT32(0))


#: Put a float32 into every lane.
broadcast = _vector_function(1, lambda builder, a: a)
#: Compute a * b + c.
fma = _vector_function(3, emit_fma)
#: Compute exp(-8 z) to 6e-7 for 0 <= z <= 2. Outside the result has no meaning.
exp_minus_8 = _vector_function(1, _emit_exp)
#: Select `value` where a <= b, else 0, also where a or b is not a number.
where_le = _vector_function(3, _emit_where_le)
#: Select `value` where a <= b, else `other`.
select_le = _vector_function(4, _emit_select_le)
#: Select the smaller of a and b, and b where one of them is not a number.
smaller = _vector_function(2, _smaller)
#: Select the larger of a and b, and b where one of them is not a number.
larger = _vector_function(2, _larger)
#: Compute the square root.
square_root = _vector_function(1, _emit_unary("sqrt"))
#: Round down to a whole number.
floor = _vector_function(1, _emit_unary("floor"))
#: Clamp to 0..1; what is not a number becomes 0.
clamp01 = _vector_function(1, emit_clamp01)
#: Compute the sign: -1, 0 or 1.
sign = _vector_function(1, _emit_sign)
#: Compute the absolute value.
absolute = _vector_function(1, _emit_absolute)


@intrinsic
def ramp(typing: Any) -> Any:
    """Make the vector 0, 1, 2 up to LANES - 1."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return ir.Constant(VECTOR, [float(lane) for lane in range(LANES)])

    return lanes(), lower


@intrinsic
def total(typing: Any, a: Any) -> Any:
    """Sum the lanes, by adding the upper half to the lower one until one lane is left."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return emit_total(builder, args[0])

    return types.float32(lanes), lower


@intrinsic
def any_below(typing: Any, a: Any, limit: Any) -> Any:
    """Tell whether a < limit in any lane."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        below = builder.fcmp_ordered("<", args[0], emit_spread(builder, args[1]))
        bits = builder.bitcast(below, ir.IntType(LANES))
        return builder.icmp_unsigned("!=", bits, ir.IntType(LANES)(0))

    return types.boolean(lanes, types.float32), lower


@intrinsic
def load(typing: Any, array: Any, index: Any) -> Any:
    """Load the LANES floats at array[index:]."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        pointer = element_pointer(context, builder, sig.args[0], *args)
        return builder.load(pointer, align=4, typ=VECTOR)

    return lanes(array, types.intp), lower


@intrinsic
def load_integers(typing: Any, array: Any, index: Any) -> Any:
    """Load the LANES int32 at array[index:], each converted to a float."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        kind = ir.VectorType(INT32, LANES)
        pointer = element_pointer(context, builder, sig.args[0], *args)
        value = builder.load(builder.bitcast(pointer, kind.as_pointer()), align=4, typ=kind)
        return builder.sitofp(value, VECTOR)

    return lanes(array, types.intp), lower


@intrinsic
def store(typing: Any, array: Any, index: Any, value: Any) -> Any:
    """Store LANES floats to array[index:]."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        array, index, value = args
        pointer = element_pointer(context, builder, sig.args[0], array, index)
        builder.store(value, builder.bitcast(pointer, VECTOR.as_pointer()), align=4)
        return context.get_dummy_value()

    return types.void(array, types.intp, lanes), lower


@intrinsic
def store_integers(typing: Any, array: Any, index: Any, base: Any, step: Any, value: Any) -> Any:
    """Store base + step * value to the LANES int32 at array[index:], for a vector of integers."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        array, index, base, step, value = args
        kind = ir.VectorType(INT32, LANES)

        def spread(number: Any) -> Any:
            first = builder.insert_element(
                ir.Constant(kind, ir.Undefined), builder.trunc(number, INT32), INT32(0)
            )
            zeros = ir.Constant(kind, [0] * LANES)
            return builder.shuffle_vector(first, ir.Constant(kind, ir.Undefined), zeros)

        whole = builder.mul(builder.fptosi(value, kind), spread(step))
        pointer = element_pointer(context, builder, sig.args[0], array, index)
        pointer = builder.bitcast(pointer, kind.as_pointer())
        builder.store(builder.add(whole, spread(base)), pointer, align=4)
        return context.get_dummy_value()

    return types.void(array, types.intp, types.intp, types.intp, lanes), lower


@intrinsic
def rolled(typing: Any) -> Any:
    """Keep LLVM from unrolling the loop that holds this: loops over rows of a column are short."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        # An empty instruction that must not be duplicated.
        call = builder.asm(ir.FunctionType(ir.VoidType(), []), "", "", [], True)
        call.attributes.add("convergent")
        return context.get_dummy_value()

    return types.void(), lower
