"""Constants of the encoder of profile `gaussianimage`; `--set` reaches every one of them.

The defaults are those of the paper, and of its public code where the paper is silent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gsic.fitting.recipe import AdanRecipe
from gsic.recipes import choice, number


@dataclass(frozen=True)
class GaussianImageRecipe(AdanRecipe):
    """Constants of the encoder: a float fit, fine-tuning of quantised Gaussians, and a file.

    Args:
        variant: "code" rounds in eq. 8, and has the commitment loss pull colours towards their
            code vectors; "paper" takes eq. 8 and eq. 10 as they are printed.
        fit_steps, qat_steps: steps of fit and fine-tuning.
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

    variant: str = choice("code", "paper", "code")
    fit_steps: int = number(10000, 1, 10**7)
    qat_steps: int = number(10000, 1, 10**7)
    covariance: str = choice("cholesky", "cholesky", "rs")
    covariance_bits: int = number(6, 1, 8)
    color: str = choice("rvq", "rvq", "scalar")
    color_bits: int = number(6, 1, 8)
    stages: int = number(2, 1, 8)
    codebook: int = number(8, 2, 256)
    kmeans_iterations: int = number(5, 0, 1000)
    decay: float = number(0.8, 0.0, 1.0)
    commitment: float = number(1.0, 0.0, 1e3)
    coding: str = choice("ans", "packed", "ans")
    bits_back: str = choice("none", "none", "partial", "full")
    ans_share: float = number(0.975, 0.1, 1.0)


# Steps of fit and of fine-tuning of each effort, 1 to 9; the paper's are the last.
_EFFORT_STEPS = (500, 1000, 2000, 5000, 10000, 15000, 20000, 30000, 50000)


def recipe_of_effort(effort: int) -> GaussianImageRecipe:
    """Return the recipe of an effort of 1 to 9."""
    steps = _EFFORT_STEPS[effort - 1]
    return GaussianImageRecipe(fit_steps=steps, qat_steps=steps)


# The variants of the paper's table 4.
VARIANTS: Mapping[str, Mapping[str, str | float | int]] = {
    "V1": {"commitment": 0.0},
    "V2": {"color": "scalar"},
    "V3": {"color": "scalar", "color_bits": 8, "covariance_bits": 8},
}
