"""The pace of an encoding that is given a time: how many steps fit into what is left of it.

The speed of this machine is measured on the image itself before the first step that counts, and
again while the Gaussians are trained, as other work may slow the machine down.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import NamedTuple

from gsic.encoders.gsic.recipe import LEAST_STEPS, EncodeRecipe
from gsic_kernels.cpu.runtime.compiling import compile_seconds

# Most steps that a time leads to; more would gain nothing. The fewest are those of effort 1.
_MOST_STEPS = 100_000

# How often a file is coded and decoded after the last step, about.
_CODINGS = 8

# By how much a change of speed may raise the number of the steps that are left.
_MOST_CHANGE = 4.0


class Speed(NamedTuple):
    """Seconds that an optimiser step, an RDOQ pass and a file with its PSNR take."""

    step: float
    rdoq_pass: float
    code: float


class Work(NamedTuple):
    """What an encoding is expected to do beside its steps and RDOQ passes.

    Attributes:
        corrections: number of corrections of the step index.
        passes: number of further RDOQ passes.
    """

    corrections: int
    passes: int


class Pace:
    """The time of one encoding, which began when this was made.

    Args:
        seconds: time for the encoding without the compilation of kernels; infinite for no limit.
        work: what the encoding is expected to do beside its steps.

    Attributes:
        speed: the last speed that was measured.
    """

    def __init__(self, seconds: float, work: Work) -> None:
        self.speed = Speed(0.0, 0.0, 0.0)
        self._work = work
        self._deadline = read_clock() + seconds
        self._mark = math.inf

    @property
    def is_limited(self) -> bool:
        """Whether the encoding was given a time."""
        return self._deadline < math.inf

    @property
    def left(self) -> float:
        """The seconds that are left, below 0 after the deadline."""
        return self._deadline - read_clock()

    def choose_recipe(self, recipe_of: Callable[[int], EncodeRecipe]) -> EncodeRecipe:
        """Choose the recipe with the most steps that end in time, or that of effort 1.

        Args:
            recipe_of: returns the recipe of a number of steps; more steps take longer.
        """
        left, low, high = self.left, LEAST_STEPS, _MOST_STEPS
        while low < high:
            middle = (low + high + 1) // 2
            recipe = recipe_of(middle)
            if middle * self.speed.step + self._predict_rest(recipe) <= left:
                low = middle
            else:
                high = middle - 1
        return recipe_of(low)

    def start_segment(self, planned: int, remaining: int, recipe: EncodeRecipe) -> int:
        """Return the number of steps for a segment of the training.

        Args:
            planned: steps of the segment by the recipe.
            remaining: those steps and all after them by the recipe.
            recipe: of the encoding.

        Returns:
            `planned` if there is no limit; else as many as the time that is left allows.
        """
        if not self.is_limited:
            return planned
        self._mark = read_clock()
        affordable = (self.left - self._predict_rest(recipe)) / self.speed.step
        least = LEAST_STEPS / max(recipe.steps, LEAST_STEPS)
        change = min(max(affordable / remaining, least), _MOST_CHANGE)
        return max(round(change * planned), 1)

    def end_segment(self, steps: int) -> None:
        """Measure the speed of the steps since the last call of `start_segment`."""
        if self.is_limited:
            self.speed = self.speed._replace(step=(read_clock() - self._mark) / steps)

    def allows_pass(self) -> bool:
        """Tell whether there is time for an RDOQ pass."""
        return self.speed.rdoq_pass + _CODINGS * self.speed.code <= self.left

    def allows_again(self, spent: float) -> bool:
        """Tell whether there is time for what has taken so many seconds."""
        return not self.is_limited or spent <= self.left

    def _predict_rest(self, recipe: EncodeRecipe) -> float:
        """Predict the seconds from the last step of the training to the end."""
        passes = recipe.rdoq_passes + self._work.passes
        corrections = self._work.corrections * self._predict_correction(recipe)
        return passes * self.speed.rdoq_pass + corrections + _CODINGS * self.speed.code

    def _predict_correction(self, recipe: EncodeRecipe) -> float:
        steps = recipe.correction_share * recipe.steps
        return steps * self.speed.step + recipe.rdoq_passes * self.speed.rdoq_pass


def read_clock() -> float:
    """Return seconds of work: wall time without the compilation of kernels."""
    return time.perf_counter() - compile_seconds()
