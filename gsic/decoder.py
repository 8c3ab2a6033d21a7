"""The steps of decoding: bytes -> what a kernel draws -> pixels."""

from __future__ import annotations

import time
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gsic import container, pixels, resampling
from gsic.coding import ans
from gsic.container import Container, Mode
from gsic.options import Limits, Region
from gsic.profiles import catalog
from gsic.profiles.drawing import Drawing
from gsic.resampling import View
from gsic_kernels.checks import Splats, Window
from gsic_kernels.registry import Backend

Bytes = NDArray[np.uint8]


class Opened(NamedTuple):
    """A file up to what a kernel draws of it.

    Attributes:
        file: its container.
        drawing, splats: its Gaussians, in px of the image and of the view.
        view: what to show.
        gaussians: how many the file has.
        entropy, dequantise: seconds of the two steps up to here.
        loading: seconds that making or loading kernels for them took.
    """

    file: Container
    drawing: Drawing
    splats: Splats
    view: View
    gaussians: int
    entropy: float
    dequantise: float
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
    ans.load()
    loading = time.perf_counter() - found
    quantised = profile.read(file)
    view = resampling.view(file.width, file.height, scale, region, limits)
    parsed = time.perf_counter()
    drawing = profile.drawing(quantised)
    splats = resampling.splats(drawing, view)
    done = time.perf_counter()
    count = profile.count(quantised)
    entropy = parsed - began - loading
    return Opened(file, drawing, splats, view, count, entropy, done - parsed, loading)


def drawn(
    splats: Splats, drawing: Drawing, mode: Mode, view: View, backend: Backend, threads: int
) -> Bytes:
    """The pixels of a view of a drawing, whose splats are given."""
    background = drawing.background.astype(np.float32)
    if drawing.opacity is not None:
        times = resampling.samples(view, drawing)
        opacity = drawing.opacity.astype(np.float32)
        window = Window(*(times * edge for edge in view.window))
        planes = backend.render_alpha(splats, opacity, window, background, threads).image
        return pixels.shown(pixels.averaged(planes, times), mode)
    # Colour is divided by alpha before it is rounded, so that is done to the floats.
    render = backend.render_sum if mode.alpha else backend.render_sum_bytes
    return pixels.shown(render(splats, view.window, background, threads), mode)


@cache
def warm(backend: Backend, channels: int, alpha: bool, blended: bool) -> None:
    """Load the kernels that draw such an image, by drawing a pixel."""
    none = np.zeros((0, 3), np.float32)
    splats = Splats(none[:, :2], none, np.zeros((0, channels), np.float32), none[:, 0], none[:, 0])
    window, background = Window(0, 0, 1, 1), np.zeros(channels, np.float32)
    if blended:
        backend.render_alpha(splats, none[:, 0], window, background)
    else:
        render = backend.render_sum if alpha else backend.render_sum_bytes
        render(splats, window, background)
