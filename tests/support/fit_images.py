"""Small images to fit: synthetic ones, and cuts of the bundled photos."""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gsic.decoding import Decoded, decode_with_report
from gsic.encoding import Encoded, encode_with_report
from gsic.options import EncodeOptions

Float32 = NDArray[np.float32]
Bytes = NDArray[np.uint8]

EXAMPLES = Path(__file__).parents[2] / "examples"

# Name of a photo, then x, y, width and height of a cut: a smooth one and a textured one.
CUTS = {
    "hats": ("kodim03.png", 200, 100, 384, 256),
    "macaws": ("kodim23.png", 80, 120, 384, 256),
}


@cache
def photo_cut(name: str, shrink: int = 2) -> Bytes:
    """A cut of a photo, uint8 (H, W, 3): 192 x 128 pixels at half the size, 96 x 64 at a fourth."""
    file, x, y, width, height = CUTS[name]
    with Image.open(EXAMPLES / file) as photo:
        cut = photo.crop((x, y, x + width, y + height)).reduce(shrink)
    return np.array(cut)


def planes_of(height: int, width: int, channels: int = 3, seed: int = 0) -> Float32:
    """Waves and an edge, float32 (H, W, C), 0..1."""
    y, x = np.mgrid[0:height, 0:width] / max(height, width)
    phase = seed + 1.7 * np.arange(channels)
    planes = 0.5 + 0.3 * np.sin(5 * x[..., None] + phase) * np.cos(4 * y[..., None] - phase)
    planes -= 0.2 * (x + 0.5 * y > 0.8)[..., None]
    return planes.astype(np.float32)


def encoded(image: Bytes, steps: int = 150, **options: Any) -> Encoded:
    """An encoding of a few steps on the CPU; `init` and `threads` are passed on."""
    rest = {name: options.pop(name) for name in ("init", "threads") if name in options}
    settings = {"steps": steps} | options.pop("settings", {})
    return encode_with_report(
        image, EncodeOptions(settings=settings, **options), device="cpu", **rest
    )


def decoded(data: bytes) -> Decoded:
    return decode_with_report(data, device="cpu")
