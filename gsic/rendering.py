"""A drawing -> what a kernel draws of it, at any scale and in any part of the output.

At scale 1 a pixel is a sample of the sum. An output pixel of p input pixels is a mean over p of
them, which convolution of each Gaussian with a box gives: about a Gaussian with (p^2 - 1) / 12
more variance along that axis and the same integral. With p < 1 variance is taken away. What is
drawn of a Gaussian, the weight with its cut and its offset, keeps its form and its integral.

Gaussians that are blended hide each other, and the mean of a blend is no blend of means: those are
sampled at a whole multiple of the output, at least as densely as the image, and averaged.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, NamedTuple

import numpy as np

from gsic import pixels
from gsic.arrays import Bytes, Float64
from gsic.container import Mode
from gsic.errors import LimitError
from gsic.gaussians import CovarianceEntries, compute_factor
from gsic.options import Limits, check_positive, check_region_inside, scale_size
from gsic.profiles.base import Drawing, OnGrid, Profile
from gsic_kernels.backend import Backend
from gsic_kernels.constants import CUTOFF_MAX, MAX_SIDE_PX
from gsic_kernels.types import SHAPE_ROWS, LogGrid, LogSymbols, Splats, Window, round_splats

# Of the variance along a Gaussian's thinner axis, how much may be taken away.
_MOST_SHARPENING = 0.5


class View(NamedTuple):
    """What to show of an image.

    Attributes:
        window: the part of the output that is shown, in its pixels.
        pitch: input px per output px, along x and y.
        image, output: pixels of the image and of the whole output.
        density: most splat-pixels per pixel.
    """

    window: Window
    pitch: tuple[float, float]
    image: int
    output: int
    density: float


def choose_view(width: int, height: int, scale: float, region: Any, limits: Limits) -> View:
    """Choose a part of an image at a scale.

    Args:
        width, height: of the image, px.
        scale: size of the output relative to the image, above 0.
        region: x, y, width, height in output pixels, or None for all of it.
        limits: most pixels and area to draw.

    Raises:
        OptionError: a scale or a region outside its domain.
        LimitError: more pixels than the limits allow.
    """
    if check_positive("scale", scale) * max(width, height) > 2 * MAX_SIDE_PX:
        raise LimitError(
            f"output: {scale:g} times {width}x{height} pixels, a side has at most {MAX_SIDE_PX}"
        )
    columns, rows = scale_size(width, height, scale)
    part = (
        check_region_inside(region, columns, rows) if region is not None else (0, 0, columns, rows)
    )
    if max(columns, rows) > MAX_SIDE_PX:
        raise LimitError(f"output: {columns}x{rows} pixels, a side has at most {MAX_SIDE_PX}")
    if part[2] * part[3] > limits.pixels:
        raise LimitError(f"output: {part[2]}x{part[3]} pixels, the limit is {limits.pixels} in all")
    pitch = width / columns, height / rows
    return View(Window(*part), pitch, width * height, columns * rows, limits.area_per_pixel)


def samples_per_pixel(view: View, drawing: Drawing) -> int:
    """Samples per output pixel and axis that a drawing needs."""
    if drawing.opacity is None:
        return 1
    # A side that was rounded to whole pixels is no reason for one more.
    return max(1, math.ceil(max(view.pitch) - 0.125))


def make_splats(drawing: Drawing, view: View) -> Splats:
    """Gaussians as a kernel draws them, in samples of the output.

    Args:
        drawing: N Gaussians in input px.
        view: what to show.

    Raises:
        LimitError: the Gaussians cover more of the image or of the output than the limits allow.
    """
    mean, entries, color, cutoff, offset, *_ = drawing
    _check_area("image", entries, drawing, view.image, view.density * view.image)
    times = samples_per_pixel(view, drawing)
    pitch = view.pitch[0] / times, view.pitch[1] / times
    if pitch != (1.0, 1.0):
        mean = mean / pitch
        if drawing.opacity is None:
            filtered = _filter_covariances(entries, pitch)
            color = color * np.sqrt(entries.det / filtered.det)[:, None]
            entries = filtered
        entries = _scale_covariances(entries, pitch)
        output = view.output * times**2
        # A small output draws the Gaussians of all the image: it may cost what that may cost.
        most = view.density * max(view.image, output)
        _check_area("output", entries, drawing, output, most)
    return round_splats(mean, compute_factor(entries), color, cutoff, offset)


def draws_at_scale_one(size: Float64, view: View) -> bool:
    """Tell whether a view shows samples at scale 1 and Gaussians of any cutoff are within limits.

    Args:
        size: (N,), sqrt(det Sigma) in px^2.
        view: what to show.
    """
    each = np.minimum(2.0 * math.pi * CUTOFF_MAX * size, float(view.image))
    return view.pitch == (1.0, 1.0) and float(each.sum()) <= view.density * view.image


def _filter_covariances(
    entries: CovarianceEntries, pitch: tuple[float, float]
) -> CovarianceEntries:
    """Covariances with the variance of an output pixel in place of that of an input pixel."""
    s12, s22, det = entries
    s11 = (det + s12 * s12) / s22
    half = 0.5 * (s11 + s22)
    thinnest = det / (half + np.sqrt(np.maximum(half * half - det, 0.0)))
    more_x, more_y = (np.maximum((p * p - 1.0) / 12.0, -_MOST_SHARPENING * thinnest) for p in pitch)
    det = det + more_x * s22 + more_y * s11 + more_x * more_y
    return CovarianceEntries(s12, s22 + more_y, det)


def _scale_covariances(entries: CovarianceEntries, pitch: tuple[float, float]) -> CovarianceEntries:
    """Covariances in units of a pitch."""
    s12, s22, det = entries
    x, y = pitch
    return CovarianceEntries(s12 / (x * y), s22 / (y * y), det / (x * y) ** 2)


def _check_area(
    name: str, entries: CovarianceEntries, drawing: Drawing, pixels: int, most: float
) -> None:
    """Check the summed area of the ellipses within reach, each at most the whole picture."""
    cutoff = np.clip(drawing.cutoff, 0.0, CUTOFF_MAX)
    each = np.minimum(2.0 * math.pi * cutoff * np.sqrt(entries.det), float(pixels))
    area = float(each.sum())
    if area > most:
        raise LimitError(
            f"{name}: {len(cutoff)} Gaussians cover {area:.3g} pixels, the limit is {most:.3g}"
        )


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
        return make_splats(self.drawing, self.view)

    @cached_property
    def on_grid(self) -> OnGrid | None:
        """Its Gaussians as integers, if these are all that a backend needs for 8-bit pixels."""
        # Colour is divided by alpha before it is rounded, so that is done to floats.
        coded = None if self.mode.alpha else self.profile.on_grid(self.quantised)
        fits = coded is not None and draws_at_scale_one(coded.size, self.view)
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
            times = samples_per_pixel(self.view, drawing)
            opacity = drawing.opacity.astype(np.float32)
            window = Window(*(times * edge for edge in window))
            planes = backend.render_alpha(gaussians, opacity, window, background, threads).image
            return pixels.shown(pixels.averaged(planes, times), self.mode)
        render = backend.render_sum if self.mode.alpha else backend.render_sum_bytes
        return pixels.shown(render(gaussians, window, background, threads), self.mode)


def warm_up(picture: Picture, backend: Backend) -> None:
    """Load the kernels that draw a picture, by drawing a pixel."""
    on_grid = isinstance(picture.prepare(backend), OnGrid)
    blended = not on_grid and picture.drawing.opacity is not None
    _warm_up(backend, picture.mode.channels, picture.mode.alpha, blended, on_grid)


@cache
def _warm_up(backend: Backend, channels: int, alpha: bool, blended: bool, on_grid: bool) -> None:
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
