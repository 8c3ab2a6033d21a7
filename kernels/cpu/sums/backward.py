"""The gradient of a sum of Gaussians: each Gaussian reads the gradient of the lattice under it.

With h = sum over channels of color * gradient and e = exp(-q) within the cutoff, the derivatives of
the loss L follow from five sums over pixels of h e times u, v, u u, u v and v v, because
dy = v / t and dx = (u - r dy) / p:

    dL/dp = -(sum h e u u - r / t sum h e u v) / p        dL/dx = p sum h e u
    dL/dr = -sum h e u v / t                              dL/dy = r sum h e u + t sum h e v
    dL/dt = -sum h e v v / t                    dL/dcolor_c = sum (e - offset) gradient_c

where x, y is the mean. Nothing is added to memory that another thread writes, so there is no race
to order: the sums of a Gaussian are taken in the same order, whichever worker takes them.
"""

from __future__ import annotations

import numpy as np

from gsic_kernels.cpu.runtime.lanes import LANES
from gsic_kernels.cpu.runtime.planar_simd import (
    dot_planes,
    fma_planes,
    load_colors,
    load_planes,
    total_planes,
    zero_planes,
)
from gsic_kernels.cpu.runtime.simd import broadcast, exp_minus_8, fma, rolled, total, where_le
from gsic_kernels.cpu.runtime.work_items import item_function
from gsic_kernels.cpu.sums.block_lists import SPANS, U, V, list_blocks
from gsic_kernels.cpu.sums.block_simd import columns_of_block, rows_of_block
from gsic_kernels.cpu.sums.division import SEGMENT_COLUMNS, count_gradient_items
from gsic_kernels.cpu.sums.lattices import COLUMNS, LEFT, TOP
from gsic_kernels.cpu.sums.records import COLOR, FACTOR_SCALE, LIMIT, OFFSET, RECORD, P, R, T
from gsic_kernels.types import F32, I32, I64


@item_function
def sum_backward(
    item: int,
    worker: int,
    channels: tuple[int, ...],
    records: F32,
    boxes: I32,
    level: I32,
    order: I32,
    sizes: I64,
    lattices: I64,
    grad: F32,
    begins: I64,
    offsets: F32,
    places: I32,
    scale: np.float32,
    d_mean: F32,
    d_factor: F32,
    d_color: F32,
) -> None:
    """Compute `scale` times the gradients of the Gaussians of one work item.

    The work items divide the first `sizes[0]` Gaussians of `order`. `grad` holds the gradients of
    all levels, block by block; that of level k begins at `begins[k]`.
    """
    zero = broadcast(np.float32(0.0))
    size = len(channels) * LANES
    offsets, places = offsets[worker], places[worker]
    lists = np.empty(SPANS, np.float32), offsets, places
    items = count_gradient_items(len(order))
    for k in range(sizes[0] * item // items, sizes[0] * (item + 1) // items):
        n = order[k]
        lattice = lattices[level[n]]
        stride = lattice[COLUMNS] * size
        origin = begins[level[n]] - lattice[TOP] * stride - lattice[LEFT] * size
        grid = origin, stride, size
        p, r, t = records[n, P], records[n, R], records[n, T]
        limit, offset = records[n, LIMIT], records[n, OFFSET]
        colors = load_colors(records, n * RECORD + COLOR, channels)
        u_inside, v_inside = columns_of_block() * p + rows_of_block() * r, rows_of_block() * t
        by_u, by_v, by_uu, by_uv, by_vv = zero, zero, zero, zero, zero
        by_color = zero_planes(channels)
        for row in range(boxes[n, 2], boxes[n, 3] + 1, LANES):
            for column in range(boxes[n, 0], boxes[n, 1] + 1, SEGMENT_COLUMNS):
                right, bottom = column + SEGMENT_COLUMNS - 1, row + LANES - 1
                area = column, min(right, boxes[n, 1]), row, min(bottom, boxes[n, 3])
                count = list_blocks(records, n, area, grid, lists, 0)
                for i in range(count):
                    rolled()
                    u, v = u_inside + offsets[U, i], v_inside + offsets[V, i]
                    z = fma(u, u, v * v)
                    bell = exp_minus_8(z)
                    grads = load_planes(grad, places[i], LANES, channels)
                    weight = where_le(z, limit, bell - offset)
                    by_color = fma_planes(weight, grads, by_color)
                    he = where_le(z, limit, bell) * dot_planes(colors, grads)
                    he_u, he_v = he * u, he * v
                    by_u, by_v = by_u + he_u, by_v + he_v
                    by_uu = fma(he_u, u, by_uu)
                    by_uv = fma(he_u, v, by_uv)
                    by_vv = fma(he_v, v, by_vv)
        # The order of the lanes in a sum is fixed, and so is that of the blocks. u and v are a
        # quarter of what they are in the formulas.
        p, r, t = p * FACTOR_SCALE, r * FACTOR_SCALE, t * FACTOR_SCALE
        square = FACTOR_SCALE * FACTOR_SCALE
        u_sum, v_sum = total(by_u) * FACTOR_SCALE, total(by_v) * FACTOR_SCALE
        uv = total(by_uv) * square
        d_factor[n, 0] = -scale * (total(by_uu) * square - r / t * uv) / p
        d_factor[n, 1] = -scale * uv / t
        d_factor[n, 2] = -scale * total(by_vv) * square / t
        d_mean[n, 0] = scale * p * u_sum
        d_mean[n, 1] = scale * (r * u_sum + t * v_sum)
        sums = total_planes(by_color)
        for c in range(len(channels)):
            d_color[n, c] = scale * sums[c]
