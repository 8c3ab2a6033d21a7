"""Reads image files as arrays and writes arrays as image files.

This is the only module that knows image formats and their modes. Every image becomes uint8: (H, W)
grey, (H, W, 2) grey with alpha, (H, W, 3) RGB or (H, W, 4) RGB with alpha, alpha last and not
premultiplied. A note tells what a file loses on the way.
"""

import io
import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from gsic.errors import InputError, OptionError
from gsic.files import STREAM, read_bytes, write_bytes_atomically
from gsic.options import Limits

# Left out on purpose: formats that Pillow hands to an external program (EPS) or to the system.
READABLE = (
    *("PNG", "JPEG", "WEBP", "AVIF", "TIFF", "BMP", "GIF", "PPM", "JPEG2000", "TGA"),
    *("QOI", "PSD", "PCX", "SGI", "DDS", "ICO", "ICNS"),
)

_DIRECT = {"L": "L", "1": "L", "LA": "LA", "La": "LA", "RGB": "RGB", "RGBA": "RGBA", "PA": "RGBA"}
_DIRECT |= {"P": "RGB", "RGBX": "RGB", "RGBa": "RGBA", "YCbCr": "RGB", "HSV": "RGB"}
_PROFILED = ("CMYK", "LAB")
_WITH_ALPHA = {"L": "LA", "RGB": "RGBA"}
_ICC_SPACES = {"L": b"GRAY", "LA": b"GRAY", "RGB": b"RGB ", "RGBA": b"RGB "}


class Writer(NamedTuple):
    """A format that Pillow writes: its name, its options, and what it cannot hold."""

    name: str
    options: dict[str, Any]
    lossless: bool = True
    alpha: bool = True


_JPEG = Writer("JPEG", {"quality": 95, "subsampling": 0}, lossless=False, alpha=False)
_TIFF = Writer("TIFF", {"compression": "tiff_deflate"})
_PPM = Writer("PPM", {}, alpha=False)
WRITERS = {
    ".png": Writer("PNG", {}),
    ".jpg": _JPEG,
    ".jpeg": _JPEG,
    ".webp": Writer("WEBP", {"lossless": True, "exact": True}),
    ".avif": Writer("AVIF", {"quality": 90}, lossless=False),
    ".jp2": Writer("JPEG2000", {}),
    ".tif": _TIFF,
    ".tiff": _TIFF,
    ".bmp": Writer("BMP", {}, alpha=False),
    ".ppm": _PPM,
    ".pgm": _PPM,
    ".pnm": _PPM,
}


class Loaded(NamedTuple):
    """An image file as an array, and what else came with it.

    Attributes:
        image: uint8 (H, W), (H, W, 2), (H, W, 3) or (H, W, 4), C order, writable.
        icc: the ICC profile that describes `image`, or None.
        notes: one sentence for everything that was converted or left out.
    """

    image: NDArray[np.uint8]
    icc: bytes | None
    notes: list[str]


def load(source: str | Path | bytes, limits: Limits | None = None) -> Loaded:
    """Read an image file: EXIF orientation applied, first frame only, 8 bits a channel.

    Args:
        source: a path, `-` for stdin, or the bytes of an image file.
        limits: refuses images of more than `limits.pixels`; None: the default limits.

    Raises:
        InputError: not an image, truncated, zero-sized, too large or unreadable; the message is
            one line that names file and cause.
    """
    if isinstance(source, bytes):
        name, data = "image data", source
    else:
        name, data = "stdin" if str(source) == STREAM else str(source), read_bytes(source)
    most = (limits or Limits()).pixels
    try:
        with warnings.catch_warnings():
            # Pillow warns of what it repairs; above twice its own limit of pixels it raises.
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data), formats=_list_formats()) as opened:
                _check_size(name, opened.size, most)
                return _convert(name, opened)
    except InputError:
        raise
    except UnidentifiedImageError as error:
        raise InputError(f"{name}: not an image that gsic can read") from error
    except Image.DecompressionBombError as error:
        raise InputError(f"{name}: more than the limit of {most} pixels") from error
    except Exception as error:  # Pillow's readers raise nearly anything on damaged data
        cause = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{name}: damaged or truncated image: {cause}") from error


def choose_writer(target: str | Path) -> Writer:
    """Choose the format of an output file by its suffix; it is PNG for `-` and devices.

    Raises:
        OptionError: a suffix that gsic does not write.
    """
    suffix = os.path.splitext(str(target))[1].lower()
    if str(target) == STREAM or (not suffix and os.path.abspath(target).startswith("/dev/")):
        suffix = ".png"
    if suffix not in WRITERS:
        known = ", ".join(WRITERS)
        raise OptionError(f"{target}: no image format has the suffix {suffix!r}; known: {known}")
    return WRITERS[suffix]


def save(
    target: str | Path,
    image: NDArray[np.uint8],
    icc: bytes | None = None,
    format: Writer | None = None,
) -> None:
    """Write an image file that appears whole or not at all; `-` is PNG on stdout.

    Args:
        target: a path, whose suffix chooses the format, or `-`.
        image: uint8 (H, W), (H, W, 2), (H, W, 3) or (H, W, 4).
        icc: an ICC profile to embed, or None.
        format: overrides the choice by suffix.

    Raises:
        OptionError: a suffix that gsic does not write.
        InputError: the format cannot hold this image.
        OSError: the file cannot be written.
    """
    writer = format or choose_writer(target)
    write_bytes_atomically(target, encode_image(image, writer, icc, name=str(target)))


def encode_image(
    image: NDArray[np.uint8], writer: Writer, icc: bytes | None = None, name: str = "image"
) -> bytes:
    """Return an image as the bytes of a file in a format; `name` stands in messages."""
    import imageio.v3 as imageio  # 50 ms, and reading does without

    if image.ndim == 3 and image.shape[2] in (2, 4) and not writer.alpha:
        raise InputError(f"{name}: {writer.name} cannot hold an alpha channel; write .png instead")
    options = writer.options | ({"icc_profile": icc} if icc else {})
    try:
        data: bytes = imageio.imwrite(
            "<bytes>", image, extension=".png", plugin="pillow", format=writer.name, **options
        )
    except (OSError, KeyError, ValueError) as error:
        raise InputError(f"{name}: {writer.name} cannot hold this image: {error}") from error
    return data


def _list_formats() -> list[str]:
    """Return the formats of `READABLE` that this build of Pillow knows."""
    Image.init()
    return [name for name in READABLE if name in Image.OPEN]


def _check_size(name: str, size: tuple[int, int], most: int) -> None:
    width, height = size
    if width < 1 or height < 1:
        raise InputError(f"{name}: an image of {width}x{height} pixels has nothing to encode")
    if width * height > most:
        raise InputError(f"{name}: {width}x{height} pixels are more than the limit of {most}")


def _convert(name: str, opened: Image.Image) -> Loaded:
    """Convert the first frame of an opened file to 8-bit channels."""
    notes = []
    if getattr(opened, "is_animated", False) and opened.format != "MPO":
        notes.append(f"{name}: holds several frames; the first one is used")
    # Pillow reads 48-bit RGB as 24-bit without a word; the raw mode still tells.
    deep = any(";16" in str(tile[3]) for tile in getattr(opened, "tile", ()))
    if deep and opened.mode not in _NUMERIC:
        notes.append(f"{name}: 16-bit channels are reduced to 8 bits")
    opened.load()
    turned = _apply_orientation(opened)
    _check_size(name, turned.size, turned.width * turned.height)
    icc = opened.info.get("icc_profile")
    if turned.mode not in {*_NUMERIC, *_DIRECT, *_PROFILED}:
        raise InputError(f"{name}: images of mode {turned.mode} are not supported")
    if turned.mode in _NUMERIC:
        plain = Image.fromarray(_NUMERIC[turned.mode](name, np.asarray(turned), notes))
    else:
        plain = _to_plain_mode(turned, icc)
    space = _ICC_SPACES[plain.mode]
    if icc and icc[16:20] != space:
        notes.append(f"{name}: the ICC profile describes other channels and is left out")
        icc = None
    return Loaded(np.array(plain), icc or None, notes)


def _apply_orientation(image: Image.Image) -> Image.Image:
    """Turn an image as its EXIF orientation says; unreadable EXIF data turns nothing."""
    try:
        turned = ImageOps.exif_transpose(image)
    except Exception:  # EXIF blocks are damaged more often than images
        return image
    return turned if turned is not None else image


def _to_plain_mode(image: Image.Image, icc: bytes | None) -> Image.Image:
    """Convert an image of any 8-bit mode to L, LA, RGB or RGBA."""
    if image.mode in _PROFILED:
        return _convert_through_icc(image, icc)
    wanted = _DIRECT[image.mode]
    if image.has_transparency_data:
        wanted = _WITH_ALPHA.get(wanted, wanted)
    return image if image.mode == wanted else image.convert(wanted)


def _convert_through_icc(image: Image.Image, icc: bytes | None) -> Image.Image:
    """Convert CMYK or LAB to sRGB, by the embedded profile where it can be used."""
    from PIL import ImageCms

    srgb = ImageCms.createProfile("sRGB")
    if image.mode == "LAB":
        source: Any = ImageCms.createProfile("LAB")
    elif icc:
        source = io.BytesIO(icc)
    else:
        return image.convert("RGB")
    try:
        converted = ImageCms.profileToProfile(image, source, srgb, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError):
        converted = None
    return converted if converted is not None else image.convert("RGB")


def _from_16_bits(name: str, values: NDArray[Any], notes: list[str]) -> NDArray[np.uint8]:
    notes.append(f"{name}: 16-bit channels are reduced to 8 bits")
    return ((values.astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8)


def _from_integers(name: str, values: NDArray[Any], notes: list[str]) -> NDArray[np.uint8]:
    low, high = int(values.min()), int(values.max())
    if low < 0 or high > 65535:
        raise InputError(f"{name}: integer samples from {low} to {high}; 0 to 65535 can be read")
    return _from_16_bits(name, values, notes)


def _from_floats(name: str, values: NDArray[Any], notes: list[str]) -> NDArray[np.uint8]:
    if not np.isfinite(values).all():
        raise InputError(f"{name}: holds float samples that are not finite")
    low, high = float(values.min()), float(values.max())
    notes.append(
        f"{name}: float samples from {low:g} to {high:g} are clipped to 0..1 and reduced to 8 bits"
    )
    scaled: NDArray[np.uint8] = np.floor(np.clip(values, 0.0, 1.0) * 255.0 + 0.5).astype(np.uint8)
    return scaled


_NUMERIC: dict[str, Callable[[str, NDArray[Any], list[str]], NDArray[np.uint8]]] = {
    "I;16": _from_16_bits,
    "I;16L": _from_16_bits,
    "I;16B": _from_16_bits,
    "I;16N": _from_16_bits,
    "I": _from_integers,
    "F": _from_floats,
}
