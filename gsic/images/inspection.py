"""What the bytes of an image file say before it is decoded, and beside what Pillow reads."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from gsic.images.colour import Colours

# No profile is larger in practice; a compressed one may be a bomb.
MAX_ICC_BYTES = 1 << 24


@dataclass
class Inspected:
    """What is known of a file before its pixels are decoded.

    Args:
        data: what to decode; not the file itself where something harmless had to be mended.
        depth: bits of a sample.
        size: (width, height) in pixels, where it is known; needed with `read`.
        orientation: that of EXIF, 1..8; None: Pillow tells.
        icc: an ICC profile that Pillow does not find.
        colours: colours that are not sRGB, said without an ICC profile.
        colours_before_icc: whether `colours` hold even if there is an ICC profile.
        transparent: the one value of a grey or RGB pixel that is transparent, at the file's depth.
        premultiplied: whether Pillow decodes colours that are multiplied by alpha.
        read: decodes the file where Pillow would be wrong: to (H, W) or (H, W, C) of any depth.
        notes: one sentence for everything that was mended or left out.
    """

    data: bytes
    depth: int = 8
    size: tuple[int, int] | None = None
    orientation: int | None = None
    icc: bytes | None = None
    colours: Colours | None = None
    colours_before_icc: bool = False
    transparent: tuple[int, ...] | None = None
    premultiplied: bool = False
    read: Callable[[], NDArray[Any]] | None = None
    notes: list[str] = field(default_factory=list)
