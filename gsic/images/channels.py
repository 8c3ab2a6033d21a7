"""Turns what Pillow decoded into grey or RGB channels of 8 or 16 bits, with or without alpha."""

import io
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gsic.errors import InputError
from gsic.images import icc as icc_profiles

# Modes of Pillow -> the plain mode that holds the same colours.
_PLAIN = {"L": "L", "1": "L", "LA": "LA", "La": "LA", "RGB": "RGB", "RGBA": "RGBA", "PA": "RGBA"}
_PLAIN |= {"P": "RGB", "RGBX": "RGB", "RGBa": "RGBA", "YCbCr": "RGB", "HSV": "RGB"}
_PROFILED = {"CMYK": "CMYK", "LAB": "Lab"}
_WITH_ALPHA = {"L": "LA", "RGB": "RGBA"}
_GREY = ("1", "L", "LA", "La")

# Pillow's unpackers keep the first of the two bytes of a sample; read in the other byte order, the
# same samples give the second.
_OTHER_BYTE = {"16B": "16L", "16L": "16B", "16N": "16B"}
_TWO_BYTES = ("zip", "raw", "libtiff")


class Channels(NamedTuple):
    """Pixels as channels.

    Attributes:
        samples: uint8 or uint16 (H, W), (H, W, 2), (H, W, 3) or (H, W, 4).
        space: colour space of a profile that describes the file's pixels: "GRAY", "RGB"...
        is_srgb: whether the samples were converted to sRGB.
        notes: one sentence for everything that was converted.
    """

    samples: NDArray[Any]
    space: str
    is_srgb: bool
    notes: list[str]


def read_channels(opened: Image.Image, data: bytes, icc: bytes | None) -> Channels:
    """Decode the first frame of an opened file.

    Args:
        opened: a file that Pillow opened and did not decode yet.
        data: its bytes.
        icc: the ICC profile of the file, which CMYK and Lab are converted through.

    Raises:
        InputError: samples out of range, or a mode without a meaning as an image.
    """
    deep = _read_second_bytes(opened, data)
    opened.load()
    if opened.mode in _NUMERIC:
        notes: list[str] = []
        return Channels(_NUMERIC[opened.mode](np.asarray(opened), notes), "GRAY", False, notes)
    if opened.mode in _PROFILED:
        return _convert_through_profile(opened, icc)
    if opened.mode not in _PLAIN:
        raise InputError(f"images of mode {opened.mode} are not supported")
    plain = _PLAIN[opened.mode]
    if opened.has_transparency_data:
        plain = _WITH_ALPHA.get(plain, plain)
    image = opened if opened.mode == plain else opened.convert(plain)
    samples: NDArray[Any] = np.array(image)
    if deep is not None:
        samples = samples.astype(np.uint16) << 8 | deep
    return Channels(samples, "GRAY" if opened.mode in _GREY else "RGB", False, [])


def _read_second_bytes(opened: Image.Image, data: bytes) -> NDArray[np.uint8] | None:
    """Return the bytes of 16-bit RGB samples that Pillow drops; None where it drops none."""
    tiles = getattr(opened, "tile", [])
    decoders = {tile[0] for tile in tiles}
    if opened.mode not in ("RGB", "RGBA") or not decoders or not decoders <= set(_TWO_BYTES):
        return None
    names = {tile[3] if isinstance(tile[3], str) else tile[3][0] for tile in tiles}
    layout, _, order = names.pop().partition(";") if len(names) == 1 else ("", "", "")
    if layout.removesuffix("X") != opened.mode or order not in _OTHER_BYTE:
        return None
    other = f"{layout};{_OTHER_BYTE[order]}"
    with Image.open(io.BytesIO(data), formats=[opened.format or ""]) as again:
        again.tile = [
            tile._replace(args=other if isinstance(tile[3], str) else (other, *tile[3][1:]))
            for tile in tiles
        ]
        again.load()
        return np.array(again)


def _convert_through_profile(image: Image.Image, icc: bytes | None) -> Channels:
    """Convert CMYK or Lab to sRGB, by the embedded profile where it describes such pixels."""
    space = _PROFILED[image.mode]
    fits = icc is not None and icc_profiles.read_space(icc) == space
    if fits or space == "Lab":
        converted = icc_profiles.convert_to_srgb(image, icc if fits else None)
        if converted is not None:
            how = " by its ICC profile" if fits else ""
            return Channels(
                np.array(converted), space, True, [f"{space} is converted to sRGB{how}"]
            )
    note = f"{space} is converted to RGB by a plain formula, without an ICC profile"
    return Channels(np.array(image.convert("RGB")), space, fits, [note])


def _from_16_bits(values: NDArray[Any], notes: list[str]) -> NDArray[Any]:
    return values.astype(np.uint16)


def _from_integers(values: NDArray[Any], notes: list[str]) -> NDArray[Any]:
    low, high = int(values.min()), int(values.max())
    if low < 0 or high > 65535:
        raise InputError(f"integer samples from {low} to {high}; 0 to 65535 can be read")
    return values.astype(np.uint16)


def _from_floats(values: NDArray[Any], notes: list[str]) -> NDArray[Any]:
    if not np.isfinite(values).all():
        raise InputError("holds float samples that are not finite")
    low, high = float(values.min()), float(values.max())
    notes.append(
        f"float samples from {low:g} to {high:g} are clipped to 0..1 and reduced to 8 bits"
    )
    rounded: NDArray[np.uint8] = np.floor(np.clip(values, 0.0, 1.0) * 255.0 + 0.5).astype(np.uint8)
    return rounded


_NUMERIC: dict[str, Callable[[NDArray[Any], list[str]], NDArray[Any]]] = {
    "I;16": _from_16_bits,
    "I;16L": _from_16_bits,
    "I;16B": _from_16_bits,
    "I;16N": _from_16_bits,
    "I": _from_integers,
    "F": _from_floats,
}
