"""Tables of the papers' profiles, from rows of `benchmarks.papers.make`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.report.rows import average_gsic_at
from benchmarks.report.tables import NONE, describe_origin, format_table, load

# Tables, and what of them is shown.
PAPERS = {
    "gaussianimage-check": (
        *("method", "packed_bytes", "formula_bytes", "psnr_fit", "psnr", "psnr_float"),
        *("ans_saves", "bits_back_saves", "bits_back_bound"),
    ),
    "2dgs-1": ("kind", "image", "published_bpp", "published_psnr", "bpp", "psnr", "gaussians"),
}


def tabulate_papers(results: Path) -> list[str]:
    """Write the means of the papers' profiles; `papers.make` wrote whole tables."""
    text = []
    for name, columns in PAPERS.items():
        found = load(results / f"papers-{name}.json")
        if found is None:
            continue
        shown = [row for row in found["rows"] if any("mean" in str(v) for v in row.values())]
        lines = [[format_cell(row.get(column)) for column in columns] for row in shown]
        text += [
            f"**{found['title']}.** {describe_origin(results / f'papers-{name}.json')}",
            format_table(columns, lines),
        ]
        if beside := describe_gsic(results, name, found):
            text.append(beside)
    return text


def describe_gsic(results: Path, name: str, found: dict[str, Any]) -> str | None:
    """Write what the profile gsic gives at the same bytes, image by image."""
    samples = found["samples"]
    key = "ans_bpp" if name == "gaussianimage-check" else "bpp"
    rates = {Path(sample["image"]).stem: sample[key] for sample in samples}
    bpp, psnr = (sum(s[k] for s in samples) / len(samples) for k in (key, "psnr"))
    ours = average_gsic_at(results, rates)
    if ours is None:
        return None
    return (
        f"With each of the {len(rates)} images at the same bytes ({bpp:.3f} bpp in the mean), from "
        f"real files: {psnr:.2f} dB of this profile, {ours:.2f} dB of `gsic`."
    )


def format_cell(value: Any) -> str:
    if value is None:
        return NONE
    if not isinstance(value, float):
        return str(value)
    return f"{value:.0f}" if value >= 1000 or value.is_integer() else f"{value:.4g}"
