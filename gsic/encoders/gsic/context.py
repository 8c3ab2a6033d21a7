"""What stays the same while one image is encoded: its planes, its loss, and the count of steps."""

from __future__ import annotations

import math
import time
from typing import SupportsFloat

import numpy as np

from gsic.arrays import Float64, Rows
from gsic.bands import split_rows
from gsic.encoders.base import Coded, EncodeJob
from gsic.encoders.gsic.ms_ssim import make_surrogate_loss
from gsic.encoders.gsic.pace import Pace, Work
from gsic.encoders.gsic.qat import WeightAt
from gsic.encoders.gsic.rate_control import DEFAULT_QUALITY
from gsic.encoders.gsic.rdoq import run_rdoq
from gsic.encoders.gsic.recipe import effort_of_steps, recipe_of_effort, recipe_of_steps
from gsic.fitting.losses import make_loss
from gsic.metrics import psnr_from_sse
from gsic.profiles.gsic.symbols import Header, QuantisedImage, make_empty_symbols
from gsic_kernels.backend import SumLoss

# The caller's progress is told after so many steps, or after so many seconds if these come first.
_PROGRESS_STEPS, _PROGRESS_SECONDS = 20, 0.5

# An RDOQ pass takes about as long as so many steps, and so does coding a file. So many files are
# coded after the last step, about.
_STEPS_PER_PASS, _STEPS_PER_FILE, _FILES = 20, 2, 8

# What each rate leads to beside steps and RDOQ passes: a file of given bytes is mostly corrected
# once, and that of a PSNR is trimmed by further passes.
_WORK = {"bpp": Work(1, 0), "max_bytes": Work(1, 0), "psnr": Work(1, 6)}


class EncoderContext:
    """One image to encode, with what all stages of the encoder need.

    Args:
        job: the image, the options, and what makes a file.

    Attributes:
        planes: float32 (H, W, C), 0..1, the image.
        threads: number of CPU threads.
        recipe: the constants of this encoding.
        loss: the loss against the image: squared error, or a surrogate of MS-SSIM.
        weight_at: the weights of squared errors at positions in px; None where all are 1.
        header: the header of a file without Gaussians; its background is the mean colour.
        pace: the time that is left, if there is a limit.
        iterations: number of optimiser steps so far.

    Raises:
        OptionError: an unknown setting, or one outside its domain.
    """

    def __init__(self, job: EncodeJob) -> None:
        options = job.options
        self.planes = job.planes
        self.seed, self.tune = options.seed, options.tune
        self.rate = options.rate or ("quality", DEFAULT_QUALITY)
        self.settings, self._effort = options.settings, options.effort_or_default
        self.recipe = recipe_of_effort(self._effort).with_settings(self.settings)
        seconds = math.inf if options.time is None else options.time
        self._work = _WORK.get(self.rate[0], Work(0, 0))
        self.pace = Pace(seconds, self._work)
        self.backend, self.init, self._code = job.backend, job.init, job.code
        self.threads = job.threads
        self.loss: SumLoss
        self.weight_at: WeightAt | None = None
        if options.tune == "psnr":
            self.loss = make_loss(job.backend, self.planes, "l2", job.threads)
        else:
            rules = self.recipe.squared_share, self.recipe.ms_ssim_every
            tuned = make_surrogate_loss(job.backend, self.planes[:], *rules, job.threads)
            self.loss, self.weight_at = tuned, tuned.surrogate.weight_at
        height, width, channels = self.planes.shape
        background = np.rint(255.0 * _average(self.planes))
        self.header = Header(width, height, channels, 0, tuple(int(v) for v in background))
        self.iterations = 0
        self._progress, self._text = job.progress, ""
        self._done, self._planned, self._told, self._told_at = 0, 0, 0, 0.0
        # The part of what is planned that may turn out to be less, or more.
        self._expected = 0

    @property
    def pixels(self) -> int:
        """Number of pixels of the image."""
        return self.header.width * self.header.height

    @property
    def initial_gaussians(self) -> int | None:
        """Number of Gaussians of the fit to continue from; None where there is none."""
        return None if self.init is None else len(self.init.mean)

    @property
    def effort(self) -> int:
        """The effort that was asked for, or the highest one whose steps end in the time given."""
        return effort_of_steps(self.recipe.steps) if self.pace.is_limited else self._effort

    @property
    def loss_name(self) -> str:
        """The name of the loss, by which a backend decides whether it can keep a fit to itself."""
        return "l2" if self.weight_at is None else self.tune

    def is_one_color(self) -> bool:
        """Tell whether all pixels of the image have the same colour."""
        first = self.planes[:1][0, 0]
        bands = split_rows(self.header.height, self.header.width)
        return all((self.planes[band] == first).all() for band in bands)

    def has_one_per_pixel(self, gaussians: int) -> bool:
        """Tell whether an encoding of so many Gaussians begins with one on each pixel."""
        return self.init is None and gaussians >= self.pixels

    def make_empty(self) -> QuantisedImage:
        """Return the symbols of a file that has a background and no Gaussians."""
        return QuantisedImage(self.header, make_empty_symbols(self.header.channels))

    def learning_rate_factor(self, steps: int) -> float:
        """Return the factor of the learning rates of an encoding in `steps` steps."""
        factor = self.recipe.learning_rate_factor(steps)
        # The surrogate of MS-SSIM holds near the state that it was made at: longer steps leave it.
        return factor if self.weight_at is None else math.sqrt(factor)

    def choose_recipe(self) -> None:
        """Choose the recipe whose steps end in time, by the speed that the pace knows."""
        settings = self.settings
        self.recipe = self.pace.choose_recipe(
            lambda steps: recipe_of_steps(steps).with_settings(settings)
        )

    def expect_rest(self) -> None:
        """Add to what is planned what is expected after the first steps and RDOQ passes."""
        recipe, work = self.recipe, self._work
        correction = self.correction_steps + recipe.rdoq_passes * _STEPS_PER_PASS
        self._expected = work.corrections * correction + work.passes * _STEPS_PER_PASS
        self._expected += _FILES * _STEPS_PER_FILE
        self._planned += self._expected

    @property
    def correction_steps(self) -> int:
        """Number of steps of a correction of the step index."""
        return max(round(self.recipe.correction_share * self.recipe.steps), 1)

    def plan(self, steps: int, passes: int = 0) -> None:
        """Add steps and RDOQ passes to those that are planned, and tell the caller's progress."""
        self._planned += steps + passes * _STEPS_PER_PASS
        self._tell()

    def plan_expected(self, steps: int, passes: int = 0) -> None:
        """Plan what `expect_rest` has planned already, unless that is used up."""
        work = steps + passes * _STEPS_PER_PASS
        known = min(work, self._expected)
        self._expected -= known
        self._planned += work - known

    def count_pass(self) -> None:
        """Count an RDOQ pass, and tell the caller's progress."""
        self._done += _STEPS_PER_PASS
        self._tell()

    def code(self, symbols: QuantisedImage) -> Coded:
        """Make the exact file of symbols; it counts as soon as anything is planned."""
        coded = self._code(symbols)
        if self._planned:
            self.plan_expected(_STEPS_PER_FILE)
            self._done += _STEPS_PER_FILE
            self._tell()
        return coded

    def finish(self) -> None:
        """Tell the caller's progress that all is done."""
        self._done = self._planned
        self._tell()

    def count_step(self, loss: SupportsFloat, gaussians: int) -> None:
        """Count an optimiser step, and tell the caller's progress now and then."""
        self.iterations += 1
        self._done += 1
        if not self._progress:
            return
        late = time.perf_counter() - self._told_at >= _PROGRESS_SECONDS
        if late or self._done - self._told >= _PROGRESS_STEPS:
            self._text = f"{gaussians} Gaussians"
            if self.weight_at is None:
                self._text += f", {psnr_from_sse(float(loss), self.planes.size):.2f} dB"
            self._tell()

    def run_rdoq(self, state: QuantisedImage, passes: int) -> QuantisedImage:
        """Run RDOQ with the lambda of the recipe, and tell the caller's progress of each pass.

        No pass follows the first one where there is no time for it.
        """
        end = self._done + passes * _STEPS_PER_PASS

        def count_pass() -> bool:
            self.count_pass()
            return self.pace.allows_pass()

        lambda_, threads = self.recipe.rdoq_lambda, self.threads
        better = run_rdoq(self.planes, state, lambda_, passes, count_pass, threads=threads)
        self._done = end  # also where it had no use for all passes
        return better

    def _tell(self) -> None:
        if self._progress:
            self._told, self._told_at = self._done, time.perf_counter()
            self._progress(min(self._done, self._planned), self._planned, self._text)


def _average(planes: Rows) -> Float64:
    """Return the mean colour of planes, float64 (C,)."""
    height, width, channels = planes.shape
    total = np.zeros(channels)
    for band in split_rows(height, width):
        total += planes[band].sum(axis=(0, 1), dtype=np.float64)
    return total / (height * width)
