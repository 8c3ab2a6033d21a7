"""Draw six flat pictures of 512 x 512: two charts, two screenshots and two pages of text.

    python -m benchmarks.rd.pictures FOLDER

Photographs and shaded illustrations come as folders of files; pictures of these two kinds are drawn
here, the same pixels on every run with the same versions of matplotlib and Pillow.
"""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from matplotlib import get_data_path
from matplotlib.figure import Figure
from PIL import Image, ImageDraw, ImageFont

SIDE = 512
TEXT = (
    "an image codec stores a picture in few bits and gives it back at once the encoder looks for "
    "what matters to the eye and the decoder draws it a line of text has sharp edges on both sides "
    "of every stroke and each of them costs bits when a file is small the edges blur first then "
    "thin strokes vanish and in the end words can no longer be read that is why a page of text is "
    "the hardest picture of all for a codec of smooth shapes"
)
CODE = (
    "def decode(data: bytes) -> Image:",
    '    """Decode a file into pixels."""',
    "    header = read_header(data)",
    "    check(header.version == 1)",
    "    image = zeros(header.size)",
    "    for shape in symbols(data):",
    "        if shape.opacity == 0:",
    "            continue",
    "        box = bounds(shape, header)",
    "        image[box] += draw(shape)",
    "    return clip(image, 0, 255)",
    "",
    "# The table is sorted by size.",
    'TABLE = {"a": 0.25, "b": 17}',
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("folder", type=Path, help="made if its parent exists")
    folder = parser.parse_args().folder
    folder.mkdir(exist_ok=True)
    for name, draw in PICTURES.items():
        draw().save(folder / f"{name}.png")
    return 0


def draw_lines() -> Image.Image:
    """Draw a chart of four curves with a grid and a legend."""
    figure = _make_figure()
    axes = figure.subplots()
    x = np.linspace(0, 10, 60)
    for index in range(4):
        y = np.sin(x * (0.5 + 0.2 * index)) * np.exp(-x / 12) + 0.4 * index
        axes.plot(x, y, marker="os^D"[index], markersize=4, label=f"series {index + 1}")
    axes.set_title("Signal over time")
    axes.set_xlabel("time in seconds")
    axes.set_ylabel("amplitude")
    axes.grid(alpha=0.4)
    axes.legend(loc="lower left")
    return _rasterise(figure)


def draw_bars() -> Image.Image:
    """Draw a chart of grouped bars above a pie chart."""
    figure = _make_figure()
    upper, lower = figure.subplots(2, 1, height_ratios=(3, 2))
    values = np.array([[3, 5, 2, 7, 6], [4, 4, 3, 5, 8], [2, 6, 5, 6, 4]])
    for index, row in enumerate(values):
        upper.bar(np.arange(5) + 0.27 * (index - 1), row, 0.25, label=f"year {2021 + index}")
    upper.set_xticks(range(5), ["north", "south", "east", "west", "centre"])
    upper.set_title("Sales by region")
    upper.legend(ncols=3, fontsize=8)
    lower.pie([35, 25, 20, 12, 8], labels=["A", "B", "C", "D", "E"], autopct="%d %%")
    return _rasterise(figure)


def draw_window() -> Image.Image:
    """Draw a settings window: title bar, sidebar, fields, switches and buttons."""
    image = Image.new("RGB", (SIDE, SIDE), "#d8dee9")
    pen = ImageDraw.Draw(image)
    pen.rounded_rectangle((24, 24, 488, 488), 10, "#ffffff", "#a0a8b4")
    pen.rounded_rectangle((24, 24, 488, 60), 10, "#3b4252", corners=(True, True, False, False))
    for index, color in enumerate(("#ff5f56", "#ffbd2e", "#27c93f")):
        pen.ellipse((38 + 20 * index, 36, 50 + 20 * index, 48), color)
    pen.text((256, 42), "Settings", "#ffffff", _load_font(14), anchor="mm")
    pen.rectangle((25, 61, 150, 487), "#eceff4")
    for index, name in enumerate(("General", "Display", "Network", "Sound", "Privacy", "Updates")):
        top = 76 + 34 * index
        if index == 1:
            pen.rounded_rectangle((32, top - 6, 143, top + 22), 5, "#5e81ac")
        pen.text((44, top), name, "#ffffff" if index == 1 else "#2e3440", _load_font(13))
    for index, name in enumerate(("Resolution", "Scale", "Refresh rate", "Colour profile")):
        top = 84 + 56 * index
        pen.text((170, top), name, "#4c566a", _load_font(12))
        pen.rounded_rectangle((300, top - 6, 468, top + 22), 4, "#ffffff", "#b0b8c4")
        value = ("2560 x 1440", "125 %", "60 Hz", "sRGB")[index]
        pen.text((310, top), value, "#2e3440", _load_font(12))
        pen.polygon(((450, top + 4), (460, top + 4), (455, top + 11)), "#4c566a")
    for index, name in enumerate(("Night light", "Automatic brightness")):
        top = 318 + 40 * index
        on = index == 0
        pen.text((170, top), name, "#4c566a", _load_font(12))
        pen.rounded_rectangle((428, top - 3, 468, top + 19), 11, "#a3be8c" if on else "#c8ccd4")
        left = 448 if on else 430
        pen.ellipse((left, top - 1, left + 18, top + 17), "#ffffff")
    pen.line((151, 430, 487, 430), "#d0d4dc")
    for left, name, color, ink in (
        (290, "Cancel", "#e5e9f0", "#2e3440"),
        (384, "Apply", "#5e81ac", "#fff"),
    ):
        pen.rounded_rectangle((left, 444, left + 84, 474), 5, color, "#a0a8b4")
        pen.text((left + 42, 459), name, ink, _load_font(13), anchor="mm")
    return image


def draw_table() -> Image.Image:
    """Draw a page with a toolbar, cards of numbers and a striped table."""
    image = Image.new("RGB", (SIDE, SIDE), "#f6f7f9")
    pen = ImageDraw.Draw(image)
    pen.rectangle((0, 0, SIDE, 44), "#12355b")
    pen.text((18, 14), "Orders", "#ffffff", _load_font(16))
    pen.rounded_rectangle((330, 10, 494, 34), 12, "#ffffff")
    pen.text((344, 14), "search", "#8a94a0", _load_font(12))
    for index, (name, value) in enumerate((("open", "128"), ("sent", "2 304"), ("late", "17"))):
        left = 18 + 162 * index
        pen.rectangle((left, 60, left + 150, 124), "#ffffff", "#d4d9e0")
        pen.rectangle((left, 60, left + 5, 124), ("#2a9d8f", "#457b9d", "#e63946")[index])
        pen.text((left + 18, 68), name, "#6b7480", _load_font(12))
        pen.text((left + 18, 86), value, "#12355b", _load_font(24))
    columns = ((26, "number"), (110, "customer"), (270, "date"), (380, "total"), (450, "state"))
    pen.rectangle((18, 140, 494, 164), "#e3e8ee")
    for left, name in columns:
        pen.text((left, 145), name, "#12355b", _load_font(12))
    names = ("Meyer", "Okafor", "Tanaka", "Silva", "Novak", "Haddad", "Larsen", "Dubois", "Kim")
    for row in range(13):
        top = 164 + 26 * row
        pen.rectangle((18, top, 494, top + 26), "#ffffff" if row % 2 else "#f0f3f6")
        cells = (
            *(str(10480 + 7 * row), names[row % 9], f"2026-{1 + row % 9:02d}-{3 + 2 * row:02d}"),
            f"{(37 * row * row + 119) % 900}.{(13 * row) % 100:02d}",
        )
        for (left, _), cell in zip(columns, cells, strict=False):
            pen.text((left, top + 6), cell, "#30363d", _load_font(12))
        color = ("#2a9d8f", "#e9c46a", "#e63946")[row * row % 3]
        pen.rounded_rectangle((450, top + 6, 486, top + 20), 7, color)
    return image


def draw_page() -> Image.Image:
    """Draw a page of black serif text with a heading."""
    image = Image.new("RGB", (SIDE, SIDE), "#ffffff")
    pen = ImageDraw.Draw(image)
    pen.text((30, 24), "On small files", "#000000", _load_font(24, "DejaVuSerif-Bold"))
    _write(pen, TEXT.split() * 4, (30, 66, 482, 490), 20, _load_font(14, "DejaVuSerif"), "#000000")
    return image


def draw_code() -> Image.Image:
    """Draw lines of a program, light on dark, with line numbers."""
    image = Image.new("RGB", (SIDE, SIDE), "#282c34")
    pen = ImageDraw.Draw(image)
    font = _load_font(14, "DejaVuSansMono")
    for index in range(24):
        line = CODE[index % len(CODE)]
        top = 16 + 20 * index
        pen.text((14, top), f"{index + 1:3d}", "#5c6370", font)
        ink = "#98c379" if '"""' in line else "#5c6370" if line.startswith("#") else "#abb2bf"
        pen.text((60, top), line, ink, font)
    return image


PICTURES: dict[str, Callable[[], Image.Image]] = {
    "chart-lines": draw_lines,
    "chart-bars": draw_bars,
    "screen-window": draw_window,
    "screen-table": draw_table,
    "text-page": draw_page,
    "text-code": draw_code,
}


def _make_figure() -> Figure:
    return Figure(figsize=(SIDE / 100, SIDE / 100), dpi=100, layout="constrained")


def _rasterise(figure: Figure) -> Image.Image:
    """The pixels of a figure."""
    png = io.BytesIO()
    figure.savefig(png, format="png", dpi=100)
    with Image.open(png) as image:
        return image.convert("RGB")


def _load_font(size: int, name: str = "DejaVuSans") -> ImageFont.FreeTypeFont:
    """A font that matplotlib brings, so that it is the same everywhere."""
    return ImageFont.truetype(Path(get_data_path(), "fonts", "ttf", f"{name}.ttf"), size)


def _write(
    pen: ImageDraw.ImageDraw,
    words: list[str],
    box: tuple[int, int, int, int],
    leading: int,
    font: ImageFont.FreeTypeFont,
    ink: str,
) -> None:
    """Set words in lines that fill a box, ragged right."""
    left, top, right, bottom = box
    line = ""
    for word in words:
        longer = f"{line} {word}" if line else word
        if pen.textlength(longer, font) <= right - left:
            line = longer
            continue
        pen.text((left, top), line, ink, font)
        line, top = word, top + leading
        if top + leading > bottom:
            return
    pen.text((left, top), line, ink, font)


if __name__ == "__main__":
    sys.exit(main())
