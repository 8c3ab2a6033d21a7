"""Random headers, Gaussians and symbols of profile `gsic` for tests."""

import math
from dataclasses import fields

import numpy as np
from hypothesis import strategies as st

from gsic.arrays import Int64
from gsic.gaussians import compute_factor
from gsic.profiles.gsic.bitstream import count_fine_bits_of
from gsic.profiles.gsic.dequantisation import Dequantised
from gsic.profiles.gsic.places import are_upright, count_fine_bits, find_centres, find_shifts
from gsic.profiles.gsic.quantisation import Classes
from gsic.profiles.gsic.symbols import (
    AMPLITUDE_CLASSES,
    MARGIN_PX,
    MAX_LOG_ANISOTROPY,
    MAX_LOG_SCALE,
    MAX_STEP_INDEX,
    MIN_SIGMA_PX,
    POSITION_CLASSES,
    Header,
    Symbols,
    count_squares,
)
from gsic_kernels.constants import FINE_BITS_MAX, PLACE_BITS, SQUARE_BITS

LN2 = math.log(2.0)
LEAST = 2 * math.log2(MIN_SIGMA_PX)

seeds = st.integers(0, 2**32 - 1)
channel_counts = st.integers(1, 4)


def make_header(rng: np.random.Generator, channels: int) -> Header:
    """Make a header of any size, step and background."""
    width, height = np.exp(rng.uniform(0, math.log(5000), 2)).astype(int).tolist()
    background = tuple(rng.integers(0, 256, channels).tolist())
    return Header(width, height, channels, int(rng.integers(0, MAX_STEP_INDEX + 1)), background)


def make_classes(rng: np.random.Generator, count: int) -> Classes:
    """Draw classes from their whole ranges."""
    return Classes(
        rng.integers(POSITION_CLASSES[0], POSITION_CLASSES[-1] + 1, count),
        rng.integers(AMPLITUDE_CLASSES[0], AMPLITUDE_CLASSES[-1] + 1, count),
    )


def make_floats(
    rng: np.random.Generator, header: Header, count: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw means, thetas and colours of Gaussians inside all bounds."""
    size = np.array([header.width, header.height])
    mean = rng.uniform(-MARGIN_PX, size + MARGIN_PX, (count, 2))
    m = rng.uniform(LEAST, MAX_LOG_SCALE, count) * LN2
    rho = rng.uniform(0, 1, count) * np.minimum(MAX_LOG_ANISOTROPY * LN2, m - LEAST * LN2)
    angle = rng.uniform(0, 2 * math.pi, count)
    theta = np.stack((m, rho * np.cos(angle), rho * np.sin(angle)), axis=1)
    return mean, theta, rng.normal(0, 0.5, (count, header.channels))


def make_symbols(rng: np.random.Generator, header: Header, count: int, spread: float) -> Symbols:
    """Draw symbols, of which some are far beyond the bounds if `spread` is large."""
    classes = make_classes(rng, count)
    grids = np.array([count_squares(header, p) for p in classes.position.tolist()]).reshape(-1, 2)
    fine = np.exp2(classes.amplitude)
    anisotropy = np.rint(rng.normal(0, spread, (count, 2)) * fine[:, None]).astype(np.int64)
    squares, cell = rng.integers(0, grids), rng.integers(0, 1 << FINE_BITS_MAX, count)
    return Symbols(
        classes.position,
        classes.amplitude,
        find_places(classes.position, classes.amplitude, anisotropy, squares, cell),
        np.rint(rng.normal(0, spread, count) * fine).astype(np.int64),
        anisotropy,
        np.rint(rng.laplace(0, 9, (count, header.channels))).astype(np.int64),
    )


def find_places(
    position: Int64, amplitude: Int64, anisotropy: Int64, squares: Int64, cell: Int64
) -> Int64:
    """Find the places of cells of squares; low bits of `cell` are rows and columns in these."""
    fine_bits = count_fine_bits(position, amplitude, anisotropy)
    shifts = find_shifts(position, fine_bits, are_upright(anisotropy))
    bits = (PLACE_BITS + SQUARE_BITS - position)[:, None] - shifts
    return find_centres((squares << bits) + (cell[:, None] & ((1 << bits) - 1)), shifts)


def are_equal(one: Symbols, other: Symbols) -> bool:
    """Tell whether two sets of symbols are the same in the same order."""
    return all(
        np.array_equal(getattr(one, field.name), getattr(other, field.name))
        for field in fields(Symbols)
    )


def compute_steps(symbols: Symbols) -> tuple[np.ndarray, np.ndarray]:
    """Compute the sizes of cells (N, 2) in px and the steps of shapes in nats, from FORMAT.md."""
    shape = 2 * 0.5**symbols.amplitude_class * LN2
    upright = are_upright(symbols.log_anisotropy)
    shifts = find_shifts(symbols.position_class, count_fine_bits_of(symbols), upright)
    return 2.0 ** (shifts - PLACE_BITS), shape


def compute_axes(got: Dequantised) -> np.ndarray:
    """Compute the standard deviations along the axes, larger first, (N, 2) px, from the factors."""
    p, r, t = compute_factor(got.entries).T
    upper = np.stack((p, r, 0 * p, t), axis=1).reshape(-1, 2, 2)
    return 1 / np.linalg.svd(upper, compute_uv=False)[:, ::-1]
