"""One record per Gaussian, and the test of whether its ellipse meets a tile.

A record is 16 float32. It holds p, r, t of the factor times SCALE = sqrt(log2(e) / 2) and the
cutoff times log2(e), so that z = u^2 + v^2 is q log2(e) and exp(-q) = 2^-z. On the vertical line
dx = x, q is smallest at dy = SLOPE x; on the horizontal line dy = y, at dx = LEAN y.

The N records are followed by an empty one, of a Gaussian that contributes nothing.
"""

from __future__ import annotations

import math

import triton
import triton.language as tl

from gsic_kernels.constants import ALPHA_MIN, CUTOFF_MAX, SIGMA_MAX_PX, SIGMA_MIN_PX
from gsic_kernels.gpu.raster.lattices import (
    FIELDS,
    FIRST_ROW,
    HEIGHT,
    TILE,
    WIDTH,
    find_first_cell,
)

RECORD = tl.constexpr(16)
MEAN_X, MEAN_Y = tl.constexpr(0), tl.constexpr(1)
P, R, T = tl.constexpr(2), tl.constexpr(3), tl.constexpr(4)
LIMIT, OFFSET, OPACITY = tl.constexpr(5), tl.constexpr(6), tl.constexpr(7)
COLOR, SLOPE, LEAN = tl.constexpr(8), tl.constexpr(12), tl.constexpr(13)

# Gaussians for which one program makes records.
PREPARE_COUNT = tl.constexpr(128)

_LOG2_E = tl.constexpr(math.log2(math.e))
SCALE = tl.constexpr(math.sqrt(math.log2(math.e) / 2))
_CUTOFF_MAX = tl.constexpr(CUTOFF_MAX)
_ALPHA_MIN = tl.constexpr(ALPHA_MIN)
_FINITE = tl.constexpr(3.4028234663852886e38)
# Bounds of the squared singular values of a factor.
_LARGEST, _SMALLEST = tl.constexpr(SIGMA_MIN_PX**-2), tl.constexpr(SIGMA_MAX_PX**-2)
# Relative widening of the ellipse, absolute widening (cells) of its box, and relative widening of
# its box, because float32 coordinates far from the mean are rounded themselves.
_WIDEN = tl.constexpr(1 + 1e-5)
_MARGIN = tl.constexpr(1 / 64)
_MARGIN_FAR = tl.constexpr(1 + 2.0**-20)
# Bound of the error of u or v in float32, relative to the sum of the magnitudes of its terms: 16
# roundings.
_SLACK = tl.constexpr(2.0**-20)
# Added to a cutoff that opacity limits: far more than the error of exp(-q) in float32.
_SLACK_CUTOFF = tl.constexpr(1e-4)


@triton.jit
def _ceil(value):
    """Round float64 values of 0 or more up to int32."""
    whole = value.to(tl.int32)
    return whole + (whole.to(tl.float64) < value).to(tl.int32)


@triton.jit(do_not_specialize=["x", "y", "count"])
def prepare(
    mean,
    factor,
    color,
    cutoff,
    offset,
    level,
    opacity,
    x,
    y,
    lattices,
    count,
    records,
    boxes,
    box_tiles,
    CHANNELS: tl.constexpr,
    BLEND: tl.constexpr,
):
    """Make the records and the boxes of tiles of PREPARE_COUNT Gaussians.

    Args:
        mean, factor, color, cutoff, offset, level: the arrays of `types.Splats`.
        opacity: float32 (N,), read if BLEND; blended Gaussians are on level 0.
        x, y: position of the window, px.
        lattices: int64 (levels, FIELDS), the table of `lattices`.
        count: N.
        records: float32 (N + 1, RECORD), overwritten.
        boxes: int32 (N, 4), overwritten by the first column and row of the tiles of its lattice
            that a Gaussian can meet and the last ones, or by 0, 0, -1, -1 where it contributes
            nothing.
        box_tiles: int64 (N,), overwritten by the number of tiles in the box.
    """
    n = tl.program_id(0) * PREPARE_COUNT + tl.arange(0, PREPARE_COUNT)
    mask = n < count
    row = n.to(tl.int64)
    mean_x = tl.load(mean + row * 2, mask=mask, other=0.0)
    mean_y = tl.load(mean + row * 2 + 1, mask=mask, other=0.0)
    p = tl.load(factor + row * 3, mask=mask, other=0.0)
    r = tl.load(factor + row * 3 + 1, mask=mask, other=0.0)
    t = tl.load(factor + row * 3 + 2, mask=mask, other=0.0)
    limit = tl.load(cutoff + row, mask=mask, other=-1.0)
    base = tl.load(offset + row, mask=mask, other=0.0)
    at = records + row * RECORD
    # Comparisons with NaN are false, so each of these refuses NaN as well as infinity.
    good = mask & (tl.abs(mean_x) <= _FINITE) & (tl.abs(mean_y) <= _FINITE)
    good &= (tl.abs(p) <= _FINITE) & (tl.abs(r) <= _FINITE) & (tl.abs(t) <= _FINITE)
    good &= (limit >= 0.0) & (limit <= _FINITE) & (tl.abs(base) <= _FINITE)
    for c in tl.static_range(CHANNELS):
        value = tl.load(color + row * CHANNELS + c, mask=mask, other=0.0)
        good &= tl.abs(value) <= _FINITE
        tl.store(at + COLOR + c, value, mask=mask)
    limit = tl.minimum(tl.where(good, limit, 0.0), _CUTOFF_MAX)
    if BLEND:
        strength = tl.load(opacity + row, mask=mask, other=0.0)
        good &= (strength > 0.0) & (strength <= _FINITE)
        # Limit the ellipse to where alpha is at least ALPHA_MIN, so that fewer tiles are met. Every
        # pixel is tested as well, so the limit may err to the outside.
        inverse = _ALPHA_MIN / tl.where(good, strength, 1.0).to(tl.float64)
        least = tl.minimum(inverse, 1e30).to(tl.float32) + tl.where(good, base, 0.0)
        seen = _SLACK_CUTOFF - tl.log(tl.maximum(least, 1e-30))
        limit = tl.minimum(limit, seen)
        good &= limit >= 0.0
        limit = tl.maximum(limit, 0.0)
        tl.store(at + OPACITY, strength, mask=mask)

    # In float64 from here on: products of the factor leave the range of float32.
    p64 = tl.where(good, p, 1.0).to(tl.float64)
    r64 = tl.where(good, r, 0.0).to(tl.float64)
    t64 = tl.where(good, t, 1.0).to(tl.float64)
    # The squared singular values of the factor, reciprocals of those of the Gaussian, are the
    # roots of s^2 - squares s + determinant^2.
    length = r64 * r64 + t64 * t64
    squares, determinant = p64 * p64 + length, tl.abs(p64 * t64)
    good &= squares <= 2 * _LARGEST
    good &= _LARGEST * (_LARGEST - squares) + determinant * determinant >= 0.0
    good &= squares >= 2 * _SMALLEST
    good &= _SMALLEST * (_SMALLEST - squares) + determinant * determinant >= 0.0
    p64, t64 = tl.where(good, p64, 1.0), tl.where(good, t64, 1.0)
    r64 = tl.where(good, r64, 0.0)
    length, determinant = r64 * r64 + t64 * t64, tl.abs(p64 * t64)
    radius = tl.sqrt(2.0 * limit.to(tl.float64)) * _WIDEN
    reach_x = radius * tl.sqrt(length) / determinant * _MARGIN_FAR + _MARGIN
    reach_y = radius / tl.abs(t64) * _MARGIN_FAR + _MARGIN
    lattice = tl.zeros_like(n) if BLEND else tl.load(level + row, mask=mask, other=0)
    of_lattice = lattices + lattice * FIELDS
    last_x = (tl.load(of_lattice + WIDTH) - 1).to(tl.float64)
    last_y = (tl.load(of_lattice + HEIGHT) - 1).to(tl.float64)
    first_row = tl.load(of_lattice + FIRST_ROW).to(tl.int32)
    # The centre of cell i is at i + 0.5.
    left = tl.where(good, mean_x, 0.0).to(tl.float64) - find_first_cell(x, lattice) - 0.5
    top = tl.where(good, mean_y, 0.0).to(tl.float64) - find_first_cell(y, lattice) - 0.5
    good &= (left + reach_x >= 0.0) & (left - reach_x <= last_x)
    good &= (top + reach_y >= 0.0) & (top - reach_y <= last_y)
    x0 = _ceil(tl.minimum(tl.maximum(left - reach_x, 0.0), last_x))
    y0 = _ceil(tl.minimum(tl.maximum(top - reach_y, 0.0), last_y))
    x1 = tl.maximum(tl.minimum(left + reach_x, last_x), 0.0).to(tl.int32)
    y1 = tl.maximum(tl.minimum(top + reach_y, last_y), 0.0).to(tl.int32)
    # A thin Gaussian may pass between two columns or rows of centres.
    good &= (x0 <= x1) & (y0 <= y1)
    x0, y0 = tl.where(good, x0 // TILE, 0), tl.where(good, first_row + y0 // TILE, 0)
    x1, y1 = tl.where(good, x1 // TILE, -1), tl.where(good, first_row + y1 // TILE, -1)
    tl.store(boxes + row * 4, x0, mask=mask)
    tl.store(boxes + row * 4 + 1, y0, mask=mask)
    tl.store(boxes + row * 4 + 2, x1, mask=mask)
    tl.store(boxes + row * 4 + 3, y1, mask=mask)
    # int64: their sum over Gaussians may exceed 2^31.
    tl.store(box_tiles + row, (x1 - x0 + 1).to(tl.int64) * (y1 - y0 + 1), mask=mask)

    # The empty record, at index `count`, has a limit of -1 that no z passes.
    written, empty = n <= count, (n >= count)
    scaled = tl.where(empty, -1.0, (limit.to(tl.float64) * _LOG2_E).to(tl.float32))
    tl.store(at + MEAN_X, mean_x, mask=written)
    tl.store(at + MEAN_Y, mean_y, mask=written)
    tl.store(at + P, (p64 * SCALE).to(tl.float32), mask=written)
    tl.store(at + R, (r64 * SCALE).to(tl.float32), mask=written)
    tl.store(at + T, (t64 * SCALE).to(tl.float32), mask=written)
    tl.store(at + LIMIT, scaled, mask=written)
    tl.store(at + OFFSET, base, mask=written)
    tl.store(at + SLOPE, (-p64 * r64 / length).to(tl.float32), mask=mask)
    tl.store(at + LEAN, (-r64 / p64).to(tl.float32), mask=mask)
    if BLEND:
        tl.store(at + OPACITY, 0.0, mask=n == count)
    for c in tl.static_range(CHANNELS):
        tl.store(at + COLOR + c, 0.0, mask=n == count)


@triton.jit
def _clamp(value, low, high):
    return tl.minimum(tl.maximum(value, low), high)


@triton.jit
def _bound_z(u, v, slack_u, slack_v):
    """Return a lower bound of u^2 + v^2 where u and v may err by their slacks."""
    u, v = tl.maximum(tl.abs(u) - slack_u, 0.0), tl.maximum(tl.abs(v) - slack_v, 0.0)
    return u * u + v * v


@triton.jit
def meet_rectangle(records, n, left, right, top, bottom, mask):
    """Tell which Gaussians can pass the test z <= LIMIT at a pixel of a rectangle.

    z is smallest at the mean or, where the rectangle does not hold the mean, on the nearest of its
    vertical and horizontal lines. Its minimum is lowered by more than float32 can err here and in
    the test of a pixel, so that no pixel is lost.

    Args:
        records: float32 (N + 1, RECORD).
        n: int32 indices of Gaussians.
        left, right, top, bottom: outermost centres of the rectangle, in cells of the lattice.
        mask: which of `n` are asked for; the answer is False elsewhere.
    """
    at = records + n.to(tl.int64) * RECORD
    mean_x = tl.load(at + MEAN_X, mask=mask, other=0.0)
    mean_y = tl.load(at + MEAN_Y, mask=mask, other=0.0)
    p = tl.load(at + P, mask=mask, other=0.0)
    r = tl.load(at + R, mask=mask, other=0.0)
    t = tl.load(at + T, mask=mask, other=0.0)
    limit = tl.load(at + LIMIT, mask=mask, other=-1.0)
    slope = tl.load(at + SLOPE, mask=mask, other=0.0)
    lean = tl.load(at + LEAN, mask=mask, other=0.0)
    x0, x1, y0, y1 = left - mean_x, right - mean_x, top - mean_y, bottom - mean_y
    far_x = tl.maximum(tl.abs(x0), tl.abs(x1))
    far_y = tl.maximum(tl.abs(y0), tl.abs(y1))
    slack_u = _SLACK * (tl.abs(p) * far_x + tl.abs(r) * far_y)
    slack_v = _SLACK * (tl.abs(t) * far_y)
    x, y = _clamp(0.0, x0, x1), _clamp(0.0, y0, y1)
    beside, above = _clamp(slope * x, y0, y1), _clamp(lean * y, x0, x1)
    least = tl.minimum(
        _bound_z(p * x + r * beside, t * beside, slack_u, slack_v),
        _bound_z(p * above + r * y, t * y, slack_u, slack_v),
    )
    return mask & (least <= limit * (_WIDEN * _WIDEN))
