"""What kernels are called with, and the one place where it is checked."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gsic_kernels.constants import BLENDED_MAX, CHANNELS_MAX

F32 = NDArray[np.float32]
I32 = NDArray[np.int32]
F64 = NDArray[np.float64]

# Pixel centres must be exact in float32, with room for a window that starts outside the image.
_COORDINATE_MAX = 1 << 22

# Rows of `LogSymbols` before those of amplitudes.
SHAPE_ROWS = 7


class Splats(NamedTuple):
    """N Gaussians as arrays; `weight = exp(-q) - floor` where `q <= reach`, else 0.

    q = (u^2 + v^2) / 2 with u = p dx + r dy, v = t dy and (dx, dy) = pixel centre - mean.
    """

    mean: F32  # (N, 2) px, x then y; the centre of pixel (row i, column j) is (j + 0.5, i + 0.5)
    factor: F32  # (N, 3) px^-1: p, r, t of the upper-triangular whitening factor
    color: F32  # (N, C) 1.0 = full scale, not limited to 0..1
    reach: F32  # (N,) the q beyond which the weight is exactly zero
    floor: F32  # (N,) subtracted from exp(-q) within reach


class LogGrid(NamedTuple):
    """What makes Gaussians of integers, for a covariance log2 Sigma = [[m + u, v], [v, m - u]].

    A Gaussian has a position class P and an amplitude class A. With E the sum of the squares of its
    amplitudes, at most 2^52, its reach is (level + h bitlength(E) - floor(h m)) ln 2 / (2 h), or 0
    if E = 0, and its floor exp(-reach).
    """

    margin: float  # px from the origin back to cell 0; cells are 2^-P px
    size: float  # steps of m, times 2^-A
    stretch: float  # steps of u and v, times 2^-A
    least: float  # least m, which log2 of the smaller variance, m - sqrt(u^2 + v^2), keeps as well
    most: float  # largest m
    ratio: float  # largest sqrt(u^2 + v^2)
    unit: float  # an amplitude of one, 1.0 = full scale, where m = 0; elsewhere times 2^(-m / 2)
    half: float  # h
    level: float
    transform: F64  # (C, C) a row of amplitudes times this is a colour


class LogSymbols(NamedTuple):
    """N Gaussians as integers, for a backend that makes splats of them itself.

    The rows are P in -1000..1000, A in 0..1000, column and row of the cell, m, u and v in steps,
    and an amplitude for each of C channels.
    """

    rows: I32  # (7 + C, N)
    grid: LogGrid


class Window(NamedTuple):
    """A rectangle of pixels; it may start anywhere, outside the image too."""

    x: int
    y: int
    width: int
    height: int


class Gradients(NamedTuple):
    """Derivatives of a scalar by the arrays of `Splats` that can be learned."""

    mean: F32  # (N, 2)
    factor: F32  # (N, 3)
    color: F32  # (N, C)


class Blended(NamedTuple):
    """An alpha-blended rendering, and what its gradient needs to know."""

    image: F32  # (height, width, C), not clamped
    transmittance: F32  # (height, width), the share of the background that is seen, 1e-4..1
    stop: I32  # (height, width), index of the first Gaussian that the pixel refused, N for none


class AlphaGradients(NamedTuple):
    """Derivatives of a scalar by everything in alpha blending that can be learned."""

    mean: F32  # (N, 2)
    factor: F32  # (N, 3)
    color: F32  # (N, C)
    opacity: F32  # (N,)
    background: F32  # (C,)


def rounded(
    mean: NDArray[np.float64],
    factor: NDArray[np.float64],
    color: NDArray[np.float64],
    reach: NDArray[np.float64],
    floor: NDArray[np.float64],
) -> Splats:
    """Splats of float64 arrays, each rounded once.

    Args:
        mean, factor, color, reach, floor: as the arrays of `Splats`.
    """
    return Splats(
        mean.astype(np.float32),
        factor.astype(np.float32),
        color.astype(np.float32),
        reach.astype(np.float32),
        floor.astype(np.float32),
    )


def splats(value: Splats) -> Splats:
    """Check the arrays of `value` and make them contiguous.

    Args:
        value: arrays as `Splats` describes them.

    Returns:
        The same splats; arrays are copied only where they were not contiguous.

    Raises:
        TypeError: an array is not a float32 NumPy array.
        ValueError: a shape does not fit, or there are not 1 to 4 channels.
    """
    mean, factor, color, reach, floor = value
    count = len(mean)
    channels = color.shape[-1] if color.ndim == 2 else 0
    if not 1 <= channels <= CHANNELS_MAX:
        raise ValueError(f"color must be (N, 1..{CHANNELS_MAX}), got {color.shape}")
    return Splats(
        _array("mean", mean, (count, 2)),
        _array("factor", factor, (count, 3)),
        _array("color", color, (count, channels)),
        _array("reach", reach, (count,)),
        _array("floor", floor, (count,)),
    )


def log_symbols(value: LogSymbols) -> LogSymbols:
    """Check the arrays of `value`.

    Raises:
        TypeError: the rows are not an int32 NumPy array.
        ValueError: a shape does not fit, or there are not 1 to 4 channels.
    """
    rows, grid = value
    if not isinstance(rows, np.ndarray) or rows.dtype != np.int32:
        kind = getattr(rows, "dtype", type(rows).__name__)
        raise TypeError(f"rows must be an int32 NumPy array, got {kind}")
    channels = rows.shape[0] - SHAPE_ROWS if rows.ndim == 2 else 0
    if not 1 <= channels <= CHANNELS_MAX:
        raise ValueError(f"rows must be ({SHAPE_ROWS} + 1..{CHANNELS_MAX}, N), got {rows.shape}")
    if grid.transform.shape != (channels, channels):
        raise ValueError(
            f"transform must have shape {(channels, channels)}, got {grid.transform.shape}"
        )
    return value


def window(value: Window) -> Window:
    """Check that `value` holds at least one pixel and stays where float32 counts pixels exactly.

    Raises:
        ValueError: a side is below 1 or a corner is further than 2^22 px from the origin.
    """
    x, y, width, height = value
    if width < 1 or height < 1:
        raise ValueError(f"window must be at least 1 x 1 px, got {width} x {height}")
    corners = (x, y, x + width, y + height)
    if min(corners) < -_COORDINATE_MAX or max(corners) > _COORDINATE_MAX:
        raise ValueError(f"window must lie within +-{_COORDINATE_MAX} px, got {tuple(value)}")
    return Window(int(x), int(y), int(width), int(height))


def background(value: F32, channels: int) -> F32:
    """Check a background colour, float32 (C,), 1.0 = full scale."""
    return _array("background", value, (channels,))


def opacity(value: F32, count: int) -> F32:
    """Check the opacities of `count` Gaussians, float32 (N,).

    Raises:
        TypeError: not a float32 NumPy array.
        ValueError: the shape does not fit, or there are more than 2^24 Gaussians.
    """
    if count > BLENDED_MAX:
        raise ValueError(f"alpha blending takes at most {BLENDED_MAX} Gaussians, got {count}")
    return _array("opacity", value, (count,))


def blended(value: Blended, shape: tuple[int, int, int]) -> Blended:
    """Check what `render_alpha` returned for a window of this height, width and channels."""
    stop = value.stop
    if not isinstance(stop, np.ndarray) or stop.dtype != np.int32:
        raise TypeError(f"stop must be an int32 NumPy array, got {getattr(stop, 'dtype', stop)}")
    if stop.shape != shape[:2]:
        raise ValueError(f"stop must have shape {shape[:2]}, got {stop.shape}")
    return Blended(
        _array("image", value.image, shape),
        _array("transmittance", value.transmittance, shape[:2]),
        np.ascontiguousarray(stop),
    )


def image(name: str, value: F32, shape: tuple[int, int, int]) -> F32:
    """Check a float32 image (H, W, C) of the given shape."""
    return _array(name, value, shape)


def threads(value: int) -> int:
    """Check a number of threads, 1 or more."""
    if value < 1:
        raise ValueError(f"threads must be 1 or more, got {value}")
    return int(value)


def _array(name: str, value: F32, shape: tuple[int, ...]) -> F32:
    if not isinstance(value, np.ndarray) or value.dtype != np.float32:
        kind = getattr(value, "dtype", type(value).__name__)
        raise TypeError(f"{name} must be a float32 NumPy array, got {kind}")
    if value.shape != shape:
        raise ValueError(f"{name} must have shape {shape}, got {value.shape}")
    return value if value.flags.c_contiguous else np.ascontiguousarray(value)
