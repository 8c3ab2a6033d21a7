"""Decoding, step by step: bytes -> the symbols of a profile -> a picture -> pixels and a report."""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from gsic import container, devices, pixels, rendering
from gsic.arrays import Bytes
from gsic.coding import columns
from gsic.container import ICC, Container
from gsic.errors import LimitError, OptionError
from gsic.options import Limits, Region, count_threads, describe
from gsic.profiles import registry
from gsic.rendering import Picture
from gsic_kernels.backend import Backend


@dataclass(frozen=True)
class DecodeReport:
    """What `gsic decode --json` says of an image, but for the seconds of the whole command.

    Args:
        width, height, channels: of the decoded image.
        gaussians: number of Gaussians in the file.
        entropy_ms: from bytes to symbols.
        dequantise_ms: from symbols to what a kernel draws. Where kernels dequantise by themselves,
            that is part of `render_ms`.
        render_ms: from there to 8-bit pixels.
        total_ms: sum of the three.
        compile_ms: time that making or loading the kernels took, the first time in a process; it is
            no part of the other times.
    """

    width: int
    height: int
    channels: int
    gaussians: int
    entropy_ms: float
    dequantise_ms: float
    render_ms: float
    total_ms: float
    compile_ms: float

    def to_json(self) -> dict[str, Any]:
        """Return the report as a JSON object."""
        return dataclasses.asdict(self)


class Decoded(NamedTuple):
    """An image, its ICC profile, and a report."""

    image: Bytes
    icc: bytes | None
    report: DecodeReport


class Opened(NamedTuple):
    """A file that was read up to its symbols.

    Attributes:
        file: its container.
        picture: what to show of it.
        gaussians: number of Gaussians in the file.
        entropy_s: seconds from bytes to symbols.
        loading_s: seconds that making or loading the kernels for that took.
    """

    file: Container
    picture: Picture
    gaussians: int
    entropy_s: float
    loading_s: float


def open_file(data: bytes, scale: float, region: Region | None, limits: Limits) -> Opened:
    """Read the symbols of a file, to show a region of its image at a scale.

    Raises:
        FormatError, LimitError: the file cannot be decoded.
        OptionError: a scale or region out of its domain.
    """
    began = time.perf_counter()
    file = container.read(data, limits)
    profile = registry.find_by_number(file.profile)
    # A payload may hold a hundred Gaussians in a byte, each of which takes 240 bytes of memory.
    gaussians = profile.describe(file)["gaussians"]
    most = limits.most_gaussians(file.width * file.height)
    if gaussians > most:
        raise LimitError(f"parameters: {gaussians} Gaussians, the limit is {most}")
    found = time.perf_counter()
    columns.load()
    loading = time.perf_counter() - found
    symbols = profile.read(file)
    view = rendering.choose_view(file.width, file.height, scale, region, limits)
    picture = Picture(profile, symbols, file.mode, view)
    entropy = time.perf_counter() - began - loading
    return Opened(file, picture, profile.count(symbols), entropy, loading)


def decode_with_report(
    data: bytes,
    *,
    scale: float = 1.0,
    region: Region | None = None,
    device: str = "auto",
    threads: int | None = None,
    limits: Limits | None = None,
    out: Bytes | None = None,
) -> Decoded:
    """Decode a file to an image, and report the milliseconds of each stage.

    Args:
        data: the file.
        scale, region, device, threads, limits, out: as for `gsic.decode`.

    Raises:
        FormatError, LimitError, OptionError, BackendError: as for `gsic.decode`.
    """
    check_out(out)
    cores = count_threads(threads)
    file, picture, gaussians, entropy, loading = open_file(data, scale, region, limits or Limits())
    check_out_shape(out, picture)
    section = file.find_section(ICC)
    icc = container.unpack_icc(section) if section is not None else None
    began = time.perf_counter()

    def draw_on(backend: Backend) -> tuple[Bytes, float, float, float]:
        chosen = time.perf_counter()
        picture.prepare(backend)
        dequantise = time.perf_counter() - chosen
        rendering.warm_up(picture, backend)
        ready = time.perf_counter()
        image = picture.draw(backend, cores, out)
        return image, dequantise, ready, time.perf_counter()

    image, dequantise, ready, done = devices.run_on(device, draw_on)
    width, height = picture.view.window[2:]
    report = DecodeReport(
        width=width,
        height=height,
        channels=1 if image.ndim == 2 else image.shape[2],
        gaussians=gaussians,
        entropy_ms=1e3 * entropy,
        dequantise_ms=1e3 * dequantise,
        render_ms=1e3 * (done - ready),
        total_ms=1e3 * (entropy + dequantise + done - ready),
        compile_ms=1e3 * (loading + ready - began - dequantise),
    )
    return Decoded(image, icc, report)


def check_out(out: Any) -> None:
    """Refuse what pixels cannot be written to; None is a new array.

    Raises:
        OptionError: not a uint8 array that is C-contiguous and can be written to.
    """
    if out is None:
        return
    if not (isinstance(out, np.ndarray) and out.dtype == np.uint8):
        raise OptionError(f"out must be an array of uint8 or None, got {_describe_array(out)}")
    if not (out.flags.c_contiguous and out.flags.writeable):
        raise OptionError(f"out must be C-contiguous and writeable, got {_describe_array(out)}")


def check_out_shape(out: Bytes | None, picture: Picture) -> None:
    """Refuse an array that has another shape than the image that is drawn.

    Raises:
        OptionError: it has; the message names both shapes.
    """
    if out is None:
        return
    _, _, width, height = picture.view.window
    shape = pixels.shape_of_image(picture.mode, width, height)
    if out.shape != shape:
        raise OptionError(f"out must be of shape {shape} for this image, got {out.shape}")


def _describe_array(value: Any) -> str:
    if not isinstance(value, np.ndarray):
        return describe(value)
    kind = "an" if value.flags.writeable else "a read-only"
    strides = "" if value.flags.c_contiguous else f", strides {describe(value.strides)}"
    return f"{kind} array of {describe(value.dtype)}, shape {describe(value.shape)}{strides}"
