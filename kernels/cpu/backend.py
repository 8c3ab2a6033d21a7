"""The CPU backend, which the registry returns."""

from __future__ import annotations

from functools import partial

from gsic_kernels.backend import Backend
from gsic_kernels.cpu.losses.ms_ssim_surrogate import Surrogate, SurrogateLoss
from gsic_kernels.cpu.losses.ssim import SsimLoss
from gsic_kernels.cpu.losses.sum_loss import SumLoss
from gsic_kernels.cpu.raster.alpha import render_alpha, render_alpha_backward
from gsic_kernels.cpu.raster.sum import render_sum, render_sum_backward, render_sum_bytes


def backend(name: str) -> Backend:
    """Return the vector kernels, or the scalar loops for "cpu-scalar"."""
    if name == "cpu":
        return Backend(
            name=name,
            render_sum=render_sum,
            render_sum_bytes=render_sum_bytes,
            render_sum_backward=render_sum_backward,
            SumLoss=SumLoss,
            render_alpha=render_alpha,
            render_alpha_backward=render_alpha_backward,
            SsimLoss=SsimLoss,
            Surrogate=Surrogate,
            SurrogateLoss=SurrogateLoss,
        )
    return Backend(
        name=name,
        render_sum=partial(render_sum, plain=True),
        render_sum_bytes=partial(render_sum_bytes, plain=True),
        render_sum_backward=partial(render_sum_backward, plain=True),
        SumLoss=partial(SumLoss, plain=True),
        render_alpha=partial(render_alpha, plain=True),
        render_alpha_backward=partial(render_alpha_backward, plain=True),
        SsimLoss=SsimLoss,
        Surrogate=Surrogate,
        SurrogateLoss=partial(SurrogateLoss, plain=True),
    )
