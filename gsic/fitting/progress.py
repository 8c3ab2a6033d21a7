"""What fits and encoders report while they run: a history of PSNRs, and the caller's progress."""

from __future__ import annotations

from collections.abc import Callable
from typing import SupportsFloat

import numpy as np

from gsic.arrays import Progress, Rows
from gsic.metrics import psnr_from_sse

Tick = Callable[[SupportsFloat, int], None]
"""Called at each step with the loss before the step and the number of Gaussians."""

_HISTORY_STEPS = 50


class FitProgress:
    """The history of one fit.

    Args:
        error: returns the clamped rendering of the last step minus the image, float32 (H, W, C).
        steps: number of steps of the fit.
        progress: called with (done, total, text) whenever the history grows; None for no calls.

    Attributes:
        history: (step, PSNR in dB) of every fiftieth step.
    """

    def __init__(self, error: Callable[[], Rows], steps: int, progress: Progress | None) -> None:
        self.history: list[tuple[int, float]] = []
        self._error, self._steps, self._progress = error, steps, progress
        self._done = 0

    def tick(self, _loss: SupportsFloat, count: int) -> None:
        """Count a step of `count` Gaussians, and measure the PSNR if it is time to."""
        if self._done % _HISTORY_STEPS == 0:
            error = self._error()[:]
            sse = float(np.square(error, dtype=np.float64).sum())
            self.history.append((self._done, psnr_from_sse(sse, error.size)))
            if self._progress:
                text = f"{count} Gaussians, {self.history[-1][1]:.2f} dB"
                self._progress(self._done, self._steps, text)
        self._done += 1


class StepCounter:
    """The number of steps of an encoder whose loss is a mean squared error.

    Args:
        progress: called with (done, total, text) now and then; None for no calls.
        planned: number of steps that the encoder expects to take; it may be changed.
        interval: number of steps between calls.

    Attributes:
        done: number of steps so far.
    """

    def __init__(self, progress: Progress | None, planned: int, interval: int) -> None:
        self.done, self.planned = 0, planned
        self._progress, self._interval = progress, interval

    def tick(self, mse: SupportsFloat, count: int) -> None:
        """Count a step of `count` Gaussians with a mean squared error before it."""
        self.done += 1
        if self._progress and self.done % self._interval == 0:
            text = f"{count} Gaussians, {psnr_from_sse(float(mse), 1):.2f} dB"
            self._progress(min(self.done, self.planned), self.planned, text)
