"""Gaussians of the profile `2dgs` under optimisation against one image."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gsic.arrays import Float64
from gsic.encoders.two_dgs.density_control import control
from gsic.encoders.two_dgs.halving import Enlargement, halved
from gsic.encoders.two_dgs.kmeans import Clusters
from gsic.encoders.two_dgs.parameters import (
    COLOR,
    POSITION,
    SHAPE,
    Attributes,
    backward,
    draw,
    logit,
    sigmoid,
)
from gsic.encoders.two_dgs.recipe import TwoDgsRecipe
from gsic.fitting.optimisers import Adam
from gsic.profiles.two_dgs.symbols import Grid
from gsic_kernels.backend import Backend
from gsic_kernels.types import AlphaGradients, Splats, Window

Float32 = NDArray[np.float32]
Int64 = NDArray[np.int64]

Tick = Callable[[float, int], None]
"""Told the mean squared error at each step and the number of Gaussians."""

_BETAS = (0.9, 0.999)

# The public code's (U + 0.1) / 1.1, which leaves no Gaussian wholly transparent.
_FAINTEST = 0.1


class Trained(NamedTuple):
    """The best state of a fit: Gaussians with their codebooks, float64, all in 0..1."""

    position: Float64  # (N, 2)
    shapes: Float64  # (k, 3)
    shape_index: Int64  # (N,)
    colors: Float64  # (k, C + 1)
    color_index: Int64  # (N,)
    strength: float  # of opacities, where they are normalised


class Canvas:
    """One image to draw to, with the loss against it.

    Args:
        planes: float32 (H, W, C), 0..1, the image.
        recipe: loss and resolution.
        backend: kernels.
        threads: CPU threads.
    """

    def __init__(
        self, planes: Float32, recipe: TwoDgsRecipe, backend: Backend, threads: int
    ) -> None:
        half = recipe.resolution == "half"
        self._enlargement = Enlargement(*planes.shape[:2]) if half else None
        drawn = halved(planes) if half else planes
        height, width, channels = drawn.shape
        self.grid = Grid(width, height, 1, recipe.axes == "normalised")
        self._backend, self._threads = backend, threads
        self._window = Window(0, 0, width, height)
        self._background = np.zeros(channels, np.float32)
        targets = (drawn, planes) if half else (planes,)
        self._targets = [backend.SsimLoss(target, threads) for target in targets]
        # Half the mean error and half of (1 - SSIM) / 2, or the mean error alone.
        self._weights = (0.5, 0.25) if recipe.loss == "l1+ssim" else (1.0, 0.0)

    def step(self, splats: Splats, opacity: Float32) -> tuple[float, AlphaGradients]:
        """Mean squared error of the whole image, and gradients of the loss."""
        backend, background = self._backend, self._background
        arguments = splats, opacity, self._window, background
        blended = backend.render_alpha(*arguments, self._threads)
        seen = self._targets[0].compare(blended.image, *self._weights)
        gradient, squared = seen.gradient, seen.squared
        if self._enlargement:
            larger = self._enlargement.doubled(blended.image)
            seen = self._targets[1].compare(larger, *self._weights)
            gradient = gradient + self._enlargement.backward(seen.gradient)
            squared = seen.squared
        return squared, backend.render_alpha_backward(*arguments, blended, gradient, self._threads)


class Training:
    """Gaussians, the codebooks they are drawn from, and what moves them.

    Args:
        planes: float32 (H, W, C), 0..1, the image.
        recipe: constants.
        first: Gaussians to begin with.
        most: Gaussians there may be.
        clusters: rows of each codebook.
        seed: of everything random.
        backend: kernels.
        threads: CPU threads.
    """

    def __init__(
        self,
        planes: Float32,
        recipe: TwoDgsRecipe,
        first: int,
        most: int,
        clusters: int,
        seed: int,
        backend: Backend,
        threads: int,
    ) -> None:
        self._recipe, self._most = recipe, most
        self._rng = np.random.default_rng(seed)
        self._canvas = Canvas(planes, recipe, backend, threads)
        logits = start(planes, recipe, first, self._rng)
        self._adam = Adam(logits, np.full(logits.shape[1], recipe.learning_rate), _BETAS)
        # In the same units as scales, angles would get nearly all of the rows.
        shape_weights = np.array((1.0, 1.0, recipe.angle_weight))
        self._shapes = Clusters(recipe, clusters, shape_weights, self._rng)
        color_weights = np.ones(logits.shape[1] - COLOR.start)
        self._colors = Clusters(recipe, clusters, color_weights, self._rng)

    def run(self, tick: Tick) -> Trained:
        """Optimise, and return the state of the smallest error."""
        recipe, least, best = self._recipe, np.inf, None
        for step in range(recipe.steps):
            values = sigmoid(self._adam.values)
            quantised = Attributes(
                values[:, POSITION],
                self._shapes.update(values[:, SHAPE]),
                self._colors.update(values[:, COLOR]),
            )
            grid = self._canvas.grid
            drawn = draw(grid, quantised, recipe.normalise)
            error, grad = self._canvas.step(drawn.splats, drawn.opacity)
            tick(error, len(values))
            if error < least or best is None:
                least, best = error, self._state(quantised.position, drawn.strength)
            grads = backward(grid, drawn, grad)
            gradient = np.concatenate(
                (
                    grads.position,
                    self._shapes.backward(grads.shape),
                    self._colors.backward(grads.color),
                ),
                axis=1,
            )
            gradient *= values * (1.0 - values)
            gradient *= min(recipe.clip / max(float(np.linalg.norm(gradient)), 1e-30), 1.0)
            if recipe.control != "none" and step % recipe.interval == 0 and step > 0:
                # A state whose Gaussians are new is not one to take this step with.
                control(recipe, grid, self._adam, gradient, self._most, self._rng)
                continue
            self._adam.step(gradient, self._learning_rate_factor(step))
        assert best is not None
        return best

    def _learning_rate_factor(self, step: int) -> float:
        """What the learning rate is multiplied by."""
        recipe = self._recipe
        begin = recipe.lr_decay_from * recipe.steps
        phase = min(max(step - begin, 0.0) / max(recipe.steps - begin, 1.0), 1.0)
        return recipe.lr_last + (1.0 - recipe.lr_last) * 0.5 * (1.0 + math.cos(math.pi * phase))

    def _state(self, position: Float64, strength: float) -> Trained:
        shapes, colors = self._shapes, self._colors
        return Trained(
            *(position, shapes.centroids, shapes.index, colors.centroids, colors.index, strength)
        )


def start(planes: Float32, recipe: TwoDgsRecipe, count: int, rng: np.random.Generator) -> Float64:
    """Logits of the first Gaussians, float64 (N, 6 + C).

    Args:
        planes: float32 (H, W, C), the image.
        recipe: how they are placed and how large they are at most.
        count: N.
        rng: places them.
    """
    height, width, channels = planes.shape
    logits = np.empty((count, 6 + channels))
    logits[:, SHAPE] = logit(rng.random((count, 3)) * (recipe.first_scale, recipe.first_scale, 1.0))
    color = rng.random((count, channels + 1))
    color[:, -1] = (color[:, -1] + _FAINTEST) / (1.0 + _FAINTEST)
    if recipe.start == "sampled":
        row, column = rng.integers(height, size=count), rng.integers(width, size=count)
        color[:, :-1] = planes[row, column]
        position = np.stack((column, row), axis=1) / np.maximum((width - 1, height - 1), 1)
    else:
        position = rng.random((count, 2))
    logits[:, POSITION] = logit(position)
    logits[:, COLOR] = logit(color)
    return logits
