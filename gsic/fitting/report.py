"""The report on a float fit: what `gsic fit --json` prints and what an `.npz` file keeps."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from gsic.errors import InputError

Scalar: TypeAlias = str | int | float | None

# The types of the values that every report has. PSNR is None where the fit is exact.
_REQUIRED: Mapping[str, tuple[type, ...]] = {
    "gaussians": (int,),
    "iterations": (int,),
    "psnr": (int, float, type(None)),
    "loss": (str,),
    "covariance": (str,),
    "seconds": (int, float),
    "compile_seconds": (int, float),
    "device": (str,),
}

# The types of the values that reports of older files lack.
_OPTIONAL: Mapping[str, tuple[type, ...]] = {
    "blend": (str,),
    "optimizer": (str,),
    "parameters": (int,),
}


@dataclass(frozen=True)
class FitReport:
    """How a fit came about.

    Args:
        gaussians: number of Gaussians N.
        iterations: number of optimiser steps.
        psnr: dB, of the clamped float rendering; None where it is exact.
        loss: one of `gsic.options.LOSSES`.
        covariance: one of `gsic.options.COVARIANCES`.
        seconds: wall time without the compilation of kernels.
        compile_seconds: wall time of the compilation of kernels.
        device: name of the backend that was used.
        blend: one of `gsic.options.BLENDS`; None if unknown.
        optimizer: one of `gsic.options.OPTIMIZERS`; None if unknown.
        parameters: number of optimised values; None if unknown.
        extra: further values by name, which other programs added to the file of a fit.

    Raises:
        InputError: a value of another type, or one that is not finite; the message names it.
    """

    gaussians: int
    iterations: int
    psnr: float | None
    loss: str
    covariance: str
    seconds: float
    compile_seconds: float
    device: str
    blend: str | None = None
    optimizer: str | None = None
    parameters: int | None = None
    extra: Mapping[str, Scalar] = field(default_factory=dict)

    def __post_init__(self) -> None:
        values = self.to_json()
        for name, types in _REQUIRED.items():
            if isinstance(values[name], bool) or not isinstance(values[name], types):
                raise InputError(f"report has a {name} of type {type(values[name]).__name__}")
        for name, value in values.items():
            if not isinstance(value, (str, int, float, type(None))):
                raise InputError(f"report has a {name[:40]} of type {type(value).__name__}")
            if isinstance(value, float) and not math.isfinite(value):
                raise InputError(f"report has a {name[:40]} that is not finite")

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> FitReport:
        """Make a report from a JSON object.

        Args:
            values: the values of `to_json`; those that are not fields are kept in `extra`.

        Raises:
            InputError: a value is missing, or it does not fit; the message names it.
        """
        for name in _REQUIRED:
            if name not in values:
                raise InputError(f"report lacks {name}")
        known = {name: values[name] for name in _REQUIRED}
        # Older versions checked none of the optional values: one of another type is kept as it is.
        known |= {
            name: values[name]
            for name, types in _OPTIONAL.items()
            if isinstance(values.get(name), types)
        }
        extra = {name: value for name, value in values.items() if name not in known}
        return cls(**known, extra=extra)

    def to_json(self) -> dict[str, Any]:
        """Return the report as a JSON object, without the values that are unknown."""
        names = (
            *("gaussians", "iterations", "psnr", "loss", "covariance", "blend", "optimizer"),
            *("parameters", "seconds", "compile_seconds", "device"),
        )
        values = {name: getattr(self, name) for name in names}
        known = {
            name: value
            for name, value in values.items()
            if name not in _OPTIONAL or value is not None
        }
        return known | dict(self.extra)
