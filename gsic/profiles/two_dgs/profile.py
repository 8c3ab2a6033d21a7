"""Profile `2dgs`, as the codec uses it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gsic.container import Container
from gsic.profiles.base import Scene
from gsic.profiles.two_dgs import bitstream, dequantisation
from gsic.profiles.two_dgs.parameters import read_parameters
from gsic.profiles.two_dgs.symbols import QuantisedImage


@dataclass(frozen=True)
class TwoDgsProfile:
    """The methods of `Profile` for FORMAT.md section 9."""

    name: str = "2dgs"
    number: int = 3

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
        parameters = read_parameters(file)
        return {
            "gaussians": parameters.gaussians,
            "shape_rows": parameters.rows[0],
            "color_rows": parameters.rows[1],
            "position_bits": parameters.positions.bits,
            "codebook_bits": parameters.shapes.bits,
            "axes": "normalised" if parameters.grid.normalised else "pixel",
            "resolution": "half" if parameters.grid.pitch == 2 else "full",
        }


PROFILE = TwoDgsProfile()
