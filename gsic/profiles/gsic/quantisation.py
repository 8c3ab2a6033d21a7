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
    dequantise_shapes,
    make_color_transform,
)
from gsic.profiles.gsic.places import count_fine_bits, round_means
from gsic.profiles.gsic.symbols import (
    AMPLITUDE_CLASSES,
    LOG_ANISOTROPY_EXPONENT,
    LOG_SCALE_EXPONENT,
    POSITION_CLASSES,
    Header,
    Symbols,
)
from gsic_kernels.constants import FINE_BITS_MAX

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
    turning = np.sqrt(_sinhc(rho))
    precision = np.maximum(energy / step, 1e-9) * turning * (_SHAPE_STEP / shape_scale)
    amplitude = np.rint(np.log2(precision))
    amplitude = np.clip(amplitude, AMPLITUDE_CLASSES[0], AMPLITUDE_CLASSES[-1])
    # Moving by d along an axis of standard deviation s costs a^2 d^2 / (2 s^2), so cells as long
    # and as wide as the Gaussian have this root of their area.
    cell = math.sqrt(2.0) * position_scale * sigma
    cell *= np.minimum(step / np.maximum(energy, 1e-30), 1.0)
    # An odd number of fine bits makes cells half as large as class P says.
    fine_bits = np.rint(np.log2(np.cosh(rho) + _sinhc(rho) * np.abs(theta[:, 1])))
    odd = np.minimum(fine_bits, FINE_BITS_MAX) % 2.0
    position = np.rint(-np.log2(cell) - 0.5 * odd)
    position = np.clip(position, POSITION_CLASSES[0], POSITION_CLASSES[-1])
    return Classes(position.astype(np.int64), amplitude.astype(np.int64))


def _sinhc(rho: Float64) -> Float64:
    """Compute sinh(rho) / rho."""
    return np.divide(np.sinh(rho), rho, out=np.ones_like(rho), where=rho > 1e-6)


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
    fineness = np.exp2(classes.amplitude.astype(np.float64))
    log_scale = np.rint(theta[:, 0] * (fineness / _LN2) * 2.0**-LOG_SCALE_EXPONENT)
    log_scale = log_scale.astype(np.int64)
    anisotropy = np.rint(theta[:, 1:] * (fineness / _LN2 * 2.0**-LOG_ANISOTROPY_EXPONENT)[:, None])
    anisotropy = anisotropy.astype(np.int64)
    # Places and amplitudes suit the shape that a decoder will see, not the one asked for.
    seen, _ = dequantise_shapes(log_scale, anisotropy, 1.0 / fineness)
    unit = compute_amplitude_unit(header, seen[:, 0])
    coded = (color @ make_color_transform(header.channels).T) / unit[:, None]
    fine_bits = count_fine_bits(classes.position, classes.amplitude, anisotropy)
    slope = _find_slope(seen[:, 1:] * _LN2)
    return Symbols(
        classes.position,
        classes.amplitude,
        round_means(header, classes.position, anisotropy, fine_bits, mean, slope),
        log_scale,
        anisotropy,
        np.rint(coded).astype(np.int64),
    )


def _find_slope(log_anisotropy: Float64) -> Float64:
    """Find by how much the ridges of N Gaussians rise across for each px along.

    Along a line in the longer direction the weight is largest there: the covariance of both
    directions over the variance along it.
    """
    u, v = log_anisotropy.T
    rho = np.hypot(u, v)
    share = np.divide(np.tanh(rho), rho, out=np.ones_like(rho), where=rho > 1e-4)
    return np.asarray(share * v / (1.0 + share * np.abs(u)))
