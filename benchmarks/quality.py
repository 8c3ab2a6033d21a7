"""Tables of rate and distortion, from committed rows."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path

from savings import (
    AGAINST,
    TUNED,
    USUAL,
    Measure,
    Rows,
    images_of,
    quality,
    rows_of,
    rungs,
    savings,
    seeds,
)
from tables import NONE, TITLES, load, number, origin, percent, table

from gsic.bench.bdrate import psnr_at_rate
from gsic.bench.rows import Row

NAMES = {"bpp": "bits per pixel", "max_bytes": "bytes", "psnr": "PSNR"}


def kodak(results: Path) -> list[str]:
    """PSNR and MS-SSIM at the same bytes."""
    ours = rows_of(results, "kodak-effort5")
    if not ours:
        return []
    others = rungs(results, "kodak")
    head = ["bpp", "gsic", *(TITLES[codec] for codec in AGAINST)]
    return [
        f"**Quality: {len(images_of(ours))} Kodak images.** "
        f"{origin(results / 'rd-kodak-effort5.json')} PSNR in dB, default effort; every other "
        "codec at exactly the size of our file for each image, and in brackets ours minus theirs: "
        "a negative number is a loss.",
        table(head, [_line(rate, ours, others, "psnr") for rate in USUAL]),
        "MS-SSIM of the same files:",
        table(head, [_line(rate, ours, others, "ms_ssim") for rate in USUAL]),
    ]


def _line(rate: float, rows: Rows, others: Sequence[Row], measure: Measure) -> list[str]:
    ours = {image: row for (image, target), row in rows.items() if target == rate}
    decimals = 2 if measure == "psnr" else 4
    cells = [
        f"{statistics.fmean(row['bpp'] for row in ours.values()):.3f}",
        number(statistics.fmean(row[measure] for row in ours.values()), decimals),
    ]
    for codec in AGAINST:
        pairs = []
        for image, row in ours.items():
            value = _at(others, codec, image, row["bpp"], measure)
            if value is not None:
                pairs.append((value, row[measure] - value))
        few = f", {len(pairs)} images" if len(pairs) < len(ours) else ""
        cells.append(
            "{:.{d}f} ({:+.{d}f}{})".format(
                *(statistics.fmean(values) for values in zip(*pairs, strict=True)), few, d=decimals
            )
            if pairs
            else NONE
        )
    return cells


def _at(
    others: Sequence[Row], codec: str, image: str, bpp: float, measure: Measure
) -> float | None:
    """A codec's curve for an image at a rate."""
    points = [
        (row.bpp or 0.0, quality(value, measure))
        for row in others
        if row.codec == codec
        and Path(row.image).stem == image
        and (value := getattr(row, measure)) is not None
    ]
    found = psnr_at_rate(points, bpp)
    return found if found is None or measure == "psnr" else 1.0 - 10.0 ** (-found / 10.0)


def saved(results: Path) -> list[str]:
    """BD-rates by effort and range of rates."""
    codecs = {**TITLES, "gaussianimage": "GaussianImage (published)"}
    text = []
    measures: tuple[Measure, ...] = "psnr", "ms_ssim"
    for measure in measures:
        lines = [
            [
                str(row.effort),
                row.tune,
                row.images,
                ", ".join(f"{rate:g}" for rate in row.rates),
                *(percent(row.percent.get(codec)) for codec in codecs),
            ]
            for row in savings(results, measure)
        ]
        if lines:
            name = {"psnr": "PSNR", "ms_ssim": "MS-SSIM, as -10 log10(1 - MS-SSIM)"}[measure]
            text += [
                f"Rate that gsic needs for equal {name} (BD-rate of the mean curves; negative: "
                "fewer bits):",
                table(["effort", "tune", "images", "bpp", *codecs.values()], lines),
            ]
    if text:
        text.append(
            "The tuning images are six of those that constants were chosen on. Rows: `rd-*.json` "
            "in `benchmarks/results`, each with its command."
        )
    if others := seeds(results):
        spread = ", ".join(f"seed {seed} {value:+.1f} %" for seed, value in others.items())
        text.append(
            f"Nothing but the seed, on three tuning images at {' and '.join(map(str, TUNED))} bpp, "
            f"against seed 0: {spread}."
        )
    return text


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
        values = [row["value"] for row in found["rows"] if row["asked"] == name]
        lines.append(
            [
                NAMES[name],
                f"{min(values):g} to {max(values):g}",
                miss,
                "{:.2f}, at most {:.2f}".format(*summary["seconds_over_quality"][name]),
            ]
        )
    images = len({row["image"] for row in found["rows"]})
    monotone = "is" if summary["quality_is_monotone"] else "is not"
    return [
        f"**Rate control: tuning images, {images} of them.** "
        f"{origin(results / 'rate-control.json')} Time is over that of the "
        "fixed `--quality` of about the same size: median, and most. "
        f"`--quality` {monotone} monotone in bytes and PSNR.",
        table(["asked", "from", "met within", "time"], lines),
    ]
