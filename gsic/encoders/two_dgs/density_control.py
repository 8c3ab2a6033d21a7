"""Adaptive density control (section 3.4): clone, split and prune.

Variant "code" keeps four deviations of the public code from its paper: it divides the logits of
scales, which enlarges the scales; clones stay where they are; red is compared with the threshold of
the opacity; and if not all Gaussians to be split, or to be cloned, find room, none of them is.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gsic.arrays import Float64, Int64
from gsic.encoders.two_dgs.parameters import COLOR, POSITION, SHAPE, logit, sigmoid
from gsic.encoders.two_dgs.recipe import TwoDgsRecipe
from gsic.fitting.optimisers import Adam
from gsic.profiles.two_dgs.dequantisation import compute_entries
from gsic.profiles.two_dgs.symbols import Grid

_SCALES = slice(SHAPE.start, SHAPE.start + 2)


class Chosen(NamedTuple):
    """Rows of the Gaussians to be doubled, int64, those of the largest gradient first."""

    split: Int64
    clone: Int64


def choose(recipe: TwoDgsRecipe, logits: Float64, gradient: Float64, room: int) -> Chosen:
    """Choose the Gaussians to double: those with a large gradient by position.

    Args:
        recipe: thresholds.
        logits: float64 (N, 6 + C), the Gaussians.
        gradient: float64 (N, 6 + C), of the loss by the logits.
        room: number of Gaussians that may be added.
    """
    norms = np.sqrt(np.square(gradient[:, POSITION]).sum(axis=1))
    order = np.argsort(-norms, kind="stable")
    order = order[norms[order] > recipe.positional]
    if recipe.control == "paper":
        order = order[: max(room, 0)]
    sizes = np.sqrt(np.square(sigmoid(logits[:, _SCALES])).sum(axis=1))
    large = sizes[order] > recipe.large
    return Chosen(order[large], order[~large])


def control_density(
    recipe: TwoDgsRecipe,
    grid: Grid,
    adam: Adam,
    gradient: Float64,
    most: int,
    rng: np.random.Generator,
) -> None:
    """Remove faint Gaussians, and double those with a large gradient by position.

    New ones come last in the order of blending.

    Args:
        recipe: thresholds.
        grid: of the image.
        adam: the logits, float64 (N, 6 + C), changed in place.
        gradient: float64 (N, 6 + C), of the loss by the logits.
        most: largest number of Gaussians.
        rng: places the halves of those that are split.
    """
    tested = -1 if recipe.control == "paper" else COLOR.start
    kept = sigmoid(adam.values[:, tested]) >= recipe.faint
    if kept.any() and not kept.all():
        adam.keep(kept)
        gradient = gradient[kept]
    chosen = choose(recipe, adam.values, gradient, most - len(adam.values))
    if recipe.control == "code":
        for rows, split in ((chosen.split, True), (chosen.clone, False)):
            if len(adam.values) + len(rows) <= most:
                _double_as_in_code(recipe, adam, rows, split)
        return
    added = [
        _split(recipe, grid, adam.values, chosen.split, rng),
        _clone(grid, adam.values, gradient, chosen.clone),
    ]
    adam.append(np.concatenate(added))


def _split(
    recipe: TwoDgsRecipe, grid: Grid, logits: Float64, rows: Int64, rng: np.random.Generator
) -> Float64:
    """Shrink Gaussians and move them at random, in place; return a second half of each.

    The paper says only that two smaller Gaussians replace a large one. Their places are sampled
    from the large one, as in Kerbl et al. (2023).
    """
    halves = np.concatenate((logits[rows], logits[rows]))
    offsets = _scale_offsets(grid, halves, rng.standard_normal((len(halves), 2)))
    halves[:, POSITION] = logit(sigmoid(halves[:, POSITION]) + offsets)
    halves[:, _SCALES] = logit(sigmoid(halves[:, _SCALES]) / recipe.split)
    logits[rows] = halves[: len(rows)]
    return halves[len(rows) :]


def _clone(grid: Grid, logits: Float64, gradient: Float64, rows: Int64) -> Float64:
    """Return copies of Gaussians, moved by one standard deviation against the gradient."""
    clones = logits[rows]
    down = -gradient[rows][:, POSITION]
    down /= np.maximum(np.sqrt(np.square(down).sum(axis=1, keepdims=True)), 1e-30)
    size = np.sqrt(sigmoid(clones[:, _SCALES]).prod(axis=1, keepdims=True))
    clones[:, POSITION] = logit(sigmoid(clones[:, POSITION]) + size * down)
    return clones


def _double_as_in_code(recipe: TwoDgsRecipe, adam: Adam, rows: Int64, split: bool) -> None:
    """Append exact copies of Gaussians, after a division of the logits of their scales."""
    if split:
        adam.values[rows, _SCALES] /= recipe.split
    adam.append(adam.values[rows])


def _scale_offsets(grid: Grid, logits: Float64, normal: Float64) -> Float64:
    """Give standard normal samples, float64 (N, 2), the covariances of Gaussians, in sides."""
    s12, s22, det = compute_entries(grid, sigmoid(logits[:, SHAPE]))
    y = np.sqrt(s22) * normal[:, 1]
    x = s12 / s22 * y + np.sqrt(det / s22) * normal[:, 0]
    return np.stack((x, y), axis=1) / grid.sides
