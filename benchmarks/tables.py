"""How tables of figures are written: cells, rows, and where a figure comes from."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

TITLES = {"jpeg": "JPEG 4:2:0", "jpeg2000": "JPEG 2000", "webp": "WebP", "avif": "AVIF"}
NONE = "–"


def origin(path: Path) -> str:
    """The sentence that says on what, when and how a file of figures was made."""
    found = load(path)
    if found is None:
        return ""
    machine = found["machine"]
    version = f", gsic {found['version']}" if "version" in found else ""
    return (
        f"{machine['cpu']}, {machine['cores']} cores, {found['date']}{version}: "
        f"`{found['command']}`."
    )


def load(path: Path) -> dict[str, Any] | None:
    if not path.exists():
        return None
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def three(values: dict[str, float], unit: str) -> list[str]:
    return [f"{values[key]:.2f} {unit}" for key in ("median", "p10", "p90")]


def number(value: float | None, decimals: int) -> str:
    return NONE if value is None else f"{value:.{decimals}f}"


def percent(value: float | None) -> str:
    return NONE if value is None else f"{value:+.1f} %"


def table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    return "\n".join("| " + " | ".join(line) + " |" for line in [head, ["---"] * len(head), *lines])
