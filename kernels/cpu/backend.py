"""The CPU backend as the registry hands it out."""

from __future__ import annotations

from functools import partial

from gsic_kernels.backend import Backend
from gsic_kernels.cpu.losses.ms_ssim_loss import Surrogate, SurrogateLoss
from gsic_kernels.cpu.losses.ssim import SsimLoss
from gsic_kernels.cpu.losses.sum_loss import SumLoss
from gsic_kernels.cpu.raster.alpha import render_alpha, render_alpha_backward
from gsic_kernels.cpu.raster.sum import render_sum, render_sum_backward, render_sum_bytes


def backend(name: str) -> Backend:
    """The kernels made of vectors, or plain loops for "cpu-scalar"."""
    if name == "cpu":
        return Backend(
            name,
            render_sum,
            render_sum_bytes,
            render_sum_backward,
            SumLoss,
            render_alpha,
            render_alpha_backward,
            SsimLoss,
            Surrogate,
            SurrogateLoss=SurrogateLoss,
        )
    return Backend(
        name,
        partial(render_sum, plain=True),
        partial(render_sum_bytes, plain=True),
        partial(render_sum_backward, plain=True),
        partial(SumLoss, plain=True),
        partial(render_alpha, plain=True),
        partial(render_alpha_backward, plain=True),
        SsimLoss,
        Surrogate,
        SurrogateLoss=partial(SurrogateLoss, plain=True),
    )
