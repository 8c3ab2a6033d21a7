"""Where tiles leave what they know of the gradient of a Gaussian, and how it is added up.

A Gaussian has a slot for every tile of its box, row by row; those of all Gaussians lie one behind
the other. A slot that no tile fills holds zeros. They are added in fixed order.
"""

from __future__ import annotations

import math

import triton
import triton.language as tl

from gsic_kernels.gpu.raster.records import OPACITY, RECORD

# What a slot holds; see `sums`. Behind these the gradient by opacity, if there is one, and from
# there on that by colour.
BY_U, BY_U_DX, BY_U_DY = tl.constexpr(0), tl.constexpr(1), tl.constexpr(2)
BY_DY, BY_DY2 = tl.constexpr(3), tl.constexpr(4)
BY_OPACITY = tl.constexpr(5)

# Gaussians that one program adds up, and how many slots of each at a time.
GAUSSIANS = tl.constexpr(4)
SLOTS = tl.constexpr(32)

# Records hold p, r and so u times this; see `records`.
_SCALE = tl.constexpr(math.sqrt(math.log2(math.e) / 2))


@triton.jit
def slot_of(boxes, slot_ends, n, column, row, capacity):
    """The slot of Gaussian `n`, int64, and the tile at `column` and `row` within its box.

    It is `capacity` for all that do not fit: there is one more slot, which nobody reads.
    """
    x0, y0 = tl.load(boxes + n * 4), tl.load(boxes + n * 4 + 1)
    x1 = tl.load(boxes + n * 4 + 2)
    first = tl.load(slot_ends + n - 1, mask=n > 0, other=0)
    slot = first + (row - y0).to(tl.int64) * (x1 - x0 + 1) + (column - x0)
    return tl.minimum(slot, capacity)


@triton.jit
def _plane(slots, at, mask, k: tl.constexpr):
    return tl.sum(tl.load(slots + at + k, mask=mask, other=0.0), axis=1)


@triton.jit(do_not_specialize=["count", "capacity"])
def add_slots(
    records,
    factor,
    count,
    counts,
    ends,
    slots,
    capacity,
    d_mean,
    d_factor,
    d_color,
    d_opacity,
    needs,
    CHANNELS: tl.constexpr,
    BLEND: tl.constexpr,
):
    """Gradients of GAUSSIANS Gaussians per program; those without a slot get zeros.

    The first program notes the largest number of slots so far in `needs`. `d_opacity` is written
    if BLEND.
    """
    n = (tl.program_id(0) * GAUSSIANS + tl.arange(0, GAUSSIANS)).to(tl.int64)
    known = n < count
    own = tl.load(counts + n, mask=known, other=0)
    end = tl.minimum(tl.load(ends + n, mask=known, other=0), capacity)
    start = tl.minimum(tl.load(ends + n, mask=known, other=0) - own, capacity)
    first: tl.constexpr = 6 if BLEND else 5
    zero = tl.zeros([GAUSSIANS], tl.float32)
    by_u, by_u_dx, by_u_dy, by_dy, by_dy2 = zero, zero, zero, zero, zero
    by_opacity, a, b, c, d = zero, zero, zero, zero, zero
    longest = tl.max(end - start, axis=0).to(tl.int32)
    for k in range(0, longest, SLOTS):
        slot = start[:, None] + (k + tl.arange(0, SLOTS))[None, :]
        mask = slot < end[:, None]
        at = slot * (first + CHANNELS)
        by_u += _plane(slots, at, mask, BY_U)
        by_u_dx += _plane(slots, at, mask, BY_U_DX)
        by_u_dy += _plane(slots, at, mask, BY_U_DY)
        by_dy += _plane(slots, at, mask, BY_DY)
        by_dy2 += _plane(slots, at, mask, BY_DY2)
        if BLEND:
            by_opacity += _plane(slots, at, mask, BY_OPACITY)
        a += _plane(slots, at, mask, first)
        if CHANNELS > 1:
            b += _plane(slots, at, mask, first + 1)
        if CHANNELS > 2:
            c += _plane(slots, at, mask, first + 2)
        if CHANNELS > 3:
            d += _plane(slots, at, mask, first + 3)
    # Nothing of a Gaussian that contributes nothing may get in, it may not be a number.
    real = known & (own > 0)
    p = tl.load(factor + n * 3, mask=real, other=0.0)
    r = tl.load(factor + n * 3 + 1, mask=real, other=0.0)
    t = tl.load(factor + n * 3 + 2, mask=real, other=0.0)
    if BLEND:
        strength = tl.load(records + n * RECORD + OPACITY, mask=real, other=0.0)
        by_u, by_u_dx, by_u_dy = by_u * strength, by_u_dx * strength, by_u_dy * strength
        by_dy, by_dy2 = by_dy * strength, by_dy2 * strength
        tl.store(d_opacity + n, by_opacity, mask=known)
    by_u, by_u_dx, by_u_dy = by_u / _SCALE, by_u_dx / _SCALE, by_u_dy / _SCALE
    tl.store(d_mean + n * 2, p * by_u, mask=known)
    tl.store(d_mean + n * 2 + 1, r * by_u + t * t * by_dy, mask=known)
    tl.store(d_factor + n * 3, -by_u_dx, mask=known)
    tl.store(d_factor + n * 3 + 1, -by_u_dy, mask=known)
    tl.store(d_factor + n * 3 + 2, -t * by_dy2, mask=known)
    tl.store(d_color + n * CHANNELS, a, mask=known)
    if CHANNELS > 1:
        tl.store(d_color + n * CHANNELS + 1, b, mask=known)
    if CHANNELS > 2:
        tl.store(d_color + n * CHANNELS + 2, c, mask=known)
    if CHANNELS > 3:
        tl.store(d_color + n * CHANNELS + 3, d, mask=known)
    if tl.program_id(0) == 0:
        total = tl.load(ends + count - 1, mask=count > 0, other=0)
        tl.store(needs, tl.maximum(tl.load(needs), total))
