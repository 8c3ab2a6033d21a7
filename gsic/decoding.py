"""Decoding, step by step: bytes -> the symbols of a profile -> a picture -> pixels and a report."""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass
from typing import Any, NamedTuple

from gsic import container, devices, rendering
from gsic.arrays import Bytes
from gsic.coding import columns
from gsic.container import ICC, Container
from gsic.errors import LimitError
from gsic.options import Limits, Region, count_threads
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
        dequantise_ms: from symbols to what a kernel draws. Where a GPU dequantises, that is part of
            `render_ms`.
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
) -> Decoded:
    """Decode a file to an image, and report the milliseconds of each stage.

    Args:
        data: the file.
        scale, region, device, threads, limits: as for `gsic.decode`.

    Raises:
        FormatError, LimitError, OptionError, BackendError: as for `gsic.decode`.
    """
    cores = count_threads(threads)
    file, picture, gaussians, entropy, loading = open_file(data, scale, region, limits or Limits())
    section = file.find_section(ICC)
    icc = container.unpack_icc(section) if section is not None else None
    began = time.perf_counter()

    def draw_on(backend: Backend) -> tuple[Bytes, float, float, float]:
        chosen = time.perf_counter()
        picture.prepare(backend)
        dequantise = time.perf_counter() - chosen
        rendering.warm_up(picture, backend)
        ready = time.perf_counter()
        image = picture.draw(backend, cores)
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
