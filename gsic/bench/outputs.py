"""The files of a finished run: results.json, report.md and rd.png."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from gsic.bench import folders, machine, plot, report, summary
from gsic.bench.codecs.registry import BASELINES
from gsic.bench.options import BenchOptions
from gsic.bench.rows import Row, to_json
from gsic.bench.summary import GSIC
from gsic.files import write_bytes_atomically
from gsic.names import make_key
from gsic.options import count_threads


def write_results(
    output: Path,
    options: BenchOptions,
    rows: Sequence[Row],
    codecs: Sequence[str],
    notes: Sequence[str],
) -> dict[str, Any]:
    """Summarise the rows of a run and write its files.

    Args:
        output: folder to write to.
        options: what was asked for.
        rows: the rows that belong to it.
        codecs: names of the codecs that were compared with.
        notes: what else a reader has to know.

    Returns:
        What results.json holds, without the rows.
    """
    folder = make_key(Path(options.folder).resolve().name)
    complete = summary.find_complete_images(rows)
    curves = {name: summary.average_curve(rows, name, complete) for name in (GSIC, *codecs)}
    problem = plot.draw(
        output / folders.PLOT, curves, f"Mean curves, {len(complete)} images of {folder}"
    )
    written = {
        **machine.stamp(options.command()),
        "folder": folder,
        "options": {
            "settings": ", ".join(options.encodings()),
            "profile": options.profile,
            "effort": options.effort,
            "tune": options.tune,
            "seed": options.seed,
            "device": options.device,
            "threads": count_threads(options.threads),
            "set": ", ".join(f"{k}={v}" for k, v in options.settings.items()) or None,
            "digest": options.digest(),
        },
        **summary.summarise(rows, codecs),
        "notes": [*notes, *([problem] if problem else [])],
    }
    text = json.dumps({**written, "rows": [to_json(row) for row in rows]}, indent=1)
    write_bytes_atomically(output / folders.SUMMARY, text.encode())
    page = report.write_markdown(written, rows, plot=problem is None)
    write_bytes_atomically(output / folders.REPORT, page.encode())
    return written


def sort_rows(rows: Iterable[Row]) -> list[Row]:
    """Sort by image, ours first, then each codec's ladder and matched files, by rate."""
    order = [GSIC, *BASELINES]

    def place(row: Row) -> tuple[Any, ...]:
        value = (row.matched or row.setting).partition("=")[2]
        number = float(value) if value else 0.0
        return (
            folders.natural_key(row.image),
            order.index(row.codec),
            row.matched is not None,
            number,
        )

    return sorted(rows, key=place)
