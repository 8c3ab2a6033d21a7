"""Profile `gsic`: Gaussians -> integers, on the encoder's side.

`classify` chooses the precision of each Gaussian, `quantise` rounds Gaussians at that precision.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from gsic.arrays import Bools, Float64, Int64
from gsic.profiles.gsic.dequantisation import (
    compute_amplitude_unit,
    dequantise_log_scale,
    make_color_transform,
)
from gsic.profiles.gsic.symbols import (
    AMPLITUDE_CLASSES,
    LOG_ANISOTROPY_EXPONENT,
    LOG_SCALE_EXPONENT,
    MARGIN_PX,
    POSITION_CLASSES,
    Header,
    Symbols,
)

_LN2 = math.log(2.0)

# Step of half the log-scale, in nats, of a Gaussian with A = 0: a relative change of its axes.
_SHAPE_STEP = 2.0**LOG_SCALE_EXPONENT * _LN2 / 2.0


@dataclass(frozen=True)
class Classes:
    """The precision of N Gaussians.

    Args:
        position: int64 (N,), P of POSITION_CLASSES.
        amplitude: int64 (N,), A of AMPLITUDE_CLASSES.
    """

    position: Int64
    amplitude: Int64

    def select(self, mask: Bools) -> Classes:
        """Return the classes that a mask selects."""
        return Classes(self.position[mask], self.amplitude[mask])


def classify(
    step: float,
    theta: Float64,
    color: Float64,
    *,
    position_scale: float = 1.0,
    shape_scale: float = 1.0,
) -> Classes:
    """Choose the classes at which the rounding errors of all numbers cost about equal energy.

    Args:
        step: global step, full scale times px.
        theta: float64 (N, 3), parameters of the `log` covariance, in nats.
        color: float64 (N, C), 1.0 = full scale.
        position_scale, shape_scale: multiply the steps of positions and of shapes that equal error
            energy asks for.
    """
    sigma = np.exp(0.5 * theta[:, 0])
    energy = math.sqrt(math.pi) * sigma * np.sqrt((color**2).sum(axis=1))
    # Relative changes of both axes by d / 2 cost a^2 d^2 / 4, so equal energy asks for
    # d = 2 step / a. Rotating an anisotropic Gaussian costs (sinh rho / rho)^2 as much; half of
    # that, in octaves, is taken into account.
    rho = np.hypot(theta[:, 1], theta[:, 2])
    turning = np.ones_like(rho)
    np.divide(np.sinh(rho), rho, out=turning, where=rho > 1e-6)
    turning = np.sqrt(turning)
    precision = np.maximum(energy / step, 1e-9) * turning * (_SHAPE_STEP / shape_scale)
    amplitude = np.rint(np.log2(precision))
    amplitude = np.clip(amplitude, AMPLITUDE_CLASSES[0], AMPLITUDE_CLASSES[-1])
    # Moving by d along an axis of standard deviation s costs a^2 d^2 / (2 s^2), and the mean of
    # 1 / s^2 over the axes is cosh(rho) / sigma^2.
    cell = math.sqrt(2.0) * position_scale * sigma / np.sqrt(np.cosh(rho))
    cell *= np.minimum(step / np.maximum(energy, 1e-30), 1.0)
    position = np.clip(np.rint(-np.log2(cell)), POSITION_CLASSES[0], POSITION_CLASSES[-1])
    return Classes(position.astype(np.int64), amplitude.astype(np.int64))


def quantise(
    header: Header, classes: Classes, mean: Float64, theta: Float64, color: Float64
) -> Symbols:
    """Round Gaussians to the nearest symbols of their classes.

    Args:
        header: what all Gaussians share.
        classes: precision of each of the N Gaussians.
        mean: float64 (N, 2) px.
        theta: float64 (N, 3), parameters of the `log` covariance, in nats.
        color: float64 (N, C), 1.0 = full scale.
    """
    scale = np.exp2(classes.position.astype(np.float64))
    size_px = np.array([header.width + 2 * MARGIN_PX, header.height + 2 * MARGIN_PX])
    last = np.ceil(size_px * scale[:, None]) - 1.0
    cell = np.floor((mean + MARGIN_PX) * scale[:, None])
    cell = np.minimum(np.maximum(cell, 0.0), last).astype(np.int64)
    fineness = np.exp2(classes.amplitude.astype(np.float64))
    log_scale = np.rint(theta[:, 0] * (fineness / _LN2) * 2.0**-LOG_SCALE_EXPONENT)
    log_scale = log_scale.astype(np.int64)
    anisotropy = np.rint(theta[:, 1:] * (fineness / _LN2 * 2.0**-LOG_ANISOTROPY_EXPONENT)[:, None])
    # Amplitudes are normalised by the scale that a decoder will see, not by the one asked for.
    unit = compute_amplitude_unit(header, dequantise_log_scale(log_scale, 1.0 / fineness))
    coded = (color @ make_color_transform(header.channels).T) / unit[:, None]
    return Symbols(
        classes.position,
        classes.amplitude,
        cell,
        log_scale,
        anisotropy.astype(np.int64),
        np.rint(coded).astype(np.int64),
    )
