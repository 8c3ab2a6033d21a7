"""What the Gaussians of a file draw, in the same terms for every profile."""

from __future__ import annotations

from typing import NamedTuple

from gsic.gaussians import Float64, Moments
from gsic_kernels.checks import LogSymbols


class Drawing(NamedTuple):
    """N Gaussians over a background, in float64; a kernel gets them rounded once to float32.

    The weight of a Gaussian is exp(-q) - floor where its exponent q is at most `reach`. Without
    opacities the Gaussians are summed; with them they are blended, the first in front.
    """

    mean: Float64  # (N, 2) px; the centre of pixel (row i, column j) is (j + 0.5, i + 0.5)
    moments: Moments  # px^2
    color: Float64  # (N, C) 1.0 = full scale
    reach: Float64  # (N,); where it is at most 0, nothing is drawn
    floor: Float64  # (N,)
    background: Float64  # (C,) 1.0 = full scale
    opacity: Float64 | None = None  # (N,)


class OnGrid(NamedTuple):
    """A drawing without opacities, for a backend that dequantises its N Gaussians."""

    symbols: LogSymbols
    size: Float64  # (N,) px^2, sqrt(det Sigma)
    background: Float64  # (C,) 1.0 = full scale
