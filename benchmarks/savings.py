"""What committed rows of `rd.py` save against the other codecs' committed curves."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal, NamedTuple

from gsic.bench.bdrate import Point, bd_rate, psnr_at_rate
from gsic.bench.rows import Row, read

# GaussianImage (ECCV 2024), figure 4, read off: mean bpp and PSNR of the Kodak images.
GAUSSIAN_IMAGE = [
    *[(0.12, 24.65), (0.15, 25.05), (0.43, 27.38), (0.715, 28.7), (1.0, 29.63), (1.285, 30.48)],
]

LOW = (0.03, 0.05, 0.1, 0.2)
USUAL = (0.1, 0.2, 0.3, 0.5)
TUNED = (0.1, 0.3)
AGAINST = ("jpeg", "jpeg2000", "webp", "avif")

Measure = Literal["psnr", "ms_ssim"]

# Rows of one encoder by image and rate asked for.
Rows = dict[tuple[str, float], dict[str, Any]]


class Saving(NamedTuple):
    """BD-rates of some images at some rates, in percent; None without a common range."""

    effort: int
    tune: str
    images: str
    rates: tuple[float, ...]
    percent: dict[str, float | None]


def savings(results: Path, measure: Measure = "psnr") -> list[Saving]:
    """One row for each encoder, set of images and range of rates that rows are there for."""
    usual, strong, tuned, tuning = (
        rows_of(results, name)
        for name in ("kodak-effort5", "kodak-effort9", "kodak-ms-ssim", "tune6")
    )
    some = {key: row for key, row in usual.items() if key[0] in images_of(tuned)}
    kodak, others_tuning = rungs(results, "kodak"), rungs(results, "tune6")
    asked = [
        ("Kodak", 5, "psnr", usual, USUAL, kodak),
        ("Kodak", 5, "psnr", usual, LOW, kodak),
        ("Kodak", 9, "psnr", strong, USUAL, kodak),
        ("Kodak", 9, "psnr", strong, LOW, kodak),
        ("Kodak", 5, "psnr", some, TUNED, kodak),
        ("Kodak", 5, "ms-ssim", tuned, TUNED, kodak),
        ("tuning", 5, "psnr", tuning, USUAL, others_tuning),
    ]
    return [
        Saving(effort, tune, f"{len(images)} {name}", rates, percents(rows, rates, others, measure))
        for name, effort, tune, rows, rates, others in asked
        if (images := images_of(rows)) and all((i, rate) in rows for i in images for rate in rates)
    ]


def seeds(results: Path) -> dict[int, float]:
    """BD-rates of other seeds against seed 0 on the same tuning images and rates, in percent."""
    first, found = rows_of(results, "tune6"), {}
    for seed in (1, 2):
        rows = rows_of(results, f"tune3-seed{seed}")
        rates = sorted({rate for _, rate in rows})
        curves = [mean_curve(of, images_of(rows), rates, "psnr") for of in (first, rows)]
        saved = bd_rate(*curves) if rows else None
        if saved is not None:
            found[seed] = saved.percent
    return found


def percents(
    rows: Rows, rates: Iterable[float], others: Iterable[Row], measure: Measure
) -> dict[str, float | None]:
    """BD-rate of mean curves against each codec, and for all of Kodak against GaussianImage."""
    images = images_of(rows)
    curve = mean_curve(rows, images, rates, measure)
    anchors = {codec: mean_ladder(others, codec, images, measure) for codec in AGAINST}
    if len(images) == 24 and measure == "psnr":
        anchors["gaussianimage"] = GAUSSIAN_IMAGE
    found = {codec: bd_rate(anchor, curve) for codec, anchor in anchors.items()}
    return {codec: None if saved is None else saved.percent for codec, saved in found.items()}


def gsic_at(results: Path, images: set[str], bpp: float) -> float | None:
    """PSNR of the profile gsic on some Kodak images at a mean rate, default effort, in dB."""
    rows = rows_of(results, "kodak-effort5")
    rates = sorted({rate for _, rate in rows if all((i, rate) in rows for i in images)})
    return psnr_at_rate(mean_curve(rows, images, rates, "psnr"), bpp) if rates else None


def rows_of(results: Path, name: str) -> Rows:
    """Rows of `rd.py run`."""
    path = results / f"rd-{name}.json"
    found = json.loads(path.read_text())["rows"] if path.exists() else []
    return {(row["image"], row["target"]): row for row in found}


def rungs(results: Path, name: str) -> list[Row]:
    """Rows of `rd.py curves`."""
    return read(results / f"rd-{name}-curves.csv")


def images_of(rows: Rows) -> set[str]:
    return {image for image, _ in rows}


def mean_curve(
    rows: Rows, images: Iterable[str], rates: Iterable[float], measure: Measure
) -> list[Point]:
    """Mean rate and mean quality at each rate asked for; MS-SSIM in dB."""
    wanted = list(images)
    groups = [[rows[image, rate] for image in wanted] for rate in rates]
    return [
        (
            statistics.fmean(row["bpp"] for row in group),
            quality(statistics.fmean(row[measure] for row in group), measure),
        )
        for group in groups
    ]


def mean_ladder(rows: Iterable[Row], codec: str, images: set[str], measure: Measure) -> list[Point]:
    """The same of each setting of another codec that all the images have."""
    groups: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        value = getattr(row, measure)
        if row.codec == codec and Path(row.image).stem in images and value is not None:
            groups.setdefault(row.setting, []).append((row.bpp or 0.0, value))
    return [
        (statistics.fmean(bpp), quality(statistics.fmean(values), measure))
        for bpp, values in (zip(*group, strict=True) for group in groups.values())
        if len(bpp) == len(images)
    ]


def quality(value: float, measure: Measure) -> float:
    """What curves are made of: dB, of an MS-SSIM -10 log10(1 - MS-SSIM)."""
    return value if measure == "psnr" else -10.0 * math.log10(1.0 - value)
