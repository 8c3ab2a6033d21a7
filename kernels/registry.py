"""Which backend renders on which device."""

from __future__ import annotations

import ctypes
import importlib
import importlib.util
from typing import Any

from gsic_kernels.backend import Backend, BackendUnavailable

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
