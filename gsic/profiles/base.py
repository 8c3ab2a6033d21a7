"""What every profile offers the codec, and what the Gaussians of a file draw."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

from gsic.container import Container
from gsic.gaussians import CovarianceEntries, Float64
from gsic_kernels.types import LogSymbols


class Drawing(NamedTuple):
    """N Gaussians over a background, in float64; a kernel gets them rounded once to float32.

    The weight of a Gaussian is exp(-q) - offset where its exponent q is at most `cutoff`. Without
    opacities the Gaussians are summed; with them they are blended, the first in front.
    """

    mean: Float64  # (N, 2) px; the centre of pixel (row i, column j) is (j + 0.5, i + 0.5)
    entries: CovarianceEntries  # px^2
    color: Float64  # (N, C) 1.0 = full scale
    cutoff: Float64  # (N,); where it is at most 0, nothing is drawn
    offset: Float64  # (N,)
    background: Float64  # (C,) 1.0 = full scale
    opacity: Float64 | None = None  # (N,)


class OnGrid(NamedTuple):
    """A drawing without opacities, for a backend that dequantises its N Gaussians."""

    symbols: LogSymbols
    size: Float64  # (N,) px^2, sqrt(det Sigma)
    background: Float64  # (C,) 1.0 = full scale


class Profile(Protocol):
    """A way to write Gaussians as integers, and those as bytes.

    What stands between, an image as the profile's integers, is the profile's own affair: the codec
    only hands it on.
    """

    @property
    def name(self) -> str:
        """As `--profile` has it."""

    @property
    def number(self) -> int:
        """As files have it."""

    def write(self, quantised: Any) -> tuple[bytes, bytes]:
        """Parameter bytes and payload of an image."""

    def read(self, file: Container) -> Any:
        """The image that a file holds.

        Raises:
            FormatError: no encoder can have made its parameters and payload.
        """

    def count(self, quantised: Any) -> int:
        """How many Gaussians an image has."""

    def drawing(self, quantised: Any) -> Drawing:
        """What an image draws.

        Raises:
            CorruptFile: a number that is not finite.
        """

    def on_grid(self, quantised: Any) -> OnGrid | None:
        """The same for a backend that dequantises, or None if none can do that."""

    def describe(self, file: Container) -> dict[str, Any]:
        """What the parameters of a file say, the number of Gaussians first, for `gsic info`.

        Raises:
            FormatError: no encoder can have made them.
        """
