"""Loops of RDOQ over the blocks of pixels that a Gaussian touches.

Two Gaussians are evaluated at once. Offsets of the second one follow from those of the first: with
dy = v / t and dx = (u - r dy) / p, its u and v are linear functions of them.
"""

from __future__ import annotations

import numpy as np

from gsic_kernels.cpu.runtime.jitable import register_jitable
from gsic_kernels.cpu.runtime.lanes import LANES
from gsic_kernels.cpu.runtime.planar_simd import (
    fma_planes,
    load_planes,
    total_planes,
    zero_planes,
)
from gsic_kernels.cpu.runtime.simd import (
    broadcast,
    clamp01,
    exp_minus_8,
    fma,
    load,
    rolled,
    store,
    total,
    where_le,
)
from gsic_kernels.cpu.sums.block_lists import U, V, list_blocks
from gsic_kernels.cpu.sums.block_simd import columns_of_block, rows_of_block
from gsic_kernels.cpu.sums.division import SEGMENT_COLUMNS
from gsic_kernels.cpu.sums.lattices import COLUMNS, LEFT, TOP
from gsic_kernels.cpu.sums.records import (
    COLOR,
    LIMIT,
    MEAN_X,
    MEAN_Y,
    OFFSET,
    P,
    R,
    T,
)
from gsic_kernels.types import F32, F64, I32, I64

_ZERO = np.float32(0.0)


@register_jitable
def _relate(records: F32, first: int, second: int) -> tuple[float, float, float, float, float]:
    """Return a, b, c, d, e with u' = a u + b v + c and v' = d v + e for the second Gaussian."""
    p, r, t = float(records[first, P]), float(records[first, R]), float(records[first, T])
    p2, r2, t2 = float(records[second, P]), float(records[second, R]), float(records[second, T])
    dx = float(records[first, MEAN_X]) - float(records[second, MEAN_X])
    dy = float(records[first, MEAN_Y]) - float(records[second, MEAN_Y])
    return p2 / p, (r2 - p2 * r / p) / t, p2 * dx + r2 * dy, t2 / t, t2 * dy


@register_jitable
def _find_grid(lattice: I64, size: int) -> tuple[int, int, int]:
    """Return origin, stride and size of the blocks of a lattice, as `list_blocks` takes them."""
    stride = lattice[COLUMNS] * size
    return -lattice[TOP] * stride - lattice[LEFT] * size, stride, size


@register_jitable
def multiply_blocks(
    channels: tuple[int, ...],
    records: F32,
    boxes: I32,
    n: int,
    other: int,
    lattice: I64,
    error: F32,
    inside: F32,
    lists: tuple[F32, F32, I32],
    products: F64,
) -> tuple[float, float]:
    """Compute the inner products of the weights of Gaussian n with the error, by channel.

    Args:
        channels: as many entries as there are channels.
        records, boxes: of Gaussians; see `sums.records`.
        n, other: two of them.
        lattice: the fields of the pixels.
        error: error of the image, block by block.
        inside: 1 for pixels inside the image, else 0: a vector for each block.
        lists: scratch memory, spans, offsets and places.
        products: float64 (C,), receives the inner products.

    Returns:
        The inner product of the weights with themselves, and with those of the other Gaussian.
    """
    _, offsets, places = lists
    count_of_channels = len(channels)
    size = count_of_channels * LANES
    grid = _find_grid(lattice, size)
    p, r, t = records[n, P], records[n, R], records[n, T]
    limit, offset = records[n, LIMIT], records[n, OFFSET]
    limit2, offset2 = records[other, LIMIT], records[other, OFFSET]
    a, b, c, d, e = _relate(records, n, other)
    va, vb, vc = broadcast(np.float32(a)), broadcast(np.float32(b)), broadcast(np.float32(c))
    vd, ve = broadcast(np.float32(d)), broadcast(np.float32(e))
    u_inside, v_inside = columns_of_block() * p + rows_of_block() * r, rows_of_block() * t
    squares, along, sums = broadcast(_ZERO), broadcast(_ZERO), zero_planes(channels)
    for row in range(boxes[n, 2], boxes[n, 3] + 1, LANES):
        for column in range(boxes[n, 0], boxes[n, 1] + 1, SEGMENT_COLUMNS):
            right, bottom = column + SEGMENT_COLUMNS - 1, row + LANES - 1
            area = column, min(right, boxes[n, 1]), row, min(bottom, boxes[n, 3])
            count = list_blocks(records, n, area, grid, lists, 0)
            for i in range(count):
                rolled()
                at = places[i]
                u, v = u_inside + offsets[U, i], v_inside + offsets[V, i]
                z = fma(u, u, v * v)
                weight = where_le(z, limit, exp_minus_8(z) - offset)
                u2, v2 = fma(va, u, fma(vb, v, vc)), fma(vd, v, ve)
                z2 = fma(u2, u2, v2 * v2)
                weight2 = where_le(z2, limit2, exp_minus_8(z2) - offset2)
                weight = weight * load(inside, at // count_of_channels)
                squares = fma(weight, weight, squares)
                along = fma(weight, weight2, along)
                sums = fma_planes(weight, load_planes(error, at, LANES, channels), sums)
    found = total_planes(sums)
    for k in range(count_of_channels):
        products[k] = found[k]
    return float(total(squares)), float(total(along))


@register_jitable
def exchange(
    channels: tuple[int, ...],
    records: F32,
    boxes: I32,
    n: int,
    other: int,
    lattice: I64,
    image: F32,
    target: F32,
    error: F32,
    inside: F32,
    lists: tuple[F32, F32, I32],
    stamps: I32,
    stamp: int,
    store_it: int,
) -> float:
    """Add two Gaussians to the image in the blocks that Gaussian n touches.

    The colours are in their records; that of one to be taken away is negative. Blocks whose stamp
    is `stamp` are left out, and the others get it.

    Args:
        channels to lists: as for `multiply_blocks`.
        image, target: block by block, not clamped and 0..1.
        stamps: int32, one for each block.
        stamp: of this exchange.
        store_it: change the image and the error; otherwise only compute what that would do.

    Returns:
        The change of the squared error of the clamped image.
    """
    _, offsets, places = lists
    count_of_channels = len(channels)
    size = count_of_channels * LANES
    grid = _find_grid(lattice, size)
    p, r, t = records[n, P], records[n, R], records[n, T]
    limit, offset = records[n, LIMIT], records[n, OFFSET]
    limit2, offset2 = records[other, LIMIT], records[other, OFFSET]
    a, b, c, d, e = _relate(records, n, other)
    va, vb, vc = broadcast(np.float32(a)), broadcast(np.float32(b)), broadcast(np.float32(c))
    vd, ve = broadcast(np.float32(d)), broadcast(np.float32(e))
    u_inside, v_inside = columns_of_block() * p + rows_of_block() * r, rows_of_block() * t
    change = broadcast(_ZERO)
    for row in range(boxes[n, 2], boxes[n, 3] + 1, LANES):
        for column in range(boxes[n, 0], boxes[n, 1] + 1, SEGMENT_COLUMNS):
            right, bottom = column + SEGMENT_COLUMNS - 1, row + LANES - 1
            area = column, min(right, boxes[n, 1]), row, min(bottom, boxes[n, 3])
            count = list_blocks(records, n, area, grid, lists, 0)
            for i in range(count):
                at = places[i]
                if stamps[at // size] == stamp:
                    continue
                stamps[at // size] = stamp
                u, v = u_inside + offsets[U, i], v_inside + offsets[V, i]
                z = fma(u, u, v * v)
                weight = where_le(z, limit, exp_minus_8(z) - offset)
                u2, v2 = fma(va, u, fma(vb, v, vc)), fma(vd, v, ve)
                z2 = fma(u2, u2, v2 * v2)
                weight2 = where_le(z2, limit2, exp_minus_8(z2) - offset2)
                mask = load(inside, at // count_of_channels)
                for k in range(count_of_channels):
                    place = at + k * LANES
                    fresh = fma(weight, broadcast(records[n, COLOR + k]), load(image, place))
                    fresh = fma(weight2, broadcast(records[other, COLOR + k]), fresh)
                    old, new = load(error, place), (clamp01(fresh) - load(target, place)) * mask
                    change = fma(new - old, new + old, change)
                    if store_it:
                        store(image, place, fresh)
                        store(error, place, new)
    return float(total(change))
