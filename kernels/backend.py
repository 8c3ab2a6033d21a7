"""What a backend offers: its functions, and the objects that they make."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol, SupportsFloat, TypeAlias

import numpy as np
from numpy.typing import NDArray

from gsic_kernels.types import (
    F32,
    F64,
    AlphaGradients,
    Blended,
    Gradients,
    LogSymbols,
    Splats,
    Window,
)

# Parameters of N Gaussians and the moments of Adam, (N, 5 + C), and the steps each has taken, (N,).
FitState: TypeAlias = tuple[F64, F64, F64, F64]


class BackendUnavailable(RuntimeError):
    """The device that was asked for cannot be used on this machine."""


class RenderSum(Protocol):
    def __call__(
        self, splats: Splats, window: Window, background: F32, threads: int = 1
    ) -> F32: ...


class RenderSumBytes(Protocol):
    def __call__(
        self, splats: Splats, window: Window, background: F32, threads: int = 1
    ) -> NDArray[np.uint8]: ...


class RenderSymbolsBytes(Protocol):
    def __call__(
        self, symbols: LogSymbols, window: Window, background: F32
    ) -> NDArray[np.uint8]: ...


class RenderSumBackward(Protocol):
    def __call__(
        self, splats: Splats, window: Window, grad: F32, threads: int = 1
    ) -> Gradients: ...


class RenderAlpha(Protocol):
    def __call__(
        self, splats: Splats, opacity: F32, window: Window, background: F32, threads: int = 1
    ) -> Blended: ...


class RenderAlphaBackward(Protocol):
    def __call__(
        self,
        splats: Splats,
        opacity: F32,
        window: Window,
        background: F32,
        blended: Blended,
        grad: F32,
        threads: int = 1,
    ) -> AlphaGradients: ...


class SumLoss(Protocol):
    """A loss against one target image; see `cpu.losses.sum_loss.SumLoss`."""

    def step(self, splats: Splats, background: F32) -> tuple[float, Gradients]: ...
    def sse(self, splats: Splats, background: F32) -> float: ...
    def error(self) -> F32: ...


class Surrogate(Protocol):
    """A quadratic loss that follows MS-SSIM; see `cpu.losses.ms_ssim_surrogate.Surrogate`."""

    @property
    def weights(self) -> F32: ...
    @property
    def offsets(self) -> F32: ...
    @property
    def constant(self) -> float: ...
    def follow(self, error: F32) -> None: ...
    def weight_at(self, mean: F64) -> F64: ...


class SurrogateLoss(SumLoss, Protocol):
    """A loss that approximates MS-SSIM; see `cpu.losses.ms_ssim_surrogate.SurrogateLoss`."""

    @property
    def surrogate(self) -> Surrogate: ...


class Comparison(Protocol):
    """Means over all values of an image, and the gradient of what was asked for."""

    @property
    def absolute(self) -> float: ...
    @property
    def squared(self) -> float: ...
    @property
    def ssim(self) -> float: ...
    @property
    def gradient(self) -> F32: ...


class SsimLoss(Protocol):
    """Errors and SSIM against one target; see `gsic_kernels.cpu.losses.ssim.SsimLoss`."""

    def compare(self, image: F32, absolute: float, structure: float) -> Comparison: ...


class Rules(NamedTuple):
    """What does not change during a fit.

    Attributes:
        rates: float64 (5 + C,), learning rates of mean, m, u, v and colour.
        betas: of Adam.
        least, most: of m = ln(sigma1 sigma2); sigma is at least exp(least / 2) along both axes.
        stretch: largest |(u, v)| = ln(sigma1 / sigma2).
        visible: a Gaussian ends where it falls below 1 / (255 visible) of full scale.
    """

    rates: F64
    betas: tuple[float, float]
    least: float
    most: float
    stretch: float
    visible: float


class ResidentFit(Protocol):
    """A fit that stays on its device; see `gsic_kernels.gpu.fit.resident_fit.ResidentFit`."""

    def put(self, state: FitState) -> None: ...
    def get(self) -> FitState: ...
    def step(self, scale: float) -> SupportsFloat: ...
    def error(self) -> F32: ...


@dataclass(frozen=True, kw_only=True)
class Backend:
    """The functions of one device; they all take and return NumPy arrays."""

    name: str
    render_sum: RenderSum
    render_sum_bytes: RenderSumBytes
    render_sum_backward: RenderSumBackward
    SumLoss: Callable[..., SumLoss]
    render_alpha: RenderAlpha
    render_alpha_backward: RenderAlphaBackward
    SsimLoss: Callable[..., SsimLoss]
    Surrogate: Callable[..., Surrogate]
    # Only where leaving the device costs more than a step does; `gpu.fit.resident_fit` tells
    # how it is called.
    ResidentFit: Callable[..., ResidentFit] | None = None
    # `render_sum_bytes` of Gaussians that are dequantised where they are drawn.
    render_symbols_bytes: RenderSymbolsBytes | None = None
    # Where the pass that renders also evaluates the surrogate.
    SurrogateLoss: Callable[..., SurrogateLoss] | None = None
