"""Adan, adaptive Nesterov momentum (Xie et al., 2022, algorithm 1)."""

from __future__ import annotations

import math

import numpy as np

from gsic.gaussians import Float64


class Adan:
    """Parameters of any shape and three moments of their gradients; no weight decay, no restart.

    The betas are those that are kept of each moment, as in its authors' code; their paper writes
    1 - beta. Moments are corrected for their bias towards the zeros that they begin with.

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
