"""Constants of the float fits; every one of them is reachable by `--set`."""

from __future__ import annotations

import math
from dataclasses import dataclass

from gsic.recipes import Recipe, choice, number, share


@dataclass(frozen=True)
class FitRecipe(Recipe):
    """Constants of a float fit by Adam.

    Lengths are in px. Some lengths are given in units of the mean distance sqrt(H W / N) between
    the Gaussians of the finished fit; they say "distances".

    Args:
        lr_shift: learning rate of the means with `log` covariances, standard deviations per step.
        lr_mean: learning rate of the means with other covariances, px per step.
        lr_log: learning rate of `log` covariances, nats per step.
        lr_length: learning rate of the lengths of `cholesky` and `rs`, px per step.
        lr_angle: learning rate of the angle of `rs`, radians per step.
        lr_color: learning rate of the colours, full scale per step.
        beta1, beta2: decay rates of Adam's first and second moment.
        lr_decay_from: share of the steps after which the learning rates fall along half a cosine.
        lr_last: factor of the learning rates at the last step.
        initial_share: share of the Gaussians that are placed before the first step.
        uniform_share: share of the initial Gaussians that is placed evenly; the others are placed
            by gradient magnitude.
        initial_sigma: standard deviation of an initial Gaussian over the distance to its
            neighbours.
        initial_strength: share of a pixel's colour that its initial Gaussian takes.
        growth_rounds: how often Gaussians are added.
        growth_until: share of the float steps within which Gaussians are added.
        growth_blur: standard deviation of the blur of the squared error, distances.
        growth_sigma: standard deviation of an added Gaussian, distances.
        growth_strength: share of the blurred error that an added Gaussian takes away.
        cutoff_divisor: a Gaussian is cut off where it falls below 1 / (255 cutoff_divisor) of full
            scale.
    """

    lr_shift: float = number(0.1, 0.0, 1e3)
    lr_mean: float = number(0.5, 0.0, 1e3)
    lr_log: float = number(0.05, 0.0, 10.0)
    lr_length: float = number(0.1, 0.0, 1e3)
    lr_angle: float = number(0.03, 0.0, 10.0)
    lr_color: float = share(0.015)
    beta1: float = number(0.9, 0.0, 0.99999)
    beta2: float = number(0.99, 0.0, 0.99999)
    lr_decay_from: float = share(0.5)
    lr_last: float = share(0.02)
    initial_share: float = share(0.5)
    uniform_share: float = share(0.2)
    initial_sigma: float = number(0.6, 1e-3, 1e3)
    initial_strength: float = number(0.3, 0.0, 100.0)
    growth_rounds: int = number(6, 0, 1000)
    growth_until: float = share(0.5)
    growth_blur: float = number(0.35, 0.0, 1e3)
    growth_sigma: float = number(0.5, 1e-3, 1e3)
    growth_strength: float = number(0.7, 0.0, 100.0)
    cutoff_divisor: float = number(2.5, 1e-3, 1e6)


@dataclass(frozen=True)
class AdanRecipe(Recipe):
    """Constants of a float fit by Adan: a fixed number of Gaussians at random places.

    The defaults are those of GaussianImage (Zhang et al., ECCV 2024), and of its public code where
    the paper is silent.

    Args:
        learning_rate: of Adan; positions count -1..1 over the image before atanh, lengths px.
        lr_halve_every: number of steps after which the learning rate is halved, again and again.
        beta1, beta2, beta3: decay rates of Adan's three moments.
        epsilon: constant that Adan adds to the root of its third moment.
        opacity_start: initial opacity before the sigmoid, for fits with opacities.
        clamp: "stop" sets the gradient to zero where the rendering is clamped to 0..1; "through"
            passes the gradient of the clamped error, which gives better fits.
    """

    learning_rate: float = number(1e-3, 0.0, 10.0)
    lr_halve_every: int = number(20000, 1, 10**9)
    beta1: float = number(0.98, 0.0, 0.99999)
    beta2: float = number(0.92, 0.0, 0.99999)
    beta3: float = number(0.99, 0.0, 0.99999)
    epsilon: float = number(1e-8, 1e-30, 1.0)
    opacity_start: float = number(1.0, -50.0, 50.0)
    clamp: str = choice("stop", "stop", "through")

    @property
    def stops_at_clamp(self) -> bool:
        """Whether the gradient is zero where the rendering is clamped."""
        return self.clamp == "stop"

    def learning_rate_factor(self, step: int) -> float:
        """Return the factor of the learning rate at a step."""
        return math.ldexp(1.0, -(step // self.lr_halve_every))
