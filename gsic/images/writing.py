"""Writes arrays as image files, with the ICC profile where the format can hold it."""

import io
import os
import zlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gsic.errors import InputError, OptionError
from gsic.files import is_replaceable, write_bytes_atomically
from gsic.images import icc as icc_profiles
from gsic.options import check_whole


class Writer(NamedTuple):
    """A format that Pillow writes.

    Attributes:
        name: of the format in Pillow.
        options: of Pillow's writer.
        lossless: whether the pixels stay as they are.
        alpha: whether it holds an alpha channel.
        grey: numbers of channels, of 1 and 2, that stay grey; the others become RGB.
        icc: whether it holds an ICC profile.
    """

    name: str
    options: dict[str, Any]
    lossless: bool = True
    alpha: bool = True
    grey: tuple[int, ...] = (1, 2)
    icc: bool = True


_JPEG = Writer("JPEG", {"quality": 95, "subsampling": 0}, lossless=False, alpha=False)
_TIFF = Writer("TIFF", {"compression": "tiff_deflate"})
_PPM = Writer("PPM", {}, alpha=False, icc=False)
_WEBP_SIDE = 16383
_LEAST_EFFORT = {"quality": 0, "method": 0}
# Photographs have few repetitions beyond runs. Searching for runs alone takes a quarter of the time
# of zlib's level 6, and files grow by 0 to 4 %.
_FAST_PNG = {"compress_type": zlib.Z_RLE}
WRITERS = {
    ".png": Writer("PNG", _FAST_PNG),
    ".jpg": _JPEG,
    ".jpeg": _JPEG,
    ".webp": Writer("WEBP", {"lossless": True, "exact": True}, grey=()),
    ".avif": Writer("AVIF", {"quality": 90}, lossless=False, grey=(1,)),
    ".jp2": Writer("JPEG2000", {}, icc=False),
    ".tif": _TIFF,
    ".tiff": _TIFF,
    ".bmp": Writer("BMP", {}, alpha=False, icc=False),
    ".ppm": _PPM,
    ".pgm": _PPM,
    ".pnm": _PPM,
}


def choose_writer(target: str | Path, png_level: int | None = None) -> Writer:
    """Choose the format of an output file by its suffix; without one, pipes and devices get PNG.

    Args:
        target: a path, or `-` for stdout.
        png_level: 0..9, how hard zlib compresses a PNG file; None: fast.

    Raises:
        OptionError: a suffix that gsic does not write, or a level for another format than PNG.
    """
    suffix = os.path.splitext(str(target))[1].lower()
    if not suffix and not is_replaceable(target):
        suffix = ".png"
    if suffix not in WRITERS:
        known = ", ".join(WRITERS)
        raise OptionError(f"{target}: no image format has the suffix {suffix!r}; known: {known}")
    writer = WRITERS[suffix]
    if png_level is None:
        return writer
    if writer.name != "PNG":
        raise OptionError(f"{target}: png-level is for PNG files, this one is {writer.name}")
    level = check_whole("png-level", png_level, 0, 9)
    return writer._replace(options={"compress_level": level})


def save(
    target: str | Path,
    image: NDArray[np.uint8],
    icc: bytes | None = None,
    format: Writer | None = None,
) -> list[str]:
    """Write an image file that appears whole or not at all; `-` is PNG on stdout.

    Args:
        target: a path, whose suffix chooses the format, or `-`.
        image: uint8 (H, W), (H, W, 2), (H, W, 3) or (H, W, 4).
        icc: an ICC profile to embed, or None.
        format: overrides the choice by suffix.

    Returns:
        One sentence for everything that the file lacks.

    Raises:
        OptionError: a suffix that gsic does not write.
        InputError: the format cannot hold this image.
        OSError: the file cannot be written.
    """
    writer = format or choose_writer(target)
    kept, notes = _choose_profile(image, icc, writer)
    if not writer.lossless:
        notes.append(f"{writer.name} is lossy and changes the decoded pixels")
    write_bytes_atomically(target, encode_image(image, writer, kept, name=str(target)))
    return [f"{target}: {note}" for note in notes]


def encode_image(
    image: NDArray[np.uint8], writer: Writer, icc: bytes | None = None, name: str = "image"
) -> bytes:
    """Return an image as the bytes of a file in a format; `name` stands in messages."""
    if image.ndim == 3 and image.shape[2] in (2, 4) and not writer.alpha:
        raise InputError(f"{name}: {writer.name} cannot hold an alpha channel; write .png instead")
    buffer = io.BytesIO()
    options = writer.options | ({"icc_profile": icc} if icc else {})
    try:
        Image.fromarray(image).save(buffer, writer.name, **options)
    except (OSError, KeyError, ValueError) as error:
        raise InputError(f"{name}: {writer.name} cannot hold this image: {error}") from error
    return buffer.getvalue()


def measure_lossless(image: NDArray[np.uint8]) -> int | None:
    """Return the bytes of an image as lossless WebP at its least effort; None if it is too large.

    Args:
        image: uint8 (H, W), (H, W, 2), (H, W, 3) or (H, W, 4).
    """
    if max(image.shape[:2]) > _WEBP_SIDE:
        return None
    quick = WRITERS[".webp"]
    return len(encode_image(image, quick._replace(options={**quick.options, **_LEAST_EFFORT})))


def _choose_profile(
    image: NDArray[np.uint8], icc: bytes | None, writer: Writer
) -> tuple[bytes | None, list[str]]:
    """Return the profile if it fits the pixels as the file holds them, else None and why."""
    if not icc:
        return None, []
    if not writer.icc:
        return None, [f"{writer.name} cannot hold the ICC profile, which is left out"]
    channels = 1 if image.ndim == 2 else image.shape[2]
    space = "GRAY" if channels in writer.grey else "RGB"
    described = icc_profiles.read_space(icc)
    if described is None:
        return None, ["the damaged ICC profile is left out"]
    if described != space:
        return None, [
            f"the ICC profile describes {described} pixels, {writer.name} holds {space}: it is "
            "left out"
        ]
    return icc, []
