"""The steps of encoding: image -> planes -> a fit that is coded again and again -> a file."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gsic import container, devices, metrics, pixels, resampling
from gsic.container import ICC, Container, Mode, Section
from gsic.decoder import Picture, decode_report
from gsic.errors import InputError
from gsic.options import EncodeOptions, Limits, thread_count
from gsic.profiles import catalog
from gsic.profiles.profile import Profile
from gsic_kernels.cpu.compiling import compile_seconds
from gsic_kernels.registry import Backend

if TYPE_CHECKING:
    from gsic.fit.encoding import Encoding
    from gsic.fit.goal import Coded
    from gsic.fit.result import Fit

Bytes = NDArray[np.uint8]
Progress = Callable[[int, int, str], None]


class Encoded(NamedTuple):
    """A file, and what `gsic encode --json` says of it; what is not finite is None."""

    data: bytes
    report: dict[str, Any]


def encode_report(
    image: Bytes,
    options: EncodeOptions,
    *,
    init: Fit | None = None,
    icc: bytes | None = None,
    device: str = "auto",
    threads: int | None = None,
    progress: Progress | None = None,
) -> Encoded:
    """Return an image as a file, with a report.

    Args:
        image, init, icc, device, threads, progress: as for `gsic.encode`.
        options: the rate and how to reach it.

    Raises:
        InputError, BackendError: as for `gsic.encode`.
    """
    began, compiled = time.perf_counter(), compile_seconds()
    mode = pixels.mode_of(image)
    planes = pixels.coded(image, mode)
    target = pixels.comparable(image)
    sections = (Section(ICC, icc),) if icc else ()
    cores = thread_count(threads)
    _check_start(init, planes.shape)

    profile = catalog.named(options.profile)

    from gsic.fit.encoders import encoder
    from gsic.fit.goal import Coded

    def encoding_on(backend: Backend) -> tuple[Encoding, str]:
        def code(quantised: Any) -> Coded:
            """The exact file of an image, and the PSNR of what a decoder shows of it."""
            file = _file(profile, quantised, planes.shape, mode, sections)
            view = resampling.view(file.width, file.height, 1.0, None, Limits())
            shown = Picture(profile, profile.read(file), mode, view).draw(backend, cores)
            return Coded(container.write(file), metrics.psnr(target, pixels.comparable(shown)))

        encode = encoder(profile.name)
        encoding = encode(
            planes, options, code, init=init, backend=backend, threads=cores, progress=progress
        )
        return encoding, backend.name

    encoding, device = devices.run(device, encoding_on)
    decoded = decode_report(encoding.data, device=device, threads=cores)
    shown = pixels.comparable(decoded.image)
    height, width = image.shape[:2]
    compiled = compile_seconds() - compiled
    return Encoded(
        encoding.data,
        {
            "bytes": len(encoding.data),
            "bpp": 8 * len(encoding.data) / (width * height),
            "psnr": _finite(metrics.psnr(target, shown)),
            "psnr_float": _finite(encoding.psnr_float),
            "ms_ssim": metrics.ms_ssim(target, shown),
            "gaussians": decoded.report["gaussians"],
            "iterations": encoding.iterations,
            "seconds": time.perf_counter() - began - compiled,
            "compile_seconds": compiled,
            "profile": options.profile,
            "device": device,
        },
    )


def _file(
    profile: Profile,
    quantised: Any,
    shape: tuple[int, ...],
    mode: Mode,
    sections: tuple[Section, ...],
) -> Container:
    """The content of the file of an image whose planes have this shape."""
    height, width, _ = shape
    return Container(profile.number, width, height, mode, *profile.write(quantised), sections)


def _check_start(init: Fit | None, shape: tuple[int, ...]) -> None:
    if init is None:
        return
    height, width, channels = shape
    start = init.width, init.height, init.color.shape[1]
    if start != (width, height, channels):
        raise InputError(
            f"init: a fit of {start[0]}x{start[1]} pixels and {start[2]} channels cannot start one "
            f"of {width}x{height} pixels and {channels} channels"
        )


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
