"""Vectors that hold a block of pixels, and how they are turned into rows of pixels and back."""

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
    emit_clamp01,
    emit_constant,
    emit_fma,
    intrinsic,
    lanes,
)
from gsic_kernels.cpu.sums.blocks import BLOCK_HEIGHT, BLOCK_WIDTH

_WORDS = ir.VectorType(INT32, LANES)
_BYTE = ir.IntType(8)


def _constant_vector(values: list[float]) -> Any:
    """Make an intrinsic without arguments whose value is a constant vector."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return ir.Constant(VECTOR, values)

    return intrinsic(lambda typing: (lanes(), lower))


#: The distance in px from the left edge of a block to the centre of each pixel.
columns_of_block = _constant_vector([k % BLOCK_WIDTH + 0.5 for k in range(LANES)])
#: The distance in px from the upper edge of a block to the centre of each pixel.
rows_of_block = _constant_vector([k // BLOCK_WIDTH + 0.5 for k in range(LANES)])


def _emit_shuffle(builder: Any, a: Any, b: Any, order: list[int]) -> Any:
    """Emit the vector of the lanes `order` of a and b, those of b counted from LANES on."""
    return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(INT32, len(order)), order))


def _emit_quads(builder: Any, a: Any, b: Any, quads: list[int]) -> Any:
    """Emit the vector of some groups of 4 lanes of a and b."""
    return _emit_shuffle(builder, a, b, [4 * quad + k for quad in quads for k in range(4)])


def _emit_turn(builder: Any, vectors: list[Any]) -> list[Any]:
    """Emit BLOCK_HEIGHT rows of LANES pixels from as many adjacent blocks, or the other way."""
    if BLOCK_HEIGHT == 2:
        a, b = vectors
        return [_emit_quads(builder, a, b, quads) for quads in ([0, 2], [1, 3])]
    a, b, c, d = vectors
    ab = [_emit_quads(builder, a, b, quads) for quads in ([0, 1, 4, 5], [2, 3, 6, 7])]
    cd = [_emit_quads(builder, c, d, quads) for quads in ([0, 1, 4, 5], [2, 3, 6, 7])]
    return [
        _emit_quads(builder, ab[half], cd[half], quads)
        for half in (0, 1)
        for quads in ([0, 2, 4, 6], [1, 3, 5, 7])
    ]


@intrinsic
def turn_blocks(typing: Any, vectors: Any) -> Any:
    """Turn BLOCK_HEIGHT adjacent blocks into rows of LANES pixels, or such rows into blocks."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        turned = _emit_turn(builder, cgutils.unpack_tuple(builder, args[0]))
        return context.make_tuple(builder, sig.return_type, turned)

    return vectors(vectors), lower


@intrinsic
def interleave(typing: Any, a: Any, b: Any) -> Any:
    """Return a0 b0 a1 b1 and so on as two vectors."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        a, b = args
        order = [k // 2 + LANES * (k % 2) for k in range(2 * LANES)]
        parts = order[:LANES], order[LANES:]
        halves = [_emit_shuffle(builder, a, b, part) for part in parts]
        return context.make_tuple(builder, sig.return_type, halves)

    return types.UniTuple(lanes, 2)(lanes, lanes), lower


@intrinsic
def deinterleave(typing: Any, a: Any, b: Any) -> Any:
    """Return the even lanes of a, then of b, as one vector, and the odd lanes as another."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        a, b = args
        even = [2 * k for k in range(LANES)]
        odd = [2 * k + 1 for k in range(LANES)]
        parts = [_emit_shuffle(builder, a, b, order) for order in (even, odd)]
        return context.make_tuple(builder, sig.return_type, parts)

    return types.UniTuple(lanes, 2)(lanes, lanes), lower


@intrinsic
def store_block_bytes(
    typing: Any, strip: Any, at: Any, channels: Any, out: Any, to: Any, row: Any
) -> Any:
    """Store BLOCK_HEIGHT adjacent blocks of C channels as interleaved bytes.

    Values are clamped to 0..1, times 255, rounded half up. The blocks begin at strip[at:]; row i of
    them goes to out[to + i row:], LANES pixels of C bytes.
    """
    count = len(channels)

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        strip, at, _, out, to, row = args
        # The bytes of a pixel share a 32-bit lane, so that blocks are turned once for all channels.
        packed = [
            _emit_packed_block(context, builder, sig, strip, at, b) for b in range(BLOCK_HEIGHT)
        ]
        for i, words in enumerate(_emit_turn(builder, packed)):
            place = builder.add(to, builder.mul(row, row.type(i)))
            pointer = element_pointer(context, builder, sig.args[3], out, place)
            octets = builder.bitcast(words, ir.VectorType(_BYTE, 4 * LANES))
            kept = [4 * lane + c for lane in range(LANES) for c in range(count)]
            value = _emit_shuffle(builder, octets, octets, kept)
            builder.store(value, builder.bitcast(pointer, value.type.as_pointer()), align=1)
        return context.get_dummy_value()

    def _emit_packed_block(
        context: Any, builder: Any, sig: Any, strip: Any, at: Any, b: int
    ) -> Any:
        words = None
        for c in range(count):
            place = builder.add(at, at.type((b * count + c) * LANES))
            pointer = element_pointer(context, builder, sig.args[0], strip, place)
            plane = emit_clamp01(builder, builder.load(pointer, align=4, typ=VECTOR))
            level = emit_fma(builder, plane, emit_constant(255.0), emit_constant(0.5))
            whole = builder.fptosi(level, _WORDS)
            if c:
                whole = builder.shl(whole, ir.Constant(_WORDS, [8 * c] * LANES))
            words = whole if words is None else builder.or_(words, whole)
        return words

    return types.void(strip, types.intp, channels, out, types.intp, types.intp), lower
