"""Profile `gsic`: integers -> Gaussians. FORMAT.md section 7.3 is normative.

`dequantise` gives the scene that a decoder draws; `dequantise_gaussians` gives the same Gaussians
with the numbers that quantisation-aware training needs, so encoder and decoder share every bit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

import numpy as np

from gsic.arrays import Float64, Int32, Int64
from gsic.gaussians import Covariance, CovarianceEntries, LogCovariance
from gsic.lattices import LatticeGaussians, choose_levels
from gsic.profiles.base import Scene, SymbolScene
from gsic.profiles.gsic.symbols import (
    LOG_ANISOTROPY_EXPONENT,
    LOG_SCALE_EXPONENT,
    MARGIN_PX,
    MAX_LOG_ANISOTROPY,
    MAX_LOG_SCALE,
    MIN_LOG_SCALE,
    STEP_OFFSET,
    STEP_RESOLUTION,
    Header,
    QuantisedImage,
    Symbols,
)
from gsic_kernels.constants import PLACE_BITS
from gsic_kernels.types import LogGrid, LogSymbols

CUTOFF_DIVISOR = 2.5
"""A Gaussian ends where its weight times its colour falls below 1 / (255 CUTOFF_DIVISOR)."""

_LN2 = math.log(2.0)

# 64 log2(255 CUTOFF_DIVISOR / sqrt(pi)), rounded: VISIBLE of FORMAT.md.
_LOG2_VISIBLE = round(
    STEP_RESOLUTION * (math.log2(255.0 * CUTOFF_DIVISOR) - 0.5 * math.log2(math.pi))
)

# The cutoff reads only the bit length of the energy, and float64 holds integers up to 2^52 exactly.
_MAX_ENERGY = 2.0**52

# Orthonormal: equal steps in these coordinates are equal errors in RGB. Rows: luma, red-blue,
# green-magenta.
_OPPONENT = np.array([[1.0, 1.0, 1.0], [1.0, 0.0, -1.0], [1.0, -2.0, 1.0]])
_OPPONENT /= np.sqrt([[3.0], [2.0], [6.0]])

COVARIANCE: Covariance = LogCovariance()


@dataclass(frozen=True)
class Dequantised:
    """N Gaussians as a decoder sees them, float64 arrays.

    Args:
        mean: (N, 2) px.
        theta: (N, 3), parameters of the `log` covariance, in nats.
        color: (N, C), 1.0 = full scale.
        cutoff: (N,), the exponent beyond which the weight is zero; at most 0 for Gaussians that
            draw nothing.
        amplitude: (N,), full scale per global step of a coded channel.
        level: int32 (N,), the lattices that they are drawn on.
    """

    mean: Float64
    theta: Float64
    color: Float64
    cutoff: Float64
    amplitude: Float64
    level: Int32

    @property
    def entries(self) -> CovarianceEntries:
        """Covariance entries of `theta`, px^2 and px^4."""
        return COVARIANCE.entries(self.theta)

    def place_on_lattices(self) -> LatticeGaussians:
        """Convert the Gaussians to what a kernel draws."""
        return LatticeGaussians(self.mean, self.entries, self.color, self.cutoff, self.level)


def dequantise(image: QuantisedImage) -> Scene:
    """Convert the integers of an image to the scene that a decoder draws (FORMAT.md 7.3).

    Args:
        image: N Gaussians.

    Returns:
        The scene, float64, with the offset exp(-cutoff) that makes weights fall to 0 at the cutoff.
    """
    header, symbols = image
    gaussians = dequantise_gaussians(header, symbols)
    return Scene(
        gaussians.mean,
        gaussians.entries,
        gaussians.color,
        gaussians.cutoff,
        np.exp(-gaussians.cutoff),
        header.background_color,
        level=gaussians.level,
    )


def dequantise_gaussians(header: Header, symbols: Symbols) -> Dequantised:
    """Convert symbols to means, covariances, colours and cutoffs (FORMAT.md 7.3).

    A shape is the symmetric matrix log2 Sigma = [[m + u, v], [v, m - u]]: the log-scale m and the
    log-anisotropy (u, v) are their symbols times 2^(1 - A), within the bounds of the format. All of
    it is float64; whoever hands it to a kernel rounds it to float32 once.

    Args:
        header: what all Gaussians share.
        symbols: N Gaussians.
    """
    mean = np.asarray(symbols.place * 2.0**-PLACE_BITS - MARGIN_PX, np.float64)
    precision = np.exp2(-symbols.amplitude_class.astype(np.float64))
    theta, ratio = dequantise_shapes(symbols.log_scale, symbols.log_anisotropy, precision)
    level = choose_levels(theta[:, 0], ratio)
    amplitude = compute_amplitude_unit(header, theta[:, 0])
    color = (symbols.color * amplitude[:, None]) @ make_color_transform(header.channels)
    cutoff = _compute_cutoff(header, symbols, theta[:, 0])
    theta *= _LN2
    return Dequantised(mean, theta, color, cutoff, amplitude, level)


def dequantise_shapes(
    log_scale: Int64, log_anisotropy: Int64, precision: Float64
) -> tuple[Float64, Float64]:
    """Convert shapes in steps to m, u and v of log2 Sigma, within the bounds of the format.

    Args:
        log_scale: int64 (N,), in steps.
        log_anisotropy: int64 (N, 2), in steps.
        precision: float64 (N,), 2^-A of each Gaussian.

    Returns:
        float64 (N, 3), and float64 (N,), log2 of the ratio of the axes.
    """
    # The columns are contiguous, because everything that follows works column by column.
    theta = np.empty((3, len(log_scale))).T
    theta[:, 0] = dequantise_log_scale(log_scale, precision)
    theta[:, 1:] = log_anisotropy * (precision * 2.0**LOG_ANISOTROPY_EXPONENT)[:, None]
    return theta, clamp_log_anisotropy(theta)


def dequantise_log_scale(log_scale: Int64, precision: Float64) -> Float64:
    """Convert log-scales in steps to log2 of the geometric mean of the variances in px^2.

    Args:
        log_scale: int64 (N,), in steps.
        precision: float64 (N,), 2^-A of each Gaussian.

    Returns:
        float64 (N,) in MIN_LOG_SCALE..MAX_LOG_SCALE.
    """
    return np.clip(log_scale * precision * 2.0**LOG_SCALE_EXPONENT, MIN_LOG_SCALE, MAX_LOG_SCALE)


def clamp_log_anisotropy(theta: Float64) -> Float64:
    """Scale (u, v) of log2 covariances (N, 3) down to the bounds of the format, in place.

    The smaller variance stays above MIN_SIGMA_PX^2 and the ratio of the axes below
    2^MAX_LOG_ANISOTROPY; the direction of the axes is kept.

    Returns:
        float64 (N,), log2 of the ratio of the axes within the bounds.
    """
    rho = np.sqrt(theta[:, 1] ** 2 + theta[:, 2] ** 2)
    most = np.minimum(MAX_LOG_ANISOTROPY, theta[:, 0] - MIN_LOG_SCALE)
    (over,) = (rho > most).nonzero()
    if len(over):
        theta[over, 1:] *= (most[over] / rho[over])[:, None]
    return np.minimum(rho, most)


def compute_amplitude_unit(header: Header, log_scale: Float64) -> Float64:
    """Compute the full-scale value of one global step for Gaussians of log-scales (N,) in log2."""
    return np.asarray(header.step / math.sqrt(math.pi) * np.exp2(-0.5 * log_scale))


def make_color_transform(channels: int) -> Float64:
    """Make the orthonormal matrix (C, C) from colour channels to coded ones; alpha is kept."""
    matrix = np.eye(channels)
    if channels >= 3:
        matrix[:3, :3] = _OPPONENT
    return matrix


def make_symbol_scene(image: QuantisedImage) -> SymbolScene:
    """Pack an image for a backend that dequantises by itself."""
    packed = LogSymbols(image.rows, make_log_grid(image.header))
    return SymbolScene(packed, partial(_measure_variance, image), image.header.background_color)


def _measure_variance(image: QuantisedImage) -> Float64:
    """Compute the most that the variance along the longer axis can be, (N,) in px^2."""
    symbols = image.symbols
    precision = np.exp2(-symbols.amplitude_class.astype(np.float64))
    rho = np.hypot(*symbols.log_anisotropy.T) * (precision * 2.0**LOG_ANISOTROPY_EXPONENT)
    rho = np.minimum(rho, MAX_LOG_ANISOTROPY)
    variance: Float64 = np.exp2(dequantise_log_scale(symbols.log_scale, precision) + rho)
    return variance


def make_log_grid(header: Header) -> LogGrid:
    """Collect the constants with which a kernel repeats `dequantise_gaussians`."""
    return LogGrid(
        margin=MARGIN_PX,
        log_scale_step=2.0**LOG_SCALE_EXPONENT,
        log_anisotropy_step=2.0**LOG_ANISOTROPY_EXPONENT,
        min_log_scale=MIN_LOG_SCALE,
        max_log_scale=MAX_LOG_SCALE,
        max_log_anisotropy=MAX_LOG_ANISOTROPY,
        amplitude_unit=header.step / math.sqrt(math.pi),
        half_resolution=STEP_RESOLUTION // 2,
        cutoff_level=_compute_cutoff_level(header),
        transform=make_color_transform(header.channels),
    )


def _compute_cutoff_level(header: Header) -> int:
    """Compute the part of the cutoff that all Gaussians share, in 64ths of an octave."""
    return header.step_index - STEP_OFFSET * STEP_RESOLUTION + _LOG2_VISIBLE


def _compute_cutoff(header: Header, symbols: Symbols, log_scale: Float64) -> Float64:
    """Compute the cutoff from integers, so that no platform rounds it in another way.

    It is about ln(255 CUTOFF_DIVISOR |c|), in multiples of ln 2 / 64, and 0 where |c| = 0.
    """
    energy = np.square(symbols.color, dtype=np.float64).sum(axis=1)
    np.minimum(energy, _MAX_ENERGY, out=energy)
    octaves = np.frexp(energy)[1]
    half_octave = STEP_RESOLUTION // 2
    scale = np.floor(log_scale * half_octave)
    level = octaves * half_octave + _compute_cutoff_level(header) - scale
    return np.where(energy > 0.0, level * (_LN2 / STEP_RESOLUTION), 0.0)
