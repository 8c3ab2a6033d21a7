"""Tables of rate and distortion on photographs, and of rate control."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.report.rows import (
    GAUSSIAN_IMAGE,
    MEASURES,
    NAMES,
    Beside,
    Mean,
    average,
    compare_at,
    list_images,
    list_rates,
    load_ladders,
    load_rows,
)
from benchmarks.report.savings import TUNED, Saving, compare_seeds, compute_savings
from benchmarks.report.tables import (
    NONE,
    TITLES,
    describe_origin,
    format_bd_rates,
    format_table,
    load,
)
from gsic.bench.bdrate import psnr_at_rate

ASKED = {"bpp": "bits per pixel", "max_bytes": "bytes", "psnr": "PSNR"}
DECIMALS = {"psnr": 2, "ms_ssim": 4, "ssimulacra2": 1}
HOW = {
    "psnr": "PSNR in dB",
    "ms_ssim": "MS-SSIM",
    "ssimulacra2": "SSIMULACRA2 (100: equal, 90: looks equal, 50: medium, 10 and less: very low)",
}


def tabulate_kodak(results: Path) -> list[str]:
    """Write all measures of quality at equal bytes, a line for every codec."""
    rows = load_rows(results, "kodak-effort5")
    if not rows:
        return []
    ladders = load_ladders(results, "kodak")
    rates = list_rates(rows)
    text = [
        f"**Photographs at equal bytes: {len(list_images(rows))} Kodak images.** "
        f"{describe_origin(results / 'rd-kodak-effort5.json')} Default effort. Every other codec "
        "is taken at exactly the size of our file, image by image, from its own curve of that "
        "image; in brackets ours minus theirs: a negative number is a loss. Where it does not "
        "reach that size on every image, or ours were not measured on every image, both means are "
        "over the same images, and the cell says how many they are."
    ]
    for measure in MEASURES:
        ours = [average(rows, rate, measure) for rate in rates]
        if not any(ours):
            continue
        decimals = DECIMALS[measure]
        count = len(list_images(rows))
        lines = [["gsic", *(format_mean(mean, count, decimals) for mean in ours)]]
        for codec, title in TITLES.items():
            of = ladders.get(codec, {})
            cells = [compare_at(rows, rate, of, measure) for rate in rates]
            if any(cells):
                lines.append([title, *(format_difference(cell, count, decimals) for cell in cells)])
        if measure == "psnr" and len(list_images(rows)) == 24:
            lines.append(["GaussianImage, as published", *_format_published(rates, ours)])
        head = [f"{NAMES[measure]} at", *(f"{rate:g} bpp" for rate in rates)]
        text += [f"{HOW[measure]}:", format_table(head, lines)]
    return text


def format_mean(found: Mean | None, images: int, decimals: int) -> str:
    """Write a cell of our mean, and over how many images where some lack it."""
    if found is None:
        return NONE
    few = f" ({found.images} of {images} images)" if found.images < images else ""
    return f"{found.value:.{decimals}f}{few}"


def format_difference(found: Beside | None, images: int, decimals: int) -> str:
    """Write a cell: their mean and our difference, over the same images."""
    if found is None:
        return NONE
    if found.images == images:
        return f"{found.theirs:.{decimals}f} ({found.difference:+.{decimals}f})"
    return (
        f"{found.theirs:.{decimals}f}, ours {found.ours:.{decimals}f} "
        f"({found.difference:+.{decimals}f}, {found.images} of {images} images)"
    )


def _format_published(rates: Sequence[float], ours: Sequence[Mean | None]) -> list[str]:
    """Write cells of GaussianImage: its published means, of equal numbers of Gaussians."""
    cells = []
    for rate, mean in zip(rates, ours, strict=True):
        theirs = psnr_at_rate(GAUSSIAN_IMAGE, rate)
        if theirs is None or mean is None:
            cells.append(NONE)
        else:
            cells.append(f"{theirs:.2f} ({mean.value - theirs:+.2f})")
    return cells


def tabulate_savings(results: Path) -> list[str]:
    """Write BD-rates on photographs, image by image."""
    text = []
    for measure in MEASURES:
        found = compute_savings(results, measure)
        if found:
            text += [
                f"**Rate that gsic needs for equal {NAMES[measure]}** (BD-rate; negative: fewer "
                "bits).",
                format_savings(found),
            ]
    if text:
        text.append(
            "Every BD-rate is taken image by image, PCHIP in log-rate over the common range of the "
            "image's own two curves, and then averaged; in brackets the least, the largest, and "
            "the image of the largest. MS-SSIM is interpolated as -10 log10(1 - MS-SSIM). The "
            "tuning images are six of those that constants were chosen on. Rows: `rd-*.json` and "
            "`rd-*-curves.csv` in `benchmarks/results`."
        )
    if others := compare_seeds(results):
        cells = ", ".join(
            f"seed {seed} {format_bd_rates(found, found.images)}" for seed, found in others.items()
        )
        text.append(
            f"Nothing but the seed, on three tuning images at {' and '.join(map(str, TUNED))} bpp, "
            f"against seed 0: {cells}."
        )
    return text


def format_savings(found: Sequence[Saving]) -> str:
    """Write a line for every codec, a column for every configuration of ours."""
    head = [
        "against",
        *(f"{row.title}, {', '.join(f'{rate:g}' for rate in row.rates)} bpp" for row in found),
    ]
    lines = [
        [title, *(format_bd_rates(row.against.get(codec), row.images) for row in found)]
        for codec, title in TITLES.items()
        if any(row.against.get(codec) for row in found)
    ]
    return format_table(head, lines)


def tabulate_rate_control(results: Path) -> list[str]:
    """Write how exactly rates are met."""
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
                ASKED[name],
                f"{min(values):g} to {max(values):g}",
                miss,
                "{:.2f}, at most {:.2f}".format(*summary["seconds_over_quality"][name]),
            ]
        )
    images = len({row["image"] for row in found["rows"]})
    monotone = "is" if summary["quality_is_monotone"] else "is not"
    return [
        f"**Rate control: tuning images, {images} of them.** "
        f"{describe_origin(results / 'rate-control.json')} Time is over that of the "
        "fixed `--quality` of about the same size: median, and most. "
        f"`--quality` {monotone} monotone in bytes and PSNR.",
        format_table(["asked", "from", "met within", "time"], lines),
    ]
