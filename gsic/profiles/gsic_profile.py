"""Profile `gsic` as the codec uses it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from gsic.container import Container
from gsic.profiles import gsic_streams as streams
from gsic.profiles.drawing import Drawing
from gsic.profiles.gsic import Header, Symbols, dequantise


class Quantised(NamedTuple):
    """An image as integers."""

    header: Header
    symbols: Symbols


@dataclass(frozen=True)
class GsicProfile:
    """FORMAT.md section 7."""

    name: str = "gsic"
    number: int = 1

    def write(self, quantised: Quantised) -> tuple[bytes, bytes]:
        """Parameter bytes and payload; the Gaussians may be in any order."""
        header, symbols = quantised
        return streams.write(header, streams.canonical(header, symbols))

    def read(self, file: Container) -> Quantised:
        return Quantised(
            *streams.read(
                file.width, file.height, file.mode.channels, file.parameters, file.payload
            )
        )

    def count(self, quantised: Quantised) -> int:
        return len(quantised.symbols)

    def drawing(self, quantised: Quantised) -> Drawing:
        header, symbols = quantised
        seen = dequantise(header, symbols)
        floor = np.exp(-seen.reach)
        return Drawing(
            seen.mean, seen.moments, seen.color, seen.reach, floor, header.background_color
        )

    def describe(self, file: Container) -> dict[str, Any]:
        header, _, counts = streams.read_parameters(
            file.width, file.height, file.mode.channels, file.parameters, len(file.payload)
        )
        return {
            "gaussians": sum(counts),
            "step": header.step,
            "background": list(header.background),
        }
