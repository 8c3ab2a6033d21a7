"""The CPU backend, which the registry returns."""

from __future__ import annotations

from gsic_kernels.backend import Backend
from gsic_kernels.cpu.alpha.render import render_alpha, render_alpha_backward
from gsic_kernels.cpu.fit.log_fit import LogFit
from gsic_kernels.cpu.losses.ms_ssim_surrogate import Surrogate, SurrogateLoss
from gsic_kernels.cpu.losses.ssim import SsimLoss
from gsic_kernels.cpu.losses.sum_loss import SumLoss
from gsic_kernels.cpu.sums.render import (
    render_sum,
    render_sum_backward,
    render_sum_bytes,
    render_symbols_bytes,
)


def backend() -> Backend:
    """Return the functions of the CPU."""
    return Backend(
        name="cpu",
        render_sum=render_sum,
        render_sum_bytes=render_sum_bytes,
        render_sum_backward=render_sum_backward,
        SumLoss=SumLoss,
        render_alpha=render_alpha,
        render_alpha_backward=render_alpha_backward,
        SsimLoss=SsimLoss,
        Surrogate=Surrogate,
        SurrogateLoss=SurrogateLoss,
        render_symbols_bytes=render_symbols_bytes,
        LogFit=LogFit,
    )
