"""Post-training quantisation (section 3.3): what was trained to integers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from gsic.arrays import Float64
from gsic.encoders.two_dgs.recipe import TwoDgsRecipe
from gsic.encoders.two_dgs.training import Trained
from gsic.profiles.two_dgs.symbols import MAX_BITS, Codebook, Grid, QuantisedImage, fit_quantiser

Int64 = NDArray[np.int64]


def quantised(recipe: TwoDgsRecipe, grid: Grid, trained: Trained, bits: int) -> QuantisedImage:
    """The integers nearest to what was trained (eqs. 7, 8).

    Args:
        recipe: bits of positions, and what shares a range.
        grid: of the file.
        trained: N >= 1 Gaussians.
        bits: of each value of the codebooks.
    """
    shared = recipe.ranges == "tensor"
    places = fit_quantiser(trained.position, recipe.position_bits, shared)
    colors = trained.colors.copy()
    colors[:, -1] = np.minimum(colors[:, -1] * trained.strength, 1.0)
    return QuantisedImage(
        grid,
        places,
        places.quantise(trained.position),
        _book(trained.shapes, trained.shape_index, bits, shared),
        _book(colors, trained.color_index, bits, shared),
    )


def tried_bits(recipe: TwoDgsRecipe, trained: Trained) -> list[int]:
    """Bits of codebooks, floor(log2 N) and more."""
    least = max(len(trained.position).bit_length() - 1, 1)
    return sorted({min(least + more, MAX_BITS) for more in recipe.more_bits})


def without(scene: QuantisedImage, kept: Int64) -> QuantisedImage:
    """The Gaussians that `kept` lists, in their order."""
    return replace(
        scene,
        position=scene.position[kept],
        shapes=replace(scene.shapes, index=scene.shapes.index[kept]),
        colors=replace(scene.colors, index=scene.colors.index[kept]),
    )


def _book(rows: Float64, index: Int64, bits: int, shared: bool) -> Codebook:
    """A codebook of the rows that are used."""
    used, index = np.unique(index, return_inverse=True)
    levels = fit_quantiser(rows[used], bits, shared)
    return Codebook(levels, levels.quantise(rows[used]), index.astype(np.int64))
