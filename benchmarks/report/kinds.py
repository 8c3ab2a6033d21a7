"""Tables by kind of picture: photographs, illustrations, charts, screenshots, text."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.report.quality import DECIMALS, format_difference, format_mean, format_savings
from benchmarks.report.rows import (
    NAMES,
    Ladders,
    Measure,
    Rows,
    average,
    compare_at,
    list_images,
    list_rates,
    load_ladders,
    load_rows,
    select_images,
)
from benchmarks.report.savings import compute_saving
from benchmarks.report.tables import (
    TITLES,
    describe_origin,
    format_number,
    format_table,
)

SHOWN = ("avif", "avif-iq", "avif-444-s4", "avif-444-iq-s4", "webp", "jpeg2000")
# Columns of the table of the README: kind of picture and bpp.
FIRST_PAGE = (("photographs", 0.1), ("photographs", 0.3), ("shaded illustrations", 0.1))
FIRST_PAGE_CODECS = ("avif", "avif-444-s4", "webp", "jpeg2000", "jpeg")


class Kind(NamedTuple):
    """Our rows and the other codecs' on pictures of one kind."""

    title: str
    rows: Rows
    ladders: Ladders
    rates: tuple[float, ...]


def load_kinds(results: Path) -> list[Kind]:
    """Read the kinds that rows are there for."""
    flat, flat_ladders = load_rows(results, "flat"), load_ladders(results, "flat")
    found = [
        Kind(
            "photographs",
            load_rows(results, "kodak-effort5"),
            load_ladders(results, "kodak"),
            (0.1, 0.2, 0.3, 0.5),
        ),
        Kind(
            "shaded illustrations",
            load_rows(results, "illustrations"),
            load_ladders(results, "illustrations"),
            (0.05, 0.1, 0.2),
        ),
        *(
            Kind(title, select_images(flat, prefix), flat_ladders, (0.1, 0.2, 0.4))
            for title, prefix in (
                ("flat charts", "chart"),
                ("screenshots", "screen"),
                ("pages of text", "text"),
            )
        ),
    ]
    return [kind for kind in found if kind.rows and set(kind.rates) <= set(list_rates(kind.rows))]


def tabulate_kinds(results: Path) -> list[str]:
    """Write PSNR and SSIMULACRA2 at equal bytes and BD-rates, by kind of picture."""
    found = load_kinds(results)
    if len(found) < 2:
        return []
    text = [
        "**By kind of picture, at equal bytes.** "
        + ", ".join(f"{kind.title}: {len(list_images(kind.rows))}" for kind in found)
        + ". Illustrations are shaded drawings of 512 pixels width from Open Clip Art; charts, "
        "screenshots and pages of text are drawn by `python -m benchmarks.rd.pictures`. "
        + " ".join(
            describe_origin(results / f"rd-{name}.json")
            for name in ("illustrations", "flat")
            if load_rows(results, name)
        )
        + " Cells as above."
    ]
    measures: tuple[Measure, ...] = "psnr", "ssimulacra2"
    for measure in measures:
        lines = [line for kind in found for line in _list_lines(kind, measure)]
        head = ["pictures", "bpp", "gsic", *(TITLES[codec] for codec in SHOWN)]
        text += [f"{NAMES[measure]}:", format_table(head, lines)]
    for measure in measures:
        columns = [
            compute_saving(kind.title, kind.rows, kind.rates, kind.ladders, measure)
            for kind in found
        ]
        text += [
            f"Rate that gsic needs for equal {NAMES[measure]}, by kind of picture (BD-rate, image "
            "by image: mean [least, largest]):",
            format_savings(columns),
        ]
    return text


def _list_lines(kind: Kind, measure: Measure) -> list[list[str]]:
    """Write a line for every rate."""
    decimals, count = DECIMALS[measure], len(list_images(kind.rows))
    lines = []
    for rate in kind.rates:
        others = (
            compare_at(kind.rows, rate, kind.ladders.get(codec, {}), measure) for codec in SHOWN
        )
        lines.append(
            [
                *(kind.title, f"{rate:g}"),
                format_mean(average(kind.rows, rate, measure), count, decimals),
                *(format_difference(other, count, decimals) for other in others),
            ]
        )
    return lines


def tabulate_first_page(results: Path) -> list[str]:
    """Write the one short table of the README."""
    found = {kind.title: kind for kind in load_kinds(results)}
    columns = [(found[title], rate) for title, rate in FIRST_PAGE if title in found]
    if not columns:
        return []
    measures: Sequence[Measure] = ("psnr", "ssimulacra2")
    pairs = [(kind, rate, measure) for kind, rate in columns for measure in measures]
    lines = [
        [
            "**gsic**",
            *(_format_mean(kind, rate, measure) for kind, rate, measure in pairs),
        ]
    ]
    for codec in FIRST_PAGE_CODECS:
        cells = []
        for kind, rate, measure in pairs:
            other = compare_at(kind.rows, rate, kind.ladders.get(codec, {}), measure)
            text = _format_cell(other and other.theirs, measure)
            if other and other.images < (count := len(list_images(kind.rows))):
                ours = _format_cell(other.ours, measure)
                text += f" (gsic {ours}, on {other.images} of {count})"
            cells.append(text)
        lines.append([TITLES[codec], *cells])
    head = [
        "at equal bytes",
        *(f"{kind.title}, {rate:g} bpp: {NAMES[measure]}" for kind, rate, measure in pairs),
    ]
    titles = dict.fromkeys(kind.title for kind, _ in columns)
    counts = " and ".join(f"{len(list_images(found[title].rows))} {title}" for title in titles)
    return [
        format_table(head, lines),
        f"Means over {counts}, every image at the size of our file; PSNR in dB. Where a codec "
        "does not reach that size on every image, the bracket holds our mean over the same images. "
        "All codecs, rates and BD-rates: [docs/figures.md](docs/figures.md).",
    ]


def _format_mean(kind: Kind, rate: float, measure: Measure) -> str:
    """Write our mean, and over how many images where some lack the measure."""
    found, count = average(kind.rows, rate, measure), len(list_images(kind.rows))
    text = _format_cell(found and found.value, measure)
    return f"{text} ({found.images} of {count})" if found and found.images < count else text


def _format_cell(value: float | None, measure: Measure) -> str:
    return format_number(value, 1 if measure == "psnr" else 0)
