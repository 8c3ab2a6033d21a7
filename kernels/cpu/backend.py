"""The CPU backend as the registry hands it out."""

from __future__ import annotations

from functools import partial

from gsic_kernels.cpu.alpha import render_alpha, render_alpha_backward
from gsic_kernels.cpu.loss import SumLoss
from gsic_kernels.cpu.render import render_sum, render_sum_backward, render_sum_bytes
from gsic_kernels.cpu.similarity import Similarity
from gsic_kernels.cpu.tuned_loss import Surrogate, TunedLoss
from gsic_kernels.registry import Backend


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
            Similarity,
            Surrogate,
            TunedLoss=TunedLoss,
        )
    return Backend(
        name,
        partial(render_sum, plain=True),
        partial(render_sum_bytes, plain=True),
        partial(render_sum_backward, plain=True),
        partial(SumLoss, plain=True),
        partial(render_alpha, plain=True),
        partial(render_alpha_backward, plain=True),
        Similarity,
        Surrogate,
        TunedLoss=partial(TunedLoss, plain=True),
    )
