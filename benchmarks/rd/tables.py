"""BD-rates of one configuration of the encoder against every other codec, as tables.

    python -m benchmarks.rd.tables NAME CURVES [--range LOW-HIGH ...] [--results DIR]

Reads rd-NAME.json of `benchmarks.rd.encode` and rd-CURVES-curves.csv of `benchmarks.rd.curves`,
from build/rd or, where they are not there, from benchmarks/results. For each range of rates and by
each measure that the rows have: the BD-rate against each codec, image by image, as the mean with
the standard deviation, and the worst images by name. Images without a common range of quality are
in no mean and are listed. Takes about a second.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks.rd.compare import find_result
from benchmarks.report.by_image import LOW_RANGE, USUAL_RANGE, tabulate_against
from benchmarks.report.rows import load_ladders, load_rows


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("name", help="of the rows, for example kodak-effort5")
    parser.add_argument("curves", help="of the same images, for example kodak")
    parser.add_argument("--range", action="append", type=parse_range, metavar="LOW-HIGH")
    parser.add_argument("--results", type=Path, default=Path("build/rd"))
    arguments = parser.parse_args()
    rows = load_rows(find_result(arguments.results, f"rd-{arguments.name}.json"), arguments.name)
    curves = find_result(arguments.results, f"rd-{arguments.curves}-curves.csv")
    ladders = load_ladders(curves, arguments.curves)
    for low, high in arguments.range or (USUAL_RANGE, LOW_RANGE):
        print("\n\n".join(tabulate_against(arguments.name, rows, ladders, low, high)), end="\n\n")
    return 0


def parse_range(text: str) -> tuple[float, float]:
    """Read a range of rates, for example 0.1-0.5."""
    low, _, high = text.partition("-")
    return float(low), float(high)


if __name__ == "__main__":
    sys.exit(main())
