"""Steps of alpha blending around the strips, which know nothing of vectors.

Before them: how far a Gaussian can be seen at all. After them: what the strips found out about a
Gaussian is added up, always in the order of the strips.
"""

from __future__ import annotations

import math

import numpy as np

from gsic_kernels.constants import ALPHA_MIN
from gsic_kernels.cpu.raster.prepare import F32, I32, I64, PREPARE_COUNT, P, R, T, prepare_pieces
from gsic_kernels.cpu.runtime.work import READY, finish, next_piece, wait_for

# What a strip sums up for a Gaussian, with e = exp(-q) within reach, w = opacity times weight and
# g = dL/dw: g e times u, u dx, u dy, dy, dy^2, then g w, and from BY_COLOR on the gradient by
# colour.
BY_U, BY_U_DX, BY_U_DY, BY_DY, BY_DY2, BY_OPACITY, BY_COLOR = 0, 1, 2, 3, 4, 5, 6

# Added to a cutoff that opacity limits: far more than float32 errs in exp(-q).
_SLACK = 1e-4


def limit_cutoff(
    gates: I64,
    needs: I64,
    step: int,
    worker: int,
    opacity: F32,
    cutoff: F32,
    offset: F32,
    limited: F32,
) -> int:
    """Set `limited` to `cutoff`, or to where alpha falls below ALPHA_MIN if that is nearer.

    It becomes -1 for a Gaussian that contributes nothing. Pixels are tested one by one all the
    same: this saves time and changes no result.
    """
    state = wait_for(gates, needs, step)
    if state != READY:
        return state
    counter = gates[step]
    while True:
        begin = next_piece(counter, worker, prepare_pieces(len(opacity))) * PREPARE_COUNT
        if begin < 0:
            return READY
        for n in range(begin, min(begin + PREPARE_COUNT, len(opacity))):
            strength = float(opacity[n])
            limited[n] = cutoff[n]
            if not (strength > 0.0 and math.isfinite(strength)):
                limited[n] = -1.0
                continue
            least = ALPHA_MIN / strength + offset[n]
            if least > 0.0:
                seen = _SLACK - math.log(least)
                if seen < cutoff[n]:
                    limited[n] = seen if seen >= 0.0 else -1.0
        finish(counter)


def add_strips(
    gates: I64,
    needs: I64,
    step: int,
    worker: int,
    records: F32,
    starts: I64,
    pairs: I32,
    opacity: F32,
    partials: F32,
    d_mean: F32,
    d_factor: F32,
    d_color: F32,
    d_opacity: F32,
) -> int:
    """Gradients of all Gaussians from `partials`, one row for each of `pairs`."""
    state = wait_for(gates, needs, step)
    if state != READY:
        return state
    counter = gates[step]
    sums = np.empty((PREPARE_COUNT, partials.shape[1]))
    while True:
        begin = next_piece(counter, worker, prepare_pieces(len(opacity))) * PREPARE_COUNT
        if begin < 0:
            return READY
        end = min(begin + PREPARE_COUNT, len(opacity))
        sums[:] = 0.0
        for s in range(len(starts) - 1):
            # The first of this piece: the indices of a strip ascend.
            low, high = starts[s], starts[s + 1]
            while low < high:
                middle = (low + high) // 2
                if pairs[middle] < begin:
                    low = middle + 1
                else:
                    high = middle
            k = low
            while k < starts[s + 1] and pairs[k] < end:
                for m in range(partials.shape[1]):
                    sums[pairs[k] - begin, m] += partials[k, m]
                k += 1
        for n in range(begin, end):
            found = sums[n - begin]
            strength = float(opacity[n])
            # Records hold p, r, t times 1/4, and so u.
            p, r, t = 4.0 * records[n, P], 4.0 * records[n, R], 4.0 * records[n, T]
            d_factor[n, 0] = -4.0 * strength * found[BY_U_DX]
            d_factor[n, 1] = -4.0 * strength * found[BY_U_DY]
            d_factor[n, 2] = -strength * t * found[BY_DY2]
            d_mean[n, 0] = 4.0 * strength * p * found[BY_U]
            d_mean[n, 1] = strength * (4.0 * r * found[BY_U] + t * t * found[BY_DY])
            d_opacity[n] = found[BY_OPACITY] / strength
            for c in range(d_color.shape[1]):
                d_color[n, c] = found[BY_COLOR + c]
        finish(counter)
