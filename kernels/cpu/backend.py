"""The CPU backend, which the registry returns."""

from __future__ import annotations

import math
from typing import Literal

from gsic_kernels.backend import Backend, Rows
from gsic_kernels.cpu.alpha.render import render_alpha, render_alpha_backward
from gsic_kernels.cpu.fit.log_fit import LogFit
from gsic_kernels.cpu.losses.banded_loss import BAND_PIXELS, BandedLoss
from gsic_kernels.cpu.losses.ms_ssim_surrogate import Surrogate, SurrogateLoss
from gsic_kernels.cpu.losses.ssim import SsimLoss
from gsic_kernels.cpu.losses.sum_loss import SumLoss
from gsic_kernels.cpu.sums.render import (
    render_sum,
    render_sum_backward,
    render_sum_bytes,
    render_symbols_bytes,
)


def make_sum_loss(
    target: Rows, loss: Literal["l2", "l1"] = "l2", threads: int = 1, *, stopped: bool = False
) -> SumLoss | BandedLoss:
    """Make the loss against an image; that of a large one works band by band."""
    if math.prod(target.shape[:2]) > BAND_PIXELS:
        return BandedLoss(target, loss, threads, stopped=stopped)
    return SumLoss(target[:], loss, threads, stopped=stopped)


def backend() -> Backend:
    """Return the functions of the CPU."""
    return Backend(
        name="cpu",
        render_sum=render_sum,
        render_sum_bytes=render_sum_bytes,
        render_sum_backward=render_sum_backward,
        SumLoss=make_sum_loss,
        render_alpha=render_alpha,
        render_alpha_backward=render_alpha_backward,
        SsimLoss=SsimLoss,
        Surrogate=Surrogate,
        SurrogateLoss=SurrogateLoss,
        render_symbols_bytes=render_symbols_bytes,
        LogFit=LogFit,
    )
