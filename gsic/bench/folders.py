"""Which files of a folder are benchmarked, in which order."""

import re
from pathlib import Path

from gsic.errors import InputError

SUFFIXES = frozenset(
    [
        *(".avif", ".bmp", ".gif", ".jp2", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".pnm"),
        *(".ppm", ".tga", ".tif", ".tiff", ".webp"),
    ]
)


def list_images(folder: Path, limit: int | None = None) -> list[Path]:
    """List image files directly inside a folder, numbers in their names in numeric order.

    A file counts by its suffix alone, so that a damaged image is reported and not passed over.

    Args:
        folder: folder to list; hidden files and subfolders are ignored.
        limit: at most so many files, from the start of the order.

    Raises:
        InputError: not a folder, not readable, or without an image.
    """
    try:
        found = [
            path
            for path in folder.iterdir()
            if path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()
        ]
    except OSError as error:
        raise InputError(f"{folder}: cannot list it as a folder: {error.strerror}") from error
    if not found:
        raise InputError(f"{folder}: no image in this folder")
    return sorted(found, key=lambda path: natural_key(path.name))[:limit]


def natural_key(name: str) -> tuple[list[str | int], str]:
    """A sort key under which `img2` comes before `img10`."""
    # Splitting by a captured group alternates text and digits: like is compared with like.
    parts = re.split(r"(\d+)", name.casefold())
    return [int(part) if index % 2 else part for index, part in enumerate(parts)], name
