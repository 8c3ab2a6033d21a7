"""Draw effort.png, seconds against BD-rate, from the committed effort-cpu.json."""

import json
import sys
from pathlib import Path

from matplotlib.figure import Figure

RESULTS = Path(__file__).parents[1] / "results"


def main() -> int:
    found = json.loads((RESULTS / "effort-cpu.json").read_text())
    shown = max(row["target"] for row in found["rows"])
    rows = [row for row in found["rows"] if row["target"] == shown]
    figure = Figure(figsize=(6.4, 3.6), dpi=110, layout="constrained")
    axes = figure.subplots()
    seconds = [row["seconds"] for row in rows]
    saved = [found["saved_percent"][str(row["effort"])] for row in rows]
    axes.plot(seconds, saved, marker="o")
    for row, at in zip(rows, zip(seconds, saved, strict=True), strict=True):
        axes.annotate(f"{row['effort']}", at, (4, 5), textcoords="offset points")
    axes.set_xscale("log")
    ticks = [1, 2, 3, 5, 10, 20, 30, 50, 100]
    kept = [tick for tick in ticks if 0.7 * min(seconds) <= tick <= 1.5 * max(seconds)]
    axes.set_xticks(kept, [str(tick) for tick in kept])
    axes.set_xticks([], minor=True)
    axes.set_xlabel(f"seconds to encode, {found['threads']} threads")
    axes.set_ylabel("rate at equal PSNR, % of effort 5")
    axes.set_title(f"Efforts: {found['image']}, seconds at {shown:g} bpp")
    axes.grid(alpha=0.3)
    figure.savefig(RESULTS / "effort.png", metadata={"Software": None})
    return 0


if __name__ == "__main__":
    sys.exit(main())
