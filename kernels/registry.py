"""Which backend renders on which device."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from gsic_kernels.checks import F32, AlphaGradients, Blended, Gradients, Splats, Window


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


# "cpu-scalar" is the plain fallback of "cpu", kept selectable so that tests can hold one against
# the other.
_MODULES = {"cpu": "gsic_kernels.cpu.backend", "cpu-scalar": "gsic_kernels.cpu.backend"}


def get(device: str = "auto") -> Backend:
    """Find the backend for a device.

    Args:
        device: "auto" (the fastest that works here), "cpu", "cpu-scalar" or "cuda".

    Returns:
        Its functions.

    Raises:
        BackendUnavailable: "cuda" was asked for and cannot be used; the message says why.
        ValueError: there is no such device.
    """
    if device == "cuda":
        raise BackendUnavailable(_why_no_cuda())
    name = "cpu" if device == "auto" else device
    if name not in _MODULES:
        raise ValueError(f"device must be auto, cpu or cuda, got {device!r}")
    backend: Backend = importlib.import_module(_MODULES[name]).backend(name)
    return backend


def _why_no_cuda() -> str:
    """Say what is missing for CUDA, nearest cause first. Imports torch."""
    for package in ("torch", "triton"):
        if importlib.util.find_spec(package) is None:
            return f"device cuda needs {package}, which is not installed"
    torch: Any = importlib.import_module("torch")
    if torch.version.cuda is None:
        return f"device cuda needs torch with CUDA; torch {torch.__version__} was built without"
    if not torch.cuda.is_available():
        return "device cuda needs an NVIDIA GPU and its driver; torch finds none"
    return "device cuda: this version of gsic has no GPU kernels"
