"""Adaptive density control (section 3.4): clone, split and prune.

What the public code does in other ways than its paper says is the variant "code": it divides the
logits of scales, which enlarges them; clones stay where they are; red is tested for opacity; and
where not all of a kind find room, none of it is made.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gsic.arrays import Float64
from gsic.encoders.two_dgs.parameters import COLOR, POSITION, SHAPE, logit, sigmoid
from gsic.encoders.two_dgs.recipe import TwoDgsRecipe
from gsic.fitting.optimisers import Adam
from gsic.profiles.two_dgs.dequantisation import compute_entries
from gsic.profiles.two_dgs.symbols import Grid

Int64 = NDArray[np.int64]

_SCALES = slice(SHAPE.start, SHAPE.start + 2)


class Chosen(NamedTuple):
    """Rows to be doubled, those of the largest gradient first."""

    split: Int64
    clone: Int64


def choose(recipe: TwoDgsRecipe, logits: Float64, gradient: Float64, room: int) -> Chosen:
    """Which Gaussians to double.

    Args:
        recipe: thresholds.
        logits: float64 (N, columns), the Gaussians.
        gradient: the same shape, of the loss.
        room: how many may be added.
    """
    norms = np.sqrt(np.square(gradient[:, POSITION]).sum(axis=1))
    order = np.argsort(-norms, kind="stable")
    order = order[norms[order] > recipe.positional]
    if recipe.control == "paper":
        order = order[: max(room, 0)]
    sizes = np.sqrt(np.square(sigmoid(logits[:, _SCALES])).sum(axis=1))
    large = sizes[order] > recipe.large
    return Chosen(order[large], order[~large])


def control(
    recipe: TwoDgsRecipe,
    grid: Grid,
    adam: Adam,
    gradient: Float64,
    most: int,
    rng: np.random.Generator,
) -> None:
    """Remove faint Gaussians and double those that are pulled about.

    New ones come last in the order of blending.

    Args:
        recipe: thresholds.
        grid: of the image.
        adam: the logits, changed in place.
        gradient: of the loss by them.
        most: Gaussians there may be.
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
                _repeat(recipe, adam, rows, split)
        return
    added = [
        _halves(recipe, grid, adam.values, chosen.split, rng),
        _clones(grid, adam.values, gradient, chosen.clone),
    ]
    adam.append(np.concatenate(added))


def _halves(
    recipe: TwoDgsRecipe, grid: Grid, logits: Float64, rows: Int64, rng: np.random.Generator
) -> Float64:
    """Shrink Gaussians and move them to a point drawn from what they were; return second ones.

    The paper says that two smaller ones replace a large one; where, it takes from Kerbl et al.
    (2023), whose points are drawn from the Gaussian.
    """
    halves = np.concatenate((logits[rows], logits[rows]))
    spread = _spread(grid, halves, rng.standard_normal((len(halves), 2)))
    halves[:, POSITION] = logit(sigmoid(halves[:, POSITION]) + spread)
    halves[:, _SCALES] = logit(sigmoid(halves[:, _SCALES]) / recipe.split)
    logits[rows] = halves[: len(rows)]
    return halves[len(rows) :]


def _clones(grid: Grid, logits: Float64, gradient: Float64, rows: Int64) -> Float64:
    """Copies of Gaussians, one standard deviation down the gradient by position."""
    clones = logits[rows]
    down = -gradient[rows][:, POSITION]
    down /= np.maximum(np.sqrt(np.square(down).sum(axis=1, keepdims=True)), 1e-30)
    size = np.sqrt(sigmoid(clones[:, _SCALES]).prod(axis=1, keepdims=True))
    clones[:, POSITION] = logit(sigmoid(clones[:, POSITION]) + size * down)
    return clones


def _repeat(recipe: TwoDgsRecipe, adam: Adam, rows: Int64, split: bool) -> None:
    """What the public code does: logits divided, and exact copies."""
    if split:
        adam.values[rows, _SCALES] /= recipe.split
    adam.append(adam.values[rows])


def _spread(grid: Grid, logits: Float64, normal: Float64) -> Float64:
    """Normal numbers (N, 2) as displacements of each Gaussian's own shape, in sides."""
    s12, s22, det = compute_entries(grid, sigmoid(logits[:, SHAPE]))
    y = np.sqrt(s22) * normal[:, 1]
    x = s12 / s22 * y + np.sqrt(det / s22) * normal[:, 0]
    return np.stack((x, y), axis=1) / grid.sides
