"""Asymmetric quantisation with a learned step and origin (GaussianImage, eq. 8; LSQ+).

LSQ+: Bhalgat et al., 2020. Their scaling of the gradients is left out, as in the paper's code.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gsic.arrays import Float64, Int64
from gsic.profiles.gaussianimage.symbols import Quantiser

# Steps stay above this, so that nothing is divided by zero.
_LEAST_STEP = 1e-6


class OnGrid(NamedTuple):
    """Values and what became of them, (N, K)."""

    symbols: Int64
    values: Float64  # what a decoder makes of the symbols
    exact: Float64  # (value - origin) / step, before it is clamped and rounded


class LearnedGrid:
    """Step and origin of each of K columns.

    Args:
        values: float64 (N, K), whose ranges the grid begins with.
        bits: of a symbol.
        offset: round down, as eq. 8 is printed, and not to the nearest.
    """

    def __init__(self, values: Float64, bits: int, offset: bool = False) -> None:
        self.bits = bits
        self._round = np.floor if offset else np.rint
        self._most = 2.0**bits - 1.0
        least = values.min(axis=0)
        step = np.maximum((values.max(axis=0) - least) / self._most, _LEAST_STEP)
        self.learned = np.stack((step, least))
        """float64 (2, K): steps and origins; what an optimiser moves."""

    def frozen(self) -> Quantiser:
        """The grid as a file holds it."""
        np.maximum(self.learned[0], _LEAST_STEP, out=self.learned[0])
        step, origin = self.learned.astype(np.float32)
        return Quantiser(self.bits, step, origin)

    def quantise(self, values: Float64, grid: Quantiser) -> OnGrid:
        """Symbols of values, float64 (N, K), on the frozen grid."""
        exact = (values - grid.origin.astype(np.float64)) / grid.step.astype(np.float64)
        symbols = self._round(np.clip(exact, 0.0, self._most))
        dequantised = symbols * grid.step.astype(np.float64) + grid.origin.astype(np.float64)
        return OnGrid(symbols.astype(np.int64), dequantised, exact)

    def backward(self, on_grid: OnGrid, gradient: Float64) -> tuple[Float64, Float64]:
        """Gradients by the values (N, K) and by `learned` (2, K), rounding passed straight through.

        Inside the range a value moves with its number and a step with the rounding error; outside
        it the number does nothing, and origin and step move the end of the range.
        """
        exact = on_grid.exact
        inside = (exact >= 0.0) & (exact <= self._most)
        by_values = gradient * inside
        by_step = (gradient * (on_grid.symbols - exact * inside)).sum(axis=0)
        by_origin = (gradient - by_values).sum(axis=0)
        return by_values, np.stack((by_step, by_origin))
