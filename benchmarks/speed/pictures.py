"""The pictures that speed is measured with, and their files, which are encoded once and kept.

Pictures come of three photographs of 768x512. Smaller ones are made by Lanczos filtering; larger
ones are mirrored copies side by side, cut to size, so that their detail per pixel is that of the
photograph.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gsic import decoding, encoding, images, metrics
from gsic.errors import GsicError
from gsic.options import DEFAULT_EFFORT, EncodeOptions
from gsic.pixels import to_comparable

PHOTOS = ("kodim03", "kodim05", "kodim20")
LARGE = (6000, 4000)
# Kept files whose PSNR has moved by more belong to another version of the format.
_SAME_DB = 0.01


@dataclass(frozen=True)
class Case:
    """Pictures of one size at one rate.

    Args:
        name: as rows call it.
        size: width and height in px.
        rate: the rate option of `EncodeOptions` and its value.
        effort: of the encoding.
        photos: the photographs whose pictures are measured.
    """

    name: str
    size: tuple[int, int]
    rate: tuple[str, float]
    effort: int = DEFAULT_EFFORT
    photos: tuple[str, ...] = PHOTOS


PHOTO = (768, 512)
CASES = (
    Case("preview-256", (256, 171), ("max_bytes", 1000)),
    Case("preview-768", PHOTO, ("max_bytes", 1000)),
    Case("0.2-bpp", PHOTO, ("bpp", 0.2)),
    Case("0.3-bpp", PHOTO, ("bpp", 0.3)),
    Case("0.5-bpp", PHOTO, ("bpp", 0.5)),
    # One photograph, at the least effort: encoding them takes long, and decoding does not mind.
    Case("1.6-megapixels", (1536, 1024), ("bpp", 0.2), 1, PHOTOS[:1]),
    Case("6-megapixels", (3072, 2048), ("bpp", 0.2), 1, PHOTOS[:1]),
    Case("24-megapixels", LARGE, ("bpp", 0.2), 1, PHOTOS[:1]),
)


class Kept(NamedTuple):
    """A file, its number of Gaussians, and the PSNR in dB that it had when it was encoded."""

    data: bytes
    gaussians: int
    psnr: float


def find_photos() -> Path:
    """Return the folder of the photographs: `kodak` in the folder that GSIC_DATA names."""
    if "GSIC_DATA" not in os.environ:
        raise SystemExit("GSIC_DATA must name a folder of photographs that has a folder kodak")
    return Path(os.environ["GSIC_DATA"]) / "kodak"


def load_picture(photo: Path, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Load a photograph and make a picture of another size of it."""
    image = images.load(photo).image
    if size == (image.shape[1], image.shape[0]):
        return image
    if size[0] < image.shape[1]:
        smaller = Image.fromarray(image).resize(size, Image.Resampling.LANCZOS)
        return np.asarray(smaller)
    return tile(image, size)


def tile(image: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Fill a width and height with mirrored copies of an image (H, W, C)."""
    width, height = size
    mirrored = np.concatenate([image, image[:, ::-1]], axis=1)
    block = np.concatenate([mirrored, mirrored[::-1]], axis=0)
    repeats = (-(-height // block.shape[0]), -(-width // block.shape[1]), 1)
    return np.ascontiguousarray(np.tile(block, repeats)[:height, :width])


def keep_file(case: Case, photo: str, image: NDArray[np.uint8], folder: Path) -> Kept:
    """Return the file of a picture from a folder; it is encoded if it is not there or is stale.

    A file is stale if it does not decode to the PSNR that it had, as the format has changed then.
    """
    path = folder / f"{photo}-{case.name}.gsi"
    beside = path.with_suffix(".json")
    if path.exists() and beside.exists():
        data, known = path.read_bytes(), json.loads(beside.read_text())
        if _still_has(known["psnr"], data, image):
            return Kept(data, known["gaussians"], known["psnr"])
    chosen: dict[str, Any] = {case.rate[0]: case.rate[1]}
    print(f"encoding {path.name}", file=sys.stderr, flush=True)
    data, report = encoding.encode_with_report(image, EncodeOptions(effort=case.effort, **chosen))
    assert report.psnr is not None
    folder.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    beside.write_text(json.dumps({"psnr": report.psnr, "gaussians": report.gaussians}))
    return Kept(data, report.gaussians, report.psnr)


def _still_has(psnr: float, data: bytes, image: NDArray[np.uint8]) -> bool:
    try:
        decoded = decoding.decode_with_report(data).image
    except GsicError:
        return False
    found = metrics.psnr(to_comparable(image), to_comparable(decoded))
    return abs(found - psnr) < _SAME_DB
