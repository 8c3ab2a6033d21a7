"""Constants of the encoder of profile `gaussianimage`; every one of them is reachable by `--set`.

The defaults are those of the paper, and of its public code where the paper is silent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gsic.fitting.recipe import AdanRecipe
from gsic.recipes import choice, number


@dataclass(frozen=True)
class GaussianImageRecipe(AdanRecipe):
    """Constants of the encoder: a float fit, quantisation-aware training (QAT), and coding.

    Args:
        variant: "code" rounds to the nearest in eq. 8, and its commitment loss pulls colours
            towards their code vectors; "paper" takes eq. 8 and eq. 10 as they are printed.
        fit_steps: number of optimiser steps of the float fit.
        qat_steps: number of optimiser steps of the QAT.
        covariance: parameterisation of the covariances, "cholesky" (eq. 1) or "rs" (eq. 2).
        covariance_bits: bits of each of the three numbers of a covariance.
        color: quantiser of the colours: "rvq" (eq. 9), or "scalar" (eq. 8) for each channel.
        color_bits: bits of each channel of "scalar".
        stages: number of stages M of "rvq".
        codebook: number of code vectors B of each stage of "rvq".
        kmeans_iterations: number of k-means iterations that initialise the codebooks.
        decay: decay rate of the moving averages that the code vectors follow, per step.
        commitment: weight lambda of the commitment loss; 0 for none.
        coding: entropy coding: "packed", every symbol in its bits, or "ans".
        bits_back: bits-back coding: "none", "partial" (eq. 11 to 13), or "full", which leaves one
            Gaussian plain.
        ans_share: expected size of "ans" over that of "packed"; from it follows the number of
            Gaussians for a file size.
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


# Steps of the fit, and of the QAT, of each effort, 1 to 9; the last number is that of the paper.
_EFFORT_STEPS = (500, 1000, 2000, 5000, 10000, 15000, 20000, 30000, 50000)


def recipe_of_effort(effort: int) -> GaussianImageRecipe:
    """Return the recipe of an effort of 1 to 9."""
    steps = _EFFORT_STEPS[effort - 1]
    return GaussianImageRecipe(fit_steps=steps, qat_steps=steps)


# The variants of table 4 of the paper.
VARIANTS: Mapping[str, Mapping[str, str | float | int]] = {
    "V1": {"commitment": 0.0},
    "V2": {"color": "scalar"},
    "V3": {"color": "scalar", "color_bits": 8, "covariance_bits": 8},
}
