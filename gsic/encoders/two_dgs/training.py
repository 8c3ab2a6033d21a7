"""Training of the Gaussians of profile `2dgs`, with the codebooks in the loop."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from gsic.arrays import Float32, Float64, Int64
from gsic.encoders.two_dgs.density_control import control_density
from gsic.encoders.two_dgs.kmeans import Clusters
from gsic.encoders.two_dgs.parameters import (
    COLOR,
    POSITION,
    SHAPE,
    Attributes,
    backward,
    forward,
    logit,
    sigmoid,
)
from gsic.encoders.two_dgs.recipe import TwoDgsRecipe
from gsic.encoders.two_dgs.resampling import Enlargement, halve
from gsic.fitting.optimisers import Adam
from gsic.fitting.progress import Tick
from gsic.profiles.two_dgs.symbols import Grid
from gsic_kernels.backend import Backend
from gsic_kernels.types import AlphaGradients, Splats, Window

_BETAS = (0.9, 0.999)

# The public code's (U + 0.1) / 1.1, which makes no Gaussian fully transparent at the start.
_MIN_OPACITY = 0.1


class Plan(NamedTuple):
    """Sizes of a training.

    Args:
        first: number of Gaussians to begin with.
        most: largest number of Gaussians.
        clusters: number of rows of each codebook.
    """

    first: int
    most: int
    clusters: int


class Trained(NamedTuple):
    """The best state of a training: N Gaussians with their codebooks, float64, all in 0..1."""

    position: Float64  # (N, 2)
    shapes: Float64  # (k, 3)
    shape_index: Int64  # (N,)
    colors: Float64  # (k, C + 1)
    color_index: Int64  # (N,)
    opacity_scale: float  # factor of all opacities; not 1 where they are normalised


class TrainingLoss:
    """The loss of blended Gaussians against one image, at one resolution or at two.

    Args:
        planes: float32 (H, W, C), 0..1, the image.
        recipe: loss and resolution.
        backend: kernels.
        threads: number of CPU threads.

    Attributes:
        grid: of the image that is drawn, of half the size where the recipe says so.
    """

    def __init__(
        self, planes: Float32, recipe: TwoDgsRecipe, backend: Backend, threads: int
    ) -> None:
        half = recipe.resolution == "half"
        self._enlargement = Enlargement(*planes.shape[:2]) if half else None
        drawn = halve(planes) if half else planes
        height, width, channels = drawn.shape
        self.grid = Grid(width, height, 1, recipe.axes == "normalised")
        self._backend, self._threads = backend, threads
        self._window = Window(0, 0, width, height)
        self._background = np.zeros(channels, np.float32)
        targets = (drawn, planes) if half else (planes,)
        self._targets = [backend.SsimLoss(target, threads) for target in targets]
        # Half the mean absolute error and half of (1 - SSIM) / 2, or the mean absolute error alone.
        self._weights = (0.5, 0.25) if recipe.loss == "l1+ssim" else (1.0, 0.0)

    def step(self, splats: Splats, opacity: Float32) -> tuple[float, AlphaGradients]:
        """Return the mean squared error of the whole image, and the gradients of the loss.

        Args:
            splats: N Gaussians, the first in front.
            opacity: float32 (N,), 0..1.
        """
        backend, background = self._backend, self._background
        arguments = splats, opacity, self._window, background
        blended = backend.render_alpha(*arguments, self._threads)
        compared = self._targets[0].compare(blended.image, *self._weights)
        gradient, squared = compared.gradient, compared.squared
        if self._enlargement:
            enlarged = self._enlargement.enlarge(blended.image)
            compared = self._targets[1].compare(enlarged, *self._weights)
            gradient = gradient + self._enlargement.backward(compared.gradient)
            squared = compared.squared
        return squared, backend.render_alpha_backward(*arguments, blended, gradient, self._threads)


def train(
    planes: Float32,
    recipe: TwoDgsRecipe,
    plan: Plan,
    seed: int,
    backend: Backend,
    threads: int,
    tick: Tick,
) -> Trained:
    """Train Gaussians whose shapes and colours are rows of codebooks (sections 3.3 and 3.4).

    Args:
        planes: float32 (H, W, C), 0..1, the image.
        recipe: constants.
        plan: numbers of Gaussians and of codebook rows.
        seed: of everything random.
        backend: kernels.
        threads: number of CPU threads.
        tick: called with the mean squared error of each step and the number of Gaussians.

    Returns:
        The state of the smallest mean squared error.
    """
    rng = np.random.default_rng(seed)
    loss = TrainingLoss(planes, recipe, backend, threads)
    grid = loss.grid
    logits = sample_initial(planes, recipe, plan.first, rng)
    adam = Adam(logits, np.full(logits.shape[1], recipe.learning_rate), _BETAS)
    # With the weight of scales, angles would get nearly all of the rows.
    shape_weights = np.array((1.0, 1.0, recipe.angle_weight))
    shapes = Clusters(recipe, plan.clusters, shape_weights, rng)
    colors = Clusters(recipe, plan.clusters, np.ones(logits.shape[1] - COLOR.start), rng)
    least, best = math.inf, None
    for step in range(recipe.steps):
        values = sigmoid(adam.values)
        quantised = Attributes(
            values[:, POSITION], shapes.update(values[:, SHAPE]), colors.update(values[:, COLOR])
        )
        state = forward(grid, quantised, recipe.normalise)
        mse, by_splats = loss.step(state.splats, state.opacity)
        tick(mse, len(values))
        if mse < least or best is None:
            least = mse
            best = Trained(
                quantised.position,
                *(shapes.centroids, shapes.index, colors.centroids, colors.index),
                state.opacity_scale,
            )
        by = backward(grid, state, by_splats)
        by_values = (by.position, shapes.backward(by.shape), colors.backward(by.color))
        gradient = np.concatenate(by_values, axis=1)
        gradient *= values * (1.0 - values)
        gradient *= min(recipe.clip / max(float(np.linalg.norm(gradient)), 1e-30), 1.0)
        if recipe.control != "none" and step % recipe.interval == 0 and step > 0:
            # The gradient is that of the Gaussians before, so Adam takes no step with it.
            control_density(recipe, grid, adam, gradient, plan.most, rng)
            continue
        adam.step(gradient, _learning_rate_factor(recipe, step))
    assert best is not None
    return best


def _learning_rate_factor(recipe: TwoDgsRecipe, step: int) -> float:
    """Return the factor of the learning rate at a step: constant, then half a cosine."""
    begin = recipe.lr_decay_from * recipe.steps
    phase = min(max(step - begin, 0.0) / max(recipe.steps - begin, 1.0), 1.0)
    return recipe.lr_last + (1.0 - recipe.lr_last) * 0.5 * (1.0 + math.cos(math.pi * phase))


def sample_initial(
    planes: Float32, recipe: TwoDgsRecipe, count: int, rng: np.random.Generator
) -> Float64:
    """Sample the logits of the first Gaussians, float64 (N, 6 + C).

    Args:
        planes: float32 (H, W, C), 0..1, the image.
        recipe: how the Gaussians are placed, and their largest scale.
        count: N.
        rng: the source of the samples.
    """
    height, width, channels = planes.shape
    logits = np.empty((count, 6 + channels))
    logits[:, SHAPE] = logit(rng.random((count, 3)) * (recipe.first_scale, recipe.first_scale, 1.0))
    color = rng.random((count, channels + 1))
    color[:, -1] = (color[:, -1] + _MIN_OPACITY) / (1.0 + _MIN_OPACITY)
    if recipe.start == "sampled":
        row, column = rng.integers(height, size=count), rng.integers(width, size=count)
        color[:, :-1] = planes[row, column]
        position = np.stack((column, row), axis=1) / np.maximum((width - 1, height - 1), 1)
    else:
        position = rng.random((count, 2))
    logits[:, POSITION] = logit(position)
    logits[:, COLOR] = logit(color)
    return logits
