"""Make docs/gallery.md and its pictures.

    python -m benchmarks.gallery.make FOLDER...

The folders hold the pictures that `sources.py` names: `examples`, the Kodak images and the
illustrations. Files and measurements are kept in build/gallery, so that a second run only draws;
delete that folder to encode again. Figures go to benchmarks/results/gallery.json.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from benchmarks.gallery import page, sources, strips
from benchmarks.gallery.rows import OTHERS, OURS, SIZES, GalleryRow, Shown, measure
from benchmarks.report.tables import describe_origin
from gsic import images
from gsic.bench import machine
from gsic.bench.codecs.registry import BASELINES

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results" / "gallery.json"
PICTURES = ROOT / "docs" / "images" / "gallery"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("folders", nargs="+", type=Path, help="where the pictures are")
    parser.add_argument("--cache", type=Path, default=ROOT / "build" / "gallery")
    parser.add_argument("--threads", type=int, default=None, help="of our encoder")
    arguments = parser.parse_args()
    paths = {s.name: sources.find(s.name, arguments.folders) for s in sources.SOURCES}
    arguments.cache.mkdir(parents=True, exist_ok=True)
    PICTURES.mkdir(parents=True, exist_ok=True)

    rows: list[GalleryRow] = []
    originals = []
    for source in sources.SOURCES:
        path = paths[source.name]
        original = images.load(path).image
        originals.append((source, original))
        shown = list(measure(source, path, arguments.cache, arguments.threads))
        rows += [row for row, _ in shown]
        for size in SIZES:
            strip = strips.draw_strip(source, original, drawn(source, shown, size))
            strips.save(strip, PICTURES / f"{source.name}-{size}.webp")
        print(source.name, flush=True)
    strips.save(strips.draw_originals(originals), PICTURES / "originals.webp")

    write_results(rows, [folder.name for folder in arguments.folders])
    text = page.write_page(rows, describe_origin(RESULTS))
    (ROOT / "docs" / "gallery.md").write_text(text, encoding="utf-8")
    return 0


def drawn(source: sources.Source, shown: list[Shown], size: int) -> list[Shown]:
    """What a strip shows beside the original: ours, AVIF and WebP at one size."""
    names = (OURS, *OTHERS[source.kind][:2])
    found = {item.row.codec: item for item in shown if item.row.size == size}
    return [found[name] for name in names]


def write_results(rows: list[GalleryRow], folders: list[str]) -> None:
    """Write the rows with the machine, the versions and the command that made them."""
    about = {
        **machine.stamp(f"python -m benchmarks.gallery.make {' '.join(folders)}"),
        "codecs": describe_codecs(rows),
        "rows": [row._asdict() for row in rows],
    }
    RESULTS.write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")


def describe_codecs(rows: list[GalleryRow]) -> dict[str, dict[str, str]]:
    """Titles and versions of the other codecs of some rows."""
    used = sorted({row.codec for row in rows} - {OURS})
    return {
        name: {"title": BASELINES[name].title, "version": BASELINES[name].version} for name in used
    }


if __name__ == "__main__":
    sys.exit(main())
