"""Profile `gaussianimage`, as the codec uses it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gsic.container import Container
from gsic.profiles.base import Scene
from gsic.profiles.gaussianimage import bitstream, dequantisation
from gsic.profiles.gaussianimage.parameters import read_parameters
from gsic.profiles.gaussianimage.symbols import Codebooks, QuantisedImage


@dataclass(frozen=True)
class GaussianImageProfile:
    """The methods of `Profile` for FORMAT.md section 8."""

    name: str = "gaussianimage"
    number: int = 2

    def write(self, image: QuantisedImage) -> tuple[bytes, bytes]:
        return bitstream.write(image)

    def read(self, file: Container) -> QuantisedImage:
        return bitstream.read(file)

    def count(self, image: QuantisedImage) -> int:
        return len(image)

    def dequantise(self, image: QuantisedImage) -> Scene:
        return dequantisation.dequantise(image)

    def make_symbol_scene(self, image: QuantisedImage) -> None:
        return None

    def describe(self, file: Container) -> dict[str, Any]:
        count, image, _ = read_parameters(file)
        quantiser = image.color_quantiser
        colors: dict[str, Any] = {"color": "scalar", "color_bits": quantiser.bits}
        if isinstance(quantiser, Codebooks):
            stages, size, _ = quantiser.vectors.shape
            colors = {"color": "rvq", "stages": stages, "codebook": size}
        return {
            "gaussians": count,
            "covariance": image.covariance,
            "covariance_bits": image.shape_quantiser.bits,
            **colors,
            "coding": image.coding,
            "plain_gaussians": image.plain,
        }


PROFILE = GaussianImageProfile()
