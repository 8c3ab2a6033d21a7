"""Which files of a folder are benchmarked, in which order, and the folder of the results."""

import re
from pathlib import Path

from gsic.bench import rows
from gsic.errors import InputError

# The files of a folder of results.
TABLE, SUMMARY, REPORT, PLOT, FILES = "results.csv", "results.json", "report.md", "rd.png", "files"

SUFFIXES = frozenset(
    [
        *(".avif", ".bmp", ".gif", ".jp2", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".pnm"),
        *(".ppm", ".tga", ".tif", ".tiff", ".webp"),
    ]
)


def list_images(folder: Path, limit: int | None = None, output: Path | None = None) -> list[Path]:
    """List image files directly inside a folder, numbers in their names in numeric order.

    A file counts by its suffix alone, so that a damaged image is reported and not passed over.

    Args:
        folder: folder to list; hidden files and subfolders are ignored.
        limit: at most so many files, from the start of the order.
        output: folder of results, whose files are no images to measure, wherever links to them are.

    Raises:
        InputError: not a folder, not readable, or without an image.
    """
    own = set() if output is None else _identify_results(output)
    try:
        found = [
            path
            for path in folder.iterdir()
            if path.suffix.lower() in SUFFIXES
            and not path.name.startswith(".")
            and path.is_file()
            and _identify(path) not in own
        ]
    except OSError as error:
        raise InputError(f"{folder}: cannot list it as a folder: {error.strerror}") from error
    if not found:
        raise InputError(f"{folder}: no image in this folder")
    return sorted(found, key=lambda path: natural_key(path.name))[:limit]


def make_output(output: Path, images: Path) -> None:
    """Make the folder of results, and in it the folder of coded files.

    Args:
        output: the folder of results; its parent must exist. images: the folder of images.

    Raises:
        InputError: it cannot be made, or a file of somebody else would be replaced.
    """
    if not output.absolute().parent.is_dir():
        raise InputError(f"{output}: the folder to make it in does not exist")
    plot, table = output / PLOT, output / TABLE
    try:
        if plot.exists() and output.samefile(images) and not table.exists():
            raise InputError(f"{plot}: would overwrite an image; give another --output")
        if table.exists() and not rows.is_table(table):
            raise InputError(f"{table}: is no table of gsic bench; give another --output")
        (output / FILES).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{output}: cannot make this folder: {error.strerror}") from error


def _identify_results(output: Path) -> set[tuple[int, int]]:
    """Identify the images among the results of an earlier run: the plot and the coded files."""
    files = output / FILES
    found = [output / PLOT, *(files.iterdir() if files.is_dir() else ())]
    return {_identify(path) for path in found if path.is_file()}


def _identify(path: Path) -> tuple[int, int]:
    """Return what a file is known by under all its names."""
    status = path.stat()
    return status.st_dev, status.st_ino


def natural_key(name: str) -> tuple[list[str | int], str]:
    """A sort key under which `img2` comes before `img10`."""
    # Splitting by a captured group alternates text and digits: like is compared with like.
    parts = re.split(r"(\d+)", name.casefold())
    return [int(part) if index % 2 else part for index, part in enumerate(parts)], name
