"""Steps of Adam on Gaussians that stay on the device, `log` covariances in float64.

`unpack` makes what is drawn of the parameters, `descend` moves them against a gradient by what was
drawn. Both say in Triton what `gsic.gaussians.LogCovariance`, `gsic.fitting.adam_state` and
`gsic.fitting.optimisers` say in NumPy, and are tested against them.
"""

from __future__ import annotations

import triton
import triton.language as tl

ROWS = tl.constexpr(64)
"""Gaussians per program."""

# Below this the series of sinh(rho) / rho is used.
_SMALL = tl.constexpr(1e-6)
_TINY = tl.constexpr(1e-12)


@triton.jit
def log_shape(m, u, v):
    """Sigma12, Sigma22, sqrt(det), cosh rho, sinh(rho) / rho and whether rho is small."""
    square = u * u + v * v
    small = square < _SMALL
    rho = tl.sqrt(tl.where(small, 1.0, square))
    up = tl.exp(tl.sqrt(square))
    down = 1.0 / up
    cosh = 0.5 * (up + down)
    sinhc = tl.where(small, 1.0 + square / 6.0, 0.5 * (up - down) / rho)
    size = tl.exp(m)
    return size * sinhc * v, size * (cosh - sinhc * u), size, cosh, sinhc, small


@triton.jit
def log_factor(s12, s22, size):
    """The whitening factor p, r, t of what `log_shape` gives."""
    t = 1.0 / tl.sqrt(s22)
    return 1.0 / (size * t), -s12 * t / size, t


@triton.jit(do_not_specialize=["count"])
def unpack(
    values,
    visible,
    count,
    mean,
    factor,
    color,
    cutoff,
    offset,
    CHANNELS: tl.constexpr,
):
    """Round parameters `values`, float64 (N, 5 + C), to what a rasteriser reads.

    `visible` is a float64 scalar: a Gaussian ends where it falls below 1 / (255 visible).
    """
    n = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    mask, row = n < count, n.to(tl.int64)
    at = values + row * (5 + CHANNELS)
    m, u = tl.load(at + 2, mask=mask, other=0.0), tl.load(at + 3, mask=mask, other=0.0)
    v = tl.load(at + 4, mask=mask, other=0.0)
    s12, s22, size, _, _, _ = log_shape(m, u, v)
    p, r, t = log_factor(s12, s22, size)
    for k in tl.static_range(2):
        value = tl.load(at + k, mask=mask, other=0.0)
        tl.store(mean + row * 2 + k, value.to(tl.float32), mask=mask)
    tl.store(factor + row * 3, p.to(tl.float32), mask=mask)
    tl.store(factor + row * 3 + 1, r.to(tl.float32), mask=mask)
    tl.store(factor + row * 3 + 2, t.to(tl.float32), mask=mask)
    peak = m * 0.0
    for c in tl.static_range(CHANNELS):
        value = tl.load(at + 5 + c, mask=mask, other=0.0)
        peak = tl.maximum(peak, tl.abs(value))
        tl.store(color + row * CHANNELS + c, value.to(tl.float32), mask=mask)
    end = tl.log(tl.maximum(255.0 * tl.load(visible) * peak, 1.0))
    tl.store(cutoff + row, end.to(tl.float32), mask=mask)
    tl.store(offset + row, tl.exp(-end).to(tl.float32), mask=mask)


@triton.jit
def _move(
    at,
    first,
    second,
    column,
    gradient,
    rates,
    step,
    beta1,
    beta2,
    mask,
):
    """Adam on one column; its values after the step, which are not stored."""
    mean = tl.load(first + column, mask=mask, other=0.0)
    mean += (1.0 - beta1) * (gradient - mean)
    tl.store(first + column, mean, mask=mask)
    square = tl.load(second + column, mask=mask, other=0.0)
    square += (1.0 - beta2) * (gradient * gradient - square)
    tl.store(second + column, square, mask=mask)
    rate = tl.load(rates + column)
    value = tl.load(at + column, mask=mask, other=0.0)
    return value - mean / (tl.sqrt(square) + _TINY) * (step * rate)


@triton.jit(do_not_specialize=["count"])
def descend(
    by_mean,
    by_factor,
    by_color,
    constants,
    rates,
    count,
    values,
    first,
    second,
    age,
    CHANNELS: tl.constexpr,
):
    """Move parameters one step against the gradient by what `unpack` made of them.

    Args:
        by_mean, by_factor, by_color: float32 (N, 2), (N, 3), (N, C).
        constants: float64 (6,): what the rates are multiplied by, the betas, and the bounds that
            m = ln(sigma1 sigma2) and |(u, v)| = ln(sigma1 / sigma2) keep: least m, most m, most
            stretch; sigma is at least exp(least / 2) along both axes.
        rates: float64 (5 + C,).
        values, first, second: float64 (N, 5 + C), parameters and moments of Adam.
        age: float64 (N,), steps that each row has taken.
    """
    n = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    mask, row = n < count, n.to(tl.int64)
    offset = row * (5 + CHANNELS)
    at, first, second = values + offset, first + offset, second + offset
    scale, beta1, beta2 = tl.load(constants), tl.load(constants + 1), tl.load(constants + 2)
    least, most, widest = tl.load(constants + 3), tl.load(constants + 4), tl.load(constants + 5)
    steps = tl.load(age + row, mask=mask, other=0.0) + 1.0
    tl.store(age + row, steps, mask=mask)
    grown1, grown2 = tl.exp(steps * tl.log(beta1)), tl.exp(steps * tl.log(beta2))
    step = scale * tl.sqrt(1.0 - grown2) / (1.0 - grown1)

    m, u = tl.load(at + 2, mask=mask, other=0.0), tl.load(at + 3, mask=mask, other=0.0)
    v = tl.load(at + 4, mask=mask, other=0.0)
    s12, s22, size, cosh, sinhc, small = log_shape(m, u, v)
    p, r, t = log_factor(s12, s22, size)
    gp = tl.load(by_factor + row * 3, mask=mask, other=0.0).to(tl.float64)
    gr = tl.load(by_factor + row * 3 + 1, mask=mask, other=0.0).to(tl.float64)
    gt = tl.load(by_factor + row * 3 + 2, mask=mask, other=0.0).to(tl.float64)
    g12 = -gr * p * t * t
    g22 = (gp * p - gr * r - gt * t) / (2.0 * s22)
    g_log_det = -(gp * p + gr * r) / 2.0
    square = u * u + v * v
    slope = tl.where(
        small, 1.0 / 3.0 + square / 30.0, (cosh - sinhc) / tl.where(small, 1.0, square)
    )
    by_m = g12 * s12 + g22 * s22 + 2.0 * g_log_det
    by_u = size * (g12 * slope * u * v + g22 * (sinhc * u - sinhc - slope * u * u))
    by_v = size * (g12 * (slope * v * v + sinhc) + g22 * (sinhc - slope * u) * v)

    m = _move(at, first, second, 2, by_m, rates, step, beta1, beta2, mask)
    u = _move(at, first, second, 3, by_u, rates, step, beta1, beta2, mask)
    v = _move(at, first, second, 4, by_v, rates, step, beta1, beta2, mask)
    m = tl.minimum(tl.maximum(m, least), most)
    rho = tl.sqrt(u * u + v * v)
    shrink = tl.minimum(widest, m - least) / tl.maximum(rho, _TINY)
    shrink = tl.minimum(shrink, 1.0)
    tl.store(at + 2, m, mask=mask)
    tl.store(at + 3, u * shrink, mask=mask)
    tl.store(at + 4, v * shrink, mask=mask)
    for k in tl.static_range(2):
        gradient = tl.load(by_mean + row * 2 + k, mask=mask, other=0.0).to(tl.float64)
        value = _move(at, first, second, k, gradient, rates, step, beta1, beta2, mask)
        tl.store(at + k, value, mask=mask)
    for c in tl.static_range(CHANNELS):
        gradient = tl.load(by_color + row * CHANNELS + c, mask=mask, other=0.0).to(tl.float64)
        value = _move(at, first, second, 5 + c, gradient, rates, step, beta1, beta2, mask)
        tl.store(at + 5 + c, value, mask=mask)
