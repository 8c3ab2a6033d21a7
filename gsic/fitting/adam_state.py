"""Gaussians under optimisation against one image: drawing, gradients, growth."""

from __future__ import annotations

import math
from typing import SupportsFloat

import numpy as np
from numpy.typing import NDArray

from gsic.arrays import Float64
from gsic.fitting import placement
from gsic.fitting.optimisers import Adam
from gsic.fitting.recipe import FitRecipe
from gsic.gaussians import Covariance, CovarianceEntries, compute_factor, factor_backward
from gsic.metrics import psnr_from_sse
from gsic.profiles.gsic.symbols import MAX_LOG_ANISOTROPY, MIN_SIGMA_PX
from gsic_kernels import types
from gsic_kernels.backend import SumLoss
from gsic_kernels.types import Gradients, Splats

Float32 = NDArray[np.float32]

# Where the float fit lets shapes end, a little inside what the profile can hold.
LEAST_SIGMA_PX = 1.05 * MIN_SIGMA_PX
MOST_STRETCH = 0.99 * 2.0**MAX_LOG_ANISOTROPY


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
        self._adam = Adam(
            np.zeros((0, 5 + self.channels)), self.rates(), (recipe.beta1, recipe.beta2)
        )

    @property
    def adam(self) -> Adam:
        """Parameters and their optimiser; both may be changed."""
        return self._adam

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
        return psnr_from_sse(error, self.height * self.width * self.channels)

    def splats(self) -> Splats:
        """The Gaussians as they are, rounded for a kernel."""
        return self._splats(compute_factor(self.covariance.entries(self.theta)))

    def _splats(self, factor: Float64) -> Splats:
        peak = np.abs(self.color).max(axis=1, initial=0.0)
        cutoff = np.log(np.maximum(255.0 * self.recipe.cutoff_divisor * peak, 1.0))
        return types.round_splats(self.mean, factor, self.color, cutoff, np.exp(-cutoff))

    def error(self) -> Float32:
        """The clamped drawing of the last step less the image, float32 (H, W, C)."""
        return self.objective.error()

    def step(self, scale: float) -> SupportsFloat:
        """One step of the optimiser at `scale` times the learning rates; the loss before it."""
        entries = self.covariance.entries(self.theta)
        factor = compute_factor(entries)
        loss, gradients = self.draw_step(self._splats(factor))
        self.move(self.gradient(gradients, self.theta, entries, factor), scale)
        return loss

    def gradient(
        self, drawn: Gradients, theta: Float64, entries: CovarianceEntries, factor: Float64
    ) -> Float64:
        """Gradient by the parameters, float64 (N, 5 + C), from that by a drawing's arrays."""
        gradient = np.empty_like(self.adam.values)
        gradient[:, :2] = drawn.mean
        by_entries = factor_backward(entries, factor, drawn.factor.astype(np.float64))
        gradient[:, 2:5] = self.covariance.backward(theta, by_entries)
        gradient[:, 5:] = drawn.color
        return gradient

    def move(self, gradient: Float64, scale: float) -> None:
        """Let the optimiser move the Gaussians, and keep them within bounds."""
        self.adam.step(gradient, scale)
        self.covariance.clamp(self.theta, LEAST_SIGMA_PX, self.most_sigma, MOST_STRETCH)

    @property
    def most_sigma(self) -> float:
        """Standard deviation in px that no Gaussian exceeds."""
        return 2.0 * math.hypot(self.width, self.height)

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
            size=recipe.initial_sigma,
            strength=recipe.initial_strength,
        )
        self.adam.append(rows)

    def grow(self, count: int, total: int) -> None:
        """Add Gaussians where the error of the last step is largest."""
        recipe = self.recipe
        rows = placement.at_errors(
            self.error(),
            count,
            total,
            self.covariance,
            blur=recipe.growth_blur,
            size=recipe.growth_sigma,
            strength=recipe.growth_strength,
        )
        self.adam.append(rows)

    def rates(self) -> Float64:
        """Learning rates of mean, covariance and colour, float64 (5 + C,)."""
        recipe, rates = self.recipe, np.empty(5 + self.channels)
        rates[:2] = recipe.lr_mean
        length, angle = recipe.lr_length, recipe.lr_angle
        rates[2:5] = {
            "log": (recipe.lr_log,) * 3,
            "cholesky": (length,) * 3,
            "rs": (length, length, angle),
        }[self.covariance.name]
        rates[5:] = recipe.lr_color
        return rates
