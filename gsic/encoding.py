"""Encoding, step by step: image -> planes -> the encoder of a profile -> a file and a report."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from gsic import container, devices, metrics, pixels, rendering
from gsic.arrays import Bytes, Progress
from gsic.container import ICC, Container, Section
from gsic.decoding import decode_with_report
from gsic.encoders.base import Coded, EncodeJob, Encoding
from gsic.encoders.registry import find_encoder
from gsic.errors import InputError, OptionError
from gsic.options import (
    DEVICES,
    EncodeOptions,
    Limits,
    check_one_of,
    check_progress,
    count_threads,
    describe,
)
from gsic.profiles import registry
from gsic_kernels.backend import Backend
from gsic_kernels.cpu.runtime.compiling import compile_seconds

if TYPE_CHECKING:
    from gsic.fitting.result import Fit


@dataclass(frozen=True)
class EncodeReport:
    """What `gsic encode --json` says of a file; None stands for what is not finite.

    Args:
        bytes: size of the file.
        bpp: bits of the file per pixel.
        psnr: dB, of the 8-bit image that a decoder makes.
        psnr_float: dB, of the clamped rendering before it is rounded to 8 bits.
        ms_ssim: of the 8-bit image; None for sides of 160 pixels or fewer.
        gaussians: number of Gaussians in the file.
        iterations: number of optimiser steps.
        effort: the effort that was asked for; where a time was, the highest one that ends in it.
        seconds: wall time without the compilation of kernels.
        compile_seconds: wall time of the compilation of kernels.
        profile: name of the profile.
        device: name of the backend that was used.
    """

    bytes: int
    bpp: float
    psnr: float | None
    psnr_float: float | None
    ms_ssim: float | None
    gaussians: int
    iterations: int
    effort: int
    seconds: float
    compile_seconds: float
    profile: str
    device: str

    def to_json(self) -> dict[str, Any]:
        """Return the report as a JSON object."""
        return dataclasses.asdict(self)


class Encoded(NamedTuple):
    """A file and its report."""

    data: bytes
    report: EncodeReport


def encode_with_report(
    image: Bytes,
    options: EncodeOptions,
    *,
    init: Fit | None = None,
    icc: bytes | None = None,
    device: str = "auto",
    threads: int | None = None,
    progress: Progress | None = None,
) -> Encoded:
    """Encode an image to a file, and report on it.

    Args:
        image, init, icc, device, threads, progress: as for `gsic.encode`.
        options: the rate and how to reach it.

    Raises:
        InputError, BackendError: as for `gsic.encode`.
    """
    began, compiled = time.perf_counter(), compile_seconds()
    check_one_of("device", device, DEVICES)
    check_progress(progress)
    if icc is not None and not isinstance(icc, (bytes, bytearray, memoryview)):
        raise OptionError(f"icc must be bytes or None, got {describe(icc)}")
    mode = pixels.choose_mode(image)
    image = np.asarray(image)  # a subclass may have arithmetic of its own
    planes = pixels.Planes(image, mode)
    _check_init(init, planes.shape)
    sections = (Section(ICC, container.pack_icc(bytes(icc))),) if icc else ()
    cores = count_threads(threads)
    profile = registry.find_by_name(options.profile)
    original = pixels.to_comparable(image)
    height, width, _ = planes.shape

    def encode_on(backend: Backend) -> tuple[Encoding, str]:
        def code(symbols: Any) -> Coded:
            """Make the exact file of an image."""
            fields = profile.write(symbols)
            file = Container(profile.number, width, height, mode, *fields, sections)
            return Coded(container.write(file), lambda: measure_psnr(file))

        def measure_psnr(file: Container) -> float:
            """Measure what a decoder makes of a file."""
            view = rendering.choose_view(width, height, 1.0, None, Limits())
            # Read back what was written: the PSNR is that of the file, not of the encoder's state.
            picture = rendering.Picture(profile, profile.read(file), mode, view)
            decoded = picture.draw(backend, cores)
            return metrics.psnr(original, pixels.to_comparable(decoded))

        job = EncodeJob(planes, options, code, init, backend, cores, progress)
        return find_encoder(profile.name)(job), backend.name

    with _naming_the_profile(sections):
        encoding, device = devices.run_on(device, encode_on)
    decoded = decode_with_report(encoding.data, device=device, threads=cores)
    shown = pixels.to_comparable(decoded.image)
    compiled = compile_seconds() - compiled
    report = EncodeReport(
        bytes=len(encoding.data),
        bpp=8 * len(encoding.data) / (width * height),
        psnr=_finite(metrics.psnr(original, shown)),
        psnr_float=_finite(encoding.psnr_float),
        ms_ssim=metrics.ms_ssim(original, shown),
        gaussians=decoded.report.gaussians,
        iterations=encoding.iterations,
        effort=encoding.effort,
        seconds=time.perf_counter() - began - compiled,
        compile_seconds=compiled,
        profile=options.profile,
        device=device,
    )
    return Encoded(encoding.data, report)


@contextmanager
def _naming_the_profile(sections: tuple[Section, ...]) -> Iterator[None]:
    """Let the error of a rate out of reach say what the ICC profile takes of the file."""
    try:
        yield
    except InputError as error:
        if sections and not isinstance(error, OptionError):
            taken = len(sections[0].data)
            error.args = (f"{error}; {taken} bytes of it are the ICC profile",)
        raise


def _check_init(init: Fit | None, shape: tuple[int, ...]) -> None:
    """Refuse what is no fit, and a fit of another size than the planes, (H, W, C)."""
    if init is None:
        return
    from gsic.fitting.result import Fit

    if not isinstance(init, Fit):
        raise InputError(f"init: a fit or None is needed, got {describe(init)}")
    init.check()  # its arrays may have been changed
    height, width, channels = shape
    given = init.width, init.height, init.color.shape[1]
    if given != (width, height, channels):
        raise InputError(
            f"init: a fit of {given[0]}x{given[1]} pixels and {given[2]} channels cannot start one "
            f"of {width}x{height} pixels and {channels} channels"
        )


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
