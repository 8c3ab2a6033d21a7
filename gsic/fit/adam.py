"""Adam (Kingma and Ba, 2015) on a matrix that grows by rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gsic.gaussians import Float64

_TINY = 1e-12


class Adam:
    """Parameters float64 (N, K), a row per Gaussian, and the moments of their gradients.

    Rows are of different ages, so each corrects the bias of its moments by its own.

    Args:
        values: float64 (N, K), optimised in place of a copy.
        rates: float64 (K,), the learning rate of each column, in its unit per step.
        betas: decay of the first and second moment.
    """

    def __init__(self, values: Float64, rates: Float64, betas: tuple[float, float]) -> None:
        # Columns lie one after the other, as all who compute with them take them one by one.
        self.values = values.copy(order="F")
        self.rates = rates
        self.betas = betas
        self._first = np.zeros_like(self.values)
        self._second = np.zeros_like(self.values)
        self._age = np.zeros(len(values))
        self._by_age = np.zeros(0)

    @property
    def state(self) -> tuple[Float64, Float64, Float64, Float64]:
        """Parameters and moments, float64 (N, K), and the steps that each row has taken, (N,)."""
        return self.values, self._first, self._second, self._age

    @state.setter
    def state(self, state: tuple[Float64, Float64, Float64, Float64]) -> None:
        *matrices, self._age = state
        self.values, self._first, self._second = map(np.asfortranarray, matrices)

    def step(self, gradient: Float64, scale: float) -> None:
        """Move every row against its gradient, float64 (N, K), at `scale` times the rates."""
        beta1, beta2 = self.betas
        self._age += 1.0
        change = gradient - self._first
        change *= 1.0 - beta1
        self._first += change
        np.multiply(gradient, gradient, out=change)
        change -= self._second
        change *= 1.0 - beta2
        self._second += change
        root = np.sqrt(self._second, out=change)
        root += _TINY
        move = np.divide(self._first, root, out=root)
        move *= (scale * self.rates) * self._corrections()[:, None]
        self.values -= move

    def _corrections(self) -> Float64:
        """Of first / (1 - b1^t) / sqrt(second / (1 - b2^t)), what the age t of each row makes."""
        oldest = int(self._age.max(initial=0.0))
        if oldest >= len(self._by_age):
            # Powers take long; a row has taken a step before it is corrected.
            ages = np.maximum(np.arange(2.0 * oldest + 2.0), 1.0)
            beta1, beta2 = self.betas
            self._by_age = np.sqrt(1.0 - beta2**ages) / (1.0 - beta1**ages)
        return self._by_age[self._age.astype(np.int64)]

    def keep(self, mask: NDArray[np.bool_]) -> None:
        """Drop the rows that a mask, bool (N,), leaves out."""
        self.values = self.values[mask]
        self._first, self._second = self._first[mask], self._second[mask]
        self._age = self._age[mask]

    def append(self, rows: Float64) -> None:
        """Add new rows, float64 (M, K)."""
        rows = np.asfortranarray(rows)
        self.values = np.concatenate((self.values, rows))
        none = np.zeros_like(rows)
        self._first = np.concatenate((self._first, none))
        self._second = np.concatenate((self._second, none))
        self._age = np.concatenate((self._age, np.zeros(len(rows))))
