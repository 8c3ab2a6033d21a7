"""Gaussians that Adam optimises against one image: forward, backward, update and growth."""

from __future__ import annotations

import math
from typing import SupportsFloat

import numpy as np

from gsic.arrays import Float64, Rows
from gsic.fitting import placement
from gsic.fitting.optimisers import Adam
from gsic.fitting.recipe import FitRecipe
from gsic.gaussians import Covariance, LogCovariance
from gsic.lattices import LatticeGaussians, choose_levels_of_entries
from gsic.metrics import psnr_from_sse
from gsic.profiles.gsic.symbols import MAX_LOG_ANISOTROPY, MIN_SIGMA_PX
from gsic_kernels.backend import Backend, FitConstants, LogFit, SumLoss
from gsic_kernels.constants import LEVELS_MAX
from gsic_kernels.types import Gradients, Splats

# The float fit keeps shapes a little inside the bounds of the profile `gsic`: a shape at a bound
# has to stay representable when it is quantised.
FIT_MIN_SIGMA_PX = 1.05 * MIN_SIGMA_PX
FIT_MAX_ASPECT = 0.99 * 2.0**MAX_LOG_ANISOTROPY


class GaussianFit:
    """A fit in progress: Gaussians, the optimiser that moves them, and the loss.

    Args:
        planes: float32 (H, W, C), 0..1, the image.
        loss: the loss against the image.
        background: float64 (C,), the colour behind the Gaussians.
        covariance: parameterisation that is optimised.
        recipe: constants.
        on_lattices: draw wide Gaussians as a file of profile `gsic` does, on coarser lattices.

    Attributes:
        compiled: takes steps in compiled code; None if NumPy computes what kernels do not.
    """

    def __init__(
        self,
        planes: Rows,
        loss: SumLoss,
        background: Float64,
        covariance: Covariance,
        recipe: FitRecipe,
        on_lattices: bool,
    ) -> None:
        self.height, self.width, self.channels = planes.shape
        self.loss = loss
        self.background = background
        self.covariance = covariance
        self.recipe = recipe
        self._on_lattices = on_lattices
        self._rounded_background = background.astype(np.float32)
        self.compiled: LogFit | None = None
        self._adam = Adam(
            np.zeros((0, 5 + self.channels)), self.learning_rates(), (recipe.beta1, recipe.beta2)
        )

    def compile_steps(self, backend: Backend) -> None:
        """Take steps in compiled code from now on; the covariance is `log`.

        Args:
            backend: kernels, with a `LogFit` for the loss of this fit.
        """
        assert backend.LogFit is not None
        levels = LEVELS_MAX if self._on_lattices else 1
        self.compiled = backend.LogFit(
            self.loss, self._rounded_background, self.collect_constants(), levels
        )

    def collect_constants(self) -> FitConstants:
        """Collect the numbers that a kernel needs for steps of `log` covariances."""
        recipe = self.recipe
        return FitConstants(
            learning_rates=self.learning_rates(),
            betas=(recipe.beta1, recipe.beta2),
            min_log_scale=2.0 * math.log(FIT_MIN_SIGMA_PX),
            max_log_scale=2.0 * math.log(self.max_sigma_px),
            max_log_anisotropy=math.log(FIT_MAX_ASPECT),
            cutoff_divisor=recipe.cutoff_divisor,
        )

    @property
    def adam(self) -> Adam:
        """The parameters, float64 (N, 5 + C), and their optimiser; both may be changed."""
        return self._adam

    @property
    def mean(self) -> Float64:
        """Means, float64 (N, 2), px."""
        return self.adam.values[:, :2]

    @property
    def theta(self) -> Float64:
        """Parameters of the covariances, float64 (N, 3)."""
        return self.adam.values[:, 2:5]

    @property
    def color(self) -> Float64:
        """Colours, float64 (N, C), 1.0 = full scale."""
        return self.adam.values[:, 5:]

    def __len__(self) -> int:
        return len(self.adam.values)

    def evaluate(self, splats: Splats) -> tuple[float, Gradients]:
        """Return the loss of splats over the background, and its gradients by their arrays."""
        return self.loss.step(splats, self._rounded_background)

    def measure_psnr(self, splats: Splats) -> float:
        """Return the PSNR in dB of the clamped rendering of splats."""
        sse = self.loss.sse(splats, self._rounded_background)
        return psnr_from_sse(sse, self.height * self.width * self.channels)

    def make_splats(self) -> Splats:
        """Return the Gaussians as float32 splats for a kernel."""
        return self._draw().splats

    def _draw(self) -> LatticeGaussians:
        entries = self.covariance.entries(self.theta)
        peak = np.abs(self.color).max(axis=1, initial=0.0)
        cutoff = np.log(np.maximum(255.0 * self.recipe.cutoff_divisor * peak, 1.0))
        if self._on_lattices:
            level = choose_levels_of_entries(entries)
        else:
            level = np.zeros(len(self), np.int32)
        return LatticeGaussians(self.mean, entries, self.color, cutoff, level)

    def error(self) -> Rows:
        """Return the clamped rendering of the last step minus the image, float32 (H, W, C)."""
        return self.loss.error()

    def step(self, scale: float) -> SupportsFloat:
        """Take one optimiser step at `scale` times the learning rates; return the loss before."""
        if self.compiled:
            return self.compiled.step(self.adam.state, scale)
        drawn = self._draw()
        loss, gradients = self.evaluate(drawn.splats)
        self.move(self.backward(gradients, drawn, self.theta), self.theta, scale)
        return loss

    def backward(self, gradients: Gradients, drawn: LatticeGaussians, theta: Float64) -> Float64:
        """Compute the vector-Jacobian product from splats to parameters.

        Args:
            gradients: gradients of the loss by the arrays of N splats.
            drawn: what the splats were made of.
            theta: float64 (N, 3), the covariance parameters of what was drawn.

        Returns:
            The gradient by mean, covariance parameters and colour, float64 (N, 5 + C).
        """
        gradient = np.empty_like(self.adam.values)
        gradient[:, :2], by_entries, gradient[:, 5:] = drawn.backward(gradients)
        gradient[:, 2:5] = self.covariance.backward(theta, by_entries)
        return gradient

    def move(self, gradient: Float64, theta: Float64, scale: float) -> None:
        """Move the Gaussians against a gradient, and keep them in bounds.

        The means of `log` Gaussians move in the frame of their Gaussian, where it is a circle of
        radius 1: with R the symmetric root of Sigma, Adam sees the gradient by s of mean + R s.

        Args:
            gradient: float64 (N, 5 + C), which is overwritten.
            theta: float64 (N, 3), the covariance parameters of what was drawn.
            scale: factor of the learning rates.
        """
        if isinstance(self.covariance, LogCovariance):
            roots = self.covariance.roots(theta)
            gradient[:, :2] = np.einsum("nij,nj->ni", roots, gradient[:, :2])
            move = self.adam.compute_move(gradient, scale)
            move[:, :2] = np.einsum("nij,nj->ni", roots, move[:, :2])
            self.adam.values -= move
        else:
            self.adam.step(gradient, scale)
        self.covariance.clamp(self.theta, FIT_MIN_SIGMA_PX, self.max_sigma_px, FIT_MAX_ASPECT)

    @property
    def max_sigma_px(self) -> float:
        """Standard deviation in px that no Gaussian exceeds: twice the diagonal of the image."""
        return 2.0 * math.hypot(self.width, self.height)

    def place_first(self, planes: Rows, count: int, rng: np.random.Generator) -> None:
        """Add the first `count` Gaussians by the gradient magnitude of the image."""
        recipe = self.recipe
        rows = placement.place_initial(
            planes,
            self.background,
            count,
            self.covariance,
            rng,
            uniform=recipe.uniform_share,
            sigma=recipe.initial_sigma,
            strength=recipe.initial_strength,
        )
        self.adam.append(rows)

    def grow(self, count: int, total: int) -> None:
        """Add `count` of `total` Gaussians where the error of the last step is largest."""
        recipe = self.recipe
        rows = placement.place_at_errors(
            self.error(),
            count,
            total,
            self.covariance,
            blur_sigma=recipe.growth_blur,
            sigma=recipe.growth_sigma,
            strength=recipe.growth_strength,
        )
        self.adam.append(rows)

    def learning_rates(self) -> Float64:
        """Return the learning rates of mean, covariance and colour, float64 (5 + C,)."""
        recipe, rates = self.recipe, np.empty(5 + self.channels)
        rates[:2] = recipe.lr_shift if self.covariance.name == "log" else recipe.lr_mean
        length, angle = recipe.lr_length, recipe.lr_angle
        rates[2:5] = {
            "log": (recipe.lr_log,) * 3,
            "cholesky": (length,) * 3,
            "rs": (length, length, angle),
        }[self.covariance.name]
        rates[5:] = recipe.lr_color
        return rates
