"""Which backend renders on which device."""

from __future__ import annotations

import ctypes
import importlib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, SupportsFloat, TypeAlias

import numpy as np
from numpy.typing import NDArray

from gsic_kernels.checks import (
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
    """A loss against one target image; see `gsic_kernels.cpu.loss.SumLoss`."""

    def step(self, splats: Splats, background: F32) -> tuple[float, Gradients]: ...
    def sse(self, splats: Splats, background: F32) -> float: ...
    def residual(self) -> F32: ...


class Surrogate(Protocol):
    """A quadratic loss that follows MS-SSIM; see `gsic_kernels.cpu.tuned_loss.Surrogate`."""

    @property
    def weights(self) -> F32: ...
    @property
    def offsets(self) -> F32: ...
    @property
    def constant(self) -> float: ...
    def follow(self, error: F32) -> None: ...
    def weight_at(self, mean: F64) -> F64: ...


class TunedLoss(SumLoss, Protocol):
    """A loss that stands for a measure of quality; see `gsic_kernels.cpu.tuned_loss.TunedLoss`."""

    @property
    def surrogate(self) -> Surrogate: ...


class Comparison(Protocol):
    """Means over all values of an image, and the gradient of what was asked for."""

    @property
    def absolute(self) -> float: ...
    @property
    def squared(self) -> float: ...
    @property
    def similarity(self) -> float: ...
    @property
    def gradient(self) -> F32: ...


class Similarity(Protocol):
    """Errors and SSIM against one target; see `gsic_kernels.cpu.similarity.Similarity`."""

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
    """A fit that stays on its device; see `gsic_kernels.gpu.resident.ResidentFit`."""

    def put(self, state: FitState) -> None: ...
    def get(self) -> FitState: ...
    def step(self, scale: float) -> SupportsFloat: ...
    def residual(self) -> F32: ...


@dataclass(frozen=True)
class Backend:
    """The functions of one device; they all take and return NumPy arrays."""

    name: str
    render_sum: RenderSum
    render_sum_bytes: RenderSumBytes
    render_sum_backward: RenderSumBackward
    SumLoss: Callable[..., SumLoss]
    render_alpha: RenderAlpha
    render_alpha_backward: RenderAlphaBackward
    Similarity: Callable[..., Similarity]
    Surrogate: Callable[..., Surrogate]
    # Only where leaving the device costs more than a step does; `gsic_kernels.gpu.resident` tells
    # how it is called.
    ResidentFit: Callable[..., ResidentFit] | None = None
    # `render_sum_bytes` of Gaussians that are dequantised where they are drawn.
    render_symbols_bytes: RenderSymbolsBytes | None = None
    # Where the pass that renders also evaluates the surrogate.
    TunedLoss: Callable[..., TunedLoss] | None = None


# "cpu-scalar" is the plain fallback of "cpu", kept selectable so that tests can hold one against
# the other.
_MODULES = {
    "cpu": "gsic_kernels.cpu.backend",
    "cpu-scalar": "gsic_kernels.cpu.backend",
    "cuda": "gsic_kernels.gpu.backend",
}

_DRIVER = "libcuda.so.1"
# The oldest compute capability that Triton compiles for.
_CAPABILITY = (7, 0)


def get(device: str = "auto") -> Backend:
    """Find the backend for a device.

    Args:
        device: "auto" (cuda where it works, else cpu), "cpu", "cpu-scalar" or "cuda".

    Returns:
        Its functions.

    Raises:
        BackendUnavailable: "cuda" was asked for and cannot be used; the message says why.
        ValueError: there is no such device.
    """
    missing = why_no_cuda() if device in ("auto", "cuda") else ""
    if device == "cuda" and missing:
        raise BackendUnavailable(missing)
    name = ("cpu" if missing else "cuda") if device == "auto" else device
    if name not in _MODULES:
        raise ValueError(f"device must be auto, cpu or cuda, got {device!r}")
    backend: Backend = importlib.import_module(_MODULES[name]).backend(name)
    return backend


def why_no_cuda() -> str:
    """Say what is missing for CUDA, nearest cause first, or nothing if it can be used.

    Imports torch, which takes seconds, only where there is a driver.
    """
    for package in ("torch", "triton"):
        if importlib.util.find_spec(package) is None:
            return f"device cuda needs {package}, which is not installed"
    try:
        ctypes.CDLL(_DRIVER)
    except OSError:
        return f"device cuda needs an NVIDIA GPU and its driver; {_DRIVER} is not found"
    torch: Any = importlib.import_module("torch")
    if torch.version.cuda is None:
        return f"device cuda needs torch with CUDA; torch {torch.__version__} was built without"
    if not torch.cuda.is_available():
        return "device cuda needs an NVIDIA GPU and its driver; torch finds none"
    capability = torch.cuda.get_device_capability()
    if capability < _CAPABILITY:
        needed, found = (".".join(map(str, pair)) for pair in (_CAPABILITY, capability))
        return f"device cuda needs a GPU of compute capability {needed} or more, this has {found}"
    return ""
