"""Constants of the fit and of the encoder; every one of them is reachable by `--set`."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from gsic.errors import OptionError

# What constants may be; those without an entry may be any number from 0 to 1.
_DOMAINS: dict[str, tuple[float, float]] = {
    "rate_mean": (0.0, 1e3),
    "rate_length": (0.0, 1e3),
    "rate_angle": (0.0, 10.0),
    "rate_log": (0.0, 10.0),
    "beta1": (0.0, 0.99999),
    "beta2": (0.0, 0.99999),
    "first_size": (1e-3, 1e3),
    "first_strength": (0.0, 100.0),
    "growth_rounds": (0, 1000),
    "growth_blur": (0.0, 1e3),
    "growth_size": (1e-3, 1e3),
    "growth_strength": (0.0, 100.0),
    "visible": (1e-3, 1e6),
    "steps": (1, 10**7),
    "float_share": (0.0, 0.999),
    "float_most": (0, 10**7),
    "gaussian_bits": (1.0, 1e4),
    "position_scale": (1e-3, 1e3),
    "shape_scale": (1e-3, 1e3),
    "unhurried": (1, 10**7),
    "haste": (0.0, 10.0),
    "most_haste": (1.0, 100.0),
    "resolve_at": (0.0, 0.999),
    "anticipated": (0.01, 1.0),
    "foresee_at": (0.0, 0.999),
    "gain_searching": (0.0, 10.0),
    "gain_tuning": (0.0, 10.0),
    "probe_least": (1, 10**7),
    "probe_gain": (0.0, 10.0),
    "correction_rate": (0.0, 100.0),
    "corrections": (0, 100),
    "search_sweeps": (0, 100),
    "search_price": (1e-3, 100.0),
    "search_leftover": (0.01, 1.0),
    "compare_every": (1, 10**7),
}


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
        growth_until: share of the steps within which that happens, before any tuning.
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
    visible: float = 2.5

    def __post_init__(self) -> None:
        for field in fields(self):
            low, high = _DOMAINS.get(field.name, (0.0, 1.0))
            value = getattr(self, field.name)
            for number in value if isinstance(value, tuple) else (value,):
                if not low <= number <= high:
                    raise OptionError(
                        f"setting {field.name} must be from {low:g} to {high:g}, got {number:g}"
                    )


@dataclass(frozen=True)
class EncodeRecipe(FitRecipe):
    """Constants of the encoder: a float fit, then tuning of quantised Gaussians.

    Args:
        steps: steps of fit and tuning together.
        float_share: share of them that is the float fit.
        float_most: steps of the float fit at most; all others tune.
        gaussian_bits: bits per Gaussian that decide how many a rate pays for at the start.
        position_scale, shape_scale: multiply the steps that equal error energy asks for.
        resolve_at: shares of the tuning at which step size and classes are chosen anew.
        anticipated: share of the bits at its start that tuning leaves over.
        foresee_at: shares of the tuning at which it is foreseen to what PSNR it leads, if one is
            asked for, and the step size is chosen anew.
        gain_searching, gain_tuning: what the rest of a search and all of the tuning gain in dB,
            over what a first sweep does; the latter grows with the learning rates.
        probe_share: steps of the short encoding that a PSNR is aimed at with, over `steps`.
        probe_least: steps of it at least, where there are so many.
        probe_gain: dB that twice the steps gain.
        correction_share: steps of a correction of the step size, over `steps`.
        correction_rate: what the learning rates are multiplied by at its start.
        corrections: how many at most.
        search_sweeps: how often a search looks at each Gaussian after tuning, at most.
        search_price: what a bit is worth in it, in squared steps.
        search_leftover: share of the bits that it leaves over.
        squared_share: share of squared errors in the loss that is tuned for MS-SSIM.
        compare_every: steps between comparisons of rendering and image for that.
        unhurried: fewer steps than this are longer ones.
        haste: by their ratio to this power.
        most_haste: how much longer at most.
    """

    # Better for encodings than for float fits, where these lose 0.15 dB together.
    beta2: float = 0.997
    decay_from: float = 0.35
    last_rate: float = 0.01
    uniform_share: float = 0.1
    growth_until: float = 0.9
    growth_blur: float = 0.28

    steps: int = 1800
    float_share: float = 0.45
    float_most: int = 350
    gaussian_bits: float = 26.0
    position_scale: float = 1.0
    shape_scale: float = 0.8
    resolve_at: tuple[float, ...] = (0.0, 0.15, 0.3, 0.5, 0.7)
    anticipated: float = 0.87
    foresee_at: tuple[float, ...] = (0.5, 0.85)
    gain_searching: float = 0.25
    gain_tuning: float = 0.6
    probe_share: float = 0.1
    probe_least: int = 150
    probe_gain: float = 0.2
    correction_share: float = 0.05
    correction_rate: float = 0.06
    corrections: int = 6
    search_sweeps: int = 4
    search_price: float = 0.16
    search_leftover: float = 0.93
    squared_share: float = 0.2
    compare_every: int = 8
    unhurried: int = 3150
    haste: float = 0.8
    most_haste: float = 4.0

    def float_steps(self, steps: int) -> int:
        """How many of `steps` are the float fit; at least one is left for tuning."""
        return min(round(self.float_share * steps), self.float_most, steps - 1)

    def longer(self, steps: int) -> float:
        """What the learning rates of an encoding in so many steps are multiplied by."""
        longer = math.pow(self.unhurried / steps, self.haste)
        return min(max(longer, 1.0), self.most_haste)

    def leftover(self, share: float) -> float:
        """Share of the bits that is expected to remain at the end, when `share` is tuned."""
        tuned = 1.0 - (1.0 - self.anticipated) * (0.5 * (1.0 - share) ** 2 if share else 1.0)
        return tuned * (self.search_leftover if self.search_sweeps else 1.0)


# Steps of each effort, 1 to 9.
_EFFORT_STEPS = (110, 350, 700, 1200, 1800, 2500, 3500, 4700, 6250)

# Sweeps of the search, each of which takes about as long as twenty steps.
_EFFORT_SWEEPS = (1, 2, 3, 4, 4, 6, 8, 8, 8)

# With fewer there is no time for what is added to find its shape, or to choose the step size often.
_STEPS_TO_GROW = 500


def encode_recipe(effort: int) -> EncodeRecipe:
    """The recipe of an effort of 1 to 9."""
    steps, sweeps = _EFFORT_STEPS[effort - 1], _EFFORT_SWEEPS[effort - 1]
    if steps < _STEPS_TO_GROW:
        return EncodeRecipe(
            steps=steps, search_sweeps=sweeps, growth_rounds=2, resolve_at=(0.0, 0.5)
        )
    return EncodeRecipe(steps=steps, search_sweeps=sweeps)
