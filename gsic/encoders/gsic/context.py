"""What stays the same while one image is encoded: its planes, its loss, and the count of steps."""

from __future__ import annotations

import math
from typing import SupportsFloat

import numpy as np

from gsic.encoders.base import EncodeJob
from gsic.encoders.gsic.ms_ssim import make_surrogate_loss
from gsic.encoders.gsic.qat import WeightAt
from gsic.encoders.gsic.rate_control import DEFAULT_QUALITY
from gsic.encoders.gsic.recipe import recipe_of_effort
from gsic.fitting.losses import make_loss
from gsic.metrics import psnr_from_sse
from gsic.profiles.gsic.symbols import Header, QuantisedImage, make_empty_symbols
from gsic_kernels.backend import SumLoss

_PROGRESS_STEPS = 20


class EncoderContext:
    """One image to encode, with what all stages of the encoder need.

    Args:
        job: the image, the options, and what makes a file.

    Attributes:
        planes: float32 (H, W, C), 0..1, the image.
        recipe: the constants of this encoding.
        loss: the loss against the image: squared error, or a surrogate of MS-SSIM.
        weight_at: the weights of squared errors at positions in px; None where all are 1.
        header: the header of a file without Gaussians; its background is the mean colour.
        iterations: number of optimiser steps so far.
        planned: number of optimiser steps that the encoding is expected to take in all.

    Raises:
        OptionError: an unknown setting, or one outside its domain.
    """

    def __init__(self, job: EncodeJob) -> None:
        options = job.options
        self.planes = np.ascontiguousarray(job.planes, np.float32)
        self.seed, self.tune = options.seed, options.tune
        self.rate = options.rate or ("quality", DEFAULT_QUALITY)
        self.recipe = recipe_of_effort(options.effort).with_settings(options.settings)
        self.backend, self.code, self.init = job.backend, job.code, job.init
        self.loss: SumLoss
        self.weight_at: WeightAt | None = None
        if options.tune == "psnr":
            self.loss = make_loss(job.backend, self.planes, "l2", job.threads)
        else:
            rules = self.recipe.squared_share, self.recipe.ms_ssim_every
            tuned = make_surrogate_loss(job.backend, self.planes, *rules, job.threads)
            self.loss, self.weight_at = tuned, tuned.surrogate.weight_at
        height, width, channels = self.planes.shape
        background = np.rint(255.0 * self.planes.mean(axis=(0, 1), dtype=np.float64))
        self.header = Header(width, height, channels, 0, tuple(int(v) for v in background))
        self.iterations, self.planned = 0, self.recipe.steps
        self._progress = job.progress

    @property
    def pixels(self) -> int:
        """Number of pixels of the image."""
        return self.header.width * self.header.height

    @property
    def initial_gaussians(self) -> int | None:
        """Number of Gaussians of the fit to continue from; None where there is none."""
        return None if self.init is None else len(self.init.mean)

    @property
    def loss_name(self) -> str:
        """The name of the loss, by which a backend decides whether it can keep a fit to itself."""
        return "l2" if self.weight_at is None else self.tune

    def is_one_color(self) -> bool:
        """Tell whether all pixels of the image have the same colour."""
        return not np.ptp(self.planes, axis=(0, 1)).any()

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

    def count_step(self, loss: SupportsFloat, gaussians: int) -> None:
        """Count an optimiser step, and tell the caller's progress now and then."""
        self.iterations += 1
        if self._progress and self.iterations % _PROGRESS_STEPS == 0:
            done, text = min(self.iterations, self.planned), f"{gaussians} Gaussians"
            if self.weight_at is None:
                text += f", {psnr_from_sse(float(loss), self.planes.size):.2f} dB"
            self._progress(done, self.planned, text)
