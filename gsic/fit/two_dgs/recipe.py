"""Constants of the profile `2dgs`; every one of them is reachable by `--set`."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, fields, replace

from gsic.errors import OptionError
from gsic.options import Settings, one_of, replace_known
from gsic.profiles.two_dgs import MAX_BITS

_CHOICES = {
    "variant": ("paper", "code"),
    "axes": ("pixel", "normalised"),
    "resolution": ("full", "half"),
    "start": ("sampled", "uniform"),
    "loss": ("l1+ssim", "l1"),
    "control": ("paper", "code", "none"),
    "empty": ("farthest", "zero"),
    "ranges": ("column", "tensor"),
}

_DOMAINS: dict[str, tuple[float, float]] = {
    "steps": (1, 10**7),
    "rate": (0.0, 10.0),
    "clip": (0.0, 1e9),
    "angle_weight": (1e-6, 1e6),
    "clusters": (0, 1 << 16),
    "cluster_iterations": (1, 1000),
    "interval": (1, 10**7),
    "growth": (1.0, 100.0),
    "split": (1.0, 100.0),
    "position_bits": (1, MAX_BITS),
    "more_bits": (0, MAX_BITS),
}

# N0 -> k of the public code.
_ADAPTIVE = {100: 32, 200: 64, 500: 128, 700: 256}
ADAPTIVE_ROWS = tuple(_ADAPTIVE.values())


@dataclass(frozen=True)
class TwoDgsRecipe:
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
        rate: learning rate of Adam, by logits.
        decay_from: share of the steps after which the rate falls along half a cosine.
        last_rate: what it is multiplied by at the end; the public code keeps it as it is.
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

    variant: str = "paper"
    axes: str = "pixel"
    resolution: str = "half"
    normalise: bool = False
    start: str = "sampled"
    first_scale: float = 0.05
    loss: str = "l1+ssim"
    steps: int = 2000
    rate: float = 0.01
    decay_from: float = 0.5
    last_rate: float = 0.05
    clip: float = 100.0
    clusters: int = 0
    cluster_iterations: int = 10
    empty: str = "farthest"
    angle_weight: float = 0.1
    shared_gradient: bool = True
    control: str = "paper"
    interval: int = 200
    positional: float = 5e-4
    large: float = 5e-4
    split: float = 1.6
    faint: float = 1e-3
    growth: float = 2.0
    position_bits: int = 10
    more_bits: tuple[int, ...] = (0, 1, 2, 3, 4, 6)
    ranges: str = "column"

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name in _CHOICES:
                one_of(f"setting {field.name}", value, _CHOICES[field.name])
                continue
            low, high = _DOMAINS.get(field.name, (0.0, 1.0))
            for number in value if isinstance(value, tuple) else (value,):
                if not low <= number <= high:
                    raise OptionError(
                        f"setting {field.name} must be from {low:g} to {high:g}, got {number:g}"
                    )
        if not self.more_bits:
            raise OptionError("setting more_bits must name one number of bits or more")


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
    last_rate=1.0,
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
    recipe: TwoDgsRecipe = replace_known(variant, settings)
    return recipe


def adaptive_clusters(first: int) -> int:
    """Rows of each codebook for a first number of Gaussians (section 4.4, values of the code)."""
    sizes = sorted(_ADAPTIVE)
    return _ADAPTIVE[sizes[max(bisect_right(sizes, first) - 1, 0)]]
