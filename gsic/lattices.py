"""Gaussians of an image -> Gaussians on the lattices of their levels, and gradients back.

A Gaussian of standard deviation s needs no samples denser than about s. So it has a level L, the
largest with 2^L <= s along its thinner axis, and is drawn on a lattice whose cells are 2^L px wide,
which is then enlarged to pixels (FORMAT.md 7.4). Each enlarging by two adds variance, which is
taken away beforehand; the colour grows so that the integral stays.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gsic.arrays import Float64
from gsic.gaussians import CovarianceEntries, compute_factor, factor_backward
from gsic_kernels.constants import LEVELS_MAX
from gsic_kernels.types import Gradients, Splats, round_splats


def choose_levels(log_scale: Float64, log_ratio: Float64) -> NDArray[np.int32]:
    """Choose the level of each Gaussian (FORMAT.md 7.4).

    Args:
        log_scale: float64 (N,), log2 of the geometric mean of the variances along the axes, px^2.
        log_ratio: float64 (N,), log2 of the ratio of the standard deviations along the axes.

    Returns:
        int32 (N,), 0..LEVELS_MAX - 1.
    """
    # A standard deviation of 2^L is a variance of 2^(2 L).
    level = np.floor((log_scale - log_ratio) * 0.5)
    return np.clip(level, 0, LEVELS_MAX - 1).astype(np.int32)


def choose_levels_of_entries(entries: CovarianceEntries) -> NDArray[np.int32]:
    """Choose the levels of covariances that are not integers yet, int32 (N,)."""
    s12, s22, det = entries
    half = 0.5 * ((det + s12 * s12) / s22 + s22)
    thinner = det / (half + np.sqrt(np.maximum(half * half - det, 0.0)))
    return choose_levels(np.log2(thinner), np.zeros(len(det)))


class LatticeGaussians:
    """N Gaussians on the lattices of their levels, with what the way back needs.

    Args:
        mean: float64 (N, 2), px.
        entries: covariance entries, px^2.
        color: float64 (N, C), 1.0 = full scale.
        cutoff: float64 (N,).
        level: int32 (N,).
    """

    def __init__(
        self,
        mean: Float64,
        entries: CovarianceEntries,
        color: Float64,
        cutoff: Float64,
        level: NDArray[np.int32],
    ) -> None:
        self._image_entries, self._image_color = entries, color
        s12, s22, det = entries
        self._cell = np.exp2(level.astype(np.float64))
        area = self._cell * self._cell
        # The steps of the enlarging add 4^L / 3 px^2, a quarter of that, and so on to 4 / 3.
        self._added = 4.0 * (area - 1.0) / 9.0
        s11 = (det + s12 * s12) / s22
        left = det - self._added * (s11 + s22 - self._added)
        self._gain = np.sqrt(det / left)
        self.mean = mean / self._cell[:, None]
        self.entries = CovarianceEntries(
            s12 / area, (s22 - self._added) / area, left / (area * area)
        )
        self.factor = compute_factor(self.entries)
        self.color = color * self._gain[:, None]
        self.splats: Splats = round_splats(
            self.mean, self.factor, self.color, cutoff, np.exp(-cutoff), level
        )

    def backward(self, gradients: Gradients) -> tuple[Float64, CovarianceEntries, Float64]:
        """Compute the vector-Jacobian product from the splats to the Gaussians of the image.

        Returns:
            The gradients by mean, by Sigma12, Sigma22 and ln det Sigma, and by colour, float64.
        """
        by_mean = gradients.mean / self._cell[:, None]
        by_lattice_color = gradients.color.astype(np.float64)
        by_color = by_lattice_color * self._gain[:, None]
        by_entries = factor_backward(self.entries, self.factor, gradients.factor.astype(np.float64))
        (wide,) = self._added.nonzero()
        if len(wide):
            by_gain = (by_lattice_color[wide] * self._image_color[wide]).sum(axis=1)
            self._pass_through(wide, by_entries, by_gain * self._gain[wide])
        return by_mean, by_entries, by_color

    def _pass_through(
        self, wide: NDArray[np.int64], by_entries: CovarianceEntries, by_log_gain: Float64
    ) -> None:
        """Turn gradients by lattice entries into those by image entries, in place.

        Args:
            wide: indices of the Gaussians whose level is above 0.
            by_entries: gradients on all Gaussians.
            by_log_gain: float64 (len(wide),), gradient by the logarithm of the gain.
        """
        s12, s22, det = (entry[wide] for entry in self._image_entries)
        added, area = self._added[wide], self._cell[wide] ** 2
        s11 = (det + s12 * s12) / s22
        left = det - added * (s11 + s22 - added)
        # The gain is the root of det / left.
        by_left = (by_entries.det[wide] - 0.5 * by_log_gain) / left
        by_entries.det[wide] = by_left * (det - added * det / s22) + 0.5 * by_log_gain
        by_entries.s12[wide] = by_entries.s12[wide] / area - by_left * added * 2.0 * s12 / s22
        by_entries.s22[wide] = by_entries.s22[wide] / area - by_left * added * (1.0 - s11 / s22)
