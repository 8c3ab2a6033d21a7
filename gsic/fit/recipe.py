"""Constants of the fit and of the encoder; every one of them is reachable by `--set`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class FitRecipe:
    """Constants of a float fit.

    Lengths are in px; those with "distance" in units of the mean distance sqrt(H W / N) between
    the Gaussians of the finished fit.

    Args:
        rate_mean: learning rate of means, px per step.
        rate_log: of `log` covariances, nats per step.
        rate_length: of the lengths of `cholesky` and `rs`, px per step.
        rate_angle: of the angle of `rs`, radians per step.
        rate_color: of colours, full scale per step.
        beta1, beta2: decay of Adam's moments.
        decay_from: share of the steps after which the rates fall along half a cosine.
        last_rate: what they fall to.
        first_share: share of the Gaussians that are there from the start.
        uniform_share: share of those that is placed evenly, the rest by gradient magnitude.
        first_size: standard deviation over the distance to the neighbours.
        first_strength: share of a pixel's colour that its Gaussian begins with.
        growth_rounds: how often Gaussians are added.
        growth_until: share of the steps within which that happens.
        growth_blur: standard deviation of the blur of the error, distances.
        growth_size: standard deviation of a new Gaussian, distances.
        growth_strength: share of the blurred residual that it takes away.
        visible: a Gaussian ends where it falls below 1 / (255 visible) of full scale.
    """

    rate_mean: float = 0.5
    rate_log: float = 0.05
    rate_length: float = 0.1
    rate_angle: float = 0.03
    rate_color: float = 0.015
    beta1: float = 0.9
    beta2: float = 0.99
    decay_from: float = 0.5
    last_rate: float = 0.02
    first_share: float = 0.5
    uniform_share: float = 0.2
    first_size: float = 0.6
    first_strength: float = 0.3
    growth_rounds: int = 6
    growth_until: float = 0.5
    growth_blur: float = 0.35
    growth_size: float = 0.5
    growth_strength: float = 0.7
    visible: float = 4.0


@dataclass(frozen=True)
class EncodeRecipe(FitRecipe):
    """Constants of the encoder: a float fit, then tuning of quantised Gaussians.

    Args:
        steps: steps of fit and tuning together.
        tune_share: share of them that is tuning.
        tune_rate: what the learning rates are multiplied by in tuning.
        gaussian_bits: bits per Gaussian that decide how many a rate pays for at the start.
        rate_weight: price of a bit in squared steps; scales the penalty on symbols.
        prune_bits: bits that a Gaussian must be worth at that price, or it is dropped.
        position_scale, shape_scale: multiply the steps that equal error energy asks for.
        resolve_at: shares of the tuning at which step size and classes are chosen anew.
        anticipated: share of the bits at its start that tuning leaves over.
        probe_share: steps of the short encoding that a PSNR is aimed at with, over `steps`.
        probe_gain: dB that all the steps will gain over the short encoding.
        correction_share: steps of a correction of the step size, over `steps`.
        correction_rate: what the learning rates are multiplied by at its start.
        corrections: how many at most.
    """

    # Better for encodings than for float fits, where these lose 0.15 dB together.
    beta2: float = 0.997
    last_rate: float = 0.01
    uniform_share: float = 0.1
    growth_until: float = 0.4
    growth_blur: float = 0.28

    steps: int = 3000
    tune_share: float = 0.55
    tune_rate: float = 0.8
    gaussian_bits: float = 26.0
    rate_weight: float = 0.2
    prune_bits: float = 0.0
    position_scale: float = 1.0
    shape_scale: float = 0.8
    resolve_at: tuple[float, ...] = (0.0, 0.15, 0.3, 0.5, 0.7)
    anticipated: float = 0.87
    probe_share: float = 0.15
    probe_gain: float = 0.5
    correction_share: float = 0.05
    correction_rate: float = 0.1
    corrections: int = 4

    def leftover(self, share: float) -> float:
        """Share of the bits that is expected to remain at the end, when `share` is tuned."""
        return 1.0 - (1.0 - self.anticipated) * (0.5 * (1.0 - share) ** 2 if share else 1.0)


# Steps of each effort, 1 to 9.
_EFFORT_STEPS = (200, 400, 800, 1500, 3000, 4500, 7000, 11000, 18000)


def encode_recipe(effort: int) -> EncodeRecipe:
    """The recipe of an effort of 1 to 9."""
    return EncodeRecipe(steps=_EFFORT_STEPS[effort - 1])
