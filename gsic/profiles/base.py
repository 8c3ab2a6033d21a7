"""The interface of a profile, and the scene that every profile dequantises an image to.

A profile is a way to write Gaussians as integers, and these integers as bytes. Its folder has the
same files as the others: `symbols.py` holds the integers, `dequantisation.py` turns them into a
scene, `parameters.py` and `bitstream.py` turn them into bytes and back, and `profile.py` implements
`Profile` with these.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from gsic.arrays import Float64, Int32
from gsic.container import Container
from gsic.gaussians import CovarianceEntries
from gsic_kernels.types import LogSymbols


class Scene(NamedTuple):
    """N Gaussians over a background, in float64; a kernel gets them rounded once to float32.

    The weight of a Gaussian is exp(-q) - offset where its exponent q is at most `cutoff`, and 0
    elsewhere. Without opacities the Gaussians are summed; with opacities they are alpha-blended,
    the first in front.
    """

    mean: Float64  # (N, 2) px; the centre of pixel (row i, column j) is (j + 0.5, i + 0.5)
    entries: CovarianceEntries  # px^2
    color: Float64  # (N, C) 1.0 = full scale
    cutoff: Float64  # (N,); where it is at most 0, nothing is drawn
    offset: Float64  # (N,)
    background: Float64  # (C,) 1.0 = full scale
    opacity: Float64 | None = None  # (N,) in 0..1
    level: Int32 | None = None  # (N,), the lattices that they are drawn on; None: all on the pixels


class SymbolScene(NamedTuple):
    """A scene without opacities as integers, for a backend that dequantises by itself."""

    symbols: LogSymbols
    measure_variance: Callable[[], Float64]  # returns (N,) px^2, along the longer axis
    background: Float64  # (C,) 1.0 = full scale


class Profile(Protocol):
    """The decoder side of a profile, and its writer.

    Every profile has a class `QuantisedImage` of its own, an image as integers. The codec passes
    such images from one of these methods to another and does not look into them.
    """

    @property
    def name(self) -> str:
        """The name that `--profile` takes."""

    @property
    def number(self) -> int:
        """The number in the header of files (FORMAT.md section 2)."""

    def write(self, image: Any) -> tuple[bytes, bytes]:
        """Return the parameter bytes and the payload of a quantised image.

        Raises:
            ValueError: an integer out of its range.
        """

    def read(self, file: Container) -> Any:
        """Return the quantised image that a file holds.

        Raises:
            FormatError: no encoder can have made its parameters and payload.
        """

    def count(self, image: Any) -> int:
        """Return the number of Gaussians of a quantised image."""

    def dequantise(self, image: Any) -> Scene:
        """Convert a quantised image to the scene that a decoder draws."""

    def make_symbol_scene(self, image: Any) -> SymbolScene | None:
        """Pack a quantised image for a backend that dequantises; None if no backend can."""

    def describe(self, file: Container) -> dict[str, Any]:
        """Return what the parameters of a file say, for `gsic info`; the number of Gaussians first.

        Raises:
            FormatError: no encoder can have made them.
        """
