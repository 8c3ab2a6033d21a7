"""Draw docs/images/first.webp: two images by three codecs, and the Gaussians of ours.

    python -m benchmarks.gallery.first FOLDER...

The folders hold the two images. Files and measurements are kept in build/gallery, so that a second
run only draws. Figures go to benchmarks/results/first-picture.json.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import NamedTuple

from PIL import Image, ImageDraw

import gsic
from benchmarks.gallery import sources
from benchmarks.gallery.codecs import Bytes
from benchmarks.gallery.ellipses import draw_ellipses
from benchmarks.gallery.make import ROOT, describe_codecs
from benchmarks.gallery.rows import OURS, GalleryRow, Shown, measure_file
from benchmarks.gallery.strips import FAINT, FRAME, INK, PAPER, format_score, load_font
from gsic import images
from gsic.bench import machine

PICTURE = ROOT / "docs" / "images" / "first.webp"
RESULTS = ROOT / "benchmarks" / "results" / "first-picture.json"
SIDE_PX, GAP_PX, LABEL_PX = 300, 10, 84
# The ellipses are drawn so much larger and then reduced, for thin lines.
_OVERSAMPLING = 3
_QUALITY = 90
# Of AVIF's two tunes the one with the higher SSIMULACRA2 is shown.
AVIF = {
    sources.PHOTO: ("avif-iq", "avif"),
    sources.ILLUSTRATION: ("avif-444-iq-s4", "avif-444-s4"),
}
NAMES = {
    OURS: "gsic",
    "jpeg": "JPEG",
    "avif-iq": "AVIF (4:2:0, tune iq)",
    "avif": "AVIF (4:2:0, tune psnr)",
    "avif-444-iq-s4": "AVIF (4:4:4, tune iq)",
    "avif-444-s4": "AVIF (4:4:4, tune psnr)",
}


class Line(NamedTuple):
    """One line of the picture: a source at a size in bytes, and where its part begins, px."""

    name: str
    size: int
    left: int
    top: int


LINES = (Line("snowman", 1600, 70, 10), Line("kodim23", 5000, 395, 95))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("folders", nargs="+", type=Path, help="where the two images are")
    parser.add_argument("--cache", type=Path, default=ROOT / "build" / "gallery")
    parser.add_argument("--threads", type=int, default=None, help="of our encoder")
    arguments = parser.parse_args()
    arguments.cache.mkdir(parents=True, exist_ok=True)
    rows: list[GalleryRow] = []
    drawn = []
    for line in LINES:
        source = next(source for source in sources.SOURCES if source.name == line.name)
        original = images.load(sources.find(line.name, arguments.folders)).image
        measured = {
            codec: measure_file(
                *(source, original, line.size, codec, arguments.cache, arguments.threads)
            )
            for codec in ("jpeg", *AVIF[source.kind], OURS)
        }
        rows += [row for row, _ in measured.values()]
        avif = max((measured[codec] for codec in AVIF[source.kind]), key=score_of)
        shown = [measured["jpeg"], avif, measured[OURS]]
        file = arguments.cache / f"{line.name}-{line.size}.gsi"
        drawn.append(draw_line(line, shown, file.read_bytes()))
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    stack(drawn).save(PICTURE, "WEBP", quality=_QUALITY, method=6)
    folders = " ".join(folder.name for folder in arguments.folders)
    about = {
        **machine.stamp(f"python -m benchmarks.gallery.first {folders}"),
        "codecs": describe_codecs(rows),
        "rows": [row._asdict() for row in rows],
    }
    RESULTS.write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    return 0


def score_of(shown: Shown) -> float:
    """SSIMULACRA2 of a file; the least of all where there is none."""
    score = shown.row.ssimulacra2
    return -1e9 if score is None else score


def draw_line(line: Line, shown: list[Shown], data: bytes) -> Image.Image:
    """Draw the decoded images and the ellipses side by side."""
    ellipses = draw_ellipses(data, _OVERSAMPLING)
    size = ellipses.width // _OVERSAMPLING, ellipses.height // _OVERSAMPLING
    panels = [(crop(line, image), *label(row)) for row, image in shown if image is not None]
    count = gsic.info(data)["gaussians"]
    small = ellipses.resize(size, Image.Resampling.LANCZOS)
    box = line.left, line.top, line.left + SIDE_PX, line.top + SIDE_PX
    panels.append(
        (small.crop(box), "inside the gsic file", f"{count} Gaussians in all,", "drawn as ellipses")
    )
    width = len(panels) * (SIDE_PX + GAP_PX) - GAP_PX
    picture = Image.new("RGB", (width, SIDE_PX + LABEL_PX), PAPER)
    pen = ImageDraw.Draw(picture)
    for index, (part, title, *notes) in enumerate(panels):
        left = index * (SIDE_PX + GAP_PX)
        picture.paste(part, (left, 0))
        pen.rectangle((left, 0, left + SIDE_PX - 1, SIDE_PX - 1), outline=FRAME)
        pen.text((left + 2, SIDE_PX + 6), title, INK, load_font(19, True))
        for number, note in enumerate(notes):
            top = SIDE_PX + 31 + 22 * number
            pen.text((left + 2, top), note, FAINT, load_font(17, False))
    return picture


def crop(line: Line, image: Bytes) -> Image.Image:
    """The part of an image that a line shows, at full resolution."""
    box = line.left, line.top, line.left + SIDE_PX, line.top + SIDE_PX
    return Image.fromarray(image).crop(box)


def label(row: GalleryRow) -> tuple[str, str, str]:
    """The three lines below a panel: codec; bytes; PSNR and SSIMULACRA2."""
    reduced = f", reduced by {row.factor} first" if row.factor > 1 else ""
    return (
        NAMES[row.codec],
        f"{row.bytes} bytes{reduced}",
        f"{row.psnr:.1f} dB, SSIMULACRA2 {format_score(row.ssimulacra2)}",
    )


def stack(lines: list[Image.Image]) -> Image.Image:
    """Put the lines below each other."""
    width, height = lines[0].width, sum(line.height for line in lines)
    picture = Image.new("RGB", (width, height), PAPER)
    top = 0
    for line in lines:
        picture.paste(line, (0, top))
        top += line.height
    return picture


if __name__ == "__main__":
    sys.exit(main())
