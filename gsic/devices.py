"""Chooses the backend of a device, and lets the CPU take over where a GPU fails."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import cache
from typing import TypeVar

from gsic.errors import BackendError
from gsic.options import DEVICES, check_one_of
from gsic_kernels import registry
from gsic_kernels.backend import Backend, BackendUnavailable

# Told here: the chosen device at level INFO, and at WARNING a device that fails at work.
_log = logging.getLogger("gsic")

_Result = TypeVar("_Result")


def choose_backend(device: str) -> Backend:
    """Return the kernels of a device.

    Args:
        device: "auto" (a GPU where there is one that works, else the CPU), "cpu" or "cuda".

    Raises:
        OptionError: no such device.
        BackendError: "cuda" cannot be used; the message says why.
    """
    check_one_of("device", device, DEVICES)
    if device == "auto":
        return _choose_automatically()
    try:
        return registry.get(device)
    except BackendUnavailable as error:
        raise BackendError(str(error)) from error


@cache
def _choose_automatically() -> Backend:
    missing = registry.why_no_cuda()
    if not missing:
        _log.info("using the GPU")
        return registry.get("cuda")
    _log.info("using the CPU: %s", missing)
    return registry.get("cpu")


def run_on(device: str, work: Callable[[Backend], _Result]) -> _Result:
    """Run work on a device; with "auto" the CPU takes over where the GPU fails.

    Args:
        device: as for `choose_backend`.
        work: is called with the kernels, and again from the start if the CPU takes over.

    Raises:
        BackendError: the device cannot be used, or has too little memory.
    """
    kernels = choose_backend(device)
    try:
        return work(kernels)
    except BackendUnavailable as error:
        if device != "auto":
            raise BackendError(str(error)) from error
        _log.warning("%s; using the CPU", error)
    return work(registry.get("cpu"))
