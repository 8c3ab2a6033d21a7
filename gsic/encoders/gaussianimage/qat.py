"""Quantisation-aware training (QAT): the optimiser moves floats, the loss is that of the symbols.

Gradients pass straight through all roundings. The state of the best PSNR is kept.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np

from gsic.arrays import Float64, Int64
from gsic.encoders.gaussianimage.lsq import LearnedGrid
from gsic.encoders.gaussianimage.recipe import GaussianImageRecipe
from gsic.encoders.gaussianimage.rvq import LearnedCodebooks, compute_commitment
from gsic.fitting.adan_fit import make_adan
from gsic.fitting.canvas import Canvas, activate_shape, activate_shape_backward
from gsic.fitting.progress import Tick
from gsic.profiles.gaussianimage.symbols import Codebooks, QuantisedImage, Quantiser, round_position


class QuantisedColors(NamedTuple):
    """Colours as a decoder sees them."""

    palette: Codebooks | Quantiser
    symbols: Int64
    values: Float64  # (N, C)


class ColorQuantiser(Protocol):
    """A quantiser of colours that is trained with them."""

    def quantise(self, color: Float64) -> QuantisedColors:
        """Quantise colours, float64 (N, C)."""

    def backward(self, gradient: Float64, scale: float) -> Float64:
        """Train the quantiser, and return the gradient by the colours, float64 (N, C).

        Args:
            gradient: float64 (N, C), by the values that `quantise` returned last.
            scale: factor of the learning rate.
        """


class RvqColors:
    """Colours quantised by residual codebooks, which follow moving averages."""

    def __init__(
        self, color: Float64, recipe: GaussianImageRecipe, rng: np.random.Generator
    ) -> None:
        self._recipe = recipe
        self._learned = LearnedCodebooks(
            color, recipe.stages, recipe.codebook, recipe.kmeans_iterations, recipe.decay, rng
        )
        # The public code passes the gradient through every stage, and adds the stages up.
        self._gain = float(recipe.stages) if recipe.variant == "code" else 1.0

    def quantise(self, color: Float64) -> QuantisedColors:
        codebooks = self._learned.freeze()
        self._last = self._learned.quantise(color, codebooks)
        return QuantisedColors(codebooks, self._last.symbols, self._last.values)

    def backward(self, gradient: Float64, scale: float) -> Float64:
        recipe = self._recipe
        total = gradient * self._gain
        if recipe.commitment:
            by_commitment = compute_commitment(self._last, recipe.variant, recipe.codebook).gradient
            total += recipe.commitment * by_commitment
        self._learned.update(self._last)
        return total


class LsqColors:
    """Colours of which each channel is quantised on a learned grid."""

    def __init__(self, color: Float64, recipe: GaussianImageRecipe) -> None:
        self._learned = LearnedGrid(color, recipe.color_bits, recipe.variant == "paper")
        self._adan = make_adan(self._learned.learned, recipe)
        self._learned.learned = self._adan.values

    def quantise(self, color: Float64) -> QuantisedColors:
        grid = self._learned.freeze()
        self._last = self._learned.quantise(color, grid)
        return QuantisedColors(grid, self._last.symbols, self._last.values)

    def backward(self, gradient: Float64, scale: float) -> Float64:
        by_values, by_grid = self._learned.backward(self._last, gradient)
        self._adan.step(by_grid, scale)
        return by_values


class Snapshot(NamedTuple):
    """Quantised Gaussians and their squared error, summed over all values of the image."""

    image: QuantisedImage
    sse: float


class QuantisedTraining:
    """Float Gaussians in training, and the quantisers between them and the loss.

    Args:
        canvas: the loss.
        raw: float64 (N, 5 + C), raw parameters of a float fit.
        recipe: constants.
        rng: samples the initial centres of k-means.
    """

    def __init__(
        self, canvas: Canvas, raw: Float64, recipe: GaussianImageRecipe, rng: np.random.Generator
    ) -> None:
        self._canvas = canvas
        self._recipe = recipe
        self._adan = make_adan(raw, recipe)
        round_down = recipe.variant == "paper"
        shape = activate_shape(recipe.covariance, raw[:, 2:5])
        self._grid = LearnedGrid(shape, recipe.covariance_bits, round_down)
        self._grid_adan = make_adan(self._grid.learned, recipe)
        self._grid.learned = self._grid_adan.values
        color = raw[:, 5:]
        self._colors: ColorQuantiser = (
            RvqColors(color, recipe, rng) if recipe.color == "rvq" else LsqColors(color, recipe)
        )

    def step(self, scale: float) -> Snapshot:
        """Take one step at `scale` times the learning rate; return the state before it."""
        canvas, recipe = self._canvas, self._recipe
        raw = self._adan.values
        position = round_position(raw[:, :2])
        shape = activate_shape(recipe.covariance, raw[:, 2:5])
        grid = self._grid.freeze()
        shapes = self._grid.quantise(shape, grid)
        colors = self._colors.quantise(raw[:, 5:])
        by = canvas.evaluate(position.astype(np.float64), shapes.values, colors.values)
        image = QuantisedImage(
            canvas.width,
            canvas.height,
            canvas.channels,
            recipe.covariance,
            position.view(np.uint16),
            shapes.symbols,
            grid,
            colors.symbols,
            colors.palette,
        )
        gradient = np.empty_like(raw)
        gradient[:, :2] = by.position
        by_shape, by_grid = self._grid.backward(shapes, by.shape)
        gradient[:, 2:5] = activate_shape_backward(recipe.covariance, shape, by_shape)
        gradient[:, 5:] = self._colors.backward(by.color, scale)
        self._adan.step(gradient, scale)
        self._grid_adan.step(by_grid, scale)
        return Snapshot(image, by.loss * canvas.values)


def train_quantised(
    canvas: Canvas,
    raw: Float64,
    recipe: GaussianImageRecipe,
    rng: np.random.Generator,
    tick: Tick,
) -> Snapshot:
    """Train quantised Gaussians for `recipe.qat_steps` steps, and return the best state.

    Args:
        canvas, raw, recipe, rng: as for `QuantisedTraining`.
        tick: called with the mean squared error before each step and the number of Gaussians.
    """
    training = QuantisedTraining(canvas, raw, recipe, rng)
    best: Snapshot | None = None
    for step in range(recipe.qat_steps):
        snapshot = training.step(recipe.learning_rate_factor(step))
        if best is None or snapshot.sse < best.sse:
            best = snapshot
        tick(snapshot.sse / canvas.values, len(snapshot.image))
    assert best is not None
    return best
