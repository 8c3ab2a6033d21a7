"""Profile `gsic`: Gaussians <-> integers. FORMAT.md section 7 is normative for `dequantise`.

Every number of a Gaussian is coded with the step at which its rounding error costs about the same
energy. A Gaussian of standard deviation sigma (geometric mean of its axes) and colour c has the
normalised amplitude a = sqrt(pi) sigma c, whose square is its energy; one global step divides it.
Shape and position get steps in proportion to the inverse of the amplitude, by powers of two: the
amplitude class A (|a| is about 2^A steps) and the position class P (cells of 2^-P px). The fit
chooses the classes once and freezes them, so that the grids do not move under its feet.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from gsic.gaussians import Covariance, CovarianceEntries, Float64, LogCovariance, compute_factor

Int64 = NDArray[np.int64]

MARGIN_PX = 8
"""How far outside the image a mean may lie."""

POSITION_CLASSES = range(-8, 8)
AMPLITUDE_CLASSES = range(16)

STEP_RESOLUTION = 64
STEP_OFFSET = 10
MAX_STEP_INDEX = 2 * STEP_OFFSET * STEP_RESOLUTION - 1

SIZE_EXPONENT = 1
"""Steps of log2 det Sigma / 2 are 2^(SIZE_EXPONENT - A), those of the stretch likewise."""

STRETCH_EXPONENT = 1

MIN_SIGMA_PX = 0.3
MAX_STRETCH = 6.0
"""Largest log2 of the ratio of the axes."""

MIN_LOG2_VARIANCE = 2.0 * math.log2(MIN_SIGMA_PX)
MAX_LOG2_VARIANCE = 28.0

VISIBLE = 2.5
"""A Gaussian ends where its weight falls below 1 / (255 VISIBLE) of full scale."""

_LN2 = math.log(2.0)
_LOG2_VISIBLE = round(STEP_RESOLUTION * (math.log2(255.0 * VISIBLE) - 0.5 * math.log2(math.pi)))

_SHAPE_STEP = 2.0**SIZE_EXPONENT * _LN2 / 2.0

# Orthonormal: equal steps in these coordinates are equal errors in RGB. Rows: luma, red-blue,
# green-magenta.
_OPPONENT = np.array([[1.0, 1.0, 1.0], [1.0, 0.0, -1.0], [1.0, -2.0, 1.0]])
_OPPONENT /= np.sqrt([[3.0], [2.0], [6.0]])

COVARIANCE: Covariance = LogCovariance()


def color_transform(channels: int) -> Float64:
    """Orthonormal matrix (C, C) from colour channels to the coded ones; alpha stays as it is."""
    matrix = np.eye(channels)
    if channels >= 3:
        matrix[:3, :3] = _OPPONENT
    return matrix


@dataclass(frozen=True)
class Header:
    """What all Gaussians of a file share.

    Args:
        width, height: pixels.
        channels: 1..4.
        step_index: 0..MAX_STEP_INDEX, 64 a doubling of the global step.
        background: full-scale colour 0..255 behind the Gaussians, one value a channel.
    """

    width: int
    height: int
    channels: int
    step_index: int
    background: tuple[int, ...]

    @property
    def step(self) -> float:
        """The global step of normalised amplitudes, in full scale times px."""
        return step_of(self.step_index)

    @property
    def background_color(self) -> Float64:
        """Background in 0..1, float64 (C,)."""
        return np.array(self.background, np.float64) / 255.0

    @property
    def reach_level(self) -> int:
        """What the cutoff of every Gaussian has in common, in 64ths of an octave."""
        return self.step_index - STEP_OFFSET * STEP_RESOLUTION + _LOG2_VISIBLE


def step_of(index: int) -> float:
    """Global step of a step index."""
    return float(2.0 ** (index / STEP_RESOLUTION - STEP_OFFSET))


def nearest_step_index(step: float) -> int:
    """Step index whose step is nearest to `step` in log scale."""
    index = round(STEP_RESOLUTION * (math.log2(step) + STEP_OFFSET))
    return min(max(index, 0), MAX_STEP_INDEX)


@dataclass(frozen=True)
class Symbols:
    """N Gaussians as integers, int64.

    Args:
        position_class: (N,), P of POSITION_CLASSES.
        amplitude_class: (N,), A of AMPLITUDE_CLASSES.
        cell: (N, 2), column and row of the cell of 2^-P px that holds the mean.
        size: (N,), log2 of the axes' geometric mean squared, in steps.
        stretch: (N, 2), the traceless part of log2 Sigma, in steps.
        color: (N, C), normalised amplitude of each transformed channel, in global steps.
    """

    position_class: Int64
    amplitude_class: Int64
    cell: Int64
    size: Int64
    stretch: Int64
    color: Int64

    def __len__(self) -> int:
        return len(self.size)

    def take(self, index: NDArray[np.integer] | NDArray[np.bool_]) -> Symbols:
        """The Gaussians that `index` or a mask selects, in its order."""
        return Symbols(
            self.position_class[index],
            self.amplitude_class[index],
            self.cell[index],
            self.size[index],
            self.stretch[index],
            self.color[index],
        )

    def visible(self) -> Symbols:
        """Those Gaussians that draw anything."""
        return self.take(np.flatnonzero(self.color.any(axis=1)))

    def differs(self, other: Symbols) -> NDArray[np.bool_]:
        """Which Gaussians are others than those of as many others, bool (N,)."""
        different = np.zeros(len(self), bool)
        for field in fields(self):
            here = getattr(self, field.name) != getattr(other, field.name)
            different |= here.any(axis=1) if here.ndim == 2 else here
        return different

    def replaced(self, index: NDArray[np.integer], other: Symbols) -> Symbols:
        """These Gaussians, but those that `index` selects as `other` has them."""
        new = {field.name: getattr(self, field.name).copy() for field in fields(self)}
        for name, values in new.items():
            values[index] = getattr(other, name)[index]
        return Symbols(**new)


def no_symbols(channels: int) -> Symbols:
    """The symbols of an image without Gaussians."""
    none = np.zeros(0, np.int64)
    pairs = np.zeros((0, 2), np.int64)
    return Symbols(none, none, pairs, none, pairs, np.zeros((0, channels), np.int64))


@dataclass(frozen=True)
class Dequantised:
    """N Gaussians as a decoder sees them, float64.

    Args:
        mean: (N, 2) px. theta: (N, 3), the `log` covariance in nats. color: (N, C), 0..1 of full
            scale. cutoff: (N,), the exponent beyond which a Gaussian is zero; at most 0 for
            Gaussians that contribute nothing. amplitude: (N,), what one global step of a coded
            channel is in full scale.
    """

    mean: Float64
    theta: Float64
    color: Float64
    cutoff: Float64
    amplitude: Float64

    @property
    def entries(self) -> CovarianceEntries:
        """Covariances as the parameterisation gives them."""
        return COVARIANCE.entries(self.theta)

    def factor(self) -> Float64:
        """Whitening factors (N, 3) in px^-1."""
        return compute_factor(self.entries)


def grid_size(header: Header, position_class: int) -> tuple[int, int]:
    """Columns and rows of the cells of a position class."""
    scale = 2.0**position_class
    width = header.width + 2 * MARGIN_PX
    height = header.height + 2 * MARGIN_PX
    return math.ceil(width * scale), math.ceil(height * scale)


def dequantise(header: Header, symbols: Symbols) -> Dequantised:
    """Gaussians of symbols; the decoder and the quantisation-aware fit share it.

    All of it is float64, rounded to float32 once, by whoever hands it to a kernel.
    """
    cell_px = np.exp2(-symbols.position_class.astype(np.float64))
    mean = np.asarray((symbols.cell + 0.5) * cell_px[:, None] - MARGIN_PX, np.float64)
    # Columns lie one after the other, as everything that follows takes them one by one.
    theta = np.empty((3, len(symbols))).T
    precision = np.exp2(-symbols.amplitude_class.astype(np.float64))
    theta[:, 0] = log2_variance(symbols.size, precision)
    theta[:, 1:] = symbols.stretch * (precision * 2.0**STRETCH_EXPONENT)[:, None]
    bound_stretch(theta)
    amplitude = amplitude_of(header, theta[:, 0])
    color = (symbols.color * amplitude[:, None]) @ color_transform(header.channels)
    cutoff = _cutoff(header, symbols, theta[:, 0])
    theta *= _LN2
    return Dequantised(mean, theta, color, cutoff, amplitude)


def log2_variance(size: Int64, precision: Float64) -> Float64:
    """log2 of the axes' geometric mean squared, (N,), of sizes in steps; `precision` is 2^-A."""
    return np.clip(size * precision * 2.0**SIZE_EXPONENT, MIN_LOG2_VARIANCE, MAX_LOG2_VARIANCE)


def amplitude_of(header: Header, variance: Float64) -> Float64:
    """What one global step of a coded channel is in full scale, (N,), of log2 variances."""
    return np.asarray(header.step / math.sqrt(math.pi) * np.exp2(-0.5 * variance))


def bound_stretch(theta: Float64) -> None:
    """Bring the stretch of log2 covariances (N, 3) into the bounds of the format, in place."""
    least = MIN_LOG2_VARIANCE
    stretch = np.sqrt(theta[:, 1] ** 2 + theta[:, 2] ** 2)
    most = np.minimum(MAX_STRETCH, theta[:, 0] - least)
    (over,) = (stretch > most).nonzero()
    if len(over):
        theta[over, 1:] *= (most[over] / stretch[over])[:, None]


def _cutoff(header: Header, symbols: Symbols, variance: Float64) -> Float64:
    """ln(255 VISIBLE peak) from integers: 64ths of an octave, so no platform rounds another way."""
    energy = np.square(symbols.color, dtype=np.float64).sum(axis=1)
    np.minimum(energy, 2.0**52, out=energy)
    octaves = np.frexp(energy)[1]
    size = np.floor(variance * (STEP_RESOLUTION // 2))
    level = octaves * (STEP_RESOLUTION // 2) + header.reach_level - size
    return np.where(energy > 0.0, level * (_LN2 / STEP_RESOLUTION), 0.0)


@dataclass(frozen=True)
class Classes:
    """Frozen precision of N Gaussians: position and amplitude classes, int64 (N,) each."""

    position: Int64
    amplitude: Int64

    def take(self, mask: NDArray[np.bool_]) -> Classes:
        """The classes that a mask selects."""
        return Classes(self.position[mask], self.amplitude[mask])


def classify(
    step: float,
    theta: Float64,
    color: Float64,
    *,
    position_scale: float = 1.0,
    shape_scale: float = 1.0,
) -> Classes:
    """Choose the classes of float Gaussians at a global step.

    Args:
        step: global step, full scale times px.
        theta: float64 (N, 3), `log` covariance in nats.
        color: float64 (N, C).
        position_scale, shape_scale: multiply the steps that equal error energy asks for.
    """
    sigma = np.exp(0.5 * theta[:, 0])
    energy = math.sqrt(math.pi) * sigma * np.sqrt((color**2).sum(axis=1))
    # Relative changes of both axes by d / 2 cost a^2 d^2 / 4: equal energy asks for d = 2 step / a.
    # Turning a needle costs (sinh rho / rho)^2 as much; half of that, in octaves, is paid for.
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
    """Nearest symbols of float Gaussians in frozen classes.

    Args:
        header: grid that all share.
        classes: precision of each Gaussian.
        mean: float64 (N, 2), px.
        theta: float64 (N, 3), `log` covariance in nats.
        color: float64 (N, C).
    """
    scale = np.exp2(classes.position.astype(np.float64))
    size_px = np.array([header.width + 2 * MARGIN_PX, header.height + 2 * MARGIN_PX])
    last = np.ceil(size_px * scale[:, None]) - 1.0
    cell = np.floor((mean + MARGIN_PX) * scale[:, None])
    cell = np.minimum(np.maximum(cell, 0.0), last).astype(np.int64)
    fineness = np.exp2(classes.amplitude.astype(np.float64))
    size = np.rint(theta[:, 0] * (fineness / _LN2) * 2.0**-SIZE_EXPONENT).astype(np.int64)
    stretch = np.rint(theta[:, 1:] * (fineness / _LN2 * 2.0**-STRETCH_EXPONENT)[:, None])
    amplitude = amplitude_of(header, log2_variance(size, 1.0 / fineness))
    coded = (color @ color_transform(header.channels).T) / amplitude[:, None]
    return Symbols(
        classes.position,
        classes.amplitude,
        cell,
        size,
        stretch.astype(np.int64),
        np.rint(coded).astype(np.int64),
    )
