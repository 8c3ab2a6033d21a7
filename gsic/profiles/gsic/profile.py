"""Profile `gsic` as the codec uses it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gsic.container import Container
from gsic.profiles.base import Drawing, OnGrid
from gsic.profiles.gsic import bitstream as streams
from gsic.profiles.gsic.symbols import (
    MARGIN_PX,
    MAX_LOG2_VARIANCE,
    MAX_STRETCH,
    MIN_LOG2_VARIANCE,
    SIZE_EXPONENT,
    STEP_RESOLUTION,
    STRETCH_EXPONENT,
    Header,
    Symbols,
    color_transform,
    dequantise,
    log2_variance,
)
from gsic_kernels.types import SHAPE_ROWS, LogGrid, LogSymbols


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
        offset = np.exp(-seen.cutoff)
        return Drawing(
            seen.mean, seen.entries, seen.color, seen.cutoff, offset, header.background_color
        )

    def on_grid(self, quantised: Quantised) -> OnGrid:
        header, symbols = quantised
        precision = np.exp2(-symbols.amplitude_class.astype(np.float64))
        size = log2_variance(symbols.size, precision)
        return OnGrid(
            LogSymbols(rows_of(symbols), grid_of(header)), np.exp2(size), header.background_color
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


def grid_of(header: Header) -> LogGrid:
    """What `dequantise` makes Gaussians with."""
    return LogGrid(
        margin=MARGIN_PX,
        size=2.0**SIZE_EXPONENT,
        stretch=2.0**STRETCH_EXPONENT,
        least=MIN_LOG2_VARIANCE,
        most=MAX_LOG2_VARIANCE,
        ratio=MAX_STRETCH,
        unit=header.step / math.sqrt(math.pi),
        half=STEP_RESOLUTION // 2,
        level=header.reach_level,
        transform=color_transform(header.channels),
    )


def rows_of(symbols: Symbols) -> NDArray[np.int32]:
    """Symbols of a file, int32 (7 + C, N); none of them reaches 2^31."""
    rows = np.empty((SHAPE_ROWS + symbols.color.shape[1], len(symbols)), np.int32)
    rows[0], rows[1] = symbols.position_class, symbols.amplitude_class
    rows[2:4], rows[4], rows[5:SHAPE_ROWS] = symbols.cell.T, symbols.size, symbols.stretch.T
    rows[SHAPE_ROWS:] = symbols.color.T
    return rows


PROFILE = GsicProfile()
