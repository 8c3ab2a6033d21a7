"""A quantised image and a view of it -> pixels, at any scale and for any part of the output.

The way of a pixel: `choose_view` decides which part of the output is drawn, `Picture.prepare`
dequantises the image and converts its Gaussians to pixels of the output (`make_splats`), and
`Picture.draw` calls the kernel and converts the drawn planes to an image (`pixels.to_image`).

At scale 1 a pixel is a sample of the sum of Gaussians, of which wide ones are drawn on coarser
lattices. An output pixel that covers p input pixels along an axis is their mean, which is a
convolution of each Gaussian with a box: approximately a Gaussian with (p^2 - 1) / 12 px^2 more
variance along that axis and the same integral. For p < 1 this takes variance away. Cutoff and
offset of a Gaussian do not change. In a smaller output, wide Gaussians are drawn as in the image
and averaged, because their lattices show at 64 dB; a larger one has them without lattices.

Blended Gaussians hide each other, and the mean of a blend is not the blend of means. Therefore they
are sampled at a whole multiple of the output, at least as densely as the image, and averaged.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, NamedTuple

import numpy as np

from gsic import pixels, reduction
from gsic.arrays import Bytes, Float32, Float64
from gsic.container import Mode
from gsic.errors import LimitError
from gsic.gaussians import CovarianceEntries, compute_factor
from gsic.lattices import LatticeGaussians
from gsic.options import Limits, check_positive, check_region_inside, scale_size
from gsic.profiles.base import Profile, Scene, SymbolScene
from gsic_kernels.backend import Backend
from gsic_kernels.constants import CUTOFF_MAX, MAX_SIDE_PX
from gsic_kernels.lazy import lazy_property
from gsic_kernels.types import SHAPE_ROWS, LogGrid, LogSymbols, Splats, Window, round_splats

# Largest share of the variance along a Gaussian's thinner axis that magnification takes away.
_MAX_SHARPENING = 0.5


class View(NamedTuple):
    """Which part of an image is drawn, and at which scale.

    Attributes:
        window: the part of the output that is drawn, in pixels of the output.
        pitch: input px per output px, along x and y.
        image: width and height of the image, px.
        limits: of the area of all Gaussians.
    """

    window: Window
    pitch: tuple[float, float]
    image: tuple[int, int]
    limits: Limits


def choose_view(width: int, height: int, scale: float, region: Any, limits: Limits) -> View:
    """Choose the view that shows a part of an image at a scale.

    Args:
        width, height: of the image, px.
        scale: size of the output relative to the image, above 0.
        region: x, y, width, height in output pixels, or None for all of it.
        limits: largest number of pixels and largest area to draw.

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
    return View(Window(*part), pitch, (width, height), limits)


def count_samples(view: View, scene: Scene) -> tuple[int, int]:
    """Count the samples per output pixel along x and y that a scene needs."""
    if scene.opacity is None:
        return 1, 1
    # The margin keeps a side that was rounded to whole pixels from asking for one more sample.
    x, y = (max(1, math.ceil(pitch - 0.125)) for pitch in view.pitch)
    return x, y


def multiply_window(window: Window, times: tuple[int, int]) -> Window:
    """Convert a window of pixels to one of samples, so many per pixel along x and y.

    Raises:
        LimitError: a side is beyond what kernels draw.
    """
    x, y, width, height = window
    samples = Window(x * times[0], y * times[1], width * times[0], height * times[1])
    if max(samples.x + samples.width, samples.y + samples.height) > MAX_SIDE_PX:
        raise LimitError(
            f"output: {width}x{height} pixels of {times[0]}x{times[1]} samples, a side has at most "
            f"{MAX_SIDE_PX}"
        )
    return samples


def make_splats(scene: Scene, view: View) -> Splats:
    """Convert the Gaussians of a scene to what a kernel draws, in samples of the output.

    Args:
        scene: N Gaussians in input px.
        view: which part is drawn, and at which scale.

    Raises:
        LimitError: the Gaussians cover more of the image or of the output than the limits allow, or
            a side of the output has too many samples.
    """
    mean, entries, color, cutoff, offset, *_ = scene
    image = math.prod(view.image)
    _check_area("image", entries, scene, view.image, view.limits.most_area(image))
    if view.pitch == (1.0, 1.0) and scene.level is not None:
        return LatticeGaussians(mean, entries, color, cutoff, scene.level).splats
    times = count_samples(view, scene)
    pitch = view.pitch[0] / times[0], view.pitch[1] / times[1]
    if pitch != (1.0, 1.0):
        mean = mean / pitch
        if scene.opacity is None:
            filtered = _filter_covariances(entries, pitch)
            color = color * np.sqrt(entries.det / filtered.det)[:, None]
            entries = filtered
        entries = _scale_covariances(entries, pitch)
        _, _, *size = multiply_window(view.window, times)
        # A small output still draws all Gaussians of the image, so it may cost as much as that.
        most = view.limits.most_area(max(image, math.prod(size)))
        _check_area("output", entries, scene, (size[0], size[1]), most)
    return round_splats(mean, compute_factor(entries), color, cutoff, offset)


def can_draw_symbols(scene: SymbolScene, view: View) -> bool:
    """Tell whether a kernel may draw a scene from its symbols, without a look at its cutoffs.

    It may if the view has scale 1 and the Gaussians are within the limits even with the largest
    cutoff, and in any direction.
    """
    if view.pitch != (1.0, 1.0):
        return False
    most = view.limits.most_area(math.prod(view.image))
    count = scene.symbols.rows.shape[1]
    if count * math.prod(view.image) <= most:
        return True
    variance, cutoff = scene.measure_variance(), np.full(count, CUTOFF_MAX)
    return _sum_boxes(variance, variance, cutoff, view.image) <= most


def _filter_covariances(
    entries: CovarianceEntries, pitch: tuple[float, float]
) -> CovarianceEntries:
    """Replace the variance of an input pixel in covariances by that of an output pixel."""
    s12, s22, det = entries
    s11 = (det + s12 * s12) / s22
    half = 0.5 * (s11 + s22)
    thinnest = det / (half + np.sqrt(np.maximum(half * half - det, 0.0)))
    more_x, more_y = (np.maximum((p * p - 1.0) / 12.0, -_MAX_SHARPENING * thinnest) for p in pitch)
    det = det + more_x * s22 + more_y * s11 + more_x * more_y
    return CovarianceEntries(s12, s22 + more_y, det)


def _scale_covariances(entries: CovarianceEntries, pitch: tuple[float, float]) -> CovarianceEntries:
    """Convert covariances from px to units of a pitch."""
    s12, s22, det = entries
    x, y = pitch
    return CovarianceEntries(s12 / (x * y), s22 / (y * y), det / (x * y) ** 2)


def _check_area(
    name: str, entries: CovarianceEntries, scene: Scene, size: tuple[int, int], most: float
) -> None:
    """Check the summed area of the Gaussians in a picture of this width and height (7.6)."""
    count = len(scene.cutoff)
    if count * math.prod(size) <= most:
        return
    s12, s22, det = entries
    area = _sum_boxes((det + s12 * s12) / s22, s22, scene.cutoff, size)
    if area > most:
        raise LimitError(
            f"{name}: {count} Gaussians cover {area:.3g} pixels, the limit is {most:.3g}"
        )


def _sum_boxes(s11: Float64, s22: Float64, cutoff: Float64, size: tuple[int, int]) -> float:
    """Sum the areas of the boxes around ellipses, each a pixel larger, within a width and height.

    Boxes, because kernels look for the pixels of a thin ellipse in all of its box.
    """
    radius = 2.0 * np.sqrt(2.0 * np.clip(cutoff, 0.0, CUTOFF_MAX))
    across = np.minimum(radius * np.sqrt(s11) + 1.0, float(size[0]))
    down = np.minimum(radius * np.sqrt(s22) + 1.0, float(size[1]))
    return float((across * down)[cutoff > 0.0].sum())


@dataclass(frozen=True)
class Picture:
    """A view of a quantised image; everything that drawing it needs is computed when first asked.

    Args:
        profile: the profile of the image.
        image: a quantised image of that profile.
        mode: what its channels are.
        view: which part is drawn, and at which scale.
    """

    profile: Profile
    image: Any
    mode: Mode
    view: View

    @lazy_property
    def scene(self) -> Scene:
        """The Gaussians in px of the image."""
        return self.profile.dequantise(self.image)

    @lazy_property
    def splats(self) -> Splats:
        """The Gaussians that are drawn in samples of the output, without `wide_splats`.

        Raises LimitError if all of them together are too large.
        """
        splats = make_splats(self.scene, self.view)
        if self.wide_splats is None:
            return splats
        assert self.scene.level is not None
        return splats.select(self.scene.level == 0)

    @lazy_property
    def wide_splats(self) -> Splats | None:
        """In a smaller output, the Gaussians of coarser lattices, in cells of these; else None."""
        level, pitch = self.scene.level, self.view.pitch
        if level is None or pitch == (1.0, 1.0) or min(pitch) < 1.0 or not level.any():
            return None
        splats = make_splats(self.scene, self.view._replace(pitch=(1.0, 1.0)))
        return splats.select(level > 0)

    @lazy_property
    def symbol_scene(self) -> SymbolScene | None:
        """The Gaussians as symbols, None where a kernel cannot draw the view from these alone."""
        # With alpha, colour is divided by alpha before it is rounded, so floats are needed.
        if self.mode.alpha:
            return None
        scene = self.profile.make_symbol_scene(self.image)
        if scene is None or not can_draw_symbols(scene, self.view):
            return None
        return scene

    def prepare(self, backend: Backend) -> SymbolScene | Splats:
        """Compute on the CPU what a backend draws, unless that was done before.

        Raises:
            LimitError: the Gaussians cover more than the limits allow.
        """
        if backend.render_symbols_bytes is not None and self.symbol_scene is not None:
            return self.symbol_scene
        return self.splats

    def draw(self, backend: Backend, threads: int, out: Bytes | None = None) -> Bytes:
        """Draw the view.

        Args:
            backend: whose kernels draw.
            threads: CPU threads, at least 1.
            out: C-contiguous array of the shape of the result that receives it; None for a new one.

        Returns:
            uint8 (H, W) or (H, W, 2..4).
        """
        prepared = self.prepare(backend)
        planes: Bytes | Float32
        if isinstance(prepared, SymbolScene):
            drawn = self._draw_symbols(backend, prepared, threads, out)
            if drawn is out:
                return drawn
            planes = drawn
        elif self.scene.opacity is not None:
            planes = self._draw_blended(backend, prepared, self.scene.opacity, threads)
        elif self.wide_splats is not None:
            planes = self._draw_reduced(backend, prepared, self.wide_splats, threads)
        else:
            # Planes with alpha are divided by it before they are rounded, so floats are needed.
            render = backend.render_sum if self.mode.alpha else backend.render_sum_bytes
            planes = render(prepared, self.view.window, self._background, threads)
        image = pixels.to_image(planes, self.mode)
        if out is None:
            return image
        np.copyto(out, image)
        return out

    @property
    def _background(self) -> Float32:
        return self.scene.background.astype(np.float32)

    def _draw_symbols(
        self, backend: Backend, scene: SymbolScene, threads: int, out: Bytes | None
    ) -> Bytes:
        """Draw symbols to `out`, which is returned then, if the image has the channels coded."""
        assert backend.render_symbols_bytes is not None
        background, window = scene.background.astype(np.float32), self.view.window
        shape = window.height, window.width, self.mode.channels
        draw = partial(backend.render_symbols_bytes, scene.symbols, window, background, threads)
        if out is None or out.size != math.prod(shape):
            return draw()
        draw(out.reshape(shape))
        return out

    def _draw_reduced(
        self, backend: Backend, narrow: Splats, wide: Splats, threads: int
    ) -> Float32:
        """Draw narrow Gaussians in the output, and the mean of wide ones over each pixel."""
        view = self.view
        black = np.zeros(self.mode.channels, np.float32)
        planes = reduction.average_window(
            lambda window: backend.render_sum(wide, window, black, threads),
            *(view.image, view.pitch, view.window),
        )
        planes += backend.render_sum(narrow, view.window, self._background, threads)
        return planes

    def _draw_blended(
        self, backend: Backend, splats: Splats, opacity: Float64, threads: int
    ) -> Float32:
        """Blend at several samples per pixel, and average them."""
        times = count_samples(self.view, self.scene)
        window = multiply_window(self.view.window, times)
        blended = backend.render_alpha(
            splats, opacity.astype(np.float32), window, self._background, threads
        )
        return pixels.average_blocks(blended.image, times)


def warm_up(picture: Picture, backend: Backend) -> None:
    """Load the kernels that draw a picture, by drawing one pixel with them."""
    symbols = isinstance(picture.prepare(backend), SymbolScene)
    blended = not symbols and picture.scene.opacity is not None
    _warm_up(backend, picture.mode.channels, picture.mode.alpha, blended, symbols)


@cache
def _warm_up(backend: Backend, channels: int, alpha: bool, blended: bool, symbols: bool) -> None:
    window, background = Window(0, 0, 1, 1), np.zeros(channels, np.float32)
    # One Gaussian of 4 px, which is on a coarser lattice: that has kernels of its own.
    if symbols and backend.render_symbols_bytes is not None:
        grid = LogGrid(0.0, 1.0, 1.0, 0.0, 4.0, 1.0, 1.0, 1.0, 0.0, np.eye(channels))
        rows = np.zeros((SHAPE_ROWS + channels, 1), np.int32)
        rows[4] = 4
        backend.render_symbols_bytes(LogSymbols(rows, grid), window, background)
        return
    one = np.ones((1, 3), np.float32)
    level = np.full(1, 0 if blended else 1, np.int32)
    splats = Splats(
        one[:, :2], one, np.ones((1, channels), np.float32), one[:, 0], one[:, 0], level
    )
    if blended:
        backend.render_alpha(splats, one[:, 0], window, background)
    else:
        render = backend.render_sum if alpha else backend.render_sum_bytes
        render(splats, window, background)
