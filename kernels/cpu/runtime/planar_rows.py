"""The length of a row of pixels in planes, with slack for whole vectors."""

from __future__ import annotations

from gsic_kernels.cpu.runtime.jitable import register_jitable
from gsic_kernels.cpu.runtime.lanes import LANES


@register_jitable
def row_pitch(width: int) -> int:
    """Compute the floats per plane of a scratch row: whole columns, and LANES of slack."""
    # A column may begin at any pixel, so the last one reaches up to LANES - 1 past the window.
    return (width + 2 * LANES - 1) // LANES * LANES
