"""The papers' tables, made anew and printed beside the published rows.

    python -m benchmarks.papers.make TABLE [--images ...] [--scaled] [--steps N]
                                     [--gaussians N,...] [--device ...]

Rows say what they are: `published`, taken from the paper; `full`, made here with the paper's
settings; `scaled`, made here with less. `--scaled` is one protocol: three crops of 192 x 192 pixels
from the folder `tune` of GSIC_DATA, as many Gaussians per pixel, 1500 steps; it tests signs and
orders of effects, not decibels. Without `--images` all of `kodak` of GSIC_DATA is measured.
The table is written to results/papers-TABLE.md, and with every measured image to .json.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gsic import images
from gsic.bench import folders, machine

SCALED_STEPS = 1500
SCALED_SIDE = 192
SCALED_CROPS = 3

# Modules of tables, each with TABLES: names and what makes them.
MODULES = ("benchmarks.papers.gaussianimage_tables", "benchmarks.papers.two_dgs_tables")

Row = dict[str, Any]


@dataclass
class Run:
    """What a table is made from, and with.

    Args:
        paths: image files.
        scaled: the scaled protocol.
        steps: of each optimisation; None for those of the paper, or of the scaled protocol.
        gaussians: numbers of Gaussians in place of the table's own, before they are scaled.
        rates: which of the table's rates, from 1; none for all.
        halved: halve the images first, bicubic, as for the x2 of DIV2K.
        device, threads, seed: of the codec.
        samples: a row of each measured image, filled by `note`.
    """

    paths: list[Path]
    scaled: bool = False
    steps: int | None = None
    gaussians: tuple[int, ...] = ()
    rates: tuple[int, ...] = ()
    halved: bool = False
    device: str = "auto"
    threads: int | None = None
    seed: int = 0
    samples: list[Row] = field(default_factory=list)

    @property
    def kind(self) -> str:
        """What measured rows are called."""
        return "scaled" if self.scaled or self.steps else "full"

    def steps_of(self, full: int) -> int:
        """Steps in place of the paper's."""
        return self.steps or (SCALED_STEPS if self.scaled else full)

    def pictures(self) -> Iterator[tuple[str, NDArray[np.uint8]]]:
        """Name and pixels of every image."""
        for path in self.paths:
            image = images.load(path).image
            if self.scaled:
                image = cropped(image)
            yield path.stem, halved(image) if self.halved else image

    def note(self, **sample: Any) -> Row:
        """Keep and print what was measured of an image."""
        self.samples.append(sample)
        print({name: _short(value) for name, value in sample.items()}, file=sys.stderr, flush=True)
        return sample


@dataclass(frozen=True)
class Table:
    """A finished table: rows of values by column; `kind` is always one of the columns."""

    title: str
    columns: tuple[str, ...]
    rows: list[Row]

    def markdown(self) -> str:
        """The table as Markdown."""
        lines = [self.columns, ("---",) * len(self.columns)]
        lines += [tuple(_short(row.get(name)) for name in self.columns) for row in self.rows]
        return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def mean_of(samples: Iterable[Row], names: Iterable[str]) -> Row:
    """Means of columns over samples, None where a sample has none."""
    kept = list(samples)
    means: Row = {}
    for name in names:
        values = [sample.get(name) for sample in kept]
        known = [value for value in values if value is not None]
        means[name] = statistics.fmean(known) if known and len(known) == len(values) else None
    return means


def cropped(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The middle of an image, as large as the scaled protocol has it."""
    top, left = ((side - SCALED_SIDE) // 2 for side in image.shape[:2])
    return image[top : top + SCALED_SIDE, left : left + SCALED_SIDE]


def halved(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Half of an image's width and height, bicubic with the kernel widened to match."""
    height, width = image.shape[:2]
    return np.array(Image.fromarray(image).resize((width // 2, height // 2), Image.BICUBIC))


def tables() -> dict[str, Callable[[Run], Table]]:
    """Every table there is, by name."""
    found: dict[str, Callable[[Run], Table]] = {}
    for module in MODULES:
        found |= import_module(module).TABLES
    return found


def main() -> int:
    known = tables()
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("table", choices=sorted(known))
    parser.add_argument("--images", type=Path, nargs="+", help="image files, or folders of them")
    parser.add_argument("--scaled", action="store_true", help="the scaled protocol")
    parser.add_argument("--steps", type=int, help="of each optimisation, in place of the paper's")
    parser.add_argument("--gaussians", help="numbers of Gaussians, comma-separated")
    parser.add_argument("--rates", help="of 2dgs-1: 1 to 4, comma-separated")
    parser.add_argument("--halved", action="store_true", help="halve images first, bicubic")
    parser.add_argument("--limit", type=int, help="at most so many images")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--results", type=Path, default=Path(__file__).parents[1] / "results")
    arguments = parser.parse_args()
    run = Run(
        _paths(arguments)[: arguments.limit],
        arguments.scaled,
        arguments.steps,
        _whole(arguments.gaussians),
        _whole(arguments.rates),
        arguments.halved,
        arguments.device,
        arguments.threads,
        arguments.seed,
    )
    table = known[arguments.table](run)
    name = f"papers-{arguments.table}" + ("-scaled" if arguments.scaled else "")
    options = [a.replace(str(Path(a).parent) + os.sep, "") for a in sys.argv[1:]]
    result = {
        **machine.stamp(f"python -m benchmarks.papers.make {' '.join(options)}"),
        "title": table.title,
        "images": [path.name for path in run.paths],
        "seed": run.seed,
        "columns": table.columns,
        "rows": table.rows,
        "samples": run.samples,
    }
    arguments.results.mkdir(parents=True, exist_ok=True)
    (arguments.results / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n")
    text = f"{table.title}\n\n{table.markdown()}\n"
    (arguments.results / f"{name}.md").write_text(text)
    print(text)
    return 0


def _whole(text: str | None) -> tuple[int, ...]:
    """Comma-separated integers."""
    return tuple(int(n) for n in (text or "").split(",") if n)


def _paths(arguments: argparse.Namespace) -> list[Path]:
    """The images to measure."""
    given = arguments.images
    if not given:
        if "GSIC_DATA" not in os.environ:
            raise SystemExit("name images by --images, or their folder by GSIC_DATA")
        given = [Path(os.environ["GSIC_DATA"]) / ("tune" if arguments.scaled else "kodak")]
    paths = [p for path in given for p in (folders.list_images(path) if path.is_dir() else [path])]
    if arguments.scaled and not arguments.images:
        paths = paths[:: max(len(paths) // SCALED_CROPS, 1)][:SCALED_CROPS]
    return paths


def _short(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1.0 else f"{value:.2f}"
    return str(value)


if __name__ == "__main__":
    sys.exit(main())
