"""How every encoder is called, and what it returns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from gsic.arrays import Progress, Rows
from gsic.options import EncodeOptions
from gsic_kernels.backend import Backend
from gsic_kernels.lazy import lazy_property

if TYPE_CHECKING:
    from gsic.fitting.result import Fit


class Coded:
    """A complete file, and the PSNR in dB of the 8-bit image that a decoder makes of it.

    Args:
        data: the file.
        measure_psnr: decodes the file; called when the PSNR is asked for, as most files are made
            for their size alone.
    """

    def __init__(self, data: bytes, measure_psnr: Callable[[], float]) -> None:
        self.data = data
        self._measure_psnr = measure_psnr

    @lazy_property
    def psnr(self) -> float:
        """The PSNR in dB."""
        return self._measure_psnr()


Code = Callable[[Any], Coded]
"""A function that makes the complete file of a profile's symbols."""


@dataclass(frozen=True)
class EncodeJob:
    """One image to encode, and everything that an encoder needs for it.

    Args:
        planes: float32 (H, W, C), 0..1, the image with colour premultiplied by alpha.
        options: the rate, effort, seed, what to tune for, and settings of the profile's recipe.
        code: makes the complete file of symbols; the order of the Gaussians does not matter to it.
        init: a fit of the same size to continue from, in place of a float fit; None for none.
        backend: kernels.
        threads: number of CPU threads.
        progress: called with (done, total, text) now and then; None for no progress.
    """

    planes: Rows
    options: EncodeOptions
    code: Code
    init: Fit | None
    backend: Backend
    threads: int
    progress: Progress | None = None


@dataclass(frozen=True)
class Encoding:
    """An encoded image.

    Args:
        data: the file.
        psnr_float: dB, of the clamped rendering before it is rounded to 8 bits.
        iterations: number of optimiser steps.
        effort: the effort that was asked for; where a time was, the highest one that ends in it.
    """

    data: bytes
    psnr_float: float
    iterations: int
    effort: int


class Encoder(Protocol):
    """The encoder of one profile."""

    def __call__(self, job: EncodeJob) -> Encoding:
        """Encode one image.

        Raises:
            InputError: the rate is out of reach; the message names the nearest reachable value.
            OptionError: an unknown setting, or a rate that the profile cannot aim at.
        """
