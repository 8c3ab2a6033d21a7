"""The steps of decoding: bytes -> what a kernel draws -> pixels."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gsic import container, devices, pixels, resampling
from gsic.coding import values
from gsic.container import ICC, Container, Mode
from gsic.options import Limits, Region, thread_count
from gsic.profiles import catalog
from gsic.profiles.drawing import Drawing, OnGrid
from gsic.profiles.profile import Profile
from gsic.resampling import View
from gsic_kernels.checks import SHAPE_ROWS, LogGrid, LogSymbols, Splats, Window
from gsic_kernels.registry import Backend

Bytes = NDArray[np.uint8]


@dataclass(frozen=True)
class Picture:
    """A view of an image. What a kernel draws of it is worked out when that is asked for.

    Args:
        profile, quantised: an image as the integers of its profile.
        mode: what its channels are.
        view: what to show.
    """

    profile: Profile
    quantised: Any
    mode: Mode
    view: View

    @cached_property
    def drawing(self) -> Drawing:
        """Its Gaussians in px of the image."""
        return self.profile.drawing(self.quantised)

    @cached_property
    def splats(self) -> Splats:
        """Its Gaussians in px of the view; raises LimitError if they are too large."""
        return resampling.splats(self.drawing, self.view)

    @cached_property
    def on_grid(self) -> OnGrid | None:
        """Its Gaussians as integers, if these are all that a backend needs for 8-bit pixels."""
        # Colour is divided by alpha before it is rounded, so that is done to floats.
        coded = None if self.mode.alpha else self.profile.on_grid(self.quantised)
        fits = coded is not None and resampling.drawn_as_coded(coded.size, self.view)
        return coded if fits else None

    def prepare(self, backend: Backend) -> OnGrid | Splats:
        """What a backend draws, worked out on the CPU unless that was done before.

        Raises:
            LimitError: the Gaussians cover more than the limits allow.
        """
        on_grid = None if backend.render_symbols_bytes is None else self.on_grid
        return self.splats if on_grid is None else on_grid

    def draw(self, backend: Backend, threads: int) -> Bytes:
        """The pixels."""
        gaussians, window = self.prepare(backend), self.view.window
        if isinstance(gaussians, OnGrid):
            assert backend.render_symbols_bytes is not None
            behind = gaussians.background.astype(np.float32)
            image = backend.render_symbols_bytes(gaussians.symbols, window, behind)
            return pixels.shown(image, self.mode)
        drawing = self.drawing
        background = drawing.background.astype(np.float32)
        if drawing.opacity is not None:
            times = resampling.samples(self.view, drawing)
            opacity = drawing.opacity.astype(np.float32)
            window = Window(*(times * edge for edge in window))
            planes = backend.render_alpha(gaussians, opacity, window, background, threads).image
            return pixels.shown(pixels.averaged(planes, times), self.mode)
        render = backend.render_sum if self.mode.alpha else backend.render_sum_bytes
        return pixels.shown(render(gaussians, window, background, threads), self.mode)


class Opened(NamedTuple):
    """A file up to its integers.

    Attributes:
        file: its container.
        picture: what to show of it.
        gaussians: how many the file has.
        entropy: seconds of decoding it so far.
        loading: seconds that making or loading kernels for that took.
    """

    file: Container
    picture: Picture
    gaussians: int
    entropy: float
    loading: float


def opened(data: bytes, scale: float, region: Region | None, limits: Limits) -> Opened:
    """Read a file, for a region of it at a scale.

    Raises:
        FormatError, LimitError: the file cannot be decoded.
        OptionError: a scale or region out of its domain.
    """
    began = time.perf_counter()
    file = container.read(data, limits)
    profile = catalog.numbered(file.profile)
    found = time.perf_counter()
    values.load()
    loading = time.perf_counter() - found
    quantised = profile.read(file)
    view = resampling.view(file.width, file.height, scale, region, limits)
    picture = Picture(profile, quantised, file.mode, view)
    entropy = time.perf_counter() - began - loading
    return Opened(file, picture, profile.count(quantised), entropy, loading)


def warm(picture: Picture, backend: Backend) -> None:
    """Load the kernels that draw a picture, by drawing a pixel."""
    on_grid = isinstance(picture.prepare(backend), OnGrid)
    blended = not on_grid and picture.drawing.opacity is not None
    _warm(backend, picture.mode.channels, picture.mode.alpha, blended, on_grid)


@cache
def _warm(backend: Backend, channels: int, alpha: bool, blended: bool, on_grid: bool) -> None:
    none = np.zeros((0, 3), np.float32)
    splats = Splats(none[:, :2], none, np.zeros((0, channels), np.float32), none[:, 0], none[:, 0])
    window, background = Window(0, 0, 1, 1), np.zeros(channels, np.float32)
    if on_grid and backend.render_symbols_bytes is not None:
        grid = LogGrid(0.0, 1.0, 1.0, 0.0, 1.0, 1.0, 1.0, 1.0, 0.0, np.eye(channels))
        rows = np.zeros((SHAPE_ROWS + channels, 0), np.int32)
        backend.render_symbols_bytes(LogSymbols(rows, grid), window, background)
    elif blended:
        backend.render_alpha(splats, none[:, 0], window, background)
    else:
        render = backend.render_sum if alpha else backend.render_sum_bytes
        render(splats, window, background)


class Decoded(NamedTuple):
    """An image, its ICC profile, and what `gsic decode --json` says."""

    image: Bytes
    icc: bytes | None
    report: dict[str, Any]


def decode_report(
    data: bytes,
    *,
    scale: float = 1.0,
    region: Region | None = None,
    device: str = "auto",
    threads: int | None = None,
    limits: Limits | None = None,
) -> Decoded:
    """Return the image of a file, with a report: milliseconds of each stage.

    `compile_ms` is what making or loading the kernels took, the first time in a process; it is no
    part of the other times. Where a GPU dequantises, that is part of `render_ms`.

    Args:
        data: the file.
        scale, region, device, threads, limits: as for `gsic.decode`.

    Raises:
        FormatError, LimitError, OptionError, BackendError: as for `gsic.decode`.
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
