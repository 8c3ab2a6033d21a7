"""The optimisers: Adam (Kingma and Ba, 2015) and Adan (Xie et al., 2022, algorithm 1)."""

from __future__ import annotations

import math

import numpy as np

from gsic.arrays import Bools, Float64

# Added to the root of the second moment, which is 0 where a gradient has always been 0.
_EPSILON = 1e-12


class Adam:
    """Parameters of N Gaussians, one row each, and the moments of their gradients.

    Rows are added at different steps, so the bias of the moments is corrected row by row.

    Args:
        values: float64 (N, K), the initial values, which are copied.
        learning_rates: float64 (K,), of each column, in its unit per step.
        betas: decay rates of the first and second moment, 0..1.
    """

    def __init__(
        self, values: Float64, learning_rates: Float64, betas: tuple[float, float]
    ) -> None:
        # Column-major order, because all callers and kernels compute with single columns.
        self.values = values.copy(order="F")
        self.learning_rates = learning_rates
        self.betas = betas
        self._first = np.zeros_like(self.values)
        self._second = np.zeros_like(self.values)
        self._steps = np.zeros(len(values))
        self._correction_table = np.zeros(0)

    @property
    def state(self) -> tuple[Float64, Float64, Float64, Float64]:
        """Values, first and second moments, float64 (N, K), and steps of each row, (N,)."""
        return self.values, self._first, self._second, self._steps

    @state.setter
    def state(self, state: tuple[Float64, Float64, Float64, Float64]) -> None:
        *matrices, self._steps = state
        self.values, self._first, self._second = map(np.asfortranarray, matrices)

    def step(self, gradient: Float64, scale: float) -> None:
        """Move all rows against a gradient.

        Args:
            gradient: float64 (N, K), of the loss by the values.
            scale: factor of the learning rates.
        """
        self.values -= self.compute_move(gradient, scale)

    def compute_move(self, gradient: Float64, scale: float) -> Float64:
        """Take a gradient into the moments, and return what the values are to be lowered by.

        Args:
            gradient, scale: as for `step`.

        Returns:
            The move, float64 (N, K).
        """
        beta1, beta2 = self.betas
        self._steps += 1.0
        # In place where possible: every temporary array is as large as all parameters.
        change = gradient - self._first
        change *= 1.0 - beta1
        self._first += change
        np.multiply(gradient, gradient, out=change)
        change -= self._second
        change *= 1.0 - beta2
        self._second += change
        root = np.sqrt(self._second, out=change)
        root += _EPSILON
        move = np.divide(self._first, root, out=root)
        move *= (scale * self.learning_rates) * self._bias_corrections()[:, None]
        return move

    def _bias_corrections(self) -> Float64:
        """Return the bias-correction factor of each row, sqrt(1 - beta2^t) / (1 - beta1^t)."""
        largest = int(self._steps.max(initial=0.0))
        if largest >= len(self._correction_table):
            # A table, because powers are slow. Entry 0 is never used: rows are corrected after
            # their first step; that of 1 stands there to avoid a division by 0.
            steps = np.maximum(np.arange(2.0 * largest + 2.0), 1.0)
            beta1, beta2 = self.betas
            self._correction_table = np.sqrt(1.0 - beta2**steps) / (1.0 - beta1**steps)
        return self._correction_table[self._steps.astype(np.int64)]

    def keep(self, mask: Bools) -> None:
        """Drop the rows where a mask, bool (N,), is false."""
        self.values, self._first, self._second = (
            np.asfortranarray(matrix[mask]) for matrix in (self.values, self._first, self._second)
        )
        self._steps = self._steps[mask]

    def append(self, rows: Float64) -> None:
        """Add new rows, float64 (rows, K), whose moments are 0."""
        none = np.zeros_like(rows)
        # Without rows so far, `concatenate` would not know of the order of the columns.
        self.values, self._first, self._second = (
            np.asfortranarray(np.concatenate((matrix, new)))
            for matrix, new in ((self.values, rows), (self._first, none), (self._second, none))
        )
        self._steps = np.concatenate((self._steps, np.zeros(len(rows))))


class Adan:
    """Parameters of any shape and three moments of their gradients; no weight decay, no restart.

    The betas are decay rates, as in its authors' code; their paper writes 1 - beta. The moments
    begin with zeros, and the bias that comes of it is corrected.

    Args:
        values: float64, the initial values, which are copied.
        learning_rate: in the unit of the values, per step.
        betas: decay rates, 0..1, of the mean gradient, of the mean change of the gradient, and of
            the mean square of their Nesterov sum.
        epsilon: added to the root of the third moment.
    """

    def __init__(
        self,
        values: Float64,
        learning_rate: float,
        betas: tuple[float, float, float],
        epsilon: float,
    ) -> None:
        self.values = values.copy(order="K")
        self.learning_rate = learning_rate
        self.betas = betas
        self.epsilon = epsilon
        self._mean = np.zeros_like(self.values)
        self._change = np.zeros_like(self.values)
        self._square = np.zeros_like(self.values)
        self._last: Float64 | None = None
        self._steps = 0

    def step(self, gradient: Float64, scale: float) -> None:
        """Move all values against a gradient.

        Args:
            gradient: float64 of the shape of the values. It is kept until the next step, and the
                caller must not change it.
            scale: factor of the learning rate.
        """
        beta1, beta2, beta3 = self.betas
        self._steps += 1
        # At the first step the gradient has not changed.
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
        root *= 1.0 / math.sqrt(1.0 - beta3**self._steps)
        root += self.epsilon
        learning_rate = scale * self.learning_rate
        move = self._mean * (learning_rate / (1.0 - beta1**self._steps))
        move += self._change * (learning_rate * beta2 / (1.0 - beta2**self._steps))
        move /= root
        self.values -= move
