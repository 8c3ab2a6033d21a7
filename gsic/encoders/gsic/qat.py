"""Quantisation-aware tuning: the optimiser moves floats, the loss sees what a decoder would.

Rounding passes gradients straight through. Classes and the step size are frozen between the points
at which they are chosen anew.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np

from gsic.encoders.gsic.recipe import EncodeRecipe
from gsic.fitting.adam_state import GaussianFit
from gsic.fitting.progress import Tick
from gsic.gaussians import Float64, compute_factor
from gsic.profiles.gsic.bitstream import estimate_bits
from gsic.profiles.gsic.profile import Quantised
from gsic.profiles.gsic.symbols import (
    MAX_STEP_INDEX,
    STEP_RESOLUTION,
    Classes,
    Dequantised,
    Header,
    Symbols,
    classify,
    dequantise,
    quantise,
)
from gsic_kernels import types
from gsic_kernels.types import Gradients, Splats

WeightAt = Callable[[Float64], Float64]
"""Weights (N,) of small squared errors at positions (N, 2) in px."""

_CLOSE = 0.995
"""Share of the target that ends a search for it."""


class Tuning:
    """Gaussians of a fit between float and symbols.

    Args:
        fit: `log` Gaussians, moved in place.
        recipe: constants.
        header: of the file; its step index is where the search for the step begins.
    """

    def __init__(self, fit: GaussianFit, recipe: EncodeRecipe, header: Header) -> None:
        self.fit = fit
        self.recipe = recipe
        self.header = header
        self.classes = self._classes(header)

    def run(
        self,
        steps: int,
        rate: Callable[[int], float],
        shares: Iterable[float],
        choose: Callable[[float], int],
        tick: Tick,
    ) -> Quantised:
        """Tune, choosing the step size anew along the way.

        Args:
            steps: how many.
            rate: of a step, what the learning rates are multiplied by.
            shares: of the tuning, at which the step size and classes are chosen.
            choose: of the share that is done, the step index to go on with.
            tick: told the loss before each step and the number of Gaussians.

        Returns:
            The best state since the step size was chosen last.
        """
        anew = {0: 0.0} | {int(share * steps): share for share in sorted(shares)}
        starts = sorted(anew)
        for start, end in zip(starts, [*starts[1:], steps], strict=True):
            self.freeze(choose(anew[start]))
            best = self._frozen(range(start, end), rate, tick)
        return best

    def correct(
        self, steps: int, rate: Callable[[int], float], step_index: int, tick: Tick
    ) -> Quantised:
        """Tune on at another step index; the best state."""
        self.freeze(step_index)
        return self._frozen(range(steps), rate, tick)

    def _frozen(self, steps: range, rate: Callable[[int], float], tick: Tick) -> Quantised:
        least, best = math.inf, None
        for step in steps:
            loss, state = self.step(rate(step))
            if best is None or loss < least:
                least, best = loss, state
            tick(loss, len(self.fit))
        assert best is not None
        return best

    def freeze(self, step_index: int) -> None:
        """Go on with a step index, and classes that suit it."""
        self.header = replace(self.header, step_index=step_index)
        self.classes = self._classes(self.header)

    def symbols_at(self, step_index: int) -> Quantised:
        """What the Gaussians would be at a step index, those that draw nothing left out."""
        header = replace(self.header, step_index=step_index)
        symbols = self._symbols(header, self._classes(header))
        return Quantised(header, symbols.visible())

    def psnr_of(self, state: Quantised) -> float:
        """PSNR in dB of the clamped drawing of a state."""
        seen = dequantise(*state)
        return self.fit.draw_error(splats_of(seen, seen.factor()))

    def step(self, scale: float) -> tuple[float, Quantised]:
        """One step at `scale` times the learning rates; the state before it and its loss."""
        symbols = self._symbols(self.header, self.classes)
        seen = dequantise(self.header, symbols)
        entries = seen.entries
        factor = compute_factor(entries)
        loss, drawn = self.fit.draw_step(splats_of(seen, factor))
        self.fit.move(self.fit.gradient(drawn, seen.theta, entries, factor), scale)
        return loss, Quantised(self.header, symbols)

    def _classes(self, header: Header) -> Classes:
        recipe = self.recipe
        return classify(
            header.step,
            self.fit.theta,
            self.fit.color,
            position_scale=recipe.position_scale,
            shape_scale=recipe.shape_scale,
        )

    def _symbols(self, header: Header, classes: Classes) -> Symbols:
        return quantise(header, classes, self.fit.mean, self.fit.theta, self.fit.color)


def splats_of(seen: Dequantised, factor: Float64) -> Splats:
    """Dequantised Gaussians, rounded for a kernel."""
    return types.round_splats(seen.mean, factor, seen.color, seen.cutoff, np.exp(-seen.cutoff))


def removal_costs(
    seen: Dequantised, drawn: Gradients, weight_at: WeightAt | None = None
) -> Float64:
    """By how much the loss grows without each Gaussian alone, float64 (N,).

    With shape w and residual r that is |c|^2 <w, w> - 2 c <r, w>, and 2 <r, w> is the gradient by
    the colour. Where squared errors have weights, <w, w> takes that at the middle.
    """
    area = np.pi * np.exp(seen.theta[:, 0])
    if weight_at is not None:
        area *= weight_at(seen.mean)
    growth: Float64 = (seen.color**2).sum(axis=1) * area
    growth -= (seen.color * drawn.color).sum(axis=1)
    return growth


def solve_bits(tuning: Tuning, target: float) -> int:
    """The smallest step index at which the Gaussians take `target` bits or a little fewer."""
    low, high = 0, MAX_STEP_INDEX
    index = tuning.header.step_index
    # About six symbols a Gaussian grow by a bit each when the step halves.
    slope = 6.0 * max(len(tuning.fit), 1) / STEP_RESOLUTION
    while low < high:
        bits = estimate_bits(*tuning.symbols_at(index))
        if bits > target:
            low = index + 1
        else:
            high = index
            if bits > _CLOSE * target:
                break
        index += round((bits - target) / slope) or (1 if bits > target else -1)
        if not low <= index < high:
            index = (low + high) // 2
    return high
