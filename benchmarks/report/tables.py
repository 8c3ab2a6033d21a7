"""How tables of figures are written: cells, rows, and where a figure comes from."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from gsic.bench.bdrate import BdRates

# The other codecs in the order of the tables, by the names that `gsic bench` has for them.
TITLES = {
    "avif": "AVIF 4:2:0, speed 6",
    "avif-iq": "AVIF 4:2:0, speed 6, tune iq",
    "avif-444-s4": "AVIF 4:4:4, speed 4",
    "avif-444-iq-s4": "AVIF 4:4:4, speed 4, tune iq",
    "heic": "HEIC 4:2:0, x265",
    "jxl": "JPEG XL, effort 7",
    "webp": "WebP, method 6",
    "jpeg2000": "JPEG 2000",
    "mozjpeg": "MozJPEG 4:2:0",
    "jpeg": "JPEG 4:2:0",
}
NONE = "–"


def describe_origin(path: Path) -> str:
    """Write the sentence that says on what, when and how a file of figures was made."""
    found = load(path)
    if found is None:
        return ""
    machine = found["machine"]
    version = f", gsic {found['version']}" if "version" in found else ""
    busy = ""
    if "load" in found:  # one or two are the benchmark itself
        busy = f", load {min(found['load']):.1f} to {max(found['load']):.1f}"
    return (
        f"{machine['cpu']}, {machine['cores']} cores, {found['date']}{version}{busy}: "
        f"`{found['command']}`."
    )


def load(path: Path) -> dict[str, Any] | None:
    if not path.exists():
        return None
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def format_number(value: float | None, decimals: int) -> str:
    return NONE if value is None else f"{value:.{decimals}f}"


def format_percent(value: float | None) -> str:
    return NONE if value is None else f"{value:+.1f} %"


def format_bd_rates(found: BdRates | None, images: int) -> str:
    """Write a cell: mean [least, largest], and the number of images where some lack one."""
    if found is None:
        return NONE
    noun = "image" if found.images == 1 else "images"
    few = f", {found.images} {noun}" if found.images < images else ""
    worst = f" {found.worst_image}" if found.images > 1 else ""
    return f"{found.percent:+.1f} % [{found.least:+.0f}, {found.largest:+.0f}{worst}{few}]"


def format_table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    return "\n".join("| " + " | ".join(line) + " |" for line in [head, ["---"] * len(head), *lines])
