"""Draw docs/images/rd.png from the committed rows: PSNR and SSIMULACRA2 against bits per pixel.

    python -m benchmarks.report.plot [--output PNG]

Every point is a mean over the 24 Kodak images with each of them at the same rate: of another codec
from its own curve of the image. A rate that a codec cannot reach on every image has no point.
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
    build_curve,
    build_curves,
    list_rates,
    load_ladders,
    load_rows,
)
from benchmarks.report.tables import TITLES
from gsic.bench.bdrate import Point, psnr_at_rate

ROOT = Path(__file__).parents[2]
RATES = (0.03, 0.04, 0.05, 0.07, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5)
SHOWN = ("avif-444-s4", "avif", "jpeg2000", "webp", "jpeg")
TICKS = (0.03, 0.05, 0.1, 0.2, 0.3, 0.5)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--results", type=Path, default=ROOT / "benchmarks" / "results")
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "images" / "rd.png")
    arguments = parser.parse_args()
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    draw_figure(arguments.results).savefig(arguments.output, dpi=100, metadata={"Software": None})
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
    images = len({image for image, _ in load_rows(results, "kodak-effort5")})
    figure.suptitle(f"{images} Kodak images, every image at the same rate, means")
    return figure


def draw_measure(axes: Axes, results: Path, measure: Measure) -> None:
    """Draw the means of one measure, ours thick and black."""
    rows = load_rows(results, "kodak-effort5")
    rates = list_rates(rows)
    curves = {"gsic": build_curves(rows, rates, measure)}
    ladders = load_ladders(results, "kodak")
    for codec in SHOWN:
        of = ladders.get(codec, {})
        curves[TITLES[codec]] = {image: build_curve(rungs, measure) for image, rungs in of.items()}
    for index, (title, of_images) in enumerate(curves.items()):
        points = average_at(of_images, RATES)
        if points:
            style = {"color": "black", "linewidth": 2.4} if index == 0 else {"linewidth": 1.3}
            axes.plot(*zip(*points, strict=True), label=title, marker=".", **style)
    axes.set_xscale("log")
    axes.set_xticks(TICKS, [f"{tick:g}" for tick in TICKS])
    axes.set_xticks([], minor=True)
    axes.set_xlabel("bits per pixel")
    axes.set_title(NAMES[measure])
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
