"""Draw speed-decode.png, milliseconds against pixels and Gaussians, from speed-decode.json."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from statistics import median
from typing import Any

from matplotlib.figure import Figure

from benchmarks.report.timings import LIBRARIES
from benchmarks.speed.pictures import CASES, PHOTO

RESULTS = Path(__file__).parents[1] / "results"

Row = dict[str, Any]


def main() -> int:
    found = json.loads((RESULTS / "speed-decode.json").read_text())
    figure = draw_figure(found)
    figure.savefig(RESULTS / "speed-decode.png", metadata={"Software": None})
    return 0


def draw_figure(found: Row) -> Figure:
    """Draw both plots from the rows of the CPU's own instructions."""
    rows = [row for row in found["rows"] if row["path"] == "native"]
    figure = Figure(figsize=(9.6, 4.0), dpi=110, layout="constrained")
    left, right = figure.subplots(1, 2)
    sizes = {case.name for case in CASES if case.rate == ("bpp", 0.2)}
    at_rate = [row for row in rows if row["case"] in sizes]
    for decoder, threads, label in list_decoders():
        mine = [r for r in at_rate if (r["decoder"], r["threads"]) == (decoder, threads)]
        pixels = sorted({row["width"] * row["height"] for row in mine})
        ms = [
            median(row["ms"]["median"] for row in mine if row["width"] * row["height"] == count)
            for count in pixels
        ]
        style = {"linewidth": 2.0} if decoder == "gsic" else {"linestyle": "--"}
        left.plot([count / 1e6 for count in pixels], ms, marker="o", label=label, **style)
    left.set(xscale="log", yscale="log", xlabel="megapixels", ylabel="ms")
    left.set_title("Decoding at 0.2 bpp")
    left.legend(fontsize="small")
    for threads in (1, 2):
        mine = [
            row
            for row in rows
            if (row["width"], row["height"]) == PHOTO
            and (row["decoder"], row["threads"]) == ("gsic", threads)
        ]
        mine.sort(key=lambda row: row["gaussians"])
        counts, ms = zip(*((row["gaussians"], row["ms"]["median"]) for row in mine), strict=True)
        right.plot(counts, ms, marker="o", label=f"gsic, {threads} thread{'s' * (threads > 1)}")
    right.set(xlabel="Gaussians", ylabel="ms", xlim=(0, None), ylim=(0, None))
    right.set_title(f"Decoding {PHOTO[0]}x{PHOTO[1]}")
    right.legend(fontsize="small")
    for axes in (left, right):
        axes.grid(alpha=0.3)
    return figure


def list_decoders() -> list[tuple[str, int, str]]:
    """Return the decoders that are drawn: name, threads, label."""
    ours = [("gsic", 1, "gsic, 1 thread"), ("gsic", 2, "gsic, 2 threads")]
    return [*ours, *((name, 1, library) for name, library in LIBRARIES.items())]


if __name__ == "__main__":
    sys.exit(main())
