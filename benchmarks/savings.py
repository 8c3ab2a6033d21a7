"""What committed rows of `rd.py` save against the other codecs' committed curves."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from kodak import GAUSSIAN_IMAGE

from gsic.bench.bdrate import Point, bd_rate, psnr_at_rate
from gsic.bench.rows import Row, read
from gsic.bench.summary import GSIC, mean_curve

# (bpp, PSNR) by image and rate asked for.
Points = dict[tuple[str, float], tuple[float, float]]

LOW = (0.03, 0.05, 0.1, 0.2)
USUAL = (0.1, 0.2, 0.3, 0.5)
AGAINST = ("jpeg", "jpeg2000", "webp", "avif")


class Saving(NamedTuple):
    """BD-rates of one effort over some images and rates, in percent; None without a range."""

    effort: int
    images: str
    rates: tuple[float, ...]
    curve: list[Point]
    percent: dict[str, float | None]


def savings(results: Path) -> list[Saving]:
    """One row for each effort, set of images and range of rates that rows are there for."""
    others = read(results / "kodak-default-curves.csv")
    default = _default(results)
    strong = _points(results / "rd-kodak-effort9.json")
    tuning = _points(results / "rd-tune6.json")
    asked = [
        ("Kodak", 5, default, _images(default), USUAL, others),
        ("Kodak", 5, default, _images(default), LOW, others),
        ("Kodak", 9, strong, _images(strong), USUAL, others),
        ("Kodak", 9, strong, _images(strong), LOW, others),
        ("tuning", 5, tuning, _images(tuning), USUAL, read(results / "rd-tune6-curves.csv")),
    ]
    return [
        _saving(f"{len(images)} {name}", effort, points, images, rates, curves)
        for name, effort, points, images, rates, curves in asked
        if images and all((image, rate) in points for image in images for rate in rates)
    ]


def gsic_at(results: Path, images: set[str], bpp: float) -> float | None:
    """PSNR of the profile gsic on some Kodak images at a mean rate, default effort, in dB."""
    points = _default(results)
    rates = [rate for rate in _rates(points) if all((i, rate) in points for i in images)]
    return psnr_at_rate(_curve(points, images, rates), bpp) if rates else None


def _default(results: Path) -> Points:
    """Kodak at default effort."""
    found = {
        (Path(row.image).stem, float(row.setting.partition("=")[2])): (row.bpp, row.psnr)
        for row in read(results / "kodak-default.csv")
        if row.codec == GSIC and row.bpp is not None and row.psnr is not None
    }
    return found | _points(results / "rd-kodak-low.json")


def _curve(points: Points, images: set[str], rates: Iterable[float]) -> list[Point]:
    """Mean rate and mean PSNR at each rate asked for."""
    curve = []
    for rate in rates:
        at = [points[image, rate] for image in images]
        curve.append(tuple(sum(values) / len(at) for values in zip(*at, strict=True)))
    return curve


def _images(points: Points) -> set[str]:
    return {image for image, _ in points}


def _rates(points: Points) -> tuple[float, ...]:
    return tuple(sorted({rate for _, rate in points}))


def _points(path: Path) -> Points:
    if not path.exists():
        return {}
    rows: list[dict[str, Any]] = json.loads(path.read_text())["rows"]
    return {(row["image"], row["target"]): (row["bpp"], row["psnr"]) for row in rows}


def _saving(
    name: str,
    effort: int,
    points: Points,
    images: set[str],
    rates: tuple[float, ...],
    others: Iterable[Row],
) -> Saving:
    curve = _curve(points, images, rates)
    kept = [row for row in others if Path(row.image).stem in images]
    names = {row.image for row in kept}
    anchors = {codec: mean_curve(kept, codec, names) for codec in AGAINST}
    if len(images) == 24:
        anchors["gaussianimage"] = GAUSSIAN_IMAGE
    percent = {}
    for codec, anchor in anchors.items():
        saved = bd_rate(anchor, curve)
        percent[codec] = None if saved is None else saved.percent
    return Saving(effort, name, rates, curve, percent)
