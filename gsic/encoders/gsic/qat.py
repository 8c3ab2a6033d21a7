"""Quantisation-aware training (QAT): the optimiser moves floats, the loss sees what a decoder sees.

Rounding passes gradients straight through. The step index and the precision classes are frozen
between the points of the training at which they are chosen.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import numpy as np

from gsic.arrays import Float64, Int64
from gsic.encoders.gsic.recipe import EncodeRecipe
from gsic.fitting.adam_state import GaussianFit
from gsic.fitting.progress import Tick
from gsic.profiles.gsic.code_lengths import estimate_bits
from gsic.profiles.gsic.dequantisation import dequantise_gaussians, make_log_grid
from gsic.profiles.gsic.quantisation import Classes, classify, quantise
from gsic.profiles.gsic.symbols import (
    MAX_STEP_INDEX,
    STEP_RESOLUTION,
    Header,
    QuantisedImage,
    Symbols,
)

WeightAt = Callable[[Float64], Float64]
"""Returns the weights (N,) of small squared errors at positions (N, 2) in px."""

# A step index is good enough when its bits are at most this far below the bits asked for.
_CLOSE = 0.995


class Qat:
    """Gaussians in training, held as floats and seen as symbols.

    Args:
        fit: `log` Gaussians, which training moves in place.
        recipe: constants.
        header: header of the file; `solve_bits` starts from its step index.
        lr_factor: factor of the learning rates of this encoding.
    """

    def __init__(
        self, fit: GaussianFit, recipe: EncodeRecipe, header: Header, lr_factor: float = 1.0
    ) -> None:
        self.fit = fit
        self.recipe = recipe
        self.header = header
        self.lr_factor = lr_factor
        self.freeze(header.step_index)

    def train(self, factors: Sequence[float], tick: Tick) -> QuantisedImage:
        """Train at the frozen step index and classes.

        Args:
            factors: factor of the learning rates at each step; one step or more.
            tick: called with the loss before each step and the number of Gaussians.

        Returns:
            The symbols with the smallest loss on the way.
        """
        least = math.inf
        best = spare = None
        for factor in factors:
            loss, rows = self._step(factor, spare)
            if best is None or loss < least:
                least, best, spare = loss, rows, best
            else:
                spare = rows
            tick(loss, len(self.fit))
        assert best is not None
        return self._unpack(best)

    def freeze(self, step_index: int) -> None:
        """Set the step index, and choose the precision classes that suit it."""
        self.header = replace(self.header, step_index=step_index)
        self.classes = self._classify(self.header)
        self._grid = make_log_grid(self.header)

    def symbols_at(self, step_index: int) -> QuantisedImage:
        """Return the symbols of the Gaussians at a step index, without those that draw nothing."""
        header = replace(self.header, step_index=step_index)
        symbols = self._quantise(header, self._classify(header))
        return QuantisedImage(header, symbols.drop_invisible())

    def measure_psnr(self, state: QuantisedImage) -> float:
        """Return the PSNR in dB of the clamped rendering of symbols."""
        seen = dequantise_gaussians(*state)
        return self.fit.measure_psnr(seen.place_on_lattices().splats)

    def step(self, factor: float) -> tuple[float, QuantisedImage]:
        """Take one step at `factor` times the learning rates.

        Returns:
            The loss before the step, and the symbols it was measured on.
        """
        loss, rows = self._step(factor, None)
        return loss, self._unpack(rows)

    def _step(self, factor: float, spare: Int64 | None) -> tuple[float, Int64]:
        """Take one step.

        Args:
            factor: of the learning rates.
            spare: an array that the symbols may go to.

        Returns:
            The loss before the step, and the symbols it was measured on as rows, int64 (5 + C, N).
        """
        fit = self.fit
        if fit.compiled:
            shape = 5 + fit.channels, len(fit)
            rows = np.empty(shape, np.int64) if spare is None else spare
            classes = self.classes.position, self.classes.amplitude
            state = fit.adam.state
            loss = fit.compiled.step_rounded(state, factor, classes, self._grid, rows)
            return loss, rows
        symbols = self._quantise(self.header, self.classes)
        seen = dequantise_gaussians(self.header, symbols)
        drawn = seen.place_on_lattices()
        loss, gradients = fit.evaluate(drawn.splats)
        # Straight through: the gradient by what was rounded moves what was not.
        fit.move(fit.backward(gradients, drawn, seen.theta), seen.theta, factor)
        columns = symbols.place, symbols.log_scale, symbols.log_anisotropy, symbols.color
        return loss, np.column_stack(columns).T

    def _unpack(self, rows: Int64) -> QuantisedImage:
        """Return the image of symbols as rows, with the classes of this training."""
        place, log_scale, anisotropy, color = rows[:2].T, rows[2], rows[3:5].T, rows[5:].T
        classes = self.classes
        return QuantisedImage(
            self.header,
            Symbols(classes.position, classes.amplitude, place, log_scale, anisotropy, color),
        )

    def _classify(self, header: Header) -> Classes:
        recipe = self.recipe
        return classify(
            header.step,
            self.fit.theta,
            self.fit.color,
            position_scale=recipe.position_scale,
            shape_scale=recipe.shape_scale,
        )

    def _quantise(self, header: Header, classes: Classes) -> Symbols:
        return quantise(header, classes, self.fit.mean, self.fit.theta, self.fit.color)


def split_steps(steps: int, shares: Iterable[float]) -> list[tuple[float, range]]:
    """Divide the steps of a training at the points where the step index is chosen.

    Args:
        steps: number of steps, 1 or more.
        shares: shares of the steps, 0..1, after which the step index is chosen; it is also chosen
            before the first step. Of two shares that fall on one step the larger one counts.

    Returns:
        (share, steps from there to the next choice), in order.
    """
    choices = {0: 0.0} | {int(share * steps): share for share in sorted(shares)}
    starts = sorted(choices)
    ends = [*starts[1:], steps]
    return [(choices[start], range(start, end)) for start, end in zip(starts, ends, strict=True)]


def solve_bits(qat: Qat, target: float) -> int:
    """Find the smallest step index at which the Gaussians take at most about `target` bits."""
    low, high = 0, MAX_STEP_INDEX
    index = qat.header.step_index
    # About six symbols a Gaussian grow by a bit each when the step halves.
    slope = 6.0 * max(len(qat.fit), 1) / STEP_RESOLUTION
    # A secant method inside a bisection: an estimate of bits takes as long as several steps.
    while low < high:
        bits = estimate_bits(*qat.symbols_at(index))
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
