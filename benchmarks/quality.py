"""Tables of rate and distortion, from committed rows."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from kodak import CODECS, GAUSSIAN_IMAGE
from savings import savings
from tables import NONE, TITLES, load, number, origin, table

from gsic.bench.bdrate import Point, bd_rate
from gsic.bench.rows import Row, read
from gsic.bench.summary import GSIC, complete_images, mean_curve, summarise

NAME = "kodak-default"


def kodak(results: Path) -> list[str]:
    """PSNR at the same bytes, and BD-rates, on Kodak."""
    rows = [*read(results / f"{NAME}.csv"), *read(results / f"{NAME}-curves.csv")]
    if not rows:
        return []
    codecs = CODECS.split(",")
    summary = summarise(rows, codecs)
    lines = []
    for rate in summary["rates"]:
        cells = [f"{rate['bpp']:.3f}", f"{rate['psnr']:.2f}", number(rate["ms_ssim"], 4)]
        for codec in codecs:
            other = rate["against"][codec]
            if other is None:
                cells.append(NONE)
                continue
            few = f", {other['images']} images" if other["images"] < rate["images"] else ""
            cells.append(f"{other['psnr']:.2f} ({other['difference']:+.2f}{few})")
        lines.append(cells)
    curve = mean_curve(rows, GSIC, complete_images(rows))
    literature = bd_rate(GAUSSIAN_IMAGE, curve)
    bd = {TITLES[codec]: summary["bd_rate"][codec] for codec in codecs}
    bd["GaussianImage (published)"] = None if literature is None else literature._asdict()
    return [
        f"**Quality: {summary['images']} Kodak images.** {origin(results / f'{NAME}.json')} PSNR "
        "in dB; every other codec at exactly the size of our file for each image, and in brackets "
        "ours minus theirs: a negative number is a loss.",
        table(["bpp", "gsic", "MS-SSIM", *(TITLES[codec] for codec in codecs)], lines),
        "Rate that gsic needs for equal PSNR (BD-rate of the mean curves; negative: fewer bits):",
        table(
            ["against", "rate", "over"],
            [
                [other, NONE, NONE]
                if entry is None
                else [
                    other,
                    f"{entry['percent']:+.1f} %",
                    f"{entry['low_db']:.1f} to {entry['high_db']:.1f} dB",
                ]
                for other, entry in bd.items()
            ],
        ),
    ]


def similarity(results: Path) -> list[str]:
    """MS-SSIM at about the same bytes, and BD-rates by it."""
    rows = [row for row in read(results / f"{NAME}.csv") if row.ms_ssim is not None]
    ours = [row for row in rows if row.codec == GSIC]
    if not ours:
        return []
    rates = list(dict.fromkeys(row.setting for row in ours))
    images = {row.image for row in ours}
    tuned = load(results / "rd-kodak-ms-ssim.json")
    curves = {"gsic": _similarities((row.setting, row) for row in ours)}
    if tuned is not None:
        found = [(f"bpp={row['target']:g}", Row(**_fields(row))) for row in tuned["rows"]]
        curves["gsic `--tune ms-ssim`"] = _similarities(found)
    for codec in CODECS.split(","):
        # A rate that not every image can be coded at would compare different images.
        matched = [(row.matched or "", row) for row in rows if row.codec == codec]
        full = {r for r in rates if sum(rate == r for rate, _ in matched) == len(images)}
        curves[TITLES[codec]] = _similarities(pair for pair in matched if pair[0] in full)
    lines = [
        [
            f"{curves['gsic'][rate][0]:.3f}",
            *(number(curve[rate][1], 4) if rate in curve else NONE for curve in curves.values()),
        ]
        for rate in rates
    ]
    own = [name for name in curves if name.startswith("gsic")]
    text = [
        f"**MS-SSIM: the same {len(images)} images and files.** Other codecs at the file that is "
        "nearest in size; – where not every image can be coded that small.",
        table(["bpp", *curves], lines),
        "Rate that gsic needs for equal MS-SSIM (BD-rate of the mean curves, by "
        "-10 log10(1 - MS-SSIM); negative: fewer bits):",
        table(
            ["against", *own],
            [
                [other, *(_percent(_decibels(curves[other]), _decibels(curves[n])) for n in own)]
                for other in curves
                if other != "gsic"
            ],
        ),
    ]
    return text


def _fields(row: dict[str, Any]) -> dict[str, Any]:
    """A row of `rd.py` as one of `gsic bench`."""
    names = {"codec": GSIC, "setting": f"bpp={row['target']:g}", "image": f"{row['image']}.png"}
    return names | {name: row[name] for name in ("bytes", "bpp", "psnr", "ms_ssim")}


def _similarities(rows: Iterable[tuple[str, Row]]) -> dict[str, tuple[float, float]]:
    """Mean bpp and MS-SSIM of each rate."""
    groups: dict[str, list[Row]] = {}
    for rate, row in rows:
        groups.setdefault(rate, []).append(row)
    return {
        rate: (
            sum(row.bpp or 0.0 for row in group) / len(group),
            sum(row.ms_ssim or 0.0 for row in group) / len(group),
        )
        for rate, group in groups.items()
    }


def _decibels(curve: dict[str, tuple[float, float]]) -> list[Point]:
    return [(bpp, -10.0 * math.log10(1.0 - value)) for bpp, value in curve.values()]


def _percent(anchor: list[Point], curve: list[Point]) -> str:
    found = bd_rate(anchor, curve)
    return NONE if found is None else f"{found.percent:+.1f} %"


def saved(results: Path) -> list[str]:
    """BD-rates by effort and range of rates."""
    codecs = {**TITLES, "gaussianimage": "GaussianImage (published)"}
    lines = [
        [
            str(row.effort),
            row.images,
            ", ".join(f"{rate:g}" for rate in row.rates),
            *(
                NONE if row.percent.get(codec) is None else f"{row.percent[codec]:+.1f} %"
                for codec in codecs
            ),
        ]
        for row in savings(results)
    ]
    if not lines:
        return []
    return [
        "**Low rates, efforts, tuning images.** BD-rates as above; six Kodak images are kodim01, "
        "03, 07, 13, 20 and 23, the tuning images are those that constants were chosen on. Rows: "
        "`python benchmarks/rd.py`, as `rd-*.json` in `benchmarks/results` say.",
        table(["effort", "images", "bpp", *codecs.values()], lines),
    ]


def rate_control(results: Path) -> list[str]:
    """How exactly rates are met."""
    found = load(results / "rate-control.json")
    if found is None:
        return []
    summary = found["summary"]
    misses = {
        "bpp": "{:+.2f} to {:+.2f} % of the rate".format(*summary["bpp_percent"]),
        "max_bytes": "{:+.2f} to {:+.2f} % of the size".format(*summary["max_bytes_percent"]),
        "psnr": "{:+.3f} to {:+.3f} dB".format(*summary["psnr_db"]),
    }
    lines = []
    for name, miss in misses.items():
        asked = [row for row in found["rows"] if row["asked"] == name]
        values = [row["value"] for row in asked]
        lines.append(
            [
                f"`--{name.replace('_', '-')}`",
                f"{min(values):g} to {max(values):g}",
                miss,
                "{:.2f}, at most {:.2f}".format(*summary["seconds_over_quality"][name]),
            ]
        )
    images = len({row["image"] for row in found["rows"]})
    monotone = "is" if summary["quality_is_monotone"] else "is not"
    return [
        f"**Rate control: {images} tuning images.** {origin(results / 'rate-control.json')} Time "
        f"is over that of the fixed `--quality` of the same size: median, and most. `--quality` "
        f"{monotone} monotone in bytes and PSNR.",
        table(["asked", "from", "met within", "time"], lines),
    ]
