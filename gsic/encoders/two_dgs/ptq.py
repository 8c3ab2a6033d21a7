"""Post-training quantisation (PTQ, section 3.3): trained Gaussians to integers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gsic.arrays import Float64, Int64
from gsic.encoders.two_dgs.recipe import TwoDgsRecipe
from gsic.encoders.two_dgs.training import Trained
from gsic.profiles.two_dgs.symbols import MAX_BITS, Codebook, Grid, QuantisedImage, fit_quantiser


def quantise(recipe: TwoDgsRecipe, grid: Grid, trained: Trained, bits: int) -> QuantisedImage:
    """Round trained Gaussians to the nearest integers (eqs. 7, 8).

    Args:
        recipe: bits of positions, and which columns share a range.
        grid: of the file.
        trained: N >= 1 Gaussians.
        bits: bits of each value of the codebooks.
    """
    shared = recipe.ranges == "tensor"
    places = fit_quantiser(trained.position, recipe.position_bits, shared)
    colors = trained.colors.copy()
    colors[:, -1] = np.minimum(colors[:, -1] * trained.opacity_scale, 1.0)
    return QuantisedImage(
        grid,
        places,
        places.quantise(trained.position),
        _make_book(trained.shapes, trained.shape_index, bits, shared),
        _make_book(colors, trained.color_index, bits, shared),
    )


def list_bits(recipe: TwoDgsRecipe, count: int) -> list[int]:
    """Return the bits of codebooks to try for N = `count` Gaussians: floor(log2 N) and more."""
    least = max(count.bit_length() - 1, 1)
    return sorted({min(least + more, MAX_BITS) for more in recipe.more_bits})


def select(scene: QuantisedImage, rows: Int64) -> QuantisedImage:
    """Return the Gaussians of a scene that `rows` lists, in their order."""
    return replace(
        scene,
        position=scene.position[rows],
        shapes=replace(scene.shapes, index=scene.shapes.index[rows]),
        colors=replace(scene.colors, index=scene.colors.index[rows]),
    )


def _make_book(rows: Float64, index: Int64, bits: int, shared: bool) -> Codebook:
    """Quantise the rows that are used, and renumber the index."""
    used, index = np.unique(index, return_inverse=True)
    levels = fit_quantiser(rows[used], bits, shared)
    return Codebook(levels, levels.quantise(rows[used]), index.astype(np.int64))
