"""Gaussians under optimisation against one image: drawing, gradients, growth."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from gsic.fit import placement
from gsic.fit.adam import Adam
from gsic.fit.recipe import FitRecipe
from gsic.gaussians import Covariance, Float64, Moments, factor_of, moment_gradients
from gsic.profiles.gsic import MAX_STRETCH, MIN_SIGMA_PX
from gsic_kernels import checks
from gsic_kernels.checks import Gradients, Splats
from gsic_kernels.registry import SumLoss

Float32 = NDArray[np.float32]

# Where the float fit lets shapes end, a little inside what the profile can hold.
LEAST_SIGMA_PX = 1.05 * MIN_SIGMA_PX
MOST_STRETCH = 0.99 * 2.0**MAX_STRETCH


class GaussianFit:
    """The Gaussians of a fit and what moves them.

    Args:
        planes: float32 (H, W, C), 0..1, the image.
        objective: loss against it.
        background: float64 (C,), what is drawn behind the Gaussians.
        covariance: parameterisation that is optimised.
        recipe: constants.
    """

    def __init__(
        self,
        planes: Float32,
        objective: SumLoss,
        background: Float64,
        covariance: Covariance,
        recipe: FitRecipe,
    ) -> None:
        self.height, self.width, self.channels = planes.shape
        self.objective = objective
        self.background = background
        self.covariance = covariance
        self.recipe = recipe
        self._backdrop = background.astype(np.float32)
        self.adam = Adam(
            np.zeros((0, 5 + self.channels)), self._rates(), (recipe.beta1, recipe.beta2)
        )

    @property
    def mean(self) -> Float64:
        return self.adam.values[:, :2]

    @property
    def theta(self) -> Float64:
        return self.adam.values[:, 2:5]

    @property
    def color(self) -> Float64:
        return self.adam.values[:, 5:]

    def __len__(self) -> int:
        return len(self.adam.values)

    def draw_step(self, splats: Splats) -> tuple[float, Gradients]:
        """Loss of a drawing and its gradients by the arrays of the drawing."""
        return self.objective.step(splats, self._backdrop)

    def draw_error(self, splats: Splats) -> float:
        """PSNR in dB of the clamped drawing."""
        error = self.objective.sse(splats, self._backdrop)
        return psnr_of(error, self.height * self.width * self.channels)

    def splats(self) -> Splats:
        """The Gaussians as they are, rounded for a kernel."""
        return self._splats(factor_of(self.covariance.moments(self.theta)))

    def _splats(self, factor: Float64) -> Splats:
        peak = np.abs(self.color).max(axis=1, initial=0.0)
        reach = np.log(np.maximum(255.0 * self.recipe.visible * peak, 1.0))
        return checks.rounded(self.mean, factor, self.color, reach, np.exp(-reach))

    def step(self, scale: float) -> float:
        """One step of the optimiser at `scale` times the learning rates; the loss before it."""
        moments = self.covariance.moments(self.theta)
        factor = factor_of(moments)
        loss, gradients = self.draw_step(self._splats(factor))
        self.move(self.gradient(gradients, self.theta, moments, factor), scale)
        return loss

    def gradient(
        self, drawn: Gradients, theta: Float64, moments: Moments, factor: Float64
    ) -> Float64:
        """Gradient by the parameters, float64 (N, 5 + C), from that by a drawing's arrays."""
        gradient = np.empty_like(self.adam.values)
        gradient[:, :2] = drawn.mean
        by_moments = moment_gradients(moments, factor, drawn.factor.astype(np.float64))
        gradient[:, 2:5] = self.covariance.pull_back(theta, by_moments)
        gradient[:, 5:] = drawn.color
        return gradient

    def move(self, gradient: Float64, scale: float) -> None:
        """Let the optimiser move the Gaussians, and keep them within bounds."""
        self.adam.step(gradient, scale)
        most = 2.0 * math.hypot(self.width, self.height)
        self.covariance.bound(self.theta, LEAST_SIGMA_PX, most, MOST_STRETCH)

    def place_first(self, planes: Float32, count: int, rng: np.random.Generator) -> None:
        """Add the first Gaussians."""
        recipe = self.recipe
        rows = placement.initial(
            planes,
            self.background,
            count,
            self.covariance,
            rng,
            uniform=recipe.uniform_share,
            size=recipe.first_size,
            strength=recipe.first_strength,
        )
        self.adam.append(rows)

    def grow(self, count: int, total: int) -> None:
        """Add Gaussians where the error of the last step is largest."""
        recipe = self.recipe
        rows = placement.at_errors(
            self.objective.residual(),
            count,
            total,
            self.covariance,
            blur=recipe.growth_blur,
            size=recipe.growth_size,
            strength=recipe.growth_strength,
        )
        self.adam.append(rows)

    def _rates(self) -> Float64:
        recipe, rates = self.recipe, np.empty(5 + self.channels)
        rates[:2] = recipe.rate_mean
        length, angle = recipe.rate_length, recipe.rate_angle
        rates[2:5] = {
            "log": (recipe.rate_log,) * 3,
            "cholesky": (length,) * 3,
            "rs": (length, length, angle),
        }[self.covariance.name]
        rates[5:] = recipe.rate_color
        return rates


def psnr_of(sse: float, values: int) -> float:
    """PSNR in dB of a sum of squared errors, in full scale, over so many values; inf for 0."""
    return -10.0 * math.log10(sse / values) if sse > 0.0 else math.inf
