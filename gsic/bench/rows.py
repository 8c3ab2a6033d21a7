"""Rows of results.csv: one measured file each, and the table that survives a killed run."""

import csv
import io
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, TextIO

from gsic.files import write_bytes_atomically
from gsic.names import make_line


@dataclass(frozen=True)
class Row:
    """One file of one image, measured; None where a column does not apply.

    Three kinds share the table. A file of ours has `codec` "gsic". A ladder row of another codec
    has no `matched`: together they are that codec's curve for the image. A matched row names in
    `matched` the setting of ours whose file size it was searched to, and carries in `psnr_at_rate`
    the curve's PSNR at exactly that size; without `bytes` the codec cannot reach that size.

    Args:
        image: file name, as `names.make_key` writes it. width, height: pixels.
        codec: "gsic", or a name of `codecs.registry.BASELINES`.
        setting: what was asked of the codec, for example "bpp=0.3" or "quality=17".
        matched: see above.
        bytes: size of the file; bpp: 8 * bytes / pixels.
        psnr, psnr_at_rate, psnr_float: dB; of the decoded 8-bit image, of the curve, of our float
            render. ms_ssim: 0..1. ssimulacra2: up to 100, where its package is installed.
        encode_s: wall seconds, compilation not counted. decode_ms: median wall milliseconds from
            bytes in memory to 8-bit pixels on one thread; entropy_ms, dequantise_ms and render_ms
            are its parts.
        gaussians, iterations, effort, profile, seed, device, threads: of our encoder.
        version: of the codec. options: hash of everything else that the row depends on.
        digest: of the image file. note: what is worth knowing. error: what went wrong.
    """

    image: str
    width: int | None = None
    height: int | None = None
    codec: str = "gsic"
    setting: str = "-"
    matched: str | None = None
    bytes: int | None = None
    bpp: float | None = None
    psnr: float | None = None
    psnr_at_rate: float | None = None
    psnr_float: float | None = None
    ms_ssim: float | None = None
    ssimulacra2: float | None = None
    encode_s: float | None = None
    decode_ms: float | None = None
    entropy_ms: float | None = None
    dequantise_ms: float | None = None
    render_ms: float | None = None
    gaussians: int | None = None
    iterations: int | None = None
    effort: int | None = None
    profile: str | None = None
    seed: int | None = None
    device: str | None = None
    threads: int | None = None
    version: str | None = None
    options: str | None = None
    digest: str | None = None
    note: str | None = None
    error: str | None = None

    @property
    def key(self) -> tuple[str, str, str, str | None]:
        """What the row is a measurement of; one row per key stands in the table."""
        return self.image, self.codec, self.setting if self.matched is None else "", self.matched


_KINDS = {item.name: str(item.type) for item in fields(Row)}
COLUMNS = tuple(_KINDS)
_LONGEST_HEADER = 10_000
_TEXTS = ("note", "error")
_DECIMALS = {"bpp": 6, "psnr": 5, "psnr_at_rate": 5, "psnr_float": 5, "ms_ssim": 6}


class Table:
    """results.csv while a run fills it.

    Every row is on the disk before the next one is measured, and a line that a killed run left half
    written is ignored by `read`.

    Args:
        path: the file; replaced at once by `rows`.
        rows: the rows that are kept from an earlier run.
    """

    def __init__(self, path: Path, rows: Iterable[Row]) -> None:
        self._path = path
        self._rows = {row.key: row for row in rows}
        write_bytes_atomically(path, to_csv(self._rows.values()).encode())
        self._file: TextIO | None = path.open("a", encoding="utf-8", newline="")

    def add(self, row: Row) -> None:
        """Append a row; one of the same key is superseded."""
        assert self._file is not None
        self._rows[row.key] = row
        csv.writer(self._file, lineterminator="\n").writerow(_cells(row))
        self._file.flush()
        os.fsync(self._file.fileno())

    def rows(self) -> list[Row]:
        """Every row, superseded ones left out."""
        return list(self._rows.values())

    def close(self, rows: Iterable[Row] | None = None) -> None:
        """Close the file; with `rows`, replace its content by them."""
        if self._file is not None:
            self._file.close()
            self._file = None
        if rows is not None:
            write_bytes_atomically(self._path, to_csv(rows).encode())


def is_table(path: Path) -> bool:
    """Tell whether a file is empty or begins like a results.csv of any version."""
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        header = file.readline(_LONGEST_HEADER)
    return not header or {"image", "codec", "setting"} <= set(_split(header))


def read(path: Path) -> list[Row]:
    """Rows of a results.csv, which may have fewer columns; none where there is no such file.

    A line with missing cells, or of a type that its column does not have, is left out. Of several
    rows with one key the last one counts.
    """
    try:
        text = path.read_bytes().decode(errors="replace")
    except OSError:
        return []
    header, *lines = text.split("\n")
    lines = lines[:-1]  # nothing, or a line that was cut, of which even complete cells may be short
    columns = _split(header)
    if not set(columns) <= set(COLUMNS):
        return []
    rows = {}
    for line in lines:
        row = _parsed(columns, _split(line))
        if row is not None:
            rows[row.key] = row
    return list(rows.values())


def _split(line: str) -> list[str]:
    """Split a line into cells; none of a damaged one. What follows does not depend on it."""
    try:
        return next(csv.reader([line]), [])
    except csv.Error:
        return []


def to_csv(rows: Iterable[Row], columns: Iterable[str] = COLUMNS) -> str:
    """CSV text with a header line."""
    chosen = tuple(columns)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(chosen)
    places = [COLUMNS.index(column) for column in chosen]
    for row in rows:
        cells = _cells(row)
        writer.writerow([cells[place] for place in places])
    return out.getvalue()


def to_json(row: Row) -> dict[str, Any]:
    """The row as plain values, columns that do not apply left out."""
    return {name: value for name, value in asdict(row).items() if value is not None}


def _cells(row: Row) -> list[str]:
    return [_cell(name, getattr(row, name)) for name in COLUMNS]


def _cell(name: str, value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.{_DECIMALS.get(name, 4)}f}"
    # One row is one line, so that a cut line is recognised.
    return make_line(str(value)) if name in _TEXTS else str(value)


def _parsed(columns: list[str], cells: list[str]) -> Row | None:
    if len(cells) != len(columns):
        return None
    values: dict[str, Any] = {}
    try:
        for name, cell in zip(columns, cells, strict=True):
            kind = _KINDS[name]
            if cell == "":
                continue
            if "int" in kind:
                values[name] = int(cell)
            elif "float" in kind:
                values[name] = float(cell)
            else:
                values[name] = cell
    except ValueError:
        return None
    return Row(**values) if {"image", "codec", "setting"} <= values.keys() else None
