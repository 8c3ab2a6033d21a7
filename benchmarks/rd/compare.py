"""BD-rates of configurations of the encoder against the first one.

    python -m benchmarks.rd.compare NAME NAME ... [--results DIR]

Reads rd-NAME.json of `benchmarks.rd.encode`. For each configuration: its BD-rate against the first
one, image by image, as the mean with the least and the largest; what it costs in time; its means at
each rate; and the bits of each attribute of a Gaussian.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from gsic.bench.bdrate import Point, bd_rates


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("names", nargs="+")
    parser.add_argument("--results", type=Path, default=Path("build/rd"))
    arguments = parser.parse_args()
    show([load(arguments.results / f"rd-{name}.json") for name in arguments.names])
    return 0


def load(path: Path) -> dict[str, Any]:
    result: dict[str, Any] = json.loads(path.read_text())
    return result


def show(results: list[dict[str, Any]]) -> None:
    """Print a line for each configuration, over the images and rates that all of them have."""
    common = set.intersection(*({key(row) for row in result["rows"]} for result in results))
    kept = [[row for row in result["rows"] if key(row) in common] for result in results]
    rates = sorted({bpp for _, bpp in common})
    print(f"{len({image for image, _ in common})} images at {rates} bpp")
    for result, rows in zip(results, kept, strict=True):
        seconds = total(rows, "seconds") / total(kept[0], "seconds")
        decode = total(rows, "decode_ms") / total(kept[0], "decode_ms")
        points = "  ".join(
            f"{average(rows, rate, 'bpp'):.4f} {average(rows, rate, 'psnr'):.3f}" for rate in rates
        )
        print(
            f"{result['name']:24} BD-rate {format_saving(kept[0], rows)}  "
            f"encode x{seconds:.2f} decode x{decode:.2f}  {points}"
        )
        share: dict[str, float] = defaultdict(float)
        for row in rows:
            for name, bits in row["bits"].items():
                share[name] += bits / row["gaussians"] / len(rows) if row["gaussians"] else 0.0
        print("   bits per Gaussian:", {name: round(bits, 2) for name, bits in share.items()})


def format_saving(anchor: Iterable[dict[str, Any]], rows: Iterable[dict[str, Any]]) -> str:
    """Write the BD-rate of rows against others of the same images: mean [least, largest]."""
    found = bd_rates(build_curves(anchor), build_curves(rows))
    if found is None:
        return "-"
    return f"{found.percent:+6.2f} % [{found.least:+.2f}, {found.largest:+.2f} {found.worst_image}]"


def build_curves(rows: Iterable[dict[str, Any]]) -> dict[str, list[Point]]:
    """Build the curve of each image."""
    found: dict[str, list[Point]] = {}
    for row in rows:
        found.setdefault(row["image"], []).append((row["bpp"], row["psnr"]))
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
