"""Reads an image file: bytes -> format -> inspection -> channels -> colours -> 8 bits, upright."""

import contextlib
import importlib
import io
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

from gsic.errors import InputError
from gsic.files import STREAM, read_bytes
from gsic.images import bmp, boxes, colour, gif, jpeg, png, psd, tiff
from gsic.images import icc as icc_profiles
from gsic.images.channels import Channels, read_channels
from gsic.images.colour import Colours
from gsic.images.formats import Format, recognise
from gsic.images.inspection import Inspected
from gsic.options import Limits

_INSPECTORS: dict[str, Callable[[bytes], Inspected]] = {
    "PNG": png.inspect,
    "JPEG": jpeg.inspect,
    "TIFF": tiff.inspect,
    "JPEG 2000": boxes.inspect_jpeg2000,
    "AVIF": boxes.inspect_avif,
    "HEIC": boxes.inspect_avif,
    "BMP": bmp.inspect,
    "GIF": gif.inspect,
    "PSD": psd.inspect,
}

# Formats that other packages teach Pillow: the package on PyPI, its module, and what registers it.
_PLUGINS = {
    "HEIC": ("pillow-heif", "pillow_heif", "register_heif_opener"),
    "JPEG XL": ("pillow-jxl-plugin", "pillow_jxl", None),
}

_ORIENTATION, _EXIF_FOLDER, _COLOUR_SPACE, _INTEROPERABILITY = 0x0112, 0x8769, 0xA001, 0xA005


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
        with warnings.catch_warnings(), _accepting_truncated(accept_truncated):
            # Pillow warns of what it repairs; above twice its own limit of pixels it raises.
            warnings.simplefilter("ignore")
            image, icc, notes = _load(format, data, most)
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


@contextlib.contextmanager
def _accepting_truncated(accept: bool) -> Iterator[None]:
    """Let Pillow show what there is of cut-off pictures, or refuse them."""
    before = ImageFile.LOAD_TRUNCATED_IMAGES
    ImageFile.LOAD_TRUNCATED_IMAGES = accept
    try:
        yield
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = before


def _load(
    format: Format, data: bytes, most: int
) -> tuple[NDArray[np.uint8], bytes | None, list[str]]:
    """Read a file of a known format; return the image, its ICC profile, and the notes."""
    inspected = _INSPECTORS.get(format.name, Inspected)(data)
    notes, depth = list(inspected.notes), inspected.depth
    if inspected.read:
        _check_size(inspected.size or (0, 0), most)
        samples = inspected.read()
        space = "GRAY" if samples.ndim == 2 or samples.shape[2] == 2 else "RGB"
        channels = Channels(samples, space, False, [])
        icc, orientation, colours = inspected.icc, inspected.orientation or 1, inspected.colours
    else:
        with _open(format, inspected.data) as opened:
            _check_size(opened.size, most)
            icc = inspected.icc or opened.info.get("icc_profile")
            notes += _list_what_is_left(opened)
            depth = max(depth, _find_depth(opened))
            if format.name == "JPEG XL" and icc and icc_profiles.read_space(icc) == "CMYK":
                raise InputError("is a JPEG XL image in CMYK, which gsic does not read")
            channels = _decode(opened, format, inspected, icc, notes)
            # Only now: Pillow turns TIFFs while it decodes them, and forgets their orientation.
            orientation, exif_colours = _read_exif(opened)
            colours = inspected.colours or (None if icc else exif_colours)
    samples = _apply_transparency(channels.samples, inspected)
    notes += channels.notes
    if depth > 8 and not any("reduced to 8 bits" in note for note in notes):
        notes.append(f"{depth}-bit channels are reduced to 8 bits")
    if channels.is_srgb:
        icc = colours = None
    icc = _choose_profile(icc, channels.space, notes)
    if colours and (inspected.colours_before_icc or not icc):
        notes.append(_describe_conversion(colours))
        image, icc = colour.convert_to_srgb(samples, colours), None
    else:
        image = _reduce(samples)
    return np.ascontiguousarray(_turn(image, orientation)), icc, notes


def _open(format: Format, data: bytes) -> Image.Image:
    """Let Pillow open a file of a format, with the package that teaches it to."""
    if format.name in _PLUGINS:
        package, module, register = _PLUGINS[format.name]
        try:
            plugin = importlib.import_module(module)
        except ImportError:
            raise InputError(
                f"is a {format.name} image; to read it: pip install {package}"
            ) from None
        if register:
            getattr(plugin, register)()
    Image.init()
    if format.pillow not in Image.OPEN:
        raise InputError(f"is a {format.name} image, which this build of Pillow does not read")
    opened: Any = Image.open(io.BytesIO(data), formats=[format.pillow])
    if format.name == "ICO":  # of the largest pictures Pillow takes the first, not the deepest
        entries = opened.ico.entry
        deepest = max(
            range(len(entries)), key=lambda i: (entries[i].square, entries[i].color_depth)
        )
        picture = opened.ico.frame(deepest)
        picture.info.setdefault("sizes", opened.info["sizes"])
        return picture  # type: ignore[no-any-return]
    return opened  # type: ignore[no-any-return]


def _check_size(size: tuple[int, int], most: int) -> None:
    width, height = size
    if width < 1 or height < 1:
        raise InputError(f"an image of {width}x{height} pixels has nothing to encode")
    if width * height > most:
        raise InputError(f"{width}x{height} pixels are more than the limit of {most}")


def _read_exif(opened: Image.Image) -> tuple[int, Colours | None]:
    """Return orientation and colours as EXIF has them; unreadable EXIF data say nothing."""
    try:
        # Not `getexif`: it takes the orientation of XMP, which browsers leave out.
        exif = Image.Exif()
        exif.load(opened.info.get("exif", b""))
        orientation = int(exif.get(_ORIENTATION, 1))
        space = exif.get_ifd(_EXIF_FOLDER).get(_COLOUR_SPACE)
        index = str(exif.get_ifd(_INTEROPERABILITY).get(1, ""))
    except Exception:  # EXIF blocks are damaged more often than images
        return 1, None
    # DCF 2.0: Adobe RGB is an uncalibrated space with the index R03; some cameras write 2.
    is_adobe = space == 2 or (space == 0xFFFF and index.startswith("R03"))
    return orientation, colour.ADOBE_RGB if is_adobe else None


def _list_what_is_left(opened: Image.Image) -> list[str]:
    """Say what of a file is not the picture that is used."""
    if opened.format == "PSD":
        layers = getattr(opened, "n_frames", 1) > 1
        return ["its layers are left out; the merged picture is used"] if layers else []
    if len(opened.info.get("sizes", ())) > 1:  # ICO and ICNS
        return ["holds several pictures; the largest one is used"]
    if opened.format == "MPO":
        return ["holds several pictures; the first one is used"]
    if getattr(opened, "is_animated", False):
        return ["holds several frames; the first one is used"]
    return []


def _find_depth(opened: Image.Image) -> int:
    """Return the bits of a sample as Pillow's decoder of the format tells them, else 8."""
    for tile in getattr(opened, "tile", ()):
        if tile[0].startswith("ppm") and isinstance(tile[3], tuple) and len(tile[3]) > 1:
            return max(8, int(tile[3][1]).bit_length())
        if ";16" in str(tile[3]):
            return 16
    return 8


def _decode(
    opened: Image.Image, format: Format, inspected: Inspected, icc: bytes | None, notes: list[str]
) -> Channels:
    """Decode an opened file; a JPEG that only lacks its last bytes is decoded, too."""
    frame = opened.tile[0][1] if format.name == "GIF" else None  # type: ignore[attr-defined]
    try:
        channels = read_channels(opened, inspected.data, icc)
        if frame:
            channels = channels._replace(samples=gif.clear_outside(channels.samples, frame))
        return channels
    except OSError:
        if format.name != "JPEG":
            raise
        whole = []
        for data in jpeg.complete(inspected.data):
            with _open(format, data) as again:
                whole.append(read_channels(again, data, icc))
        if not np.array_equal(whole[0].samples, whole[1].samples):
            raise
        notes.append("ends without its end marker, after its last pixel")
        return whole[0]


def _apply_transparency(samples: NDArray[Any], inspected: Inspected) -> NDArray[Any]:
    """Add alpha to grey or RGB pixels of which one value is transparent."""
    if inspected.transparent is None:
        return samples
    full = np.iinfo(samples.dtype).max
    key = [value * full // ((1 << inspected.depth) - 1) for value in inspected.transparent]
    pixels = samples if samples.ndim == 3 else samples[..., None]
    alpha = np.where((pixels == key).all(axis=-1, keepdims=True), 0, full)
    return np.concatenate([pixels, alpha.astype(samples.dtype)], axis=-1)


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


def _reduce(samples: NDArray[Any]) -> NDArray[np.uint8]:
    """Round 16-bit samples to 8 bits."""
    if samples.dtype == np.uint8:
        return samples
    return ((samples.astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8)


def _turn(image: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Turn an image upright as EXIF says; orientations other than 2 to 8 turn nothing."""
    if orientation in (5, 6, 7, 8):
        image = image.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        image = image[:, ::-1]
    if orientation in (3, 4, 7, 8):
        image = image[::-1]
    return image
