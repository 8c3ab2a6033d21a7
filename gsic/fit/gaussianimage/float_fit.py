"""The float fit of GaussianImage: so many Gaussians at random, moved by Adan, none ever added."""

from __future__ import annotations

from typing import Protocol

from gsic.fit.adan import Adan
from gsic.fit.gaussianimage.recipe import AdanRecipe
from gsic.fit.loop import Tick
from gsic.gaussians import Float64


class Slope(Protocol):
    """What is minimised: a `Canvas` or a `BlendedCanvas`."""

    def slope(self, raw: Float64) -> tuple[float, Float64]:
        """Loss of raw parameters, and its gradient."""


def optimise(canvas: Slope, raw: Float64, recipe: AdanRecipe, steps: int, tick: Tick) -> Float64:
    """Move Gaussians for a number of steps.

    Args:
        canvas: what they are drawn on.
        raw: float64 (N, 5 + C), or (N, 6 + C) with opacities, to begin with; see `canvas`.
        recipe: constants. steps: how many.
        tick: told the loss before each step and the number of Gaussians.

    Returns:
        The parameters after the last step.
    """
    adan = adan_of(raw, recipe)
    for step in range(steps):
        loss, gradient = canvas.slope(adan.values)
        adan.step(gradient, recipe.scale(step))
        tick(loss, len(raw))
    return adan.values


def adan_of(values: Float64, recipe: AdanRecipe) -> Adan:
    """Adan as a recipe has it."""
    betas = recipe.beta1, recipe.beta2, recipe.beta3
    return Adan(values, recipe.rate, betas, recipe.epsilon)
