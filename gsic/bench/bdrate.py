"""Rate-distortion curves: monotone interpolation, quality at a rate, Bjontegaard delta rate.

All interpolation is piecewise cubic Hermite (PCHIP) in log-rate, and nothing is extrapolated.
A point is (bpp, quality); the quality is a PSNR in dB, or another measure that grows with rate.

A BD-rate of a set of images is taken image by image and then averaged. A BD-rate of mean curves
would depend on how a codec spreads bits over the images: it flatters a codec that codes every image
at the same rate.
"""

import math
import statistics
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Point = tuple[float, float]


class BdRate(NamedTuple):
    """Mean rate difference at equal quality, in percent of the anchor's rate, and its range."""

    percent: float
    low_db: float
    high_db: float


class BdRates(NamedTuple):
    """BD-rates of several images, in percent of the anchor's rate; negative is fewer bits.

    Args:
        percent: mean over the images. least, largest: the best and the worst image.
        worst_image: the image of `largest`.
        images: how many images have a BD-rate.
        low_db, high_db: the lowest and the highest quality that any of them covers.
    """

    percent: float
    least: float
    largest: float
    worst_image: str
    images: int
    low_db: float
    high_db: float


class Pchip:
    """A piecewise cubic that is monotone wherever its data are (Fritsch and Carlson).

    Args:
        x: (K,), strictly increasing, K >= 2.
        y: (K,), finite.

    Raises:
        ValueError: fewer than two points, unequal lengths, or x not strictly increasing.
    """

    def __init__(self, x: ArrayLike, y: ArrayLike) -> None:
        self.x = np.asarray(x, np.float64)
        self.y = np.asarray(y, np.float64)
        if self.x.ndim != 1 or self.x.shape != self.y.shape or len(self.x) < 2:
            raise ValueError(
                f"x and y must be vectors of one length >= 2, got {self.x.shape} and {self.y.shape}"
            )
        step = np.diff(self.x)
        if not (step > 0).all():
            raise ValueError("x must increase strictly")
        slope = np.diff(self.y) / step
        first = _derivatives(step, slope)
        # On each interval y + s (linear + s (square + s cube)), s measured from its left end.
        self._linear = first[:-1]
        self._square = (3 * slope - 2 * first[:-1] - first[1:]) / step
        self._cube = (first[:-1] + first[1:] - 2 * slope) / step**2

    def __call__(self, at: float) -> float:
        """The value at a point inside [x[0], x[-1]]; ValueError outside."""
        k, s = self._locate(at)
        return float(self.y[k] + s * (self._linear[k] + s * (self._square[k] + s * self._cube[k])))

    def integral(self, low: float, high: float) -> float:
        """The exact integral between two points inside [x[0], x[-1]]."""
        return self._antiderivative(high) - self._antiderivative(low)

    def _antiderivative(self, at: float) -> float:
        k, s = self._locate(at)
        width = np.append(np.diff(self.x)[:k], s)
        upto = slice(0, k + 1)
        inner = self._square[upto] / 3 + width * self._cube[upto] / 4
        return float(
            (width * (self.y[upto] + width * (self._linear[upto] / 2 + width * inner))).sum()
        )

    def _locate(self, at: float) -> tuple[int, float]:
        if not self.x[0] <= at <= self.x[-1]:
            raise ValueError(f"{at} is outside {self.x[0]} to {self.x[-1]}")
        k = min(int(np.searchsorted(self.x, at, side="right")) - 1, len(self.x) - 2)
        return k, float(at - self.x[k])


def frontier(points: Iterable[Point]) -> list[Point]:
    """Keep the points that no other point beats or equals in both rate and quality, by rate.

    What is left increases strictly in bpp and in PSNR, so it can be interpolated either way.
    """
    kept: list[Point] = []
    for bpp, psnr in sorted(points, key=lambda point: (point[0], -point[1])):
        if math.isfinite(psnr) and (not kept or psnr > kept[-1][1]):
            kept.append((bpp, psnr))
    return kept


def psnr_at_rate(points: Iterable[Point], bpp: float) -> float | None:
    """Interpolate the PSNR in dB, or another quality, of a curve at a rate, in log-rate.

    Args:
        points: measured points; those that another one beats in both respects are left out.
        bpp: bits per pixel, > 0.

    Returns:
        The PSNR, or None where the rate is outside the curve.
    """
    curve = frontier(points)
    if len(curve) < 2 or not curve[0][0] <= bpp <= curve[-1][0]:
        return None
    return Pchip([math.log(rate) for rate, _ in curve], [psnr for _, psnr in curve])(math.log(bpp))


def bd_rate(anchor: Iterable[Point], test: Iterable[Point]) -> BdRate | None:
    """Compute the mean rate difference of `test` against `anchor` at equal quality, for one image.

    PCHIP of log-rate over the common range of quality. Points that another one of the same curve
    beats in both rate and quality are left out.

    Args:
        anchor: points of the curve that is 0 %.
        test: points of the curve that is compared; negative percent means fewer bits.

    Returns:
        The difference and its range of quality, or None where the curves have no common range.
    """
    curves = []
    for points in (anchor, test):
        curve = frontier(points)
        if len(curve) < 2:
            return None
        curves.append(Pchip([value for _, value in curve], [math.log(rate) for rate, _ in curve]))
    low = max(float(curve.x[0]) for curve in curves)
    high = min(float(curve.x[-1]) for curve in curves)
    if low >= high:
        return None
    mean = (curves[1].integral(low, high) - curves[0].integral(low, high)) / (high - low)
    return BdRate(100 * math.expm1(mean), low, high)


def bd_rate_by_image(
    anchors: Mapping[str, Iterable[Point]], tests: Mapping[str, Iterable[Point]]
) -> dict[str, BdRate]:
    """Compute the BD-rate of each image's own two curves.

    Args:
        anchors: by image, points of the curve that is 0 %.
        tests: by image, points of the curve that is compared.

    Returns:
        The BD-rates by image; without the images that only one of both has, or whose curves have
        no common range of quality.
    """
    return {
        image: result
        for image, points in tests.items()
        if image in anchors and (result := bd_rate(anchors[image], points)) is not None
    }


def bd_rates(
    anchors: Mapping[str, Iterable[Point]], tests: Mapping[str, Iterable[Point]]
) -> BdRates | None:
    """Compute the BD-rate of each image's own two curves, their mean, least and largest.

    Args:
        anchors: by image, points of the curve that is 0 %.
        tests: by image, points of the curve that is compared.

    Returns:
        The BD-rates over the images that both have and whose curves have a common range of
        quality; None where there is no such image.
    """
    found = bd_rate_by_image(anchors, tests)
    if not found:
        return None
    percents = {image: result.percent for image, result in found.items()}
    worst = max(percents, key=lambda image: percents[image])
    return BdRates(
        percent=statistics.fmean(percents.values()),
        least=min(percents.values()),
        largest=percents[worst],
        worst_image=worst,
        images=len(found),
        low_db=min(result.low_db for result in found.values()),
        high_db=max(result.high_db for result in found.values()),
    )


def _derivatives(step: NDArray[np.float64], slope: NDArray[np.float64]) -> NDArray[np.float64]:
    if len(slope) == 1:
        return np.repeat(slope, 2)
    before, after = slope[:-1], slope[1:]
    same = before * after > 0  # elsewhere the point is an extremum: slope 0
    left = (step[:-1] + 2 * step[1:])[same]
    right = (2 * step[:-1] + step[1:])[same]
    inner = np.zeros(len(slope) - 1)
    inner[same] = (left + right) / (left / before[same] + right / after[same])
    first = _end_derivative(step[0], step[1], slope[0], slope[1])
    last = _end_derivative(step[-1], step[-2], slope[-1], slope[-2])
    return np.concatenate([[first], inner, [last]])


def _end_derivative(step: float, next_step: float, slope: float, next_slope: float) -> float:
    """Three-point slope at an end, cut back where it would break monotony."""
    value = ((2 * step + next_step) * slope - step * next_slope) / (step + next_step)
    if value * slope <= 0:
        return 0.0
    if slope * next_slope <= 0 and abs(value) > 3 * abs(slope):
        return 3 * slope
    return value
