"""Draw the pictures of the gallery: parts at full resolution side by side, labels below them."""

from __future__ import annotations

from pathlib import Path

from matplotlib import get_data_path
from PIL import Image, ImageDraw, ImageFont

from benchmarks.gallery.codecs import Bytes
from benchmarks.gallery.rows import OURS, GalleryRow, Shown
from benchmarks.gallery.sources import SIDE_PX, Source

GAP_PX = 8
LABEL_PX = 40
# Of the sheet of all originals: images in a row, side of an image, height of its name.
_COLUMNS, _CELL_PX, _NAME_PX = 4, 200, 20
PAPER, INK, FAINT, FRAME = "#ffffff", "#1c2530", "#5a6570", "#d5d9de"
# At this quality WebP adds no visible error to what is shown.
_QUALITY = 88

NAMES = {
    OURS: "gsic",
    "webp": "WebP",
    "avif": "AVIF",
    "avif-iq": "AVIF",
    "avif-444-s4": "AVIF",
    "avif-444-iq-s4": "AVIF",
}


def draw_strip(source: Source, original: Bytes, shown: list[Shown]) -> Image.Image:
    """Draw the original and the decoded images of one size in a row."""
    panels = [(crop(source, original), "original", source.name)]
    for row, image in shown:
        panels.append((None if image is None else crop(source, image), *label(row)))
    width = len(panels) * (SIDE_PX + GAP_PX) - GAP_PX
    strip = Image.new("RGB", (width, SIDE_PX + LABEL_PX), PAPER)
    pen = ImageDraw.Draw(strip)
    for index, (part, title, note) in enumerate(panels):
        left = index * (SIDE_PX + GAP_PX)
        if part is None:
            pen.rectangle((left, 0, left + SIDE_PX - 1, SIDE_PX - 1), "#eef0f2")
            pen.text(
                (left + SIDE_PX / 2, SIDE_PX / 2), "–", FAINT, load_font(28, False), anchor="mm"
            )
        else:
            strip.paste(Image.fromarray(part), (left, 0))
        pen.rectangle((left, 0, left + SIDE_PX - 1, SIDE_PX - 1), outline=FRAME)
        pen.text((left + 2, SIDE_PX + 4), title, INK, load_font(13, True))
        pen.text((left + 2, SIDE_PX + 21), note, FAINT, load_font(12, False))
    return strip


def label(row: GalleryRow) -> tuple[str, str]:
    """The two lines below a panel: codec and bytes; SSIMULACRA2 and PSNR."""
    name = NAMES[row.codec]
    if row.bytes is None:
        return name, f"no file of {row.size} bytes"
    reduced = f", reduced by {row.factor}" if row.factor > 1 else ""
    title = f"{name}, {row.bytes} bytes{reduced}"
    return title, f"SSIMULACRA2 {format_score(row.ssimulacra2)}, PSNR {row.psnr:.2f} dB"


def format_score(score: float | None) -> str:
    """A score of SSIMULACRA2 with one decimal and a true minus sign."""
    return "–" if score is None else f"{score:.1f}".replace("-", "\u2212")


def crop(source: Source, image: Bytes) -> Bytes:
    """The part of an image that is shown, at most SIDE_PX on a side."""
    top, left = source.top, source.left
    return image[top : top + SIDE_PX, left : left + SIDE_PX]


def draw_originals(sources: list[tuple[Source, Bytes]]) -> Image.Image:
    """Draw all originals, small, with a frame around the part that is shown of each."""
    lines = [sources[first : first + _COLUMNS] for first in range(0, len(sources), _COLUMNS)]
    heights = [
        round(max(image.shape[0] * _CELL_PX / max(image.shape[:2]) for _, image in line))
        for line in lines
    ]
    width = _COLUMNS * (_CELL_PX + GAP_PX) - GAP_PX
    sheet = Image.new("RGB", (width, sum(heights) + len(lines) * (_NAME_PX + GAP_PX)), PAPER)
    pen = ImageDraw.Draw(sheet)
    top = 0
    for line, height in zip(lines, heights, strict=True):
        for column, (source, image) in enumerate(line):
            left, scale = column * (_CELL_PX + GAP_PX), _CELL_PX / max(image.shape[:2])
            size = round(image.shape[1] * scale), round(image.shape[0] * scale)
            small = Image.fromarray(image).resize(size, Image.Resampling.LANCZOS)
            sheet.paste(small, (left, top))
            x, y = left + source.left * scale, top + source.top * scale
            part = crop(source, image).shape
            frame = x, y, x + part[1] * scale - 1, y + part[0] * scale - 1
            pen.rectangle(frame, outline=PAPER, width=3)
            pen.rectangle(frame, outline="#d02030", width=1)
            pen.text((left, top + height + 3), source.name, INK, load_font(12, False))
        top += height + _NAME_PX + GAP_PX
    return sheet


def save(image: Image.Image, path: Path) -> None:
    """Write a picture of a page as WebP."""
    image.save(path, "WEBP", quality=_QUALITY, method=6)


def load_font(size: int, bold: bool) -> ImageFont.FreeTypeFont:
    """A font that matplotlib brings, so that it is the same everywhere."""
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return ImageFont.truetype(Path(get_data_path(), "fonts", "ttf", name), size)
