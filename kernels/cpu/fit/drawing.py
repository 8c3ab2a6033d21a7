"""Kernels that make splats of the parameters of a fit, as they are or rounded to symbols.

Parameters are rows (5 + C, N): mean in px, m, u and v in nats, and colour.
"""

from __future__ import annotations

import math

import numpy as np

from gsic_kernels.constants import PLACE_BITS
from gsic_kernels.cpu.fit.division import GAUSSIANS_PER_ITEM
from gsic_kernels.cpu.fit.shapes import COLOR, choose_level, draw_gaussian
from gsic_kernels.cpu.places import count_fine_bits, find_slope, round_place
from gsic_kernels.cpu.runtime.work_items import ABORT, ABORTED, DONE, READY, item_function
from gsic_kernels.cpu.runtime.work_loop import mark_done, take_work_item, wait_for_steps_before
from gsic_kernels.types import F32, F64, I32, I64

_LN2 = math.log(2.0)
_PLACE_PX = 2.0**-PLACE_BITS
# float64 holds integers up to this exactly.
_MAX_ENERGY = 2.0**52

# Powers of two of -_LARGEST_POWER to _LARGEST_POWER, which no class exceeds.
_LARGEST_POWER = 16
_POWERS = np.exp2(np.arange(-_LARGEST_POWER, _LARGEST_POWER + 1, dtype=np.float64))


@item_function
def draw_floats(
    item: int,
    worker: int,
    values: F64,
    divisor: float,
    highest: int,
    ways: F64,
    mean: F32,
    factor: F32,
    color: F32,
    cutoff: F32,
    offset: F32,
    level: I32,
) -> None:
    """Make the splats of the next GAUSSIANS_PER_ITEM Gaussians.

    A Gaussian is cut off where it falls below 1 / divisor; its level is at most `highest`.
    """
    drawn = ways, mean, factor, color, cutoff, offset, level
    begin = item * GAUSSIANS_PER_ITEM
    for n in range(begin, min(begin + GAUSSIANS_PER_ITEM, len(mean))):
        peak = 0.0
        for c in range(color.shape[1]):
            ways[n, COLOR + c] = values[5 + c, n]
            peak = max(peak, abs(values[5 + c, n]))
        m, u, v = values[2, n], values[3, n], values[4, n]
        rho = math.sqrt(u * u + v * v)
        # The thinner axis has the variance e^(m - rho).
        thinner = (m - rho) * (0.5 / _LN2)
        draw_gaussian(
            n,
            (values[0, n], values[1, n]),
            (math.exp(m), u, v, rho),
            math.log(max(divisor * peak, 1.0)),
            choose_level(thinner, highest),
            drawn,
        )


@item_function
def draw_symbols(
    item: int,
    worker: int,
    values: F64,
    position_class: I64,
    amplitude_class: I64,
    size: tuple[int, int],
    grid: tuple[float, ...],
    transform: F64,
    highest: int,
    symbols: I64,
    ways: F64,
    mean: F32,
    factor: F32,
    color: F32,
    cutoff: F32,
    offset: F32,
    level: I32,
) -> None:
    """Round the next GAUSSIANS_PER_ITEM Gaussians to symbols, and make the splats of those.

    Args:
        position_class, amplitude_class: P and A of each Gaussian.
        size: width and height of the image, px.
        grid: the numbers of `LogGrid`, in its order.
        transform: that of `LogGrid`.
        highest: the highest level.
        symbols: (5 + C, N), place of the mean, m, u and v in steps, and amplitudes.
    """
    margin, log_scale_step, log_anisotropy_step, min_log_scale, max_log_scale = grid[:5]
    max_log_anisotropy, amplitude_unit, half_resolution, cutoff_level = grid[5:]
    per_log_scale = 1.0 / (_LN2 * log_scale_step)
    per_log_anisotropy = 1.0 / (_LN2 * log_anisotropy_step)
    channels = color.shape[1]
    drawn = ways, mean, factor, color, cutoff, offset, level
    begin = item * GAUSSIANS_PER_ITEM
    for n in range(begin, min(begin + GAUSSIANS_PER_ITEM, len(mean))):
        precision = _POWERS[_LARGEST_POWER - amplitude_class[n]]
        fineness = _POWERS[_LARGEST_POWER + amplitude_class[n]]
        log_scale = np.rint(values[2, n] * (fineness * per_log_scale))
        m = min(max(log_scale * (precision * log_scale_step), min_log_scale), max_log_scale)
        first = np.rint(values[3, n] * (fineness * per_log_anisotropy))
        second = np.rint(values[4, n] * (fineness * per_log_anisotropy))
        symbols[2, n], symbols[3, n], symbols[4, n] = int(log_scale), int(first), int(second)
        step = precision * log_anisotropy_step
        u, v = first * step, second * step
        rho = math.sqrt(u * u + v * v)
        most = min(max_log_anisotropy, m - min_log_scale)
        if rho > most:
            u, v, rho = u * (most / rho), v * (most / rho), most
        of_level = choose_level((m - rho) * 0.5, highest)
        u, v, rho = u * _LN2, v * _LN2, rho * _LN2
        x, y = round_place(
            *(values[0, n] + margin, values[1, n] + margin, find_slope(u, v, rho), first < 0.0),
            position_class[n],
            count_fine_bits(position_class[n], amplitude_class[n], int(first), int(second)),
            (size[0] + 2.0 * margin, size[1] + 2.0 * margin),
        )
        symbols[0, n], symbols[1, n] = x, y
        scale = math.exp(m * _LN2)
        # Amplitudes are normalised by the scale that a decoder sees, not by the one asked for.
        size_px = math.sqrt(scale)
        unit, per_unit = amplitude_unit / size_px, size_px / amplitude_unit
        energy = 0.0
        for k in range(channels):
            coded = 0.0
            for c in range(channels):
                coded += values[5 + c, n] * transform[k, c]
            amplitude = np.rint(coded * per_unit)
            symbols[5 + k, n] = int(amplitude)
            energy += amplitude * amplitude
        for c in range(channels):
            seen = 0.0
            for k in range(channels):
                seen += symbols[5 + k, n] * unit * transform[k, c]
            ways[n, COLOR + c] = seen
        limit = 0.0
        if energy > 0.0:
            octaves = math.frexp(min(energy, _MAX_ENERGY))[1]
            limit = octaves * half_resolution + cutoff_level - math.floor(m * half_resolution)
            limit *= _LN2 / (2.0 * half_resolution)
        draw_gaussian(
            n,
            (x * _PLACE_PX - margin, y * _PLACE_PX - margin),
            (scale, u, v, rho),
            limit,
            of_level,
            drawn,
        )


def check_levels(
    counters: I64, work_counts: I64, step: int, worker: int, arguments: tuple[I32, I64]
) -> int:
    """Abort the call if a level is none of those in `lattices`, as one work item.

    The arguments are level and lattices.
    """
    state: int = wait_for_steps_before(counters, work_counts, step)
    if state != READY:
        return state
    if take_work_item(counters[step], worker, 1) < 0:
        return READY
    level, lattices = arguments
    highest = 0
    for n in range(len(level)):
        highest = max(highest, level[n])
    # The last row of lattices is none.
    if highest >= len(lattices) - 1:
        counters[:, DONE] = ABORT
        return ABORTED
    mark_done(counters[step])
    return READY
