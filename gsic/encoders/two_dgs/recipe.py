"""Constants of the profile `2dgs`; every one of them is reachable by `--set`."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, replace

from gsic.options import Settings
from gsic.profiles.two_dgs.symbols import MAX_BITS
from gsic.recipes import Recipe, choice, number, share, switch

# Rows k of each codebook, by the initial number of Gaussians N0, in the public code.
_ADAPTIVE = {100: 32, 200: 64, 500: 128, 700: 256}
ADAPTIVE_ROWS = tuple(_ADAPTIVE.values())


@dataclass(frozen=True)
class TwoDgsRecipe(Recipe):
    """Constants of training and quantisation.

    Args:
        variant: "paper", or "code" for the public code of the paper, which differs from it. With
            "code" the defaults of the constants below are those of the code.
        axes: axes that the angles of Gaussians turn: those of "pixel", or "normalised" ones in
            which each side of the image is 1.
        resolution: size of the image that is fitted: "full", or "half", which is then enlarged by
            bicubic interpolation, with a loss at both sizes.
        normalise: whether all Gaussians are divided by the largest value of any of them.
        start: initial Gaussians: "sampled" pixels of the image, or "uniform" random positions and
            colours.
        first_scale: largest initial scale, in sides of the image.
        loss: "l1+ssim", half the mean absolute error and half of (1 - SSIM) / 2, or "l1" alone.
        steps: number of optimiser steps.
        learning_rate: learning rate of Adam, logits per step.
        lr_decay_from: share of the steps after which the learning rate falls along half a cosine.
        lr_last: factor of the learning rate at the last step; 1 in the public code.
        clip: largest norm of the gradient of all Gaussians together.
        clusters: number of rows k of each codebook; 0 chooses it by the initial number of
            Gaussians.
        cluster_iterations: number of k-means iterations at each step.
        empty: what the centroid of an empty cluster becomes: the row "farthest" from its own
            centroid, or "zero".
        angle_weight: factor of the angles, in half turns, in the distances of k-means.
        shared_gradient: whether the gradient of a row also passes through the centroid, which is a
            mean of rows, to each of these rows, and not only straight through.
        control: adaptive density control: "paper", "code" with its deviations, or "none".
        interval: number of steps from one density control to the next.
        positional: norm of the gradient by position, in logits, above which a Gaussian is doubled.
        large: norm of the two scales, in sides, above which a doubled Gaussian is split rather than
            cloned.
        split: divisor of the scales of a Gaussian that is split.
        faint: opacity below which a Gaussian is removed.
        growth: largest number of Gaussians over the initial number.
        position_bits: bits of each coordinate.
        more_bits: numbers of bits of the codebooks that are tried, beyond floor(log2 N).
        ranges: what has a quantisation range of its own: each "column" of positions and codebooks,
            or each "tensor".
    """

    variant: str = choice("paper", "paper", "code")
    axes: str = choice("pixel", "pixel", "normalised")
    resolution: str = choice("half", "half", "full")
    normalise: bool = switch(False)
    start: str = choice("sampled", "sampled", "uniform")
    first_scale: float = share(0.05)
    loss: str = choice("l1+ssim", "l1+ssim", "l1")
    steps: int = number(2000, 1, 10**7)
    learning_rate: float = number(0.01, 0.0, 10.0)
    lr_decay_from: float = share(0.5)
    lr_last: float = share(0.05)
    clip: float = number(100.0, 0.0, 1e9)
    clusters: int = number(0, 0, 1 << 16)
    cluster_iterations: int = number(10, 1, 1000)
    empty: str = choice("farthest", "farthest", "zero")
    angle_weight: float = number(0.1, 1e-6, 1e6)
    shared_gradient: bool = switch(True)
    control: str = choice("paper", "paper", "code", "none")
    interval: int = number(200, 1, 10**7)
    positional: float = share(5e-4)
    large: float = share(5e-4)
    split: float = number(1.6, 1.0, 100.0)
    faint: float = share(1e-3)
    growth: float = number(2.0, 1.0, 100.0)
    position_bits: int = number(10, 1, MAX_BITS)
    more_bits: tuple[int, ...] = number((0, 1, 2, 3, 4, 6), 0, MAX_BITS)
    ranges: str = choice("column", "column", "tensor")


PAPER = TwoDgsRecipe()

CODE = replace(
    PAPER,
    variant="code",
    axes="normalised",
    normalise=True,
    start="uniform",
    first_scale=0.1,
    empty="zero",
    control="code",
    lr_last=1.0,
    angle_weight=1.0,
)

# Steps of each effort, 1 to 9; that of effort 5 is the published number.
_EFFORT_STEPS = (100, 250, 500, 1000, 2000, 3000, 5000, 8000, 12000)
# Density controls in a training.
_CONTROLS = 10


def recipe_of(effort: int, settings: Settings) -> TwoDgsRecipe:
    """Return the recipe of an effort of 1 to 9, with `settings` in place of its constants.

    Raises:
        OptionError: an unknown setting, or a value outside its domain.
    """
    steps = _EFFORT_STEPS[effort - 1]
    variant = CODE if settings.get("variant") == "code" else PAPER
    variant = replace(variant, steps=steps, interval=steps // _CONTROLS)
    return variant.with_settings(settings)


def adaptive_clusters(first: int) -> int:
    """Return the rows of each codebook for an initial number of Gaussians.

    Section 4.4 of the paper, with the values of the public code.
    """
    sizes = sorted(_ADAPTIVE)
    return _ADAPTIVE[sizes[max(bisect_right(sizes, first) - 1, 0)]]
