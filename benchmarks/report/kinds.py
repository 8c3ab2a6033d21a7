"""Tables by kind of picture: photographs, illustrations, charts, screenshots, text."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.report.quality import DECIMALS, difference
from benchmarks.report.rows import (
    NAMES,
    Ladders,
    Measure,
    Rows,
    beside,
    images_of,
    ladders_of,
    mean_of,
    rates_of,
    rows_of,
    selected,
)
from benchmarks.report.savings import saving
from benchmarks.report.tables import TITLES, number, origin, spread, table

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


def kinds(results: Path) -> list[Kind]:
    """The kinds that rows are there for."""
    flat, flat_ladders = rows_of(results, "flat"), ladders_of(results, "flat")
    found = [
        Kind(
            "photographs",
            rows_of(results, "kodak-effort5"),
            ladders_of(results, "kodak"),
            (0.1, 0.2, 0.3, 0.5),
        ),
        Kind(
            "shaded illustrations",
            rows_of(results, "illustrations"),
            ladders_of(results, "illustrations"),
            (0.05, 0.1, 0.2),
        ),
        *(
            Kind(title, selected(flat, prefix), flat_ladders, (0.1, 0.2, 0.4))
            for title, prefix in (
                ("flat charts", "chart"),
                ("screenshots", "screen"),
                ("pages of text", "text"),
            )
        ),
    ]
    return [kind for kind in found if kind.rows and set(kind.rates) <= set(rates_of(kind.rows))]


def by_kind(results: Path) -> list[str]:
    """PSNR and SSIMULACRA2 at equal bytes and BD-rates, by kind of picture."""
    found = kinds(results)
    if len(found) < 2:
        return []
    text = [
        "**By kind of picture, at equal bytes.** "
        + ", ".join(f"{kind.title}: {len(images_of(kind.rows))}" for kind in found)
        + ". Illustrations are shaded drawings of 512 pixels width from Open Clip Art; charts, "
        "screenshots and pages of text are drawn by `python -m benchmarks.rd.pictures`. "
        + " ".join(
            origin(results / f"rd-{name}.json")
            for name in ("illustrations", "flat")
            if rows_of(results, name)
        )
        + " Cells as above."
    ]
    measures: tuple[Measure, ...] = "psnr", "ssimulacra2"
    for measure in measures:
        lines = [line for kind in found for line in _lines(kind, measure)]
        head = ["pictures", "bpp", "gsic", *(TITLES[codec] for codec in SHOWN)]
        text += [f"{NAMES[measure]}:", table(head, lines)]
    for measure in measures:
        columns = [
            saving(kind.title, kind.rows, kind.rates, kind.ladders, measure) for kind in found
        ]
        lines = [
            [title, *(spread(column.against.get(codec), column.images) for column in columns)]
            for codec, title in TITLES.items()
        ]
        head = [
            "against",
            *(f"{kind.title}, {kind.rates[0]:g} to {kind.rates[-1]:g} bpp" for kind in found),
        ]
        text += [
            f"Rate that gsic needs for equal {NAMES[measure]}, by kind of picture (BD-rate, image "
            "by image: mean [least, largest]):",
            table(head, lines),
        ]
    return text


def _lines(kind: Kind, measure: Measure) -> list[list[str]]:
    """A line for every rate."""
    decimals, count = DECIMALS[measure], len(images_of(kind.rows))
    return [
        [
            kind.title,
            f"{rate:g}",
            number(mean_of(kind.rows, rate, measure), decimals),
            *(
                difference(
                    beside(kind.rows, rate, kind.ladders.get(codec, {}), measure), count, decimals
                )
                for codec in SHOWN
            ),
        ]
        for rate in kind.rates
    ]


def first_page(results: Path) -> list[str]:
    """The one short table of the README."""
    found = {kind.title: kind for kind in kinds(results)}
    columns = [(found[title], rate) for title, rate in FIRST_PAGE if title in found]
    if not columns:
        return []
    measures: Sequence[Measure] = ("psnr", "ssimulacra2")
    pairs = [(kind, rate, measure) for kind, rate in columns for measure in measures]
    lines = [
        [
            "**gsic**",
            *(_cell(mean_of(k.rows, rate, measure), measure) for k, rate, measure in pairs),
        ]
    ]
    for codec in FIRST_PAGE_CODECS:
        cells = []
        for kind, rate, measure in pairs:
            other = beside(kind.rows, rate, kind.ladders.get(codec, {}), measure)
            text = _cell(other and other.theirs, measure)
            if other and other.images < (count := len(images_of(kind.rows))):
                ours = _cell(other.ours, measure)
                text += f" (gsic {ours}, on {other.images} of {count})"
            cells.append(text)
        lines.append([TITLES[codec], *cells])
    head = [
        "at equal bytes",
        *(f"{kind.title}, {rate:g} bpp: {NAMES[measure]}" for kind, rate, measure in pairs),
    ]
    titles = dict.fromkeys(kind.title for kind, _ in columns)
    counts = " and ".join(f"{len(images_of(found[title].rows))} {title}" for title in titles)
    return [
        table(head, lines),
        f"Means over {counts}, every image at the size of our file; PSNR in dB. Where a codec "
        "cannot be that small on every image, the bracket holds our mean over the same images. "
        "All codecs, rates and BD-rates: [docs/figures.md](docs/figures.md).",
    ]


def _cell(value: float | None, measure: Measure) -> str:
    return number(value, 1 if measure == "psnr" else 0)
