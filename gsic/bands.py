"""Bands of rows: a large image is worked on band by band, so that temporary arrays stay small."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gsic.arrays import Float64, Int64, Rows

# About so many pixels are in a band. Images that are no larger have one.
BAND_PIXELS = 1 << 18


def split_rows(height: int, width: int, multiple: int = 1) -> Iterator[slice]:
    """Split the rows of an image into bands of about `BAND_PIXELS` pixels, from top to bottom.

    Args:
        height, width: of the image, px.
        multiple: the number of rows of each band but the last one is a multiple of this.
    """
    rows = max(BAND_PIXELS // width // multiple, 1) * multiple
    for top in range(0, height, rows):
        yield slice(top, min(top + rows, height))


def take_pixels(planes: Rows, rows: Int64, columns: Int64) -> Float64:
    """Return pixels of planes (H, W, C), float64 (pixels, C), at rows and columns (pixels,)."""
    height, width, channels = planes.shape
    values = np.empty((len(rows), channels))
    for band in split_rows(height, width):
        inside = np.flatnonzero((rows >= band.start) & (rows < band.stop))
        values[inside] = planes[band][rows[inside] - band.start, columns[inside]]
    return values
