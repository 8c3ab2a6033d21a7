"""Small fits, their files, and what a refusal has to look like."""

import io
import math
import time
from dataclasses import fields
from typing import Any

import numpy as np
import pytest

from gsic.errors import InputError, OptionError
from gsic.fitting.report import FitReport
from gsic.fitting.result import Fit
from gsic.gaussians import COVARIANCES


def fit_of(
    count: int = 6, channels: int = 3, covariance: str = "log", seed: int = 0, **changes: Any
) -> Fit:
    rng = np.random.default_rng(seed)
    theta = COVARIANCES[covariance].from_sigmas(rng.uniform(0.5, 9, count))
    report = {
        "gaussians": count,
        "iterations": 100,
        "psnr": 31.25,
        "loss": "l1+ssim",
        "covariance": covariance,
        "seconds": 1.5,
        "compile_seconds": 0.0,
        "device": "cpu",
    }
    values = {
        "covariance": covariance,
        "mean": rng.uniform(-8, 60, (count, 2)),
        "theta": theta + rng.normal(0, 0.1, (count, 3)),
        "color": rng.normal(0, 0.3, (count, channels)),
        "background": rng.uniform(0, 1, channels),
        "width": 48,
        "height": 32,
        "history": [(0, 12.5), (50, 30.0), (100, math.inf)],
        "report": report,
    }
    values |= changes
    if isinstance(values["report"], dict):
        values["report"] = FitReport.from_json(values["report"])
    return Fit(**values)


def saved(fit: Fit) -> bytes:
    buffer = io.BytesIO()
    fit.save(buffer)
    return buffer.getvalue()


def load(data: bytes) -> Fit:
    return Fit.load(io.BytesIO(data))


def arrays_of(fit: Fit) -> dict[str, Any]:
    with np.load(io.BytesIO(saved(fit)), allow_pickle=False) as arrays:
        return dict(arrays)


def packed(arrays: dict[str, Any], **options: Any) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays, **options)
    return buffer.getvalue()


def same(one: Fit, other: Fit) -> bool:
    for field in fields(Fit):
        a, b = getattr(one, field.name), getattr(other, field.name)
        if isinstance(a, np.ndarray):
            if a.dtype != b.dtype or not np.array_equal(a, b):
                return False
        elif a != b or type(a) is not type(b):
            return False
    return True


def refuse(data: bytes, cause: str = "") -> str:
    """Loading must raise InputError with one line, soon."""
    began = time.process_time()
    with pytest.raises(InputError) as caught:
        load(data)
    assert time.process_time() - began < 1.0
    message = str(caught.value)
    assert not isinstance(caught.value, OptionError)  # a bad file is not a bad option
    assert message
    assert len(message.splitlines()) == 1
    assert len(message) < 400
    assert cause in message, message
    return message


def loaded_or_refused(data: bytes) -> Fit | None:
    """The fit, or None where it is refused in one line; nothing else may happen."""
    try:
        return load(data)
    except InputError as error:
        message = str(error)
    assert len(message.splitlines()) == 1
    return None
