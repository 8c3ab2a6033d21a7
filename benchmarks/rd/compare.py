"""BD-rates of configurations of the encoder against the first one.

    python -m benchmarks.rd.compare NAME NAME ... [--results DIR]

Reads rd-NAME.json of `benchmarks.rd.encode`, from build/rd or, where it is not there, from
benchmarks/results: `compare tune CHANGE` compares a change with the committed rows of the tuning
images. For each configuration: what it costs in time; its means at each goal; by each measure that
all rows have its BD-rate against the first one, image by image, as the mean with the standard
deviation, and the worst images by name; the bits of each attribute of a Gaussian; and all that but
the bits as a row for benchmarks/results/rd-levers.md, in which two cells are left to be filled.
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

from benchmarks.report.by_image import ByImage, compare_curves, format_spread, format_worst
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
    """Print each configuration against the first, over the images and goals that all have."""
    keys = [{key(row) for row in result["rows"]} for result in results]
    common = set.intersection(*keys)
    kept = [[row for row in result["rows"] if key(row) in common] for result in results]
    goals = sorted({goal for _, goal in common})
    where = f"{len({image for image, _ in common})} images at {', '.join(f'{g:g}' for g in goals)}"
    print(where)
    for goal in sorted({goal for _, goal in set.union(*keys) - common}):
        lacking = sorted({image for image, other in set.union(*keys) - common if other == goal})
        print(f"left out, as not all have them: {goal:g} of {', '.join(lacking)}")
    for result, rows in zip(results, kept, strict=True):
        seconds = total(rows, "seconds") / total(kept[0], "seconds")
        decode = total(rows, "decode_ms") / total(kept[0], "decode_ms")
        points = "  ".join(
            f"{average(rows, goal, 'bpp'):.4f} {average(rows, goal, 'psnr'):.3f}" for goal in goals
        )
        print(f"{result['name']:24} encode x{seconds:.2f} decode x{decode:.2f}  {points}")
        savings = compare_rows(kept[0], rows)
        for measure, found in savings.items():
            apart = f"; no common range: {', '.join(found.apart)}" if found.apart else ""
            worst = f"worst: {format_worst(found, 1)}{apart}"
            print(f"   BD-rate by {NAMES[measure]:12} {format_spread(found, 2)}; {worst}")
        share: dict[str, float] = defaultdict(float)
        for row in rows:
            for name, bits in row["bits"].items():
                share[name] += bits / row["gaussians"] / len(rows) if row["gaussians"] else 0.0
        print("   bits per Gaussian:", {name: round(bits, 2) for name, bits in share.items()})
        said = "; ".join(f"{format_spread(one)} by {NAMES[m]}" for m, one in savings.items())
        print(
            f"   | {result['name']} | | BD {said} ({where}) | x {seconds:.2f} | x {decode:.2f} | |"
        )


def compare_rows(
    anchor: Sequence[dict[str, Any]], rows: Sequence[dict[str, Any]]
) -> dict[Measure, ByImage]:
    """Compute BD-rates of rows against others of the same images and goals.

    Returns:
        By each measure that all rows have, if any image has two goals.
    """
    measures = [
        measure
        for measure in MEASURES
        if all(row.get(measure) is not None for row in (*anchor, *rows))
    ]
    found = {
        measure: compare_curves(build_curves(anchor, measure), build_curves(rows, measure))
        for measure in measures
    }
    return {measure: one for measure, one in found.items() if one is not None}


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
