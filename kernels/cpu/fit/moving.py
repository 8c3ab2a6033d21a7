"""The kernel that moves the parameters of a fit against the gradients of its splats."""

from __future__ import annotations

import math

import numpy as np

from gsic_kernels.cpu.fit.division import GAUSSIANS_PER_ITEM
from gsic_kernels.cpu.fit.shapes import pass_back
from gsic_kernels.cpu.runtime.work_items import item_function
from gsic_kernels.types import F32, F64, I32

# Added to the root of the second moment, which is 0 where a gradient has always been 0.
_EPSILON = 1e-12


@item_function
def move_gaussians(
    item: int,
    worker: int,
    by_mean: F32,
    by_factor: F32,
    by_color: F32,
    boxes: I32,
    ways: F64,
    gradients: F64,
    rates: F64,
    corrections: F64,
    betas: tuple[float, float],
    bounds: tuple[float, float, float],
    values: F64,
    first: F64,
    second: F64,
    age: F64,
) -> None:
    """Take one step of Adam with the next GAUSSIANS_PER_ITEM Gaussians, and keep them in bounds.

    Args:
        by_mean, by_factor, by_color: gradients by the splats; those of splats that draw nothing,
            which are the ones without a box, are not read.
        ways: what `pass_back` needs.
        gradients: (6 + C, N), scratch memory.
        rates: learning rate of each parameter at this step.
        corrections: for each age, what the bias of the moments is corrected by.
        betas: decay rates of the moments.
        bounds: least and most m, and most rho, in nats.
        values, first, second: (5 + C, N), parameters and moments.
        age: steps that each Gaussian has taken.
    """
    begin = item * GAUSSIANS_PER_ITEM
    end = min(begin + GAUSSIANS_PER_ITEM, len(age))
    for n in range(begin, end):
        if boxes[n, 3] < boxes[n, 2]:
            gradients[: len(values), n] = 0.0
        else:
            pass_back(n, ways, by_mean, by_factor, by_color, gradients)
        age[n] += 1.0
        gradients[len(values), n] = corrections[int(age[n])]
    keep1, keep2 = 1.0 - betas[0], 1.0 - betas[1]
    correction = gradients[len(values), begin:end]
    for k in range(len(values)):
        rate = rates[k]
        slope, value = gradients[k, begin:end], values[k, begin:end]
        moment1, moment2 = first[k, begin:end], second[k, begin:end]
        for i in range(len(value)):
            g = slope[i]
            one = moment1[i] + (g - moment1[i]) * keep1
            two = moment2[i] + (g * g - moment2[i]) * keep2
            moment1[i], moment2[i] = one, two
            value[i] -= one / (np.sqrt(two) + _EPSILON) * (rate * correction[i])
    least, most_scale, most_ratio = bounds
    for n in range(begin, end):
        m = min(max(values[2, n], least), most_scale)
        values[2, n] = m
        # The smaller variance has the logarithm m - rho.
        most = min(most_ratio, m - least)
        rho = math.sqrt(values[3, n] * values[3, n] + values[4, n] * values[4, n])
        if rho > most:
            values[3, n] *= most / rho
            values[4, n] *= most / rho
