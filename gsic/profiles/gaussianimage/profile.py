"""Profile `gaussianimage` as the codec uses it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gsic.container import Container
from gsic.profiles.base import Drawing
from gsic.profiles.gaussianimage import bitstream as gaussianimage_streams
from gsic.profiles.gaussianimage import symbols as gaussianimage
from gsic.profiles.gaussianimage.symbols import Codebooks, Quantised


@dataclass(frozen=True)
class GaussianImageProfile:
    """FORMAT.md section 8."""

    name: str = "gaussianimage"
    number: int = 2

    def write(self, quantised: Quantised) -> tuple[bytes, bytes]:
        """Parameter bytes and payload; the Gaussians may be in any order."""
        return gaussianimage_streams.write(quantised)

    def read(self, file: Container) -> Quantised:
        return gaussianimage_streams.read(file)

    def count(self, quantised: Quantised) -> int:
        return len(quantised)

    def drawing(self, quantised: Quantised) -> Drawing:
        return gaussianimage.drawing(quantised)

    def on_grid(self, quantised: Quantised) -> None:
        return None

    def describe(self, file: Container) -> dict[str, Any]:
        count, image, _ = gaussianimage_streams.read_parameters(file)
        palette = image.palette
        colors: dict[str, Any] = {"color": "scalar", "color_bits": palette.bits}
        if isinstance(palette, Codebooks):
            stages, size, _ = palette.vectors.shape
            colors = {"color": "rvq", "stages": stages, "codebook": size}
        return {
            "gaussians": count,
            "covariance": image.covariance,
            "covariance_bits": image.shape_grid.bits,
            **colors,
            "coding": image.coding,
            "plain_gaussians": image.plain,
        }


PROFILE = GaussianImageProfile()
