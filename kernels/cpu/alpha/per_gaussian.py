"""The steps of alpha blending that work per Gaussian: before the strips, and after them.

Before: how far a Gaussian can be seen at all. After: the partial gradients that the strips found
for a Gaussian are added up, always in the order of the strips, whichever worker does it.
"""

from __future__ import annotations

import math

import numpy as np

from gsic_kernels.constants import ALPHA_MIN
from gsic_kernels.cpu.alpha.partials import (
    BY_COLOR,
    BY_DY,
    BY_DY2,
    BY_OPACITY,
    BY_U,
    BY_U_DX,
    BY_U_DY,
)
from gsic_kernels.cpu.alpha.records import P, R, T
from gsic_kernels.cpu.alpha.work_division import RECORDS_PER_ITEM
from gsic_kernels.cpu.runtime.work_items import item_function
from gsic_kernels.types import F32, I32, I64

# Added to a cutoff that opacity limits: far more than float32 errs in exp(-q).
_SLACK = 1e-4


@item_function
def limit_cutoffs(
    item: int, worker: int, opacity: F32, cutoff: F32, offset: F32, limited: F32
) -> None:
    """Set `limited` to `cutoff`, or to where alpha falls below ALPHA_MIN if that is nearer.

    It becomes -1 for a Gaussian that contributes nothing. The pixels are tested one by one all the
    same, so this saves time and changes no result.
    """
    begin = item * RECORDS_PER_ITEM
    for n in range(begin, min(begin + RECORDS_PER_ITEM, len(opacity))):
        strength = float(opacity[n])
        limited[n] = cutoff[n]
        if not (strength > 0.0 and math.isfinite(strength)):
            limited[n] = -1.0
            continue
        # opacity (exp(-q) - offset) >= ALPHA_MIN, solved for exp(-q). If this is not positive,
        # which a negative offset can cause, every q passes.
        least = ALPHA_MIN / strength + offset[n]
        if least > 0.0:
            seen = _SLACK - math.log(least)
            if seen < cutoff[n]:
                limited[n] = seen if seen >= 0.0 else -1.0


@item_function
def reduce_gradients(
    item: int,
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
) -> None:
    """Compute the gradients of the next RECORDS_PER_ITEM Gaussians from the rows of `partials`.

    Row k of `partials` belongs to `pairs[k]`, a Gaussian in one strip.
    """
    begin = item * RECORDS_PER_ITEM
    end = min(begin + RECORDS_PER_ITEM, len(opacity))
    # In float64, as a Gaussian in many strips adds up many float32 values.
    sums = np.zeros((end - begin, partials.shape[1]))
    for s in range(len(starts) - 1):
        # The indices of a strip ascend: find the first that belongs to this work item by bisection.
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
        # Records hold p, r, t times 1/4, and so u: exact powers of two undo it.
        p, r, t = 4.0 * records[n, P], 4.0 * records[n, R], 4.0 * records[n, T]
        d_factor[n, 0] = -4.0 * strength * found[BY_U_DX]
        d_factor[n, 1] = -4.0 * strength * found[BY_U_DY]
        d_factor[n, 2] = -strength * t * found[BY_DY2]
        d_mean[n, 0] = 4.0 * strength * p * found[BY_U]
        d_mean[n, 1] = strength * (4.0 * r * found[BY_U] + t * t * found[BY_DY])
        d_opacity[n] = found[BY_OPACITY] / strength
        for c in range(d_color.shape[1]):
            d_color[n, c] = found[BY_COLOR + c]
