"""BD-rates of configurations of the encoder against the first one.

    python -m benchmarks.rd.compare NAME NAME ... [--results DIR]

Reads rd-NAME.json of `benchmarks.rd.encode`, from build/rd or, where it is not there, from
benchmarks/results: `compare tune CHANGE` compares a change with the committed rows of the tuning
images. For each configuration: what it costs in time; its means at each goal; by each measure that
all rows have its BD-rate against the first one, image by image, as the mean with the standard
deviation, and the worst images by name; and the bits of each attribute of a Gaussian.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.report.by_image import compare_curves, format_spread, format_worst
from benchmarks.report.rows import MEASURES, NAMES, Measure, scale
from gsic.bench.bdrate import Point

COMMITTED = Path(__file__).parents[1] / "results"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("names", nargs="+")
    parser.add_argument("--results", type=Path, default=Path("build/rd"))
    arguments = parser.parse_args()
    files = [f"rd-{name}.json" for name in arguments.names]
    show([load(find_result(arguments.results, file) / file) for file in files])
    return 0


def find_result(results: Path, name: str) -> Path:
    """Find the folder of a file: the given one, or that of committed rows."""
    for folder in (results, COMMITTED):
        if (folder / name).exists():
            return folder
    raise SystemExit(f"no {name} in {results} or {COMMITTED}")


def load(path: Path) -> dict[str, Any]:
    result: dict[str, Any] = json.loads(path.read_text())
    return result


def show(results: list[dict[str, Any]]) -> None:
    """Print a line for each configuration, over the images and rates that all of them have."""
    common = set.intersection(*({key(row) for row in result["rows"]} for result in results))
    kept = [[row for row in result["rows"] if key(row) in common] for result in results]
    rates = sorted({bpp for _, bpp in common})
    print(f"{len({image for image, _ in common})} images at {rates}")
    for result, rows in zip(results, kept, strict=True):
        seconds = total(rows, "seconds") / total(kept[0], "seconds")
        decode = total(rows, "decode_ms") / total(kept[0], "decode_ms")
        points = "  ".join(
            f"{average(rows, rate, 'bpp'):.4f} {average(rows, rate, 'psnr'):.3f}" for rate in rates
        )
        print(f"{result['name']:24} encode x{seconds:.2f} decode x{decode:.2f}  {points}")
        for measure in MEASURES:
            if saving := format_saving(kept[0], rows, measure):
                print(f"   BD-rate by {NAMES[measure]:12} {saving}")
        share: dict[str, float] = defaultdict(float)
        for row in rows:
            for name, bits in row["bits"].items():
                share[name] += bits / row["gaussians"] / len(rows) if row["gaussians"] else 0.0
        print("   bits per Gaussian:", {name: round(bits, 2) for name, bits in share.items()})


def format_saving(
    anchor: Sequence[dict[str, Any]], rows: Sequence[dict[str, Any]], measure: Measure
) -> str:
    """Write the BD-rate of rows against others of the same images and goals.

    "" where a row lacks the measure, or no image has two goals.
    """
    if any(row.get(measure) is None for row in (*anchor, *rows)):
        return ""
    found = compare_curves(build_curves(anchor, measure), build_curves(rows, measure))
    if found is None:
        return ""
    apart = f"; no common range: {', '.join(found.apart)}" if found.apart else ""
    return f"{format_spread(found, 2)}; worst: {format_worst(found, 1)}{apart}"


def build_curves(rows: Iterable[dict[str, Any]], measure: Measure) -> dict[str, list[Point]]:
    """Build the curve of each image."""
    found: dict[str, list[Point]] = {}
    for row in rows:
        found.setdefault(row["image"], []).append((row["bpp"], scale(row[measure], measure)))
    return found


def key(row: dict[str, Any]) -> tuple[str, float]:
    """Identify a row by its image and rate."""
    return row["image"], row["target"]


def average(rows: Iterable[dict[str, Any]], target: float, name: str) -> float:
    """Average a column over the rows of a rate."""
    return statistics.fmean(float(row[name]) for row in rows if row["target"] == target)


def total(rows: Iterable[dict[str, Any]], name: str) -> float:
    return sum(float(row[name]) for row in rows)


if __name__ == "__main__":
    sys.exit(main())
