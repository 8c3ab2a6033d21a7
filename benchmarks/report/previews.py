"""Previews of some hundred bytes against reduced files of the other codecs."""

from __future__ import annotations

import re
import statistics
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from benchmarks.report.quality import DECIMALS
from benchmarks.report.rows import MEASURES, NAMES, Measure, Rows, load_rows
from benchmarks.report.tables import TITLES, describe_origin, format_table
from gsic.bench.rows import Row, read

# Rows of `benchmarks.rd.encode --max-bytes`, and those of `benchmarks.rd.previews` beside them.
OURS, OTHERS = "kodak-previews-effort5", "kodak"


class Preview(NamedTuple):
    """Our file of one image beside the best of the others; what is enlarged counts as it is shown.

    Args:
        ours, theirs: the values of one measure. codec, factor: of the best of the others.
    """

    ours: float
    theirs: float
    codec: str
    factor: int

    @property
    def difference(self) -> float:
        return self.ours - self.theirs


# By image.
Previews = dict[str, Preview]


def load_previews(results: Path) -> tuple[Rows, list[Row]]:
    """Read our rows and those of the others; none where there is no such file."""
    return load_rows(results, OURS), read(results / f"rd-{OTHERS}-previews.csv")


def compare_previews(ours: Rows, others: list[Row], size: int, measure: Measure) -> Previews:
    """Compare our files of at most `size` bytes with the best that another codec shows.

    Args:
        ours: by image and bytes asked for.
        others: rows of every image, number of bytes, codec and factor.
        size: bytes.
        measure: what is compared, and by what the best codec and factor are chosen.

    Returns:
        By image; without images that one of both has no file of so few bytes of.
    """
    found = {}
    for (image, target), row in ours.items():
        rivals = [
            (value, other.codec, factor)
            for other in others
            if Path(other.image).stem == image
            and (factor := read_factor(other, size)) is not None
            and (value := getattr(other, measure)) is not None
        ]
        if target == size and row.get(measure) is not None and rivals:
            found[image] = Preview(row[measure], *max(rivals))
    return found


def read_factor(row: Row, size: int) -> int | None:
    """Read the factor of a row of previews; None where it is of another size."""
    found = re.fullmatch(rf"bytes={size} factor=(\d+)", row.matched or "")
    return int(found[1]) if found else None


def list_sizes(ours: Rows) -> list[int]:
    """List the numbers of bytes that rows were asked for."""
    return sorted({int(size) for _, size in ours})


def average_difference(found: Previews) -> float:
    return statistics.fmean(one.difference for one in found.values())


def format_lead(found: Previews, measure: Measure) -> str:
    """Write a cell: mean ± standard deviation of ours minus theirs."""
    decimals = DECIMALS[measure]
    values = [one.difference for one in found.values()]
    spread = statistics.stdev(values) if len(values) > 1 else 0.0
    return f"{average_difference(found):+.{decimals}f} ± {spread:.{decimals}f}"


def format_least(found: Previews, measure: Measure, least: int = 3) -> str:
    """Write a cell of the images where ours is the least ahead."""
    order = sorted(found, key=lambda image: found[image].difference)[:least]
    return ", ".join(f"{name} {found[name].difference:+.{DECIMALS[measure]}f}" for name in order)


def tabulate_previews(results: Path) -> list[str]:
    """Write previews of every size by every measure."""
    ours, others = load_previews(results)
    lines = []
    for size in list_sizes(ours):
        for measure in MEASURES:
            found = compare_previews(ours, others, size, measure)
            if found:
                lines.append([str(size), NAMES[measure], *_describe(found, measure)])
    if not lines:
        return []
    images = len({image for image, _ in ours})
    head = ["bytes", "by", "gsic", "best of the others", "gsic minus that", "worst", "which it is"]
    return [
        f"**Previews: {images} Kodak photographs in 500 to 2000 bytes.** "
        f"{describe_origin(results / f'rd-{OURS}.json')} The others: "
        f"{describe_origin(results / f'rd-{OTHERS}-previews.json')} They hold the picture reduced "
        "by a factor of 1 to 16 at the highest quality that fits, and are enlarged by bicubic "
        "interpolation; by each measure, the best codec and factor of each image counts.",
        format_table(head, lines),
    ]


def _describe(found: Previews, measure: Measure) -> list[str]:
    """Write both means, the lead, the worst images, and what is best of the others."""
    decimals, previews = DECIMALS[measure], found.values()
    codecs = Counter(one.codec for one in previews).most_common()
    factors = [one.factor for one in previews]
    return [
        f"{statistics.fmean(one.ours for one in previews):.{decimals}f}",
        f"{statistics.fmean(one.theirs for one in previews):.{decimals}f}",
        format_lead(found, measure),
        format_least(found, measure),
        f"{', '.join(f'{TITLES[codec]}: {count}' for codec, count in codecs)}; "
        f"factors {min(factors)} to {max(factors)}",
    ]
