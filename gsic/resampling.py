"""A drawing -> what a kernel draws of it, at any scale and in any part of the output.

At scale 1 a pixel is a sample of the sum. An output pixel of p input pixels is a mean over p of
them, which convolution of each Gaussian with a box gives: about a Gaussian with (p^2 - 1) / 12
more variance along that axis and the same integral. With p < 1 variance is taken away. What is
drawn of a Gaussian, the weight with its cut and its floor, keeps its form and its integral.

Gaussians that are blended hide each other, and the mean of a blend is no blend of means: those are
sampled at a whole multiple of the output, at least as densely as the image, and averaged.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from gsic.errors import LimitError
from gsic.gaussians import Float64, Moments, factor_of
from gsic.options import Limits, positive, region_inside, scaled_size
from gsic.profiles.drawing import Drawing
from gsic.profiles.gsic_streams import MAX_SIDE
from gsic_kernels.checks import Splats, Window, rounded
from gsic_kernels.constants import REACH_MAX

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


def view(width: int, height: int, scale: float, region: Any, limits: Limits) -> View:
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
    if positive("scale", scale) * max(width, height) > 2 * MAX_SIDE:
        raise LimitError(
            f"output: {scale:g} times {width}x{height} pixels, a side has at most {MAX_SIDE}"
        )
    columns, rows = scaled_size(width, height, scale)
    part = region_inside(region, columns, rows) if region is not None else (0, 0, columns, rows)
    if max(columns, rows) > MAX_SIDE:
        raise LimitError(f"output: {columns}x{rows} pixels, a side has at most {MAX_SIDE}")
    if part[2] * part[3] > limits.pixels:
        raise LimitError(f"output: {part[2]}x{part[3]} pixels, the limit is {limits.pixels} in all")
    pitch = width / columns, height / rows
    return View(Window(*part), pitch, width * height, columns * rows, limits.area_per_pixel)


def samples(view: View, drawing: Drawing) -> int:
    """Samples per output pixel and axis that a drawing needs."""
    if drawing.opacity is None:
        return 1
    # A side that was rounded to whole pixels is no reason for one more.
    return max(1, math.ceil(max(view.pitch) - 0.125))


def splats(drawing: Drawing, view: View) -> Splats:
    """Gaussians as a kernel draws them, in samples of the output.

    Args:
        drawing: N Gaussians in input px.
        view: what to show.

    Raises:
        LimitError: the Gaussians cover more of the image or of the output than the limits allow.
    """
    mean, moments, color, reach, floor, *_ = drawing
    _check_area("image", moments, drawing, view.image, view.density * view.image)
    times = samples(view, drawing)
    pitch = view.pitch[0] / times, view.pitch[1] / times
    if pitch != (1.0, 1.0):
        mean = mean / pitch
        if drawing.opacity is None:
            filtered = _filtered(moments, pitch)
            color = color * np.sqrt(moments.det / filtered.det)[:, None]
            moments = filtered
        moments = _scaled(moments, pitch)
        output = view.output * times**2
        # A small output draws the Gaussians of all the image: it may cost what that may cost.
        most = view.density * max(view.image, output)
        _check_area("output", moments, drawing, output, most)
    return rounded(mean, factor_of(moments), color, reach, floor)


def drawn_as_coded(size: Float64, view: View) -> bool:
    """Tell whether a view shows samples at scale 1 and Gaussians of any reach are within limits.

    Args:
        size: (N,), sqrt(det Sigma) in px^2.
        view: what to show.
    """
    each = np.minimum(2.0 * math.pi * REACH_MAX * size, float(view.image))
    return view.pitch == (1.0, 1.0) and float(each.sum()) <= view.density * view.image


def _filtered(moments: Moments, pitch: tuple[float, float]) -> Moments:
    """Covariances with the variance of an output pixel in place of that of an input pixel."""
    s12, s22, det = moments
    s11 = (det + s12 * s12) / s22
    half = 0.5 * (s11 + s22)
    thinnest = det / (half + np.sqrt(np.maximum(half * half - det, 0.0)))
    more_x, more_y = (np.maximum((p * p - 1.0) / 12.0, -_MOST_SHARPENING * thinnest) for p in pitch)
    det = det + more_x * s22 + more_y * s11 + more_x * more_y
    return Moments(s12, s22 + more_y, det)


def _scaled(moments: Moments, pitch: tuple[float, float]) -> Moments:
    """Covariances in units of a pitch."""
    s12, s22, det = moments
    x, y = pitch
    return Moments(s12 / (x * y), s22 / (y * y), det / (x * y) ** 2)


def _check_area(name: str, moments: Moments, drawing: Drawing, pixels: int, most: float) -> None:
    """Check the summed area of the ellipses within reach, each at most the whole picture."""
    reach = np.clip(drawing.reach, 0.0, REACH_MAX)
    each = np.minimum(2.0 * math.pi * reach * np.sqrt(moments.det), float(pixels))
    area = float(each.sum())
    if area > most:
        raise LimitError(
            f"{name}: {len(reach)} Gaussians cover {area:.3g} pixels, the limit is {most:.3g}"
        )
