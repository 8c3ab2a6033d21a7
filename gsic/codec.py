"""Encode and decode: the glue between the parts, a pixel's way to a file and back.

image -> pixels -> fit -> profiles (symbols) -> coding (bits) -> container -> file
file -> container -> coding -> profiles -> resampling -> kernels -> pixels -> image
"""

from __future__ import annotations

import math
import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gsic import container, devices, metrics, pixels, resampling
from gsic.container import COMMENT, ICC, Container, Mode, Section
from gsic.decoder import Picture, opened, warm
from gsic.errors import InputError
from gsic.files import read_bytes
from gsic.options import (
    EncodeOptions,
    FitOptions,
    Limits,
    Region,
    Settings,
    thread_count,
)
from gsic.profiles import catalog
from gsic.profiles.profile import Profile
from gsic_kernels.cpu.compiling import compile_seconds
from gsic_kernels.registry import Backend

if TYPE_CHECKING:
    from gsic.fit.encoding import Encoding
    from gsic.fit.goals import Coded
    from gsic.fit.result import Fit

Bytes = NDArray[np.uint8]
Source = bytes | str | os.PathLike[str]
Progress = Callable[[int, int, str], None]

# Threads of `decode_many` that read files, at most.
_READERS = 4


class Encoded(NamedTuple):
    """A file, and what `gsic encode --json` says of it; what is not finite is None."""

    data: bytes
    report: dict[str, Any]


class Decoded(NamedTuple):
    """An image, its ICC profile, and what `gsic decode --json` says."""

    image: Bytes
    icc: bytes | None
    report: dict[str, Any]


def encode(
    image: Bytes,
    *,
    quality: int | None = None,
    bpp: float | None = None,
    max_bytes: int | None = None,
    psnr: float | None = None,
    gaussians: int | None = None,
    profile: str = "gsic",
    effort: int = 5,
    tune: str = "psnr",
    seed: int = 0,
    init: Fit | None = None,
    settings: Settings | None = None,
    device: str = "auto",
    threads: int | None = None,
    icc: bytes | None = None,
    progress: Progress | None = None,
) -> bytes:
    """Return an image as the bytes of a `.gsi` file.

    Args:
        image: uint8 (H, W), (H, W, 2), (H, W, 3) or (H, W, 4); alpha last, not premultiplied.
        quality, bpp, max_bytes, psnr, gaussians: at most one of them; see `EncodeOptions`.
        profile, effort, tune, seed, settings: see `EncodeOptions`.
        init: a fit of this image to continue from.
        device: "auto", "cpu" or "cuda".
        threads: CPU threads; None for every core.
        icc: an ICC profile to keep in the file.
        progress: called with (done, total, text) now and then.

    Raises:
        InputError: not such an image; `OptionError`, one of its kind: an option out of its domain.
        BackendError: the device cannot be used.
    """
    options = EncodeOptions(
        quality=quality,
        bpp=bpp,
        max_bytes=max_bytes,
        psnr=psnr,
        gaussians=gaussians,
        profile=profile,
        effort=effort,
        tune=tune,
        seed=seed,
        settings=settings or {},
    )
    encoded = encode_report(
        image, options, init=init, icc=icc, device=device, threads=threads, progress=progress
    )
    return encoded.data


def decode(
    source: Source,
    *,
    scale: float = 1.0,
    region: Region | None = None,
    device: str = "auto",
    threads: int | None = None,
    limits: Limits | None = None,
) -> Bytes:
    """Return the image of a `.gsi` file.

    Args:
        source: the bytes of the file, or its path.
        scale: size of the output relative to the image, above 0; smaller ones are filtered.
        region: x, y, width, height in output pixels, inside the output; None for all of it.
        device: "auto", "cpu" or "cuda".
        threads: CPU threads; None for every core. They change no pixel.
        limits: what to accept of a file; None for the default.

    Returns:
        uint8 (H, W), (H, W, 2), (H, W, 3) or (H, W, 4), as it was encoded.

    Raises:
        FormatError, LimitError: the file cannot be decoded.
        InputError: no such file; `OptionError`, one of its kind: an option out of its domain.
        BackendError: the device cannot be used.
    """
    return decode_report(
        _bytes_of(source), scale=scale, region=region, device=device, threads=threads, limits=limits
    ).image


def fit(
    image: Bytes,
    *,
    gaussians: int = 5000,
    iterations: int = 1500,
    loss: str = "l2",
    covariance: str = "log",
    blend: str = "sum",
    optimizer: str = "adam",
    seed: int = 0,
    settings: Settings | None = None,
    device: str = "auto",
    threads: int | None = None,
    progress: Progress | None = None,
) -> Fit:
    """Fit Gaussians to an image without coding them.

    Args:
        image: uint8, as for `encode`.
        gaussians, iterations, loss, covariance, blend, optimizer, seed, settings: see `FitOptions`.
        device, threads, progress: as for `encode`.

    Raises:
        InputError, BackendError: as for `encode`.
    """
    options = FitOptions(
        gaussians=gaussians,
        iterations=iterations,
        loss=loss,
        covariance=covariance,
        blend=blend,
        optimizer=optimizer,
        seed=seed,
        settings=settings or {},
    )
    planes = pixels.coded(image, pixels.mode_of(image))
    cores = thread_count(threads)

    from gsic.fit.loop import fit_image

    def fitted(backend: Backend) -> Fit:
        return fit_image(planes, options, backend=backend, threads=cores, progress=progress)

    return devices.run(device, fitted)


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
    """Like `encode`, with a report."""
    began, compiled = time.perf_counter(), compile_seconds()
    mode = pixels.mode_of(image)
    planes = pixels.coded(image, mode)
    target = pixels.comparable(image)
    sections = (Section(ICC, icc),) if icc else ()
    cores = thread_count(threads)
    _check_start(init, planes.shape)

    profile = catalog.named(options.profile)

    from gsic.fit.encoders import encoder
    from gsic.fit.goals import Coded

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


def decode_report(
    data: bytes,
    *,
    scale: float = 1.0,
    region: Region | None = None,
    device: str = "auto",
    threads: int | None = None,
    limits: Limits | None = None,
) -> Decoded:
    """Like `decode`, from bytes and with a report: milliseconds of each stage.

    `compile_ms` is what making or loading the kernels took, the first time in a process; it is no
    part of the other times. Where a GPU dequantises, that is part of `render_ms`.
    """
    cores = thread_count(threads)
    file, picture, gaussians, entropy, loading = opened(data, scale, region, limits or Limits())
    began = time.perf_counter()

    def image_on(backend: Backend) -> tuple[Bytes, float, float, float]:
        chosen = time.perf_counter()
        picture.prepare(backend)
        dequantise = time.perf_counter() - chosen
        warm(picture, backend)
        ready = time.perf_counter()
        image = picture.draw(backend, cores)
        return image, dequantise, ready, time.perf_counter()

    image, dequantise, ready, done = devices.run(device, image_on)
    width, height = picture.view.window[2:]
    return Decoded(
        image,
        file.section(ICC),
        {
            "width": width,
            "height": height,
            "channels": 1 if image.ndim == 2 else image.shape[2],
            "gaussians": gaussians,
            "entropy_ms": 1e3 * entropy,
            "dequantise_ms": 1e3 * dequantise,
            "render_ms": 1e3 * (done - ready),
            "total_ms": 1e3 * (entropy + dequantise + done - ready),
            "compile_ms": 1e3 * (loading + ready - began - dequantise),
        },
    )


def decode_many(
    sources: Iterable[Source],
    *,
    scale: float = 1.0,
    region: Region | None = None,
    device: str = "auto",
    threads: int | None = None,
    limits: Limits | None = None,
) -> Iterator[Bytes]:
    """Yield the images of many files in their order, reading ahead while one is drawn.

    Args:
        sources: bytes or path of each; a generator will do.
        scale, region, device, threads, limits: as for `decode`.

    Raises:
        FormatError, LimitError, InputError: a file cannot be decoded; those before it were yielded.
        OptionError, BackendError: as for `decode`.
    """
    cores, accepted = thread_count(threads), limits or Limits()
    preferred = devices.backend(device)

    def read(source: Source) -> Picture:
        picture = opened(_bytes_of(source), scale, region, accepted).picture
        picture.prepare(preferred)
        return picture

    def draw(picture: Picture) -> Bytes:
        return devices.run(device, lambda backend: picture.draw(backend, cores))

    readers = min(_READERS, cores)
    with ThreadPoolExecutor(readers) as reader:
        waiting: deque[Future[Picture]] = deque()
        for source in sources:
            waiting.append(reader.submit(read, source))
            if len(waiting) > readers:
                yield draw(waiting.popleft().result())
        while waiting:
            yield draw(waiting.popleft().result())


def info(source: Source) -> dict[str, Any]:
    """What a `.gsi` file says about itself, without decoding it.

    Args:
        source: the bytes of the file, or its path.

    Raises:
        FormatError: not a sound file.
        InputError: no such file.
    """
    data = _bytes_of(source)
    file = container.read(data, Limits(pixels=2**62))
    profile = catalog.numbered(file.profile)
    icc, comment = file.section(ICC), file.section(COMMENT)
    return {
        "bytes": len(data),
        "bpp": 8 * len(data) / (file.width * file.height),
        "version": container.VERSION,
        "profile": profile.name,
        "width": file.width,
        "height": file.height,
        "mode": file.mode.name,
        "coded_channels": file.mode.channels,
        **profile.describe(file),
        "payload_bytes": len(file.payload),
        "icc_bytes": len(icc) if icc is not None else None,
        "comment": comment.decode(errors="replace") if comment is not None else None,
    }


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


def _bytes_of(source: Source) -> bytes:
    if isinstance(source, (bytes, bytearray, memoryview)):
        return bytes(source)
    if isinstance(source, (str, os.PathLike)):
        return read_bytes(Path(source))
    raise InputError(f"source: bytes or a path are needed, got {type(source).__name__}")


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
