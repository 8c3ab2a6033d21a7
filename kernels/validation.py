"""Checks of the arguments of kernels, which every backend makes before it starts one.

Each function returns its value in the form that kernels take, and raises TypeError for a wrong type
and ValueError for a wrong shape or range.
"""

from __future__ import annotations

import numpy as np

from gsic_kernels.constants import BLENDED_MAX, CHANNELS_MAX, LEVELS_MAX, MAX_SIDE_PX
from gsic_kernels.types import F32, I32, SHAPE_ROWS, Blended, LogSymbols, Splats, Window


def check_splats(value: Splats) -> Splats:
    """Check the arrays of Gaussians and make them contiguous.

    Args:
        value: arrays with the shapes that `Splats` describes.

    Returns:
        The same splats; arrays are copied only where they were not contiguous.

    Raises:
        TypeError: an array is not a float32 NumPy array.
        ValueError: a shape does not fit, or there are not 1 to 4 channels.
    """
    mean, factor, color, cutoff, offset, level = value
    count = len(mean)
    channels = color.shape[-1] if color.ndim == 2 else 0
    if not 1 <= channels <= CHANNELS_MAX:
        raise ValueError(f"color must be (N, 1..{CHANNELS_MAX}), got {color.shape}")
    return Splats(
        _check_array("mean", mean, (count, 2)),
        _check_array("factor", factor, (count, 3)),
        _check_array("color", color, (count, channels)),
        _check_array("cutoff", cutoff, (count,)),
        _check_array("offset", offset, (count,)),
        _check_level(level, count),
    )


def _check_level(value: I32, count: int) -> I32:
    """Check the levels of `count` Gaussians."""
    if not isinstance(value, np.ndarray) or value.dtype != np.int32:
        kind = getattr(value, "dtype", type(value).__name__)
        raise TypeError(f"level must be an int32 NumPy array, got {kind}")
    if value.shape != (count,):
        raise ValueError(f"level must have shape {(count,)}, got {value.shape}")
    if count and not 0 <= value.min() <= value.max() < LEVELS_MAX:
        raise ValueError(f"level must be 0..{LEVELS_MAX - 1}, got {value.min()}..{value.max()}")
    return np.ascontiguousarray(value)


def check_log_symbols(value: LogSymbols) -> LogSymbols:
    """Check the arrays of Gaussians that are given as symbols.

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


def check_window(value: Window) -> Window:
    """Check that a window has a pixel and lies where float32 represents pixel centres exactly.

    Raises:
        ValueError: a side is below 1 or a corner is further than 2^22 px from the origin.
    """
    x, y, width, height = value
    if width < 1 or height < 1:
        raise ValueError(f"window must be at least 1 x 1 px, got {width} x {height}")
    corners = (x, y, x + width, y + height)
    if min(corners) < -MAX_SIDE_PX or max(corners) > MAX_SIDE_PX:
        raise ValueError(f"window must lie within +-{MAX_SIDE_PX} px, got {tuple(value)}")
    return Window(int(x), int(y), int(width), int(height))


def check_background(value: F32, channels: int) -> F32:
    """Check a background colour, float32 (C,), 1.0 = full scale."""
    return _check_array("background", value, (channels,))


def check_opacity(value: F32, count: int) -> F32:
    """Check the opacities of `count` Gaussians, float32 (N,).

    Raises:
        TypeError: not a float32 NumPy array.
        ValueError: the shape does not fit, or there are more than 2^24 Gaussians.
    """
    if count > BLENDED_MAX:
        raise ValueError(f"alpha blending takes at most {BLENDED_MAX} Gaussians, got {count}")
    return _check_array("opacity", value, (count,))


def check_blended(value: Blended, shape: tuple[int, int, int]) -> Blended:
    """Check a result of `render_alpha` against a shape (height, width, channels)."""
    stop = value.stop
    if not isinstance(stop, np.ndarray) or stop.dtype != np.int32:
        raise TypeError(f"stop must be an int32 NumPy array, got {getattr(stop, 'dtype', stop)}")
    if stop.shape != shape[:2]:
        raise ValueError(f"stop must have shape {shape[:2]}, got {stop.shape}")
    return Blended(
        _check_array("image", value.image, shape),
        _check_array("transmittance", value.transmittance, shape[:2]),
        np.ascontiguousarray(stop),
    )


def check_image(name: str, value: F32, shape: tuple[int, int, int]) -> F32:
    """Check a float32 image (H, W, C) of the given shape."""
    return _check_array(name, value, shape)


def check_threads(value: int) -> int:
    """Check a number of threads, 1 or more."""
    if value < 1:
        raise ValueError(f"threads must be 1 or more, got {value}")
    return int(value)


def _check_array(name: str, value: F32, shape: tuple[int, ...]) -> F32:
    """Check that a value is a float32 array of the given shape and make it contiguous."""
    check_shape(name, value, shape)
    return value if value.flags.c_contiguous else np.ascontiguousarray(value)


def check_shape(name: str, value: F32, shape: tuple[int, ...]) -> None:
    """Check that a value is a float32 array of the given shape, contiguous or not."""
    if not isinstance(value, np.ndarray) or value.dtype != np.float32:
        kind = getattr(value, "dtype", type(value).__name__)
        raise TypeError(f"{name} must be a float32 NumPy array, got {kind}")
    if value.shape != shape:
        raise ValueError(f"{name} must have shape {shape}, got {value.shape}")
