"""Reads an image file: bytes -> format -> inspection -> channels -> colours -> 8 bits, upright."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

from gsic.errors import InputError
from gsic.files import read_bytes
from gsic.images import bmp, boxes, colour, gif, jpeg, jpegxl, png, psd, tiff
from gsic.images import icc as icc_profiles
from gsic.images.channels import Channels, read_channels
from gsic.images.colour import Colours
from gsic.images.formats import Format, recognise
from gsic.images.inspection import Inspected
from gsic.images.opening import find_depth, list_what_is_left, open_with_pillow, read_exif
from gsic.images.samples import add_alpha, divide_by_alpha, reduce_to_8_bits, turn_upright
from gsic.options import Limits
from gsic.streams import STREAM


def _inspect_sgi(data: bytes) -> Inspected:
    """Read the depth of an SGI file: byte 3 is the number of bytes of a sample."""
    return Inspected(data, depth=8 * int.from_bytes(data[3:4], "big"))


_INSPECTORS: dict[str, Callable[[bytes], Inspected]] = {
    "PNG": png.inspect,
    "JPEG": jpeg.inspect,
    "TIFF": tiff.inspect,
    "JPEG 2000": boxes.inspect_jpeg2000,
    "AVIF": boxes.inspect_avif,
    "HEIC": boxes.inspect_heic,
    "JPEG XL": jpegxl.inspect,
    "BMP": bmp.inspect,
    "GIF": gif.inspect,
    "PSD": psd.inspect,
    "SGI": _inspect_sgi,
}

# What makes whole files of one that is damaged at its end: if all of them decode to the same
# pixels, none of these is missing.
_MENDERS: dict[str, Callable[[bytes], tuple[bytes, ...]]] = {
    "JPEG": jpeg.complete,
    "PNG": png.recompress,
}


class Loaded(NamedTuple):
    """An image file as an array, and what else came with it.

    Attributes:
        image: uint8 (H, W), (H, W, 2), (H, W, 3) or (H, W, 4), C order, writable.
        icc: the ICC profile that describes `image`; None for sRGB.
        notes: one sentence for everything that was converted, mended or left out.
    """

    image: NDArray[np.uint8]
    icc: bytes | None
    notes: list[str]


def load(
    source: str | Path | bytes, limits: Limits | None = None, *, accept_truncated: bool = False
) -> Loaded:
    """Read an image file: EXIF orientation applied, first frame only, 8 bits a channel.

    Args:
        source: a path, `-` for stdin, or the bytes of an image file.
        limits: refuses images of more than `limits.pixels`; None: the default limits.
        accept_truncated: read what there is of a picture that is cut off; the rest is grey or
            black.

    Raises:
        InputError: not an image, truncated, zero-sized, too large or unreadable; the message is
            one line that names file and cause.
    """
    if isinstance(source, bytes):
        name, data = "image data", source
    else:
        name, data = "stdin" if str(source) == STREAM else str(source), read_bytes(source)
    most = (limits or Limits()).pixels
    format = recognise(name, data)
    try:
        image, icc, notes = _read(format, data, most, accept_truncated)
    except InputError as error:
        raise InputError(f"{name}: {error}") from error
    except Image.DecompressionBombError as error:
        raise InputError(f"{name}: more than the limit of {most} pixels") from error
    except Exception as error:  # Pillow's readers raise nearly anything on damaged data
        said = " ".join(str(error).split())
        if isinstance(error, OSError) and said and "BytesIO" not in said:
            cause = f"damaged or truncated {format.name} image: {said}"
        else:
            cause = f"damaged, or a kind of {format.name} that gsic does not read"
        raise InputError(f"{name}: {cause}") from error
    return Loaded(image, icc, [f"{name}: {note}" for note in notes])


def _read(format: Format, data: bytes, most: int, accept_truncated: bool) -> Loaded:
    """Read a file of a known format; with `accept_truncated`, in part if need be."""
    with warnings.catch_warnings():
        # Pillow warns of what it repairs; above twice its own limit of pixels it raises.
        warnings.simplefilter("ignore")
        try:
            return _read_whole(format, data, most)
        except OSError:
            if not accept_truncated:
                raise
        before, ImageFile.LOAD_TRUNCATED_IMAGES = ImageFile.LOAD_TRUNCATED_IMAGES, True
        try:
            loaded = _read_whole(format, data, most)
        finally:
            ImageFile.LOAD_TRUNCATED_IMAGES = before
    loaded.notes.append("is cut off; the pixels that are missing are grey or black")
    return loaded


class _Picture(NamedTuple):
    """The channels of a file, and what it says of them; the attributes are those of `Inspected`."""

    channels: Channels
    depth: int
    icc: bytes | None
    colours: Colours | None
    orientation: int
    notes: list[str]


def _read_whole(format: Format, data: bytes, most: int) -> Loaded:
    """Read a whole file of a known format."""
    inspected = _INSPECTORS.get(format.name, Inspected)(data)
    if inspected.read:
        picture = _read_without_pillow(inspected, inspected.read, most)
    else:
        picture = _read_with_pillow(format, inspected, most)
    channels, depth, icc, colours, orientation, notes = picture
    samples = divide_by_alpha(channels.samples) if inspected.premultiplied else channels.samples
    if inspected.transparent is not None:
        samples = add_alpha(samples, inspected.transparent, inspected.depth)
    if depth > 8 and not any("reduced to 8 bits" in note for note in notes):
        notes.append(f"{depth}-bit channels are reduced to 8 bits")
    if channels.is_srgb:
        icc = colours = None
    icc = _choose_profile(icc, channels.space, notes)
    if colours and (inspected.colours_before_icc or not icc):
        notes.append(_describe_conversion(colours))
        image, icc = colour.convert_to_srgb(samples, colours), None
    else:
        image = reduce_to_8_bits(samples)
    return Loaded(np.ascontiguousarray(turn_upright(image, orientation)), icc, notes)


def _read_without_pillow(
    inspected: Inspected, read: Callable[[], NDArray[Any]], most: int
) -> _Picture:
    """Read a file that Pillow would read wrong, by the function that its inspection chose."""
    _check_size(inspected.size or (0, 0), most)
    samples = read()
    space = "GRAY" if samples.ndim == 2 or samples.shape[2] == 2 else "RGB"
    channels = Channels(samples, space, False, [])
    orientation = inspected.orientation or 1
    given = inspected.icc, inspected.colours, orientation, list(inspected.notes)
    return _Picture(channels, inspected.depth, *given)


def _read_with_pillow(format: Format, inspected: Inspected, most: int) -> _Picture:
    """Read a file with Pillow."""
    if inspected.size:
        _check_size(inspected.size, most)
    with open_with_pillow(format, inspected.data) as opened:
        _check_size(opened.size, most)
        icc = inspected.icc or opened.info.get("icc_profile")
        if format.name == "JPEG XL" and icc and icc_profiles.read_space(icc) == "CMYK":
            raise InputError("is a JPEG XL image in CMYK, which gsic does not read")
        depth = max(inspected.depth, find_depth(opened))
        channels, mended = _decode(opened, format, inspected, icc)
        notes = [*inspected.notes, *list_what_is_left(opened), *mended, *channels.notes]
        # Only now: Pillow turns TIFFs while it decodes them, and forgets their orientation.
        orientation, exif_colours = read_exif(opened)
        # The decoder of JPEG XL turns pictures, and EXIF does not count, but for JPEGs in its coat.
        if format.name == "JPEG XL" and not getattr(opened, "jpeg", False):
            orientation = 1
        colours = inspected.colours or (None if icc else exif_colours)
        return _Picture(channels, depth, icc, colours, orientation, notes)


def _check_size(size: tuple[int, int], most: int) -> None:
    width, height = size
    if width < 1 or height < 1:
        raise InputError(f"an image of {width}x{height} pixels has nothing to encode")
    if width * height > most:
        raise InputError(f"{width}x{height} pixels are more than the limit of {most}")


def _decode(
    opened: Image.Image, format: Format, inspected: Inspected, icc: bytes | None
) -> tuple[Channels, list[str]]:
    """Decode an opened file, and one that is damaged after its last pixel; say the latter."""
    frame = opened.tile[0][1] if format.name == "GIF" else None  # type: ignore[attr-defined]
    try:
        channels = read_channels(opened, inspected.data, icc)
        if frame:
            channels = channels._replace(samples=gif.clear_outside(channels.samples, frame))
        return channels, []
    except OSError:
        mend = _MENDERS.get(format.name)
        if mend is None or ImageFile.LOAD_TRUNCATED_IMAGES:
            raise
        whole = []
        for data in mend(inspected.data):
            with open_with_pillow(format, data) as again:
                whole.append(read_channels(again, data, icc))
        if not whole or not np.array_equal(whole[0].samples, whole[-1].samples):
            raise
        return whole[0], ["is damaged after its last pixel"]


def _choose_profile(icc: bytes | None, space: str, notes: list[str]) -> bytes | None:
    """Return the profile if it describes the pixels, which are of a space, and is not sRGB."""
    if not icc:
        return None
    described = icc_profiles.read_space(icc)
    if described is None:
        notes.append("the damaged ICC profile is left out")
        return None
    if described != space:
        notes.append(
            f"the ICC profile describes other channels ({described}) than the file has ({space}) "
            "and is left out"
        )
        return None
    return None if icc_profiles.is_srgb(icc) else icc


def _describe_conversion(colours: Colours) -> str:
    tones = ", highlights compressed" if colours.transfer in ("pq", "hlg") else ""
    return f"colours are converted from {colours.name} to sRGB{tones}"
