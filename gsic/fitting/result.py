"""The result of a float fit: the Gaussians of one image, and their `.npz` file."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gsic.arrays import Float64
from gsic.errors import InputError
from gsic.files import read_bytes, write_bytes_atomically
from gsic.fitting import npz
from gsic.fitting.report import FitReport
from gsic.gaussians import COVARIANCES, LogCovariance, compute_factor
from gsic.options import MAX_GAUSSIANS, describe
from gsic_kernels.constants import MAX_SIDE_PX

VERSION = 1

_ARRAYS = ("mean", "theta", "color", "background")
_OPTIONAL = {"opacity"}
_KEYS = {"version", "covariance", "size", "history_step", "history_psnr", "report", *_ARRAYS}


class Gaussians(NamedTuple):
    """N Gaussians as arrays, float64."""

    mean: Float64  # (N, 2) px: x to the right, y down, from the image's top-left corner
    covariance: Float64  # (N, 2, 2) px^2, rows and columns in the order x, y
    color: Float64  # (N, C) 1.0 = full scale, not limited to 0..1; premultiplied by alpha


class FittedGaussians(NamedTuple):
    """N Gaussians as an optimiser leaves them; the fields are those of `Fit`."""

    mean: Float64
    theta: Float64
    color: Float64
    background: Float64
    opacity: Float64 | None
    history: list[tuple[int, float]]  # the last entry is that of the finished fit


@dataclass(frozen=True, eq=False)
class Fit:
    """Float Gaussians that draw one image, added to a background or blended over it.

    Args:
        covariance: parameterisation of `theta`, a name of `gsic.gaussians.COVARIANCES`.
        mean: float64 (N, 2), px.
        theta: float64 (N, 3), parameters of the covariances.
        color: float64 (N, C), 1.0 = full scale, C = 1..4.
        background: float64 (C,), 1.0 = full scale.
        width, height: size of the image, px.
        history: (step, PSNR in dB) of the float rendering, in the order of the steps.
        report: how the fit came about.
        opacity: float64 (N,), 0..1, of Gaussians that are blended, the first in front; None for
            Gaussians that are added up.

    Raises:
        InputError: a value of another type, shape or range; the message names it.
    """

    covariance: str
    mean: Float64
    theta: Float64
    color: Float64
    background: Float64
    width: int
    height: int
    history: list[tuple[int, float]]
    report: FitReport
    opacity: Float64 | None = None

    def __post_init__(self) -> None:
        self.check()

    def check(self) -> None:
        """Refuse values of another type, shape or range than the fields have.

        Raises:
            InputError: as for the class.
        """
        for side in (self.width, self.height):
            if not (isinstance(side, int) and 1 <= side <= MAX_SIDE_PX):
                sides = f"{describe(self.width)} x {describe(self.height)}"
                raise InputError(f"a fit of {sides} pixels")
        for name in (*_ARRAYS, *_OPTIONAL):
            value = getattr(self, name)
            if not isinstance(value, np.ndarray) and not (value is None and name in _OPTIONAL):
                raise InputError(f"{name} must be a float64 array, got {describe(value)}")
        count = self.mean.shape[0] if self.mean.ndim else 0
        channels = self.background.shape[0] if self.background.ndim else 0
        if count > MAX_GAUSSIANS:
            raise InputError(f"{count} Gaussians; {MAX_GAUSSIANS} is the most")
        if not 1 <= channels <= 4:
            raise InputError(f"background must have 1 to 4 values, got {self.background.shape}")
        shapes = ((count, 2), (count, 3), (count, channels), (channels,))
        for name, shape in zip(_ARRAYS, shapes, strict=True):
            _check_array(name, getattr(self, name), shape)
        if self.opacity is not None:
            _check_array("opacity", self.opacity, (count,))
            if not ((self.opacity >= 0.0) & (self.opacity <= 1.0)).all():
                raise InputError("opacity must be from 0 to 1")
        _check_covariances(self.covariance, self.theta)
        _check_history(self.history)
        for name, held in (("gaussians", count), ("covariance", self.covariance)):
            if getattr(self.report, name) != held:
                raise InputError(f"report tells of another {name} than the arrays")

    @property
    def gaussians(self) -> Gaussians:
        """The Gaussians with their covariance matrices, whatever the parameterisation."""
        s12, s22, det = COVARIANCES[self.covariance].entries(self.theta)
        s11 = (det + s12 * s12) / s22
        matrices = np.stack((s11, s12, s12, s22), axis=1).reshape(-1, 2, 2)
        return Gaussians(self.mean, matrices, self.color)

    @property
    def psnr(self) -> float:
        """PSNR of the clamped float rendering in dB, infinite where it is exact."""
        return math.inf if self.report.psnr is None else float(self.report.psnr)

    def log_rows(self) -> Float64:
        """Return the Gaussians with `log` covariances, float64 (N, 5 + C): mean, m, u, v, colour.

        Raises:
            InputError: the Gaussians are blended, which no sum of them draws.
        """
        if self.opacity is not None:
            raise InputError("init: a fit of blended Gaussians; profile gsic adds them up")
        theta = LogCovariance().from_entries(COVARIANCES[self.covariance].entries(self.theta))
        return np.concatenate((self.mean, theta, self.color), axis=1)

    def save(self, file: BinaryIO | str | Path) -> None:
        """Write the fit as an uncompressed `.npz` file.

        Args:
            file: a binary file object, or a path. The file of a path is written atomically.
        """
        steps, values = zip(*self.history, strict=True) if self.history else ((), ())
        data = npz.write(
            {
                "version": np.int64(VERSION),
                "covariance": np.str_(self.covariance),
                **{name: getattr(self, name) for name in _ARRAYS},
                **({} if self.opacity is None else {"opacity": self.opacity}),
                "size": np.array([self.width, self.height], np.int64),
                "history_step": np.array(steps, np.int64),
                "history_psnr": np.array(values, np.float64),
                "report": np.str_(json.dumps(self.report.to_json(), allow_nan=False)),
            }
        )
        if isinstance(file, (str, Path)):
            write_bytes_atomically(file, data)
        else:
            file.write(data)

    @classmethod
    def load(cls, file: BinaryIO | str | Path) -> Fit:
        """Read a fit that `save` wrote.

        Args:
            file: a binary file object, read to its end, or a path.

        Raises:
            InputError: the file is missing, or it is not the file of a fit.
        """
        if not isinstance(file, (str, Path)):
            return cls._parse(file.read())
        try:
            return cls._parse(read_bytes(file))
        except InputError as error:
            named = str(error).startswith(str(file))
            raise error if named else InputError(f"{file}: {error}") from error

    @classmethod
    def _parse(cls, data: bytes) -> Fit:
        arrays = npz.read(data)
        version = _take_values(arrays, "version", np.int64, 0).item()
        if version != VERSION:
            raise InputError(f"a fit of version {version}; this gsic knows version {VERSION}")
        if arrays.keys() - _OPTIONAL != _KEYS:
            names = sorted(map(repr, (arrays.keys() - _OPTIONAL) ^ _KEYS))
            more = f" and {len(names) - 4} more" if len(names) > 4 else ""
            raise InputError(f"missing or unknown arrays: {', '.join(names[:4])}{more}")
        size = _take_values(arrays, "size", np.int64, 1).tolist()
        steps = _take_values(arrays, "history_step", np.int64, 1).tolist()
        psnrs = _take_values(arrays, "history_psnr", np.float64, 1).tolist()
        if len(size) != 2 or len(steps) != len(psnrs):
            raise InputError("size must hold 2 values, history_step as many as history_psnr")
        return cls(
            covariance=_take_text(arrays, "covariance"),
            mean=arrays["mean"],
            theta=arrays["theta"],
            color=arrays["color"],
            background=arrays["background"],
            width=size[0],
            height=size[1],
            history=list(zip(steps, psnrs, strict=True)),
            report=_parse_report(_take_text(arrays, "report")),
            opacity=arrays.get("opacity"),
        )


def _check_array(name: str, value: NDArray[Any], shape: tuple[int, ...]) -> None:
    if value.dtype != np.float64 or value.shape != shape:
        got = f"{value.dtype} {value.shape}"
        raise InputError(f"{name} must be float64 {shape}, got {got}")
    if not _fits_float32(value):
        raise InputError(f"{name} holds values that are not finite in float32")


def _fits_float32(value: Float64) -> bool:
    """Whether all values are finite in float32, which kernels take."""
    return bool((np.abs(value) <= np.finfo(np.float32).max).all())


def _check_covariances(name: str, theta: Float64) -> None:
    if name not in COVARIANCES:
        known = ", ".join(COVARIANCES)
        raise InputError(f"covariance must be one of {known}, got {name[:40]!r}")
    with np.errstate(all="ignore"):
        entries = COVARIANCES[name].entries(theta)
        factor = compute_factor(entries)
        positive = (entries.s22 > 0.0).all() and (entries.det > 0.0).all()
        if not (positive and _fits_float32(np.stack(entries)) and _fits_float32(factor)):
            raise InputError("theta holds covariances that are singular or not finite in float32")


def _check_history(history: list[tuple[int, float]]) -> None:
    steps = [step for step, _ in history]
    if steps != sorted(set(steps)) or min(steps, default=0) < 0:
        raise InputError("history must be in the order of its steps, from 0")
    if any(math.isnan(psnr) for _, psnr in history):
        raise InputError("history holds a PSNR that is not a number")


def _take_values(arrays: dict[str, NDArray[Any]], name: str, dtype: Any, axes: int) -> NDArray[Any]:
    """Return the array `name`, and refuse another type or number of axes."""
    value = arrays.get(name)
    if value is None or value.dtype != dtype or value.ndim != axes:
        raise InputError(f"not a fit: {name} must be {np.dtype(dtype)} of {axes} axes")
    return value


def _take_text(arrays: dict[str, NDArray[Any]], name: str) -> str:
    """Return the array `name` as one text."""
    value = arrays[name]
    try:
        if value.dtype.kind != "U" or value.ndim:
            raise ValueError
        return str(value.tobytes().decode("utf-32-le").rstrip("\0"))
    except ValueError as error:
        raise InputError(f"{name} must be one text") from error


def _parse_report(text: str) -> FitReport:
    try:
        report = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError("report is not JSON") from error
    if not isinstance(report, dict):
        raise InputError("report must be a JSON object")
    return FitReport.from_json(report)
