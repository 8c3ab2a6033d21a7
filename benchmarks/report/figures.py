"""Fill the figures of docs/figures.md and README.md from the committed rows in benchmarks/results/.

    python -m benchmarks.report.figures [--check]

Replaces what stands between two marker lines of each page; only files that exist give a table.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks.report.kinds import by_kind, first_page
from benchmarks.report.papers import papers
from benchmarks.report.quality import kodak, rate_control, saved
from benchmarks.report.speed import efforts, fits, gpu, iteration, kernels, memory, speed

ROOT = Path(__file__).parents[2]
FIGURES = "figures"
EQUAL_BYTES = "equal-bytes"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--results", type=Path, default=ROOT / "benchmarks" / "results")
    parser.add_argument("--check", action="store_true", help="exit 1 if a page is not up to date")
    arguments = parser.parse_args()

    stale = False
    for path, marker, content in (
        (ROOT / "docs" / "figures.md", FIGURES, figures(arguments.results)),
        (ROOT / "README.md", EQUAL_BYTES, equal_bytes(arguments.results)),
    ):
        before = path.read_text(encoding="utf-8")
        after = filled(before, marker, content)
        stale |= after != before
        if not arguments.check:
            path.write_text(after, encoding="utf-8")
    return int(stale and arguments.check)


def filled(text: str, marker: str, content: str) -> str:
    """The text with `content` between the two lines of a marker."""
    first, last = f"<!-- {marker}:begin -->", f"<!-- {marker}:end -->"
    head, begin, rest = text.partition(first)
    _, end, tail = rest.partition(last)
    if not (begin and end):
        raise SystemExit(f"no {first} before {last} in the page")
    inside = f"\n{content}\n\n" if content else ""
    return f"{head}{first}\n{inside}{last}{tail}"


def figures(results: Path) -> str:
    """All tables, for docs/figures.md."""
    quality = kodak, saved, by_kind, rate_control
    parts = *quality, papers, speed, efforts, fits, memory, kernels, iteration, gpu
    return "\n\n".join(text for part in parts for text in part(results))


def equal_bytes(results: Path) -> str:
    """The one table of the README."""
    return "\n\n".join(first_page(results))


if __name__ == "__main__":
    sys.exit(main())
