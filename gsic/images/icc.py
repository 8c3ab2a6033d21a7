"""ICC profiles: which pixels they describe, whether they are sRGB; CMYK and Lab through them."""

import io
from typing import Any

import numpy as np
from PIL import Image, ImageCms

# Classes of profiles that describe pixels (ICC.1:2022, table 18); links and effects do not.
_DEVICE_CLASSES = (b"scnr", b"mntr", b"prtr", b"spac")
_HEADER_BYTES = 128

# 8-bit colour management rounds twice.
_SRGB_TOLERANCE = 2


def read_space(icc: bytes) -> str | None:
    """Return the colour space of a profile: "RGB", "GRAY", "CMYK", "Lab"...; None if damaged."""
    size = int.from_bytes(icc[:4], "big")
    if len(icc) < _HEADER_BYTES or icc[36:40] != b"acsp" or not _HEADER_BYTES <= size <= len(icc):
        return None
    if icc[12:16] not in _DEVICE_CLASSES:
        return None
    return icc[16:20].decode("latin-1").strip()


def is_srgb(icc: bytes) -> bool:
    """Tell whether an RGB or GRAY profile shows 8-bit pixels as sRGB does, within rounding."""
    levels = np.linspace(0, 255, 18).astype(np.uint8)
    if read_space(icc) == "GRAY":
        sample = Image.fromarray(np.arange(256, dtype=np.uint8)[None])
    elif read_space(icc) == "RGB":
        grid = np.stack(np.meshgrid(levels, levels, levels), axis=-1)
        sample = Image.fromarray(grid.reshape(18, -1, 3))
    else:
        return False
    shown = convert_to_srgb(sample, icc)
    if shown is None:
        return False
    difference = np.asarray(shown).astype(int) - np.asarray(sample.convert("RGB"))
    return bool(np.abs(difference).max() <= _SRGB_TOLERANCE)


def convert_to_srgb(image: Image.Image, icc: bytes | None) -> Image.Image | None:
    """Convert an image to sRGB through the profile of its pixels.

    Args:
        image: of a mode that fits the profile: L, RGB, CMYK or LAB.
        icc: the profile; None for Lab itself.

    Returns:
        An RGB image, or None if the profile cannot be used.
    """
    source: Any = io.BytesIO(icc) if icc else ImageCms.createProfile("LAB")
    target = ImageCms.createProfile("sRGB")
    intent = ImageCms.Intent.RELATIVE_COLORIMETRIC
    try:
        return ImageCms.profileToProfile(image, source, target, intent, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None
