"""The pictures of the gallery: what kind each is, and which part of it is shown."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

PHOTO = "photograph"
ILLUSTRATION = "illustration"

# Side of the square part that is shown at full resolution, px.
SIDE_PX = 240


class Source(NamedTuple):
    """A picture of the gallery.

    Attributes:
        name: of its file, without the suffix.
        kind: PHOTO or ILLUSTRATION.
        left, top: of the part that is shown, px.
        what: the picture in a few words.
    """

    name: str
    kind: str
    left: int
    top: int
    what: str


SOURCES = (
    Source("beachball", ILLUSTRATION, 60, 30, "smooth shading, thin outlines, a soft shadow"),
    Source("snowman", ILLUSTRATION, 60, 20, "black outlines on white, little shading"),
    Source("feast", ILLUSTRATION, 0, 40, "soft shading and many small shapes"),
    Source("box", ILLUSTRATION, 170, 30, "flat areas, straight edges, black outlines"),
    Source("jupiter", ILLUSTRATION, 230, 130, "soft shading under fine texture"),
    Source("cardback", ILLUSTRATION, 200, 210, "a smooth gradient behind sharp symbols"),
    Source("home", ILLUSTRATION, 20, 20, "flat areas, repeated shapes, thick outlines"),
    Source("dartboard", ILLUSTRATION, 20, 20, "flat areas, straight edges, numerals"),
    Source("kodim23", PHOTO, 150, 80, "smooth background, sharp subject"),
    Source("kodim03", PHOTO, 300, 150, "smooth surfaces, fabric and letters"),
    Source("kodim20", PHOTO, 130, 220, "smooth sky, a subject with thin lines"),
    Source("kodim07", PHOTO, 330, 100, "flowers and shutters: structure of medium size"),
    Source("kodim05", PHOTO, 300, 120, "dense detail everywhere"),
    Source("kodim13", PHOTO, 280, 250, "water and foliage: texture everywhere"),
)


def find(name: str, folders: list[Path]) -> Path:
    """Look a picture up; the first folder that has it gives it.

    Raises:
        SystemExit: the picture is in none of the folders.
    """
    for folder in folders:
        if (path := folder / f"{name}.png").is_file():
            return path
    raise SystemExit(f"{name}.png is in none of the folders {', '.join(map(str, folders))}")
