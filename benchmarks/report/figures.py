"""Fill figures.md and benchmarks.md of docs/, and README.md, from the rows in benchmarks/results/.

    python -m benchmarks.report.figures [--check]

Replaces what stands between two marker lines of each page; only files that exist give a table.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks.report.goals import tabulate_goals
from benchmarks.report.kinds import tabulate_first_page, tabulate_kinds
from benchmarks.report.papers import tabulate_papers
from benchmarks.report.quality import tabulate_kodak, tabulate_rate_control, tabulate_savings
from benchmarks.report.rate_goals import build_rate_distortion
from benchmarks.report.speed import (
    tabulate_efforts,
    tabulate_fits,
    tabulate_gpu,
    tabulate_iteration,
    tabulate_kernels,
    tabulate_memory,
)
from benchmarks.report.timings import tabulate_decoding, tabulate_encoding, tabulate_startup

ROOT = Path(__file__).parents[2]
FIGURES = "figures"
EQUAL_BYTES = "equal-bytes"
BENCHMARKS = "benchmarks"
RATE_DISTORTION = "rate-distortion"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--results", type=Path, default=ROOT / "benchmarks" / "results")
    parser.add_argument("--check", action="store_true", help="exit 1 if a page is not up to date")
    arguments = parser.parse_args()

    stale = False
    for path, marker, content in (
        (ROOT / "docs" / "figures.md", FIGURES, build_figures(arguments.results)),
        (ROOT / "docs" / "benchmarks.md", BENCHMARKS, build_benchmarks(arguments.results)),
        (
            ROOT / "docs" / "benchmarks.md",
            RATE_DISTORTION,
            build_rate_distortion(arguments.results),
        ),
        (ROOT / "README.md", EQUAL_BYTES, build_equal_bytes(arguments.results)),
    ):
        before = path.read_text(encoding="utf-8")
        after = fill(before, marker, content)
        stale |= after != before
        if not arguments.check:
            path.write_text(after, encoding="utf-8")
    return int(stale and arguments.check)


def fill(text: str, marker: str, content: str) -> str:
    """Put `content` between the two lines of a marker in a text."""
    first, last = f"<!-- {marker}:begin -->", f"<!-- {marker}:end -->"
    head, begin, rest = text.partition(first)
    _, end, tail = rest.partition(last)
    if not (begin and end):
        raise SystemExit(f"no {first} before {last} in the page")
    inside = f"\n{content}\n\n" if content else ""
    return f"{head}{first}\n{inside}{last}{tail}"


def build_benchmarks(results: Path) -> str:
    """Write the goals of speed and the tables of time, for docs/benchmarks.md."""
    sections = (tabulate_goals, tabulate_decoding, tabulate_encoding, tabulate_startup)
    return "\n\n".join(text for section in sections for text in section(results))


def build_figures(results: Path) -> str:
    """Write all other tables, for docs/figures.md."""
    sections = (
        *(tabulate_kodak, tabulate_savings, tabulate_kinds, tabulate_rate_control),
        *(tabulate_papers, tabulate_efforts, tabulate_fits, tabulate_memory),
        *(tabulate_kernels, tabulate_iteration, tabulate_gpu),
    )
    return "\n\n".join(text for section in sections for text in section(results))


def build_equal_bytes(results: Path) -> str:
    """Write the one table of the README."""
    return "\n\n".join(tabulate_first_page(results))


if __name__ == "__main__":
    sys.exit(main())
