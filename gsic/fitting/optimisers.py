"""The optimisers: Adam (Kingma and Ba, 2015) and Adan (Xie et al., 2022, algorithm 1)."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from gsic.arrays import Float64

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


class Adan:
    """Parameters of any shape and three moments of their gradients; no weight decay, no restart.

    The betas are those that are kept of each moment, as in its authors' code; their paper writes
    1 - beta. CovarianceEntries are corrected for their bias towards the zeros that they begin with.

    Args:
        values: float64, optimised in place of a copy.
        rate: the learning rate, per step.
        betas: what is kept of the mean gradient, of the mean change of the gradient, and of the
            mean square of their Nesterov sum.
        epsilon: added to the root of the square.
    """

    def __init__(
        self, values: Float64, rate: float, betas: tuple[float, float, float], epsilon: float
    ) -> None:
        self.values = values.copy(order="K")
        self.rate = rate
        self.betas = betas
        self.epsilon = epsilon
        self._mean = np.zeros_like(self.values)
        self._change = np.zeros_like(self.values)
        self._square = np.zeros_like(self.values)
        self._last: Float64 | None = None
        self._age = 0

    def step(self, gradient: Float64, scale: float) -> None:
        """Move against a gradient of the shape of the values, at `scale` times the rate.

        The gradient is kept until the next step and must not change.
        """
        beta1, beta2, beta3 = self.betas
        self._age += 1
        # Before the first step the gradient has not changed.
        change = gradient - (gradient if self._last is None else self._last)
        self._last = gradient
        self._mean += (1.0 - beta1) * (gradient - self._mean)
        self._change += (1.0 - beta2) * (change - self._change)
        change *= beta2
        change += gradient
        change *= change
        change -= self._square
        change *= 1.0 - beta3
        self._square += change
        root = np.sqrt(self._square, out=change)
        root *= 1.0 / math.sqrt(1.0 - beta3**self._age)
        root += self.epsilon
        move = self._mean * (scale * self.rate / (1.0 - beta1**self._age))
        move += self._change * (scale * self.rate * beta2 / (1.0 - beta2**self._age))
        move /= root
        self.values -= move
