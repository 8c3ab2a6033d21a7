"""The public functions: encode, decode, fit, and info.

A pixel's way to a file and back:
image -> pixels -> encoders -> profiles (symbols) -> coding (bits) -> container -> file (`encoding`)
file -> container -> coding -> profiles -> rendering -> kernels -> pixels -> image (`decoding`)
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from gsic import container, devices, pixels
from gsic.arrays import Bytes, Progress
from gsic.container import COMMENT, ICC
from gsic.decoding import check_out, check_out_shape, decode_with_report, open_file
from gsic.encoding import encode_with_report
from gsic.errors import InputError
from gsic.files import read_bytes
from gsic.options import (
    DEVICES,
    EncodeOptions,
    FitOptions,
    Limits,
    Region,
    Settings,
    check_decoding,
    check_one_of,
    check_progress,
    count_threads,
    describe,
)
from gsic.profiles import registry
from gsic.rendering import Picture
from gsic_kernels.backend import Backend

if TYPE_CHECKING:
    from gsic.fitting.result import Fit

Source = bytes | str | os.PathLike[str]
_Prepared = TypeVar("_Prepared")

# Threads of `decode_many` that read files, at most.
_READERS = 4


def encode(
    image: Bytes,
    *,
    quality: int | None = None,
    bpp: float | None = None,
    max_bytes: int | None = None,
    psnr: float | None = None,
    gaussians: int | None = None,
    profile: str = EncodeOptions.profile,
    effort: int | None = None,
    time: float | None = None,
    tune: str = EncodeOptions.tune,
    seed: int = EncodeOptions.seed,
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
        profile, effort, time, tune, seed, settings: see `EncodeOptions`.
        init: a fit of this image to continue from.
        device: "auto", "cpu" or "cuda".
        threads: CPU threads; None for every core.
        icc: an ICC profile to keep in the file, bytes or None.
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
        time=time,
        tune=tune,
        seed=seed,
        settings={} if settings is None else settings,
    )
    encoded = encode_with_report(
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
    out: Bytes | None = None,
) -> Bytes:
    """Return the image of a `.gsi` file.

    Args:
        source: the bytes of the file, or its path.
        scale: size of the output relative to the image, above 0; smaller ones are filtered.
        region: x, y, width, height in output pixels, inside the output; None for all of it.
        device: "auto", "cpu" or "cuda".
        threads: CPU threads; None for every core. They change no pixel.
        limits: what to accept of a file; None for the default.
        out: the array that receives the image, uint8, C-contiguous, of the shape that is returned;
            None for a new one. To reuse one for many images saves the time to get new memory.

    Returns:
        uint8 (H, W), (H, W, 2), (H, W, 3) or (H, W, 4), as it was encoded: `out` if it is given.

    Raises:
        FormatError, LimitError: the file cannot be decoded.
        InputError: no such file; `OptionError`, one of its kind: an option out of its domain.
        BackendError: the device cannot be used.
    """
    cores, accepted = check_decoding(scale, region, device, threads, limits)
    check_out(out)
    data = _bytes_of(source)
    return decode_with_report(
        data, scale=scale, region=region, device=device, threads=cores, limits=accepted, out=out
    ).image


def fit(
    image: Bytes,
    *,
    gaussians: int = FitOptions.gaussians,
    iterations: int = FitOptions.iterations,
    loss: str = FitOptions.loss,
    covariance: str = FitOptions.covariance,
    blend: str = FitOptions.blend,
    optimizer: str = FitOptions.optimizer,
    seed: int = FitOptions.seed,
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
        settings={} if settings is None else settings,
    )
    check_one_of("device", device, DEVICES)
    check_progress(progress)
    cores = count_threads(threads)
    planes = pixels.to_planes(image, pixels.choose_mode(image))

    from gsic.fitting.api import fit_image

    def fit_on(backend: Backend) -> Fit:
        return fit_image(planes, options, backend=backend, threads=cores, progress=progress)

    return devices.run_on(device, fit_on)


def decode_many(
    sources: Iterable[Source],
    *,
    scale: float = 1.0,
    region: Region | None = None,
    device: str = "auto",
    threads: int | None = None,
    limits: Limits | None = None,
    out: Bytes | None = None,
) -> Iterator[Bytes]:
    """Iterate over the images of many files in their order, several of which are decoded at once.

    On a CPU every thread decodes images of its own; with `out`, and on a GPU, some read ahead while
    one image is drawn.

    Args:
        sources: bytes or path of each; a generator will do.
        scale, region, device, threads, limits: as for `decode`.
        out: as for `decode`: every image is `out`, which holds it until the next one is asked for,
            so that all images must have its shape; None for a new array each.

    Raises:
        FormatError, LimitError, InputError: a file cannot be decoded; those before it were yielded.
        OptionError, BackendError: as for `decode`.
    """
    try:
        one = isinstance(sources, (bytes, bytearray, memoryview, str, os.PathLike))
        iterator = iter(() if one else sources)
    except TypeError:
        one = True
    if one:
        raise InputError(f"sources: an iterable of them is needed, got {describe(sources)}")
    cores, accepted = check_decoding(scale, region, device, threads, limits)
    check_out(out)
    preferred = devices.choose_backend(device)

    def read(source: Source) -> Picture:
        picture = open_file(_bytes_of(source), scale, region, accepted).picture
        picture.prepare(preferred)
        return picture

    def draw(picture: Picture, threads: int) -> Bytes:
        check_out_shape(out, picture)
        return devices.run_on(device, lambda backend: picture.draw(backend, threads, out))

    # A function of its own: a generator would check nothing before its first image is asked for.
    if out is None and preferred.name == "cpu":
        return _work_ahead(iterator, lambda source: draw(read(source), 1), lambda done: done, cores)
    return _work_ahead(iterator, read, lambda picture: draw(picture, cores), min(_READERS, cores))


def info(source: Source) -> dict[str, Any]:
    """Return what a `.gsi` file says about itself, without decoding its image.

    Args:
        source: the bytes of the file, or its path.

    Raises:
        FormatError: not a sound file.
        InputError: no such file.
    """
    data = _bytes_of(source)
    file = container.read(data, Limits(pixels=2**62))
    profile = registry.find_by_number(file.profile)
    icc, comment = file.find_section(ICC), file.find_section(COMMENT)
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


def _work_ahead(
    sources: Iterator[Source],
    prepare: Callable[[Source], _Prepared],
    finish: Callable[[_Prepared], Bytes],
    threads: int,
) -> Iterator[Bytes]:
    """Yield the finished images of the sources, which so many threads prepare ahead."""
    with ThreadPoolExecutor(threads) as workers:
        waiting: deque[Future[_Prepared]] = deque()
        for source in sources:
            waiting.append(workers.submit(prepare, source))
            if len(waiting) > threads:
                yield finish(waiting.popleft().result())
        while waiting:
            yield finish(waiting.popleft().result())


def _bytes_of(source: Source) -> bytes:
    if isinstance(source, (bytes, bytearray, memoryview)):
        return bytes(source)
    try:
        path = os.fsdecode(source)
    except TypeError:
        raise InputError(
            f"source: bytes or a path are needed, got {type(source).__name__}"
        ) from None
    return read_bytes(Path(path))
