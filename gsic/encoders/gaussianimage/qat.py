"""Quantisation-aware fine-tuning: the optimiser moves floats, the loss sees what a decoder would.

All roundings pass gradients straight through. The state of the best PSNR is kept.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np

from gsic.arrays import Float64, Int64
from gsic.encoders.gaussianimage.lsq import LearnedGrid
from gsic.encoders.gaussianimage.recipe import GaussianImageRecipe
from gsic.encoders.gaussianimage.rvq import LearnedCodebooks, commitment
from gsic.fitting.adan_fit import make_adan
from gsic.fitting.canvas import Canvas, raw_slope, shape_of
from gsic.fitting.progress import Tick
from gsic.profiles.gaussianimage.symbols import Codebooks, QuantisedImage, Quantiser, round_position


class SeenColors(NamedTuple):
    """Colours as a decoder sees them."""

    palette: Codebooks | Quantiser
    symbols: Int64
    values: Float64


class ColorQuantiser(Protocol):
    """What stands between float colours and what a decoder sees of them."""

    def see(self, color: Float64) -> SeenColors:
        """Quantise colours (N, C)."""

    def learn(self, gradient: Float64, scale: float) -> Float64:
        """Move on, given the gradient by what was last seen; the gradient by the colours."""


class VectorColors:
    """Colours through residual codebooks, which follow their members."""

    def __init__(
        self, color: Float64, recipe: GaussianImageRecipe, rng: np.random.Generator
    ) -> None:
        self._recipe = recipe
        self._learned = LearnedCodebooks(
            color, recipe.stages, recipe.codebook, recipe.kmeans_iterations, recipe.decay, rng
        )
        # The code passes the gradient through every stage, and adds the stages up.
        self._through = float(recipe.stages) if recipe.variant == "code" else 1.0

    def see(self, color: Float64) -> SeenColors:
        codebooks = self._learned.frozen()
        self._last = self._learned.quantise(color, codebooks)
        return SeenColors(codebooks, self._last.symbols, self._last.values)

    def learn(self, gradient: Float64, scale: float) -> Float64:
        recipe = self._recipe
        total = gradient * self._through
        if recipe.commitment:
            pull = commitment(self._last, recipe.variant, recipe.codebook).gradient
            total += recipe.commitment * pull
        self._learned.follow(self._last)
        return total


class GridColors:
    """Each channel on a learned grid."""

    def __init__(self, color: Float64, recipe: GaussianImageRecipe) -> None:
        self._learned = LearnedGrid(color, recipe.color_bits, recipe.variant == "paper")
        self._adan = make_adan(self._learned.learned, recipe)
        self._learned.learned = self._adan.values

    def see(self, color: Float64) -> SeenColors:
        grid = self._learned.frozen()
        self._last = self._learned.quantise(color, grid)
        return SeenColors(grid, self._last.symbols, self._last.values)

    def learn(self, gradient: Float64, scale: float) -> Float64:
        by_values, by_grid = self._learned.backward(self._last, gradient)
        self._adan.step(by_grid, scale)
        return by_values


class Snapshot(NamedTuple):
    """A quantised state and its squared error, summed over all values."""

    image: QuantisedImage
    sse: float


class Tuning:
    """Gaussians between floats and symbols.

    Args:
        canvas: what they are drawn on.
        raw: float64 (N, 5 + C), a float fit.
        recipe: constants.
        rng: draws what k-means begins with.
    """

    def __init__(
        self, canvas: Canvas, raw: Float64, recipe: GaussianImageRecipe, rng: np.random.Generator
    ) -> None:
        self._canvas = canvas
        self._recipe = recipe
        self._adan = make_adan(raw, recipe)
        offset = recipe.variant == "paper"
        shape = shape_of(recipe.covariance, raw[:, 2:5])
        self._grid = LearnedGrid(shape, recipe.covariance_bits, offset)
        self._grid_adan = make_adan(self._grid.learned, recipe)
        self._grid.learned = self._grid_adan.values
        color = raw[:, 5:]
        self._colors: ColorQuantiser = (
            VectorColors(color, recipe, rng) if recipe.color == "rvq" else GridColors(color, recipe)
        )

    def run(self, steps: int, tick: Tick) -> Snapshot:
        """Tune for a number of steps; the best state that was drawn."""
        best: Snapshot | None = None
        for step in range(steps):
            snapshot = self.step(self._recipe.learning_rate_factor(step))
            if best is None or snapshot.sse < best.sse:
                best = snapshot
            tick(snapshot.sse / self._canvas.values, len(snapshot.image))
        assert best is not None
        return best

    def step(self, scale: float) -> Snapshot:
        """One step at `scale` times the rate; the state before it."""
        canvas, recipe = self._canvas, self._recipe
        raw = self._adan.values
        position = round_position(raw[:, :2])
        shape = shape_of(recipe.covariance, raw[:, 2:5])
        grid = self._grid.frozen()
        on_grid = self._grid.quantise(shape, grid)
        seen = self._colors.see(raw[:, 5:])
        slopes = canvas.draw(position.astype(np.float64), on_grid.values, seen.values)
        image = QuantisedImage(
            canvas.width,
            canvas.height,
            canvas.channels,
            recipe.covariance,
            position.view(np.uint16),
            on_grid.symbols,
            grid,
            seen.symbols,
            seen.palette,
        )
        gradient = np.empty_like(raw)
        gradient[:, :2] = slopes.position
        by_shape, by_grid = self._grid.backward(on_grid, slopes.shape)
        gradient[:, 2:5] = raw_slope(recipe.covariance, shape, by_shape)
        gradient[:, 5:] = self._colors.learn(slopes.color, scale)
        self._adan.step(gradient, scale)
        self._grid_adan.step(by_grid, scale)
        return Snapshot(image, slopes.loss * canvas.values)
