"""Draw the Gaussians of a .gsi file as ellipses."""

from __future__ import annotations

import io
from typing import NamedTuple

import numpy as np
from matplotlib.collections import EllipseCollection
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

import gsic
from gsic import container
from gsic.gaussians import CovarianceEntries
from gsic.options import Limits
from gsic.profiles import registry

Float64 = NDArray[np.float64]

_FILL, _EDGE = 0.55, 0.9  # opacities
_DARKER = 0.55  # of an edge against its fill


class Axes(NamedTuple):
    """Axes of N ellipses.

    Attributes:
        long, short: standard deviations along the two axes, float64 (N,), px.
        angle: of the longer axis against the x axis, float64 (N,), degrees.
    """

    long: Float64
    short: Float64
    angle: Float64


def draw_ellipses(data: bytes, scale: int) -> Image.Image:
    """Draw every Gaussian of a file at one standard deviation, in the colour of the image there.

    Args:
        data: the file.
        scale: pixels of the drawing per pixel of the image.
    """
    file = container.read(data, Limits())
    profile = registry.find_by_number(file.profile)
    scene = profile.dequantise(profile.read(file))
    image = gsic.decode(data)
    height, width = image.shape[:2]
    column, row = (
        np.clip(scene.mean[:, axis].astype(np.int64), 0, side - 1)
        for axis, side in enumerate((width, height))
    )
    color = image.reshape(height, width, -1)[row, column, :3] / 255.0
    axes = compute_axes(scene.entries)
    # Small ellipses are drawn last, so that large ones do not hide them.
    order = np.argsort(-axes.long * axes.short)

    figure = Figure(figsize=(width / 100, height / 100), dpi=100 * scale)
    plot = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    plot.set_xlim(0, width)
    plot.set_ylim(height, 0)
    plot.axis("off")
    plot.add_collection(
        EllipseCollection(
            *(2.0 * axes.long[order], 2.0 * axes.short[order], axes.angle[order]),
            units="xy",
            offsets=scene.mean[order],
            offset_transform=plot.transData,
            facecolors=[(*each, _FILL) for each in color[order]],
            edgecolors=[(*(_DARKER * each), _EDGE) for each in color[order]],
            linewidths=0.5,
        )
    )
    png = io.BytesIO()
    figure.savefig(png, format="png")
    with Image.open(png) as drawn:
        return drawn.convert("RGB")


def compute_axes(entries: CovarianceEntries) -> Axes:
    """Compute the axes of ellipses of one standard deviation from covariances in px^2."""
    s12, s22, det = entries
    s11 = (det + s12 * s12) / s22
    covariance = np.stack((s11, s12, s12, s22), axis=1).reshape(-1, 2, 2)
    variance, direction = np.linalg.eigh(covariance)
    sigma = np.sqrt(np.maximum(variance, 0.0))
    angle = np.degrees(np.arctan2(direction[:, 1, 1], direction[:, 0, 1]))
    return Axes(sigma[:, 1], sigma[:, 0], angle)
