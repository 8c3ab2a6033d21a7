"""Draw docs/images/rd.png from the committed rows: PSNR and SSIMULACRA2 against bits per pixel.

    python -m benchmarks.report.plot [--output PNG]

Every point is a mean over the Kodak images with each of them at the same rate, from its own curve.
All lines of one plot are over the same images. A rate that a codec does not reach on every one of
them has no point.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.report.rows import (
    NAMES,
    Measure,
    average,
    build_curve,
    build_curves,
    list_rates,
    load_ladders,
    load_rows,
)
from benchmarks.report.savings import USUAL
from benchmarks.report.tables import TITLES
from gsic.bench.bdrate import Point, psnr_at_rate

ROOT = Path(__file__).parents[2]
RATES = (0.03, 0.04, 0.05, 0.07, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.49)  # files at 0.5 end below
SHOWN = ("avif-444-s4", "avif", "jpeg2000", "webp", "jpeg")
TICKS = (0.03, 0.05, 0.1, 0.2, 0.3, 0.5)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--results", type=Path, default=ROOT / "benchmarks" / "results")
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "images" / "rd.png")
    arguments = parser.parse_args()
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    draw_figure(arguments.results).savefig(arguments.output, dpi=90, metadata={"Software": None})
    return 0


def draw_figure(results: Path) -> Figure:
    """Draw PSNR on the left and SSIMULACRA2 on the right."""
    figure = Figure(figsize=(10, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    draw_measure(left, results, "psnr")
    draw_measure(right, results, "ssimulacra2")
    left.set_ylabel("PSNR in dB")
    right.set_ylabel("SSIMULACRA2")
    left.legend()
    figure.suptitle("Kodak, every image at the same rate")
    return figure


def draw_measure(axes: Axes, results: Path, measure: Measure) -> None:
    """Draw the means of one measure over the images that all have it, ours thick and black."""
    rows, ladders = load_rows(results, "kodak-effort5"), load_ladders(results, "kodak")
    # Where the lowest rates were not measured by this measure, the curve begins above them.
    complete = all(average(rows, rate, measure) for rate in list_rates(rows))
    rates = list_rates(rows) if complete else USUAL
    curves = {"gsic": build_curves(rows, rates, measure)}
    for codec in SHOWN:
        if codec in ladders:
            of = {image: build_curve(rungs, measure) for image, rungs in ladders[codec].items()}
            curves[TITLES[codec]] = {image: points for image, points in of.items() if points}
    images = set.intersection(*(set(of) for of in curves.values()))
    for title, of in curves.items():
        points = average_at({image: of[image] for image in sorted(images)}, RATES)
        if points:
            style = {"color": "black", "linewidth": 2.4} if title == "gsic" else {"linewidth": 1.3}
            axes.plot(*zip(*points, strict=True), label=title, marker=".", **style)
    axes.set_title(f"{NAMES[measure]}, means of {len(images)} images")
    axes.set_xscale("log")
    axes.set_xticks(TICKS, [f"{tick:g}" for tick in TICKS])
    axes.set_xticks([], minor=True)
    axes.set_xlabel("bits per pixel")
    axes.grid(alpha=0.3)


def average_at(curves: Mapping[str, Sequence[Point]], rates: Sequence[float]) -> list[Point]:
    """Average curves at fixed rates; a rate outside the curve of one image is left out."""
    found = []
    for rate in rates:
        values = [psnr_at_rate(points, rate) for points in curves.values()]
        reached = [value for value in values if value is not None]
        if reached and len(reached) == len(values):
            found.append((rate, statistics.fmean(reached)))
    return found


if __name__ == "__main__":
    sys.exit(main())
