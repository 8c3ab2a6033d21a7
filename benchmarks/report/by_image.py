"""BD-rates against every other codec, image by image: mean, spread, and the worst by name."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from benchmarks.report.rows import (
    MEASURES,
    NAMES,
    Ladders,
    Measure,
    Rows,
    build_curve,
    build_curves,
    list_images,
    list_rates,
)
from benchmarks.report.tables import NONE, TITLES, format_table
from gsic.bench.bdrate import Point, bd_rate_by_image, frontier

# Bits per pixel of the two ranges that codecs are compared in.
USUAL_RANGE, LOW_RANGE = (0.1, 0.5), (0.03, 0.2)
WORST = 3


class ByImage(NamedTuple):
    """BD-rates of ours against one other codec or encoder.

    Args:
        percents: by image, the worst first; negative is fewer bits than the other needs.
        covered: mean share, 0..1, of the range of quality of our curve that the other's has too.
        apart: images whose curves have no common range of quality; they are in no mean.
        absent: images that the other has no curve of.
    """

    percents: dict[str, float]
    covered: float
    apart: list[str]
    absent: list[str]

    @property
    def mean(self) -> float | None:
        """The mean over the images; None where no image has a common range."""
        return statistics.fmean(self.percents.values()) if self.percents else None

    @property
    def spread(self) -> float:
        """The standard deviation over the images; 0 of one image."""
        return statistics.stdev(self.percents.values()) if len(self.percents) > 1 else 0.0


def compare_curves(
    anchors: Mapping[str, Iterable[Point]], ours: Mapping[str, Iterable[Point]]
) -> ByImage | None:
    """Compare our curve of each image with another one of the same image.

    Args:
        anchors: by image, points of the curve that is 0 %.
        ours: by image, points of our curve.

    Returns:
        The BD-rates; None where no image has both curves.
    """
    curves = {image: frontier(points) for image, points in ours.items()}
    if not curves.keys() & anchors.keys():
        return None
    found = bd_rate_by_image(anchors, curves)
    shares = [
        (result.high_db - result.low_db) / (curves[image][-1][1] - curves[image][0][1])
        for image, result in found.items()
    ]
    worst_first = sorted(found, key=lambda image: -found[image].percent)
    return ByImage(
        percents={image: found[image].percent for image in worst_first},
        covered=statistics.fmean(shares) if shares else 0.0,
        apart=sorted(curves.keys() & anchors.keys() - found.keys()),
        absent=sorted(curves.keys() - anchors.keys()),
    )


def select_rates(rows: Rows, low: float, high: float) -> list[float]:
    """Select the rates from `low` to `high` bits per pixel that every image has a row for."""
    return [rate for rate in list_rates(rows) if low <= rate <= high]


def compare_with(
    rows: Rows, rates: Iterable[float], ladders: Ladders, codec: str, measure: Measure
) -> ByImage | None:
    """Compare our rows of some rates with the whole curves of another codec."""
    of = ladders.get(codec, {})
    curves = {image: build_curve(rungs, measure) for image, rungs in of.items()}
    anchors = {image: curve for image, curve in curves.items() if curve}
    return compare_curves(anchors, build_curves(rows, rates, measure))


def format_spread(found: ByImage | None, decimals: int = 1) -> str:
    """Write a cell: mean ± standard deviation; in brackets what it does not cover."""
    if found is None or found.mean is None:
        return NONE
    few = len(found.apart) + len(found.absent)
    notes = [f"covers {100 * found.covered:.0f} %"] if found.covered < 0.995 else []
    notes += [f"{len(found.percents)} of {len(found.percents) + few} images"] if few else []
    said = f" ({'; '.join(notes)})" if notes else ""
    return f"{found.mean:+.{decimals}f} ± {found.spread:.{decimals}f} %{said}"


def format_worst(found: ByImage | None, decimals: int = 0) -> str:
    """Write a cell of the worst images by name."""
    if found is None or found.mean is None:
        return NONE
    worst = list(found.percents)[:WORST]
    return ", ".join(f"{image} {found.percents[image]:+.{decimals}f}" for image in worst)


def tabulate_against(
    title: str, rows: Rows, ladders: Ladders, low: float, high: float
) -> list[str]:
    """Write BD-rates of rows against every other codec, from `low` to `high` bits per pixel.

    A line for every codec, and for every measure its mean with the spread, and the worst images.
    Images without a common range are listed below. Nothing where fewer than two of our rates are in
    the range, or nothing is there to compare with.
    """
    rates = select_rates(rows, low, high)
    if len(rates) < 2:
        return []
    measures = [measure for measure in MEASURES if build_curves(rows, rates, measure)]
    lines, apart, absent = [], [], []
    for codec, name in TITLES.items():
        if codec not in ladders:
            continue
        found = [compare_with(rows, rates, ladders, codec, measure) for measure in measures]
        if any(found):
            cells = [cell for one in found for cell in (format_spread(one), format_worst(one))]
            lines.append([name, *cells])
        for measure, one in zip(measures, found, strict=True):
            if one is not None and one.apart:
                apart.append(f"{name} by {NAMES[measure]}: {', '.join(one.apart)}")
            if one is not None and one.absent:
                absent.append(f"{name} by {NAMES[measure]}")
    if not lines:
        return []
    head = ["against", *(head for m in measures for head in (NAMES[m], f"worst by {NAMES[m]}"))]
    said = ", ".join(f"{rate:g}" for rate in rates)
    text = [
        f"**{title}, {said} bpp, {len(list_images(rows))} images.**",
        format_table(head, lines),
    ]
    if apart:
        text.append(f"No common range of quality, and so in no mean: {'; '.join(apart)}.")
    if absent:
        text.append(f"Measured on some of the images only: {'; '.join(absent)}.")
    return text
