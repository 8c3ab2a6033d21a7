"""Steps of Adam on Gaussians that stay on the device, with `log` covariances, in float64.

`make_splats` rounds parameters to what a rasteriser reads, `step_adam` moves them against the
gradient by what was drawn. Both are the same in Triton as `gsic.gaussians.LogCovariance`,
`gsic.fitting.adam_state` and `gsic.fitting.optimisers` in NumPy, and are tested against them.

Parameters of a Gaussian are a row of mean x, y; m, u, v of `raster.log_covariance`; and C colours.
"""

from __future__ import annotations

import triton
import triton.language as tl

from gsic_kernels.gpu.raster.log_covariance import compute_entries, compute_factor

# Gaussians per program.
STEP_COUNT = tl.constexpr(64)

# Keeps quotients finite where a denominator may be 0.
_TINY = tl.constexpr(1e-12)


@triton.jit(do_not_specialize=["count"])
def make_splats(
    values,
    cutoff_divisor,
    count,
    mean,
    factor,
    color,
    cutoff,
    offset,
    CHANNELS: tl.constexpr,
):
    """Make the splats of STEP_COUNT Gaussians from their parameters.

    Args:
        values: float64 (N, 5 + C), parameters.
        cutoff_divisor: float64 (1,); a Gaussian ends below 1 / (255 cutoff_divisor).
        count: N.
        mean, factor, color, cutoff, offset: the arrays of `types.Splats`, overwritten; but for
            levels, which are 0.
    """
    n = tl.program_id(0) * STEP_COUNT + tl.arange(0, STEP_COUNT)
    mask, row = n < count, n.to(tl.int64)
    at = values + row * (5 + CHANNELS)
    m, u = tl.load(at + 2, mask=mask, other=0.0), tl.load(at + 3, mask=mask, other=0.0)
    v = tl.load(at + 4, mask=mask, other=0.0)
    s12, s22, sqrt_det, _, _, _ = compute_entries(m, u, v)
    p, r, t = compute_factor(s12, s22, sqrt_det)
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
    end = tl.log(tl.maximum(255.0 * tl.load(cutoff_divisor) * peak, 1.0))
    tl.store(cutoff + row, end.to(tl.float32), mask=mask)
    tl.store(offset + row, tl.exp(-end).to(tl.float32), mask=mask)


@triton.jit
def _step_column(
    first,
    second,
    column,
    gradient,
    learning_rates,
    step,
    beta1,
    beta2,
    mask,
):
    """Update Adam's moments of one column, and return what its values are to be lowered by."""
    mean = tl.load(first + column, mask=mask, other=0.0)
    mean += (1.0 - beta1) * (gradient - mean)
    tl.store(first + column, mean, mask=mask)
    square = tl.load(second + column, mask=mask, other=0.0)
    square += (1.0 - beta2) * (gradient * gradient - square)
    tl.store(second + column, square, mask=mask)
    learning_rate = tl.load(learning_rates + column)
    return mean / (tl.sqrt(square) + _TINY) * (step * learning_rate)


@triton.jit(do_not_specialize=["count"])
def step_adam(
    d_mean,
    d_factor,
    d_color,
    constants,
    learning_rates,
    count,
    values,
    first,
    second,
    age,
    CHANNELS: tl.constexpr,
):
    """Move the parameters of STEP_COUNT Gaussians one step of Adam against the gradient.

    Args:
        d_mean, d_factor, d_color: the arrays of `types.Gradients`, by what `make_splats` wrote.
        constants: float64 (6,): the multiplier of learning rates, then betas, min_log_scale,
            max_log_scale and max_log_anisotropy of `backend.FitConstants`.
        learning_rates: float64 (5 + C,).
        count: N.
        values: float64 (N, 5 + C), parameters; updated.
        first, second: float64 (N, 5 + C), moments of Adam; updated.
        age: float64 (N,), steps that each Gaussian has taken; updated.
    """
    n = tl.program_id(0) * STEP_COUNT + tl.arange(0, STEP_COUNT)
    mask, row = n < count, n.to(tl.int64)
    start = row * (5 + CHANNELS)
    at, first, second = values + start, first + start, second + start
    scale, beta1, beta2 = tl.load(constants), tl.load(constants + 1), tl.load(constants + 2)
    min_scale, max_scale, max_anisotropy = (
        tl.load(constants + 3),
        tl.load(constants + 4),
        tl.load(constants + 5),
    )
    steps = tl.load(age + row, mask=mask, other=0.0) + 1.0
    tl.store(age + row, steps, mask=mask)
    # Bias correction by beta^steps; Gaussians of a fit that grows differ in their steps.
    power1, power2 = tl.exp(steps * tl.log(beta1)), tl.exp(steps * tl.log(beta2))
    step = scale * tl.sqrt(1.0 - power2) / (1.0 - power1)

    # Vector-Jacobian product from p, r, t by way of the covariance entries to m, u, v.
    m, u = tl.load(at + 2, mask=mask, other=0.0), tl.load(at + 3, mask=mask, other=0.0)
    v = tl.load(at + 4, mask=mask, other=0.0)
    s12, s22, sqrt_det, cosh, sinhc, small = compute_entries(m, u, v)
    p, r, t = compute_factor(s12, s22, sqrt_det)
    gp = tl.load(d_factor + row * 3, mask=mask, other=0.0).to(tl.float64)
    gr = tl.load(d_factor + row * 3 + 1, mask=mask, other=0.0).to(tl.float64)
    gt = tl.load(d_factor + row * 3 + 2, mask=mask, other=0.0).to(tl.float64)
    g12 = -gr * p * t * t
    g22 = (gp * p - gr * r - gt * t) / (2.0 * s22)
    g_log_det = -(gp * p + gr * r) / 2.0
    square = u * u + v * v
    # Derivative of sinh(rho) / rho by rho, divided by rho; from its series where rho is small.
    slope = tl.where(
        small, 1.0 / 3.0 + square / 30.0, (cosh - sinhc) / tl.where(small, 1.0, square)
    )
    d_m = g12 * s12 + g22 * s22 + 2.0 * g_log_det
    d_u = sqrt_det * (g12 * slope * u * v + g22 * (sinhc * u - sinhc - slope * u * u))
    d_v = sqrt_det * (g12 * (slope * v * v + sinhc) + g22 * (sinhc - slope * u) * v)

    # Means move in the frame of their Gaussian. The symmetric root of Sigma has m / 2, u / 2 and
    # v / 2 in the place of m, u and v.
    along = tl.sqrt(0.5 * sqrt_det * (cosh + 1.0))
    across = 0.5 * sqrt_det * sinhc / along
    r11, r12, r22 = along + across * u, across * v, along - across * u
    g_x = tl.load(d_mean + row * 2, mask=mask, other=0.0).to(tl.float64)
    g_y = tl.load(d_mean + row * 2 + 1, mask=mask, other=0.0).to(tl.float64)
    d_x, d_y = r11 * g_x + r12 * g_y, r12 * g_x + r22 * g_y
    s_x = _step_column(first, second, 0, d_x, learning_rates, step, beta1, beta2, mask)
    s_y = _step_column(first, second, 1, d_y, learning_rates, step, beta1, beta2, mask)
    m -= _step_column(first, second, 2, d_m, learning_rates, step, beta1, beta2, mask)
    u -= _step_column(first, second, 3, d_u, learning_rates, step, beta1, beta2, mask)
    v -= _step_column(first, second, 4, d_v, learning_rates, step, beta1, beta2, mask)
    m = tl.minimum(tl.maximum(m, min_scale), max_scale)
    rho = tl.sqrt(u * u + v * v)
    shrink = tl.minimum(max_anisotropy, m - min_scale) / tl.maximum(rho, _TINY)
    shrink = tl.minimum(shrink, 1.0)
    tl.store(at + 2, m, mask=mask)
    tl.store(at + 3, u * shrink, mask=mask)
    tl.store(at + 4, v * shrink, mask=mask)
    for k in tl.static_range(2):
        value = tl.load(at + k, mask=mask, other=0.0)
        move = s_x * r12 + s_y * r22 if k else s_x * r11 + s_y * r12
        tl.store(at + k, value - move, mask=mask)
    for c in tl.static_range(CHANNELS):
        gradient = tl.load(d_color + row * CHANNELS + c, mask=mask, other=0.0).to(tl.float64)
        move = _step_column(
            first, second, 5 + c, gradient, learning_rates, step, beta1, beta2, mask
        )
        value = tl.load(at + 5 + c, mask=mask, other=0.0)
        tl.store(at + 5 + c, value - move, mask=mask)
