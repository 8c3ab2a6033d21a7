"""Find the backend that renders on a device."""

from __future__ import annotations

import ctypes
import importlib
import importlib.util
from typing import Any

from gsic_kernels.backend import Backend, BackendUnavailable
from gsic_kernels.cpu.runtime import forks

_MODULES = {
    "cpu": "gsic_kernels.cpu.backend",
    "cuda": "gsic_kernels.gpu.backend",
}

_DRIVER = "libcuda.so.1"
# The oldest compute capability that Triton compiles for.
_CAPABILITY = (7, 0)


def get(device: str = "auto") -> Backend:
    """Return the backend of a device.

    Args:
        device: "auto" (cuda where it works, else cpu), "cpu" or "cuda".

    Returns:
        The functions of the device.

    Raises:
        BackendUnavailable: `device` is "cuda", which cannot be used here; the message says why.
        ValueError: `device` is none of these.
    """
    missing = why_no_cuda() if device in ("auto", "cuda") else ""
    if device == "cuda" and missing:
        raise BackendUnavailable(missing)
    name = ("cpu" if missing else "cuda") if device == "auto" else device
    if name not in _MODULES:
        raise ValueError(f"device must be auto, cpu or cuda, got {device!r}")
    with forks.no_forks():  # modules of the CPU import Numba
        backend: Backend = importlib.import_module(_MODULES[name]).backend()
    return backend


def why_no_cuda() -> str:
    """Name the first thing that is missing for CUDA.

    The checks go from cheap to expensive: torch, whose import takes seconds, is imported only where
    there is a driver.

    Returns:
        A sentence for the user, or an empty string if CUDA can be used.
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


def name_of_gpu() -> str:
    """Return the name of the GPU that CUDA uses, where `why_no_cuda` finds nothing missing."""
    torch: Any = importlib.import_module("torch")
    return str(torch.cuda.get_device_name())
