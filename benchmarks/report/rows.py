"""Committed rows of rate and distortion, as curves of images."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

from gsic.bench.bdrate import Point, psnr_at_rate
from gsic.bench.rows import Row, read

# GaussianImage (ECCV 2024), figure 4, read off: mean bpp and PSNR of the Kodak images.
GAUSSIAN_IMAGE = [
    *[(0.12, 24.65), (0.15, 25.05), (0.43, 27.38), (0.715, 28.7), (1.0, 29.63), (1.285, 30.48)],
]

Measure = Literal["psnr", "ms_ssim", "ssimulacra2"]
MEASURES: tuple[Measure, ...] = "psnr", "ms_ssim", "ssimulacra2"
NAMES = {"psnr": "PSNR", "ms_ssim": "MS-SSIM", "ssimulacra2": "SSIMULACRA2"}

# Rows of one encoder by image and rate asked for.
Rows = dict[tuple[str, float], dict[str, Any]]
# Rows of the other codecs by codec and image.
Ladders = dict[str, dict[str, list[Row]]]


class Mean(NamedTuple):
    """A mean, and over how many images."""

    value: float
    images: int


class Beside(NamedTuple):
    """Means of another codec and of ours at equal bytes, over the same `images` images."""

    theirs: float
    ours: float
    images: int

    @property
    def difference(self) -> float:
        return self.ours - self.theirs


def load_rows(results: Path, name: str) -> Rows:
    """Read rows of `benchmarks.rd.encode`; none where there is no such file."""
    path = results / f"rd-{name}.json"
    found = json.loads(path.read_text())["rows"] if path.exists() else []
    return {(row["image"], row["target"]): row for row in found}


def load_ladders(results: Path, name: str) -> Ladders:
    """Read rows of `benchmarks.rd.curves`; none where there is no such file."""
    found: Ladders = {}
    for row in read(results / f"rd-{name}-curves.csv"):
        found.setdefault(row.codec, {}).setdefault(Path(row.image).stem, []).append(row)
    return found


def list_images(rows: Rows) -> list[str]:
    """List the images that rows are of, sorted."""
    return sorted({image for image, _ in rows})


def list_rates(rows: Rows) -> list[float]:
    """List the rates that every image has a row for."""
    rates = sorted({rate for _, rate in rows})
    return [rate for rate in rates if all((image, rate) in rows for image in list_images(rows))]


def select_images(rows: Rows, prefix: str) -> Rows:
    """Keep the rows of images whose names begin with `prefix`."""
    return {key: row for key, row in rows.items() if key[0].startswith(prefix)}


def build_curves(rows: Rows, rates: Iterable[float], measure: Measure) -> dict[str, list[Point]]:
    """Build our curve of each image over some rates; leave out images that lack one of them."""
    wanted = list(rates)
    curves = {}
    for image in list_images(rows):
        found = [rows.get((image, rate), {}) for rate in wanted]
        if all(row.get(measure) is not None for row in found):
            curves[image] = [(row["bpp"], scale(row[measure], measure)) for row in found]
    return curves


def build_curve(ladder: Iterable[Row], measure: Measure) -> list[Point]:
    """Build another codec's curve of one image."""
    return [
        (row.bpp or 0.0, scale(value, measure))
        for row in ladder
        if (value := getattr(row, measure)) is not None
    ]


def scale(value: float, measure: Measure) -> float:
    """Map a value to what is interpolated: itself, of MS-SSIM -10 log10(1 - MS-SSIM)."""
    return -10.0 * math.log10(1.0 - value) if measure == "ms_ssim" else value


def compare_at(
    rows: Rows, rate: float, ladders: Mapping[str, list[Row]], measure: Measure
) -> Beside | None:
    """Compare our files of one rate with another codec at exactly their sizes.

    Args:
        rows: ours. rate: the one asked for.
        ladders: rows of the other codec by image.
        measure: what is compared.

    Returns:
        Both means over the images on which the other codec reaches the size of our file; None
        where there is none, or where ours were not measured by this measure.
    """
    pairs = []
    for (image, target), row in rows.items():
        if target == rate and row.get(measure) is not None and image in ladders:
            value = psnr_at_rate(build_curve(ladders[image], measure), row["bpp"])
            if value is not None:
                theirs = 1.0 - 10.0 ** (-value / 10.0) if measure == "ms_ssim" else value
                pairs.append((theirs, row[measure]))
    if not pairs:
        return None
    theirs, ours = (statistics.fmean(values) for values in zip(*pairs, strict=True))
    return Beside(theirs, ours, len(pairs))


def average(rows: Rows, rate: float, name: str) -> Mean | None:
    """Average a column over the images that have it at a rate; None where there is none."""
    values = [
        row[name]
        for (_, target), row in rows.items()
        if target == rate and row.get(name) is not None
    ]
    return Mean(statistics.fmean(values), len(values)) if values else None


def average_gsic_at(results: Path, rates: Mapping[str, float]) -> float | None:
    """Average the PSNR of the profile gsic, each Kodak image at its own rate, default effort.

    Args:
        results: folder of committed rows.
        rates: bits per pixel by image.

    Returns:
        dB; None where an image has no row, or a rate is outside its curve.
    """
    rows = load_rows(results, "kodak-effort5")
    curves = build_curves(rows, list_rates(rows), "psnr")
    values = [psnr_at_rate(curves.get(image, []), bpp) for image, bpp in rates.items()]
    found = [value for value in values if value is not None]
    return statistics.fmean(found) if found and len(found) == len(values) else None
