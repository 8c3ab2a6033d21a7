"""Constants of the profile `2dgs`; every one of them is reachable by `--set`."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, replace

from gsic.options import Settings
from gsic.profiles.two_dgs.symbols import MAX_BITS
from gsic.recipes import Recipe, choice, number, share, switch

# N0 -> k of the public code.
_ADAPTIVE = {100: 32, 200: 64, 500: 128, 700: 256}
ADAPTIVE_ROWS = tuple(_ADAPTIVE.values())


@dataclass(frozen=True)
class TwoDgsRecipe(Recipe):
    """Constants of fit and quantisation.

    Args:
        variant: "paper" or "code"; the values of the other constants below are those of the paper.
        axes: axes that angles turn: "pixel", or "normalised", where each side of the image is 1.
        resolution: what is fitted: the "full" image, or one of "half" the size, enlarged again by
            bicubic interpolation, with the loss at both sizes.
        normalise: divide all Gaussians by the largest value of any of them.
        start: "sampled" points of the image, or "uniform" random ones of random colours.
        first_scale: the largest first scale, in sides of the image.
        loss: "l1+ssim", half the mean absolute error and half of (1 - SSIM) / 2, or "l1".
        steps: of the optimiser.
        learning_rate: of Adam, by logits.
        lr_decay_from: share of the steps after which the rate falls along half a cosine.
        lr_last: what it is multiplied by at the end; the public code keeps it as it is.
        clip: largest norm of the gradient of all Gaussians.
        clusters: rows k of each codebook; 0 adapts them to the first number of Gaussians.
        cluster_iterations: of K-means at every step.
        empty: what an empty cluster becomes: the row "farthest" from its own centroid, or "zero".
        angle_weight: what angles, in half turns, are multiplied by for K-means.
        shared_gradient: whether the gradient of a row also reaches each Gaussian through the
            centroid, a mean of rows, and not only straight through.
        control: of the density: "paper", "code" with its errors, or "none".
        interval: steps between controls.
        positional: gradient norm by position, in logits, above which a Gaussian is doubled.
        large: norm of the scales, in sides, above which it is split rather than cloned.
        split: what the scales of its halves are divided by.
        faint: opacity below which a Gaussian is removed.
        growth: most Gaussians, over those of the start.
        position_bits: of each coordinate.
        more_bits: bits of codebooks beyond floor(log2 N) that are tried.
        ranges: whether each "column" of positions and codebooks has a range, or each "tensor".
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

# Steps of each effort, 1 to 9; 5 is the published number.
_EFFORT_STEPS = (100, 250, 500, 1000, 2000, 3000, 5000, 8000, 12000)
_CONTROLS = 10


def recipe_of(effort: int, settings: Settings) -> TwoDgsRecipe:
    """The recipe of an effort, 1 to 9, with settings on top.

    Raises:
        OptionError: an unknown setting, or a value outside its domain.
    """
    steps = _EFFORT_STEPS[effort - 1]
    variant = CODE if settings.get("variant") == "code" else PAPER
    variant = replace(variant, steps=steps, interval=steps // _CONTROLS)
    return variant.with_settings(settings)


def adaptive_clusters(first: int) -> int:
    """Rows of each codebook for a first number of Gaussians (section 4.4, values of the code)."""
    sizes = sorted(_ADAPTIVE)
    return _ADAPTIVE[sizes[max(bisect_right(sizes, first) - 1, 0)]]
