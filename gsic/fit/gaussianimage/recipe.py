"""Constants of the fit and of the encoder of GaussianImage; `--set` reaches every one of them.

The defaults are those of the paper, and of its public code where the paper is silent.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields

from gsic.errors import OptionError

# What constants may be: the least and the largest number, or the names to choose from.
_RANGES: dict[str, tuple[float, float]] = {
    "rate": (0.0, 10.0),
    "halve_every": (1, 10**9),
    "beta1": (0.0, 0.99999),
    "beta2": (0.0, 0.99999),
    "beta3": (0.0, 0.99999),
    "epsilon": (1e-30, 1.0),
    "opacity_start": (-50.0, 50.0),
    "fit_steps": (1, 10**7),
    "tune_steps": (1, 10**7),
    "covariance_bits": (1, 8),
    "color_bits": (1, 8),
    "stages": (1, 8),
    "codebook": (2, 256),
    "kmeans_iterations": (0, 1000),
    "decay": (0.0, 1.0),
    "commitment": (0.0, 1e3),
    "ans_share": (0.1, 1.0),
}
_CHOICES: dict[str, tuple[str, ...]] = {
    "clamp": ("stop", "through"),
    "variant": ("paper", "code"),
    "covariance": ("cholesky", "rs"),
    "color": ("rvq", "scalar"),
    "coding": ("packed", "ans"),
    "bits_back": ("none", "partial", "full"),
}


@dataclass(frozen=True)
class AdanRecipe:
    """Constants of a float fit of a fixed number of Gaussians that begin at random.

    Args:
        rate: learning rate of Adan; positions count -1..1 over the image before atanh, lengths px.
        halve_every: steps after which the rate is halved, again and again.
        beta1, beta2, beta3: what Adan keeps of its three moments.
        epsilon: of Adan.
        opacity_start: opacities before the sigmoid, where there are any.
        clamp: "stop" for no gradient where the picture is clamped to 0..1; "through" for the
            gradient of the clamped error there, which is better.
    """

    rate: float = 1e-3
    halve_every: int = 20000
    beta1: float = 0.98
    beta2: float = 0.92
    beta3: float = 0.99
    epsilon: float = 1e-8
    opacity_start: float = 1.0
    clamp: str = "stop"

    def __post_init__(self) -> None:
        for field in fields(self):
            _check(field.name, getattr(self, field.name))

    @property
    def stopped(self) -> bool:
        """Whether the gradient stops at the clamp."""
        return self.clamp == "stop"

    def scale(self, step: int) -> float:
        """What the rate is multiplied by at a step."""
        return math.ldexp(1.0, -(step // self.halve_every))


@dataclass(frozen=True)
class GaussianImageRecipe(AdanRecipe):
    """Constants of the encoder: a float fit, fine-tuning of quantised Gaussians, and a file.

    Args:
        variant: "code" rounds in eq. 8, and has the commitment loss pull colours towards their
            code vectors; "paper" takes eq. 8 and eq. 10 as they are printed.
        fit_steps, tune_steps: steps of fit and fine-tuning.
        covariance: "cholesky" or "rs".
        covariance_bits: of each of the three numbers of a covariance.
        color: "rvq", or "scalar" for eq. 8 on colours too.
        color_bits: of each channel of "scalar".
        stages, codebook: M and B of "rvq".
        kmeans_iterations: that codebooks begin with.
        decay: what is kept of the codebooks' moving averages in a step.
        commitment: lambda, the weight of the commitment loss; 0 for none.
        coding: "packed" or "ans".
        bits_back: "none", "partial" (eq. 11 to 13), or "full": all Gaussians but one.
        ans_share: of packed bits that ANS takes, by which a file size decides how many Gaussians
            there are.
    """

    variant: str = "code"
    fit_steps: int = 10000
    tune_steps: int = 10000
    covariance: str = "cholesky"
    covariance_bits: int = 6
    color: str = "rvq"
    color_bits: int = 6
    stages: int = 2
    codebook: int = 8
    kmeans_iterations: int = 5
    decay: float = 0.8
    commitment: float = 1.0
    coding: str = "ans"
    bits_back: str = "none"
    ans_share: float = 0.975


# Steps of fit and of fine-tuning of each effort, 1 to 9; the paper's are the last.
_EFFORT_STEPS = (500, 1000, 2000, 5000, 10000, 15000, 20000, 30000, 50000)


def encode_recipe(effort: int) -> GaussianImageRecipe:
    """The recipe of an effort of 1 to 9."""
    steps = _EFFORT_STEPS[effort - 1]
    return GaussianImageRecipe(fit_steps=steps, tune_steps=steps)


# The variants of the paper's table 4.
VARIANTS: Mapping[str, Mapping[str, str | float | int]] = {
    "V1": {"commitment": 0.0},
    "V2": {"color": "scalar"},
    "V3": {"color": "scalar", "color_bits": 8, "covariance_bits": 8},
}


def _check(name: str, value: object) -> None:
    if name in _CHOICES:
        if value not in _CHOICES[name]:
            known = ", ".join(_CHOICES[name])
            raise OptionError(f"setting {name} must be one of {known}, got {value!r}")
        return
    low, high = _RANGES[name]
    if not (isinstance(value, (int, float)) and low <= value <= high):
        raise OptionError(f"setting {name} must be from {low:g} to {high:g}, got {value!r}")
