"""What a fit tells while it runs: its history of PSNRs, and the caller's progress."""

from __future__ import annotations

from collections.abc import Callable
from typing import SupportsFloat

import numpy as np

from gsic.arrays import Float32, Progress
from gsic.metrics import psnr_from_sse

Tick = Callable[[SupportsFloat, int], None]
"""Called at each step with the loss before the step and the number of Gaussians."""

_HISTORY_STEPS = 50


class FitProgress:
    """The history of one fit.

    Args:
        error: returns the clamped rendering of the last step less the image, float32 (H, W, C).
        steps: number of steps of the fit.
        progress: called with (done, total, text) whenever the history grows; None for no calls.

    Attributes:
        history: (step, PSNR in dB) of every fiftieth step.
    """

    def __init__(self, error: Callable[[], Float32], steps: int, progress: Progress | None) -> None:
        self.history: list[tuple[int, float]] = []
        self._error, self._steps, self._progress = error, steps, progress
        self._done = 0

    def tick(self, _loss: SupportsFloat, count: int) -> None:
        """Count a step of `count` Gaussians, and measure the PSNR if it is time to."""
        if self._done % _HISTORY_STEPS == 0:
            error = self._error()
            sse = float(np.square(error, dtype=np.float64).sum())
            self.history.append((self._done, psnr_from_sse(sse, error.size)))
            if self._progress:
                text = f"{count} Gaussians, {self.history[-1][1]:.2f} dB"
                self._progress(self._done, self._steps, text)
        self._done += 1
