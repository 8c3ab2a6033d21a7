"""The kernel that moves the parameters of a fit against the gradients of its splats."""

from __future__ import annotations

import math

import numpy as np

from gsic_kernels.cpu.fit.division import GAUSSIANS_PER_ITEM
from gsic_kernels.cpu.fit.shapes import compute_root, pass_back
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

    Means move in the frame of their Gaussian, where it is a circle of radius 1: with R the
    symmetric root of Sigma, Adam sees the gradient by s of mean + R s, and moves by R s.

    Args:
        by_mean, by_factor, by_color: gradients by the splats; those of splats that draw nothing,
            which are the ones without a box, are not read.
        ways: what `pass_back` needs.
        gradients: (9 + C, N), scratch memory.
        rates: learning rate of each parameter at this step.
        corrections: for each age, what the bias of the moments is corrected by.
        betas: decay rates of the moments.
        bounds: least and most m, and most rho, in nats.
        values, first, second: (5 + C, N), parameters and moments; those of the mean are moments in
            the frame of the Gaussian.
        age: steps that each Gaussian has taken.
    """
    begin = item * GAUSSIANS_PER_ITEM
    end = min(begin + GAUSSIANS_PER_ITEM, len(age))
    rows = len(values)
    for n in range(begin, end):
        if boxes[n, 3] < boxes[n, 2]:
            gradients[:rows, n] = 0.0
        else:
            pass_back(n, ways, by_mean, by_factor, by_color, gradients)
        age[n] += 1.0
        gradients[rows, n] = corrections[int(age[n])]
        r11, r12, r22 = compute_root(n, ways)
        gradients[rows + 1, n], gradients[rows + 2, n], gradients[rows + 3, n] = r11, r12, r22
        x, y = gradients[0, n], gradients[1, n]
        gradients[0, n], gradients[1, n] = r11 * x + r12 * y, r12 * x + r22 * y
    keep1, keep2 = 1.0 - betas[0], 1.0 - betas[1]
    correction = gradients[rows, begin:end]
    for k in range(rows):
        rate = rates[k]
        # The slope is overwritten with the move.
        slope = gradients[k, begin:end]
        moment1, moment2 = first[k, begin:end], second[k, begin:end]
        for i in range(len(slope)):
            g = slope[i]
            one = moment1[i] + (g - moment1[i]) * keep1
            two = moment2[i] + (g * g - moment2[i]) * keep2
            moment1[i], moment2[i] = one, two
            slope[i] = one / (np.sqrt(two) + _EPSILON) * (rate * correction[i])
    for n in range(begin, end):
        r11, r12, r22 = gradients[rows + 1, n], gradients[rows + 2, n], gradients[rows + 3, n]
        x, y = gradients[0, n], gradients[1, n]
        gradients[0, n], gradients[1, n] = r11 * x + r12 * y, r12 * x + r22 * y
    for k in range(rows):
        value, move = values[k, begin:end], gradients[k, begin:end]
        for i in range(len(value)):
            value[i] -= move[i]
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
