"""The interface of a backend: its functions, and the objects that it makes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol, SupportsFloat, TypeAlias

from gsic_kernels.types import (
    F32,
    F64,
    I64,
    U8,
    AlphaGradients,
    Blended,
    Gradients,
    LogGrid,
    LogSymbols,
    Splats,
    Window,
)

# The state of a fit: parameters of N Gaussians, (N, 5 + C); the two moments of Adam, of the same
# shape; and the steps that each Gaussian has taken, (N,).
FitState: TypeAlias = tuple[F64, F64, F64, F64]


class BackendUnavailable(RuntimeError):
    """The device that was asked for cannot be used on this machine."""


class RenderSum(Protocol):
    """See `cpu.sums.render.render_sum`."""

    def __call__(
        self, splats: Splats, window: Window, background: F32, threads: int = 1
    ) -> F32: ...


class RenderSumBytes(Protocol):
    """See `cpu.sums.render.render_sum_bytes`."""

    def __call__(self, splats: Splats, window: Window, background: F32, threads: int = 1) -> U8: ...


class RenderSymbolsBytes(Protocol):
    """Dequantise Gaussians and render them like `RenderSumBytes`, to `out` unless it is None."""

    def __call__(
        self,
        symbols: LogSymbols,
        window: Window,
        background: F32,
        threads: int = 1,
        out: U8 | None = None,
    ) -> U8: ...


class RenderSumBackward(Protocol):
    """See `cpu.sums.render.render_sum_backward`."""

    def __call__(
        self, splats: Splats, window: Window, grad: F32, threads: int = 1
    ) -> Gradients: ...


class RenderAlpha(Protocol):
    """See `cpu.alpha.render.render_alpha`."""

    def __call__(
        self, splats: Splats, opacity: F32, window: Window, background: F32, threads: int = 1
    ) -> Blended: ...


class RenderAlphaBackward(Protocol):
    """See `cpu.alpha.render.render_alpha_backward`."""

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


class Rows(Protocol):
    """An image, float32 (H, W, C), that gives its rows when they are asked for; an array does."""

    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def size(self) -> int: ...
    def __getitem__(self, rows: slice, /) -> F32: ...


class SumLoss(Protocol):
    """A loss against one target image; see `cpu.losses.sum_loss.SumLoss`."""

    def step(self, splats: Splats, background: F32) -> tuple[float, Gradients]: ...
    def sse(self, splats: Splats, background: F32) -> float: ...
    def error(self) -> Rows: ...


class Surrogate(Protocol):
    """A quadratic loss that follows MS-SSIM; see `cpu.losses.ms_ssim_surrogate.Surrogate`."""

    @property
    def weights(self) -> F32: ...
    @property
    def offsets(self) -> F32: ...
    @property
    def constant(self) -> float: ...
    @property
    def is_due(self) -> bool: ...
    def follow(self, error: F32) -> None: ...
    def skip(self) -> None: ...
    def weight_at(self, mean: F64) -> F64: ...


class SurrogateLoss(SumLoss, Protocol):
    """A loss that approximates MS-SSIM; see `cpu.losses.ms_ssim_surrogate.SurrogateLoss`."""

    @property
    def surrogate(self) -> Surrogate: ...


class Comparison(Protocol):
    """Errors and SSIM as means over all values of an image, and the gradient of a mix of them."""

    @property
    def absolute(self) -> float: ...
    @property
    def squared(self) -> float: ...
    @property
    def ssim(self) -> float: ...
    @property
    def gradient(self) -> F32: ...


class SsimLoss(Protocol):
    """Errors and SSIM against one target; see `cpu.losses.ssim.SsimLoss`."""

    def compare(self, image: F32, absolute: float, structure: float) -> Comparison: ...


class FitConstants(NamedTuple):
    """The numbers that do not change during a fit.

    Attributes:
        learning_rates: float64 (5 + C,), of the mean in standard deviations, and of m, u, v and the
            colour.
        betas: decay rates of the two moments of Adam.
        min_log_scale, max_log_scale: bounds of m = ln(sigma1 sigma2); along both axes, sigma is at
            least exp(min_log_scale / 2).
        max_log_anisotropy: bound of |(u, v)| = ln(sigma1 / sigma2).
        cutoff_divisor: a Gaussian ends where it falls below 1 / (255 cutoff_divisor) of full scale.
    """

    learning_rates: F64
    betas: tuple[float, float]
    min_log_scale: float
    max_log_scale: float
    max_log_anisotropy: float
    cutoff_divisor: float


class ResidentFit(Protocol):
    """A fit whose state stays on the device; see `gpu.fit.resident_fit.ResidentFit`."""

    def put(self, state: FitState) -> None: ...
    def get(self) -> FitState: ...
    def step(self, scale: float) -> SupportsFloat: ...
    def error(self) -> F32: ...


class LogFit(Protocol):
    """Steps of Gaussians whose state the caller holds; see `cpu.fit.log_fit.LogFit`."""

    def step(self, state: FitState, scale: float) -> float: ...
    def step_rounded(
        self,
        state: FitState,
        scale: float,
        classes: tuple[I64, I64],
        grid: LogGrid,
        symbols: I64,
    ) -> float: ...


@dataclass(frozen=True, kw_only=True)
class Backend:
    """The functions and classes of one device; they all take and return NumPy arrays."""

    name: str
    render_sum: RenderSum
    render_sum_bytes: RenderSumBytes
    render_sum_backward: RenderSumBackward
    SumLoss: Callable[..., SumLoss]
    render_alpha: RenderAlpha
    render_alpha_backward: RenderAlphaBackward
    SsimLoss: Callable[..., SsimLoss]
    Surrogate: Callable[..., Surrogate]
    # Only on devices where copying the state to the host costs more than a step of the fit.
    ResidentFit: Callable[..., ResidentFit] | None = None
    # Only on devices whose losses `SumLoss` and `SurrogateLoss` can be part of a whole step.
    LogFit: Callable[..., LogFit] | None = None
    # Only where kernels dequantise Gaussians, too.
    render_symbols_bytes: RenderSymbolsBytes | None = None
    # Only on devices whose rendering pass can also evaluate the surrogate.
    SurrogateLoss: Callable[..., SurrogateLoss] | None = None
