"""Constants of the encoder of profile `gsic`; every one of them is reachable by `--set`."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass

from gsic.fitting.recipe import FitRecipe
from gsic.recipes import number, share


@dataclass(frozen=True)
class EncodeRecipe(FitRecipe):
    """Constants of the encoder: a float fit, quantisation-aware training (QAT), then RDOQ.

    Args:
        steps: optimiser steps of float fit and QAT together.
        float_share: share of the steps that the float fit takes.
        float_most: largest number of steps of the float fit; all others are QAT.
        gaussian_bits: bits per Gaussian from which the number of Gaussians for a bitrate follows.
        position_scale, shape_scale: factors of the quantiser steps that equal error energy asks
            for.
        choose_step_at: shares of the QAT at which step index and precision classes are chosen.
        bits_after_qat: share of the bits at the start of QAT that remain at its end, expected.
        predict_psnr_at: shares of the QAT at which its final PSNR is predicted, if a PSNR is asked
            for, and the step index is chosen again.
        rdoq_gain, qat_gain: dB that the rest of RDOQ and all of QAT gain, over what a first RDOQ
            pass gains; the latter grows with the learning rates.
        probe_share: steps of the short probe encoding for a PSNR, over `steps`.
        probe_min_steps: smallest number of steps of the probe.
        probe_gain: dB that twice the number of steps gain.
        correction_share: steps of a correction of the step index, over `steps`.
        correction_lr: factor of the learning rates at the start of a correction.
        corrections: largest number of corrections.
        rdoq_passes: largest number of RDOQ passes over all Gaussians after QAT.
        rdoq_lambda: lambda of RDOQ, squared quantiser steps per bit.
        bits_after_rdoq: share of the bits that remain after RDOQ, expected.
        squared_share: share of the squared error in the loss of `--tune ms-ssim`.
        ms_ssim_every: number of steps between evaluations of MS-SSIM for that loss.
        reference_steps: with fewer steps, learning rates are multiplied by
            (reference_steps / steps) ** lr_exponent.
        lr_exponent: see `reference_steps`.
        lr_max_factor: largest such factor.
    """

    # Chosen together, for encodings, which multiply them by 1 to `lr_max_factor`.
    lr_shift: float = number(0.04, 0.0, 1e3)
    lr_log: float = number(0.1, 0.0, 10.0)
    lr_color: float = share(0.02)
    # Better for encodings than for float fits.
    lr_decay_from: float = share(0.35)
    lr_last: float = share(0.01)
    uniform_share: float = share(0.1)
    growth_until: float = share(0.9)
    growth_blur: float = number(0.28, 0.0, 1e3)

    steps: int = number(1650, 1, 10**7)
    float_share: float = number(0.45, 0.0, 0.999)
    float_most: int = number(350, 0, 10**7)
    gaussian_bits: float = number(26.0, 1.0, 1e4)
    position_scale: float = number(1.0, 1e-3, 1e3)
    shape_scale: float = number(0.8, 1e-3, 1e3)
    choose_step_at: tuple[float, ...] = number((0.0, 0.15, 0.3, 0.5, 0.7), 0.0, 0.999)
    bits_after_qat: float = number(0.87, 0.01, 1.0)
    predict_psnr_at: tuple[float, ...] = number((0.5, 0.85), 0.0, 0.999)
    rdoq_gain: float = number(0.25, 0.0, 10.0)
    qat_gain: float = number(0.6, 0.0, 10.0)
    probe_share: float = share(0.1)
    probe_min_steps: int = number(150, 1, 10**7)
    probe_gain: float = number(0.2, 0.0, 10.0)
    correction_share: float = share(0.05)
    correction_lr: float = number(0.06, 0.0, 100.0)
    corrections: int = number(6, 0, 100)
    rdoq_passes: int = number(4, 0, 100)
    rdoq_lambda: float = number(0.16, 1e-3, 100.0)
    bits_after_rdoq: float = number(0.93, 0.01, 1.0)
    squared_share: float = share(0.2)
    ms_ssim_every: int = number(8, 1, 10**7)
    reference_steps: int = number(3150, 1, 10**7)
    lr_exponent: float = number(0.8, 0.0, 10.0)
    lr_max_factor: float = number(2.8, 1.0, 100.0)

    def float_steps(self, steps: int) -> int:
        """Return how many of `steps` are the float fit; at least one is left for QAT."""
        return min(round(self.float_share * steps), self.float_most, steps - 1)

    def learning_rate_factor(self, steps: int) -> float:
        """Return the factor of the learning rates of an encoding in `steps` steps."""
        factor = math.pow(self.reference_steps / steps, self.lr_exponent)
        return min(max(factor, 1.0), self.lr_max_factor)

    def expect_rate_reduction(self, share: float) -> float:
        """Predict the share of the present bits that is left at the end, `share` into the QAT."""
        after_qat = 1.0 - (1.0 - self.bits_after_qat) * (0.5 * (1.0 - share) ** 2 if share else 1.0)
        return after_qat * (self.bits_after_rdoq if self.rdoq_passes else 1.0)


# Optimiser steps of each effort, 1 to 9.
_EFFORT_STEPS = (110, 350, 700, 1200, 1650, 2500, 3500, 4700, 6250)
LEAST_STEPS = _EFFORT_STEPS[0]

# RDOQ passes of each effort; a pass takes about as long as twenty steps.
_EFFORT_PASSES = (1, 2, 3, 4, 4, 6, 8, 8, 8)

# With fewer steps, added Gaussians have no time to find their shape, and the step index cannot be
# chosen often.
_STEPS_TO_GROW = 500


def recipe_of_effort(effort: int) -> EncodeRecipe:
    """Return the recipe of an effort of 1 to 9."""
    return recipe_of_steps(_EFFORT_STEPS[effort - 1])


def recipe_of_steps(steps: int) -> EncodeRecipe:
    """Return the recipe of a number of steps, 1 or more, as if it were that of an effort."""
    passes = _EFFORT_PASSES[effort_of_steps(steps) - 1]
    if steps < _STEPS_TO_GROW:
        return EncodeRecipe(
            steps=steps, rdoq_passes=passes, growth_rounds=2, choose_step_at=(0.0, 0.5)
        )
    return EncodeRecipe(steps=steps, rdoq_passes=passes)


def effort_of_steps(steps: int) -> int:
    """Return the highest effort of no more steps than these, or 1."""
    return max(bisect_right(_EFFORT_STEPS, steps), 1)
