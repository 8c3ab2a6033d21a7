"""Profile `2dgs` as the codec uses it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gsic.container import Container
from gsic.profiles.base import Drawing
from gsic.profiles.two_dgs import bitstream as streams
from gsic.profiles.two_dgs.symbols import Scene, cutoff_of, dequantise


@dataclass(frozen=True)
class TwoDgsProfile:
    """FORMAT.md section 9."""

    name: str = "2dgs"
    number: int = 3

    def write(self, quantised: Scene) -> tuple[bytes, bytes]:
        """Parameter bytes and payload; the order of the Gaussians is kept."""
        return streams.write(quantised)

    def read(self, file: Container) -> Scene:
        return streams.read(
            file.width, file.height, file.mode.channels, file.parameters, file.payload
        )

    def count(self, quantised: Scene) -> int:
        return len(quantised)

    def drawing(self, quantised: Scene) -> Drawing:
        seen = dequantise(quantised)
        nothing = np.zeros(len(quantised))
        background = np.zeros(seen.color.shape[1])
        cutoff = cutoff_of(seen.opacity)
        return Drawing(
            seen.mean, seen.entries, seen.color, cutoff, nothing, background, seen.opacity
        )

    def on_grid(self, quantised: Scene) -> None:
        return None

    def describe(self, file: Container) -> dict[str, Any]:
        parameters = streams.read_parameters(
            file.width, file.height, file.mode.channels, file.parameters, len(file.payload)
        )
        return {
            "gaussians": parameters.gaussians,
            "shape_rows": parameters.rows[0],
            "color_rows": parameters.rows[1],
            "position_bits": parameters.places.bits,
            "codebook_bits": parameters.shapes.bits,
            "axes": "normalised" if parameters.grid.normalised else "pixel",
            "resolution": "half" if parameters.grid.pitch == 2 else "full",
        }


PROFILE = TwoDgsProfile()
