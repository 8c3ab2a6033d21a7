"""Opens image files with Pillow, and asks it what it knows of them beside their pixels."""

import contextlib
import importlib
import io
from typing import Any

from PIL import Image

from gsic.errors import InputError
from gsic.images import colour
from gsic.images.colour import Colours
from gsic.images.formats import Format

# Formats that other packages teach Pillow: the package on PyPI, its module, and what registers it.
_PLUGINS = {
    "HEIC": ("pillow-heif", "pillow_heif", "register_heif_opener"),
    "JPEG XL": ("pillow-jxl-plugin", "pillow_jxl", None),
}

_ORIENTATION, _EXIF_FOLDER, _COLOUR_SPACE, _INTEROPERABILITY = 0x0112, 0x8769, 0xA001, 0xA005


def open_with_pillow(format: Format, data: bytes) -> Image.Image:
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


def read_exif(opened: Image.Image) -> tuple[int, Colours | None]:
    """Return orientation and colours as EXIF has them; what is unreadable says nothing."""
    # Not `getexif`: it takes the orientation of XMP, which browsers leave out.
    exif = Image.Exif()
    # EXIF blocks are damaged more often than images, and one half of a block may be whole.
    with contextlib.suppress(Exception):
        exif.load(opened.info.get("exif", b""))
    orientation, space, index = 1, None, ""
    with contextlib.suppress(Exception):
        orientation = int(exif.get(_ORIENTATION, 1))
    with contextlib.suppress(Exception):
        space = exif.get_ifd(_EXIF_FOLDER).get(_COLOUR_SPACE)
        index = str(exif.get_ifd(_INTEROPERABILITY).get(1, ""))
    # DCF 2.0: Adobe RGB is an uncalibrated space with the index R03; some cameras write 2.
    is_adobe = space == 2 or (space == 0xFFFF and index.startswith("R03"))
    return orientation, colour.ADOBE_RGB if is_adobe else None


def list_what_is_left(opened: Image.Image) -> list[str]:
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


def find_depth(opened: Image.Image) -> int:
    """Return the bits of a sample as Pillow's decoder of the format tells them, else 8."""
    for tile in getattr(opened, "tile", ()):
        if tile[0].startswith("ppm") and isinstance(tile[3], tuple) and len(tile[3]) > 1:
            return max(8, int(tile[3][1]).bit_length())
        if ";16" in str(tile[3]):
            return 16
    return 8
