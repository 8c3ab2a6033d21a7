"""Asymmetric quantisation with a learned step and origin (GaussianImage, eq. 8; LSQ+).

LSQ+: Bhalgat et al., 2020. Their scaling of the gradients is left out, as in the code of
GaussianImage.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gsic.arrays import Float64, Int64
from gsic.profiles.gaussianimage.symbols import Quantiser

# Steps stay above this, so that nothing is divided by zero.
_MIN_STEP = 1e-6


class GridValues(NamedTuple):
    """Quantised values, (N, K) each."""

    symbols: Int64
    values: Float64  # what a decoder makes of the symbols
    exact: Float64  # (value - origin) / step before it is clamped and rounded


class LearnedGrid:
    """A step and an origin for each of K columns, which an optimiser learns.

    Args:
        values: float64 (N, K), whose ranges the initial grid spans.
        bits: number of bits of a symbol.
        round_down: whether values are rounded down, as eq. 8 is printed, or to the nearest.
    """

    def __init__(self, values: Float64, bits: int, round_down: bool = False) -> None:
        self.bits = bits
        self._round = np.floor if round_down else np.rint
        self._max_symbol = 2.0**bits - 1.0
        least = values.min(axis=0)
        step = np.maximum((values.max(axis=0) - least) / self._max_symbol, _MIN_STEP)
        self.learned = np.stack((step, least))
        """Steps and origins, float64 (2, K), which an optimiser moves."""

    def freeze(self) -> Quantiser:
        """Return the grid as a file holds it, in float32."""
        np.maximum(self.learned[0], _MIN_STEP, out=self.learned[0])
        step, origin = self.learned.astype(np.float32)
        return Quantiser(self.bits, step, origin)

    def quantise(self, values: Float64, grid: Quantiser) -> GridValues:
        """Quantise values, float64 (N, K), on a frozen grid."""
        exact = (values - grid.origin.astype(np.float64)) / grid.step.astype(np.float64)
        symbols = self._round(np.clip(exact, 0.0, self._max_symbol))
        dequantised = symbols * grid.step.astype(np.float64) + grid.origin.astype(np.float64)
        return GridValues(symbols.astype(np.int64), dequantised, exact)

    def backward(self, quantised: GridValues, gradient: Float64) -> tuple[Float64, Float64]:
        """Compute the vector-Jacobian product of `quantise` with straight-through rounding.

        Inside the range, the gradient by a value passes unchanged and that by the step is the
        rounding error; outside it, only origin and step have a gradient, since they move the end
        of the range.

        Args:
            quantised: what `quantise` returned.
            gradient: float64 (N, K), by the dequantised values.

        Returns:
            The gradients by the values, float64 (N, K), and by `learned`, float64 (2, K).
        """
        exact = quantised.exact
        inside = (exact >= 0.0) & (exact <= self._max_symbol)
        by_values = gradient * inside
        by_step = (gradient * (quantised.symbols - exact * inside)).sum(axis=0)
        by_origin = (gradient - by_values).sum(axis=0)
        return by_values, np.stack((by_step, by_origin))
