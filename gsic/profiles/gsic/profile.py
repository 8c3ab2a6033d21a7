"""Profile `gsic`, as the codec uses it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gsic.container import Container
from gsic.profiles.base import Scene, SymbolScene
from gsic.profiles.gsic import bitstream, dequantisation
from gsic.profiles.gsic.parameters import read_parameters
from gsic.profiles.gsic.symbols import QuantisedImage


@dataclass(frozen=True)
class GsicProfile:
    """The methods of `Profile` for FORMAT.md section 7."""

    name: str = "gsic"
    number: int = 1

    def write(self, image: QuantisedImage) -> tuple[bytes, bytes]:
        return bitstream.write(image)

    def read(self, file: Container) -> QuantisedImage:
        return bitstream.read(file)

    def count(self, image: QuantisedImage) -> int:
        return int(image.rows.shape[1])

    def dequantise(self, image: QuantisedImage) -> Scene:
        return dequantisation.dequantise(image)

    def make_symbol_scene(self, image: QuantisedImage) -> SymbolScene:
        return dequantisation.make_symbol_scene(image)

    def describe(self, file: Container) -> dict[str, Any]:
        header, _, counts = read_parameters(file)
        return {
            "gaussians": sum(counts),
            "step": header.step,
            "background": list(header.background),
        }


PROFILE = GsicProfile()
