"""The integers that an image consists of in profile `gsic`, and the steps that they count.

Each number of a Gaussian is coded with the step at which its rounding error costs about the same
energy. A Gaussian of standard deviation sigma (geometric mean of its axes) and colour c has the
normalised amplitude a = sqrt(pi) sigma c, and its energy is a^2. One global step divides the
amplitudes of all Gaussians. The steps of shape and position are inversely proportional to the
amplitude, in powers of two: the amplitude class A (|a| is about 2^A global steps) gives the steps
of the shape, the position class P gives cells of the area of 2^-P px squared, which are finer
across a Gaussian that is longer than wide (`places`). The encoder chooses the classes and then
keeps them fixed while it optimises, so that the quantisation grids do not move at the same time.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gsic.arrays import Bools, Float64, Int32, Int64
from gsic_kernels.constants import SQUARE_BITS
from gsic_kernels.cpu.ans import layout
from gsic_kernels.lazy import lazy_property
from gsic_kernels.types import SHAPE_ROWS

MARGIN_PX = 8
"""Largest distance of a mean from the image."""

POSITION_CLASSES = range(-8, 8)
AMPLITUDE_CLASSES = range(layout.AMPLITUDE_CLASSES)

STEP_RESOLUTION = 64
"""Step indices per doubling of the global step."""

STEP_OFFSET = 10
"""Step index 0 is a global step of 2^-STEP_OFFSET."""

MAX_STEP_INDEX = 2 * STEP_OFFSET * STEP_RESOLUTION - 1

LOG_SCALE_EXPONENT = layout.LOG_SCALE_EXPONENT
"""The step of the log-scale is 2^(LOG_SCALE_EXPONENT - A)."""

LOG_ANISOTROPY_EXPONENT = 1
"""The step of both numbers of the log-anisotropy is 2^(LOG_ANISOTROPY_EXPONENT - A)."""

MIN_SIGMA_PX = 0.3
"""Smallest standard deviation of a dequantised Gaussian along any direction."""

MIN_LOG_SCALE = 2.0 * math.log2(MIN_SIGMA_PX)
MAX_LOG_SCALE = 28.0

MAX_LOG_ANISOTROPY = 6.0
"""Largest log2 of the ratio of the axes."""


@dataclass(frozen=True)
class Header:
    """What all Gaussians of a file share.

    Args:
        width, height: pixels.
        channels: coded channels, 1..4.
        step_index: 0..MAX_STEP_INDEX; 64 more double the global step.
        background: colour behind the Gaussians, 0..255, one value per channel.
    """

    width: int
    height: int
    channels: int
    step_index: int
    background: tuple[int, ...]

    @property
    def step(self) -> float:
        """Global step of normalised amplitudes, in full scale times px."""
        return compute_step(self.step_index)

    @property
    def background_color(self) -> Float64:
        """Background, float64 (C,), 1.0 = full scale."""
        return np.array(self.background, np.float64) / 255.0


def compute_step(index: int) -> float:
    """Compute the global step, in full scale times px, of a step index."""
    return float(2.0 ** (index / STEP_RESOLUTION - STEP_OFFSET))


def find_step_index(step: float) -> int:
    """Find the step index whose global step is nearest to `step` on a logarithmic scale."""
    index = round(STEP_RESOLUTION * (math.log2(step) + STEP_OFFSET))
    return min(max(index, 0), MAX_STEP_INDEX)


def count_squares(header: Header, position_class: int) -> tuple[int, int]:
    """Count the columns and the rows of the squares of a position class."""
    scale = 2.0 ** (position_class - SQUARE_BITS)
    width = header.width + 2 * MARGIN_PX
    height = header.height + 2 * MARGIN_PX
    return math.ceil(width * scale), math.ceil(height * scale)


@dataclass(frozen=True)
class Symbols:
    """N Gaussians as integers, int64 arrays.

    Args:
        position_class: (N,), P of POSITION_CLASSES.
        amplitude_class: (N,), A of AMPLITUDE_CLASSES.
        place: (N, 2), x and y of the mean in 2^-PLACE_BITS px from MARGIN_PX beside the image; the
            middle of a cell.
        log_scale: (N,), log2 of the geometric mean of the variances along both axes, in steps.
        log_anisotropy: (N, 2), the traceless part of log2 Sigma, in steps.
        color: (N, C), normalised amplitude of each transformed channel, in global steps.
    """

    position_class: Int64
    amplitude_class: Int64
    place: Int64
    log_scale: Int64
    log_anisotropy: Int64
    color: Int64

    def __len__(self) -> int:
        return len(self.log_scale)

    def select(self, index: NDArray[np.integer] | Bools) -> Symbols:
        """Return the Gaussians that an index array or a mask selects, in its order."""
        return Symbols(
            self.position_class[index],
            self.amplitude_class[index],
            self.place[index],
            self.log_scale[index],
            self.log_anisotropy[index],
            self.color[index],
        )

    def drop_invisible(self) -> Symbols:
        """Return the Gaussians with an amplitude other than 0; the others draw nothing."""
        return self.select(np.flatnonzero(self.color.any(axis=1)))

    def find_differences(self, other: Symbols) -> Bools:
        """Return the mask (N,) of the Gaussians that differ from those in `other`, of size N."""
        different = np.zeros(len(self), bool)
        for field in fields(self):
            here = getattr(self, field.name) != getattr(other, field.name)
            different |= here.any(axis=1) if here.ndim == 2 else here
        return different

    def replace_rows(self, index: NDArray[np.integer], other: Symbols) -> Symbols:
        """Return a copy whose Gaussians at `index` are those at `index` of `other`."""
        new = {field.name: getattr(self, field.name).copy() for field in fields(self)}
        for name, values in new.items():
            values[index] = getattr(other, name)[index]
        return Symbols(**new)


class QuantisedImage:
    """An image as integers: what all Gaussians share, and the Gaussians in any order.

    Encoders work with `symbols`, kernels with `rows`. Both hold the same numbers, and each is made
    from the other when it is first asked for. An image unpacks to its header and its symbols.

    Args:
        header: what all Gaussians share.
        symbols: N Gaussians.
        rows: int32 (7 + C, N), the rows of `LogSymbols`, in place of symbols.
    """

    def __init__(
        self, header: Header, symbols: Symbols | None = None, rows: Int32 | None = None
    ) -> None:
        self.header = header
        # Where `lazy_property` looks first.
        if symbols is not None:
            vars(self)["symbols"] = symbols
        if rows is not None:
            vars(self)["rows"] = rows

    def __iter__(self) -> Iterator[Any]:
        yield self.header
        yield self.symbols

    @lazy_property
    def symbols(self) -> Symbols:
        """The Gaussians as arrays of int64."""
        return unpack_symbols(self.rows)

    @lazy_property
    def rows(self) -> Int32:
        """The Gaussians as the rows of `LogSymbols`, int32 (7 + C, N)."""
        return pack_symbols(self.symbols)


def pack_symbols(symbols: Symbols) -> Int32:
    """Pack the symbols of a file as the rows of `LogSymbols`, int32 (7 + C, N).

    Every symbol of a file fits: values are below 2^30 in magnitude (FORMAT.md section 5), and what
    profile `gsic` adds to them is smaller.
    """
    rows = np.empty((SHAPE_ROWS + symbols.color.shape[1], len(symbols)), np.int32)
    rows[0], rows[1] = symbols.position_class, symbols.amplitude_class
    rows[2:4], rows[4] = symbols.place.T, symbols.log_scale
    rows[5:SHAPE_ROWS] = symbols.log_anisotropy.T
    rows[SHAPE_ROWS:] = symbols.color.T
    return rows


def unpack_symbols(rows: Int32) -> Symbols:
    """Unpack the rows of `LogSymbols`, int32 (7 + C, N)."""
    wide = rows.astype(np.int64)
    position, amplitude = wide[:2]
    color = wide[SHAPE_ROWS:].T
    return Symbols(position, amplitude, wide[2:4].T, wide[4], wide[5:SHAPE_ROWS].T, color)


def make_empty_symbols(channels: int) -> Symbols:
    """Make the symbols of an image without Gaussians."""
    none = np.zeros(0, np.int64)
    pairs = np.zeros((0, 2), np.int64)
    return Symbols(none, none, pairs, none, pairs, np.zeros((0, channels), np.int64))
