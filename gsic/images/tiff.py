"""TIFF: which kinds Pillow shows right, which tifffile reads in its place, and which are refused.

TIFF 6.0 and its supplements have the tags; camera raw files are TIFFs, too.
"""

import io
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gsic.errors import InputError
from gsic.images import colour
from gsic.images.colour import Colours, Primaries
from gsic.images.inspection import Inspected

_SUBFILE, _WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC = 254, 256, 257, 258, 259, 262
_ORIENTATION, _SAMPLES, _PLANES, _WHITE, _PRIMARIES, _SUB_IFDS = 274, 277, 284, 318, 319, 330
_INK_SET, _EXTRA, _FORMAT, _ICC, _DNG_VERSION = 332, 338, 339, 34675, 50706

_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE, _CMYK, _YCBCR, _LAB = 0, 1, 2, 3, 5, 6, 8
_CFA, _LINEAR_RAW = 32803, 34892
_NAMES = {
    **{_WHITE_IS_ZERO: "grey", _BLACK_IS_ZERO: "grey", _RGB: "RGB", _PALETTE: "palette"},
    **{4: "mask", _CMYK: "CMYK", _YCBCR: "YCbCr", _LAB: "Lab", 9: "ICC Lab", 10: "ITU Lab"},
}
_UNSIGNED, _SIGNED, _FLOAT = 1, 2, 3
_UNSPECIFIED, _PREMULTIPLIED, _ALPHA = 0, 1, 2
_SEPARATE = 2
_CMYK_INKS = 1
_OLD_JPEG, _JPEG = 6, 7
_REDUCED_RESOLUTION = 1
_MOST_SAMPLES = 32


class _Right(NamedTuple):
    """What Pillow shows right of one photometric interpretation and depth.

    Attributes:
        formats: sample formats.
        extra: kinds of the samples beyond the colours, as tuples of ExtraSamples.
        separate: kinds among them that may be in separate planes.
    """

    formats: tuple[int, ...] = (_UNSIGNED,)
    extra: tuple[tuple[int, ...], ...] = ((),)
    separate: tuple[tuple[int, ...], ...] = ()


_ANY_ALPHA = ((), (_UNSPECIFIED,), (_PREMULTIPLIED,), (_ALPHA,))

# (photometric interpretation, bits of each sample): compared with tifffile over byte orders,
# compressions, predictors, strips and tiles.
_PILLOW: dict[tuple[int, tuple[int, ...]], _Right] = {
    **{(grey, (bits,)): _Right() for grey in (0, 1) for bits in (1, 2, 4, 8)},
    (_BLACK_IS_ZERO, (16,)): _Right((_UNSIGNED, _SIGNED)),
    (_BLACK_IS_ZERO, (32,)): _Right((_UNSIGNED, _SIGNED, _FLOAT)),
    (_BLACK_IS_ZERO, (8, 8)): _Right(extra=_ANY_ALPHA[1:]),
    (_RGB, (8,) * 3): _Right(separate=((),)),
    (_RGB, (8,) * 4): _Right(extra=(*_ANY_ALPHA, (999,)), separate=((_ALPHA,),)),
    (_RGB, (8,) * 5): _Right(extra=((0, 0), (1, 0), (2, 0))),
    (_RGB, (8,) * 6): _Right(extra=((0, 0, 0), (1, 0, 0), (2, 0, 0))),
    (_RGB, (16,) * 3): _Right(),
    (_RGB, (16,) * 4): _Right(extra=_ANY_ALPHA),
    **{(_PALETTE, (bits,)): _Right() for bits in (1, 2, 4, 8)},
    (_PALETTE, (8, 8)): _Right(extra=((_UNSPECIFIED,), (_ALPHA,))),
    (_CMYK, (8,) * 4): _Right(separate=((),)),
    (_CMYK, (8,) * 5): _Right(extra=((0,),)),
    (_CMYK, (8,) * 6): _Right(extra=((0, 0),)),
    (_CMYK, (16,) * 4): _Right(),
    (_YCBCR, (8,) * 3): _Right(),
    (_LAB, (8,) * 3): _Right(),
}

Tags = dict[int, Any]


def inspect(data: bytes) -> Inspected:
    """Read the tags of the first picture of a TIFF file.

    Raises:
        InputError: a camera raw file, a kind of TIFF that is not read, or damaged tags.
    """
    tags = _read_tags(data)
    for sub in _list(tags, _SUB_IFDS):
        if _read_tags(data, sub).get(_PHOTOMETRIC) in (_CFA, _LINEAR_RAW):
            raise InputError("is a camera raw file, which gsic does not read; develop it first")
    photometric = tags.get(_PHOTOMETRIC, _BLACK_IS_ZERO)
    if _DNG_VERSION in tags or photometric in (_CFA, _LINEAR_RAW):
        raise InputError("is a camera raw file (DNG), which gsic does not read; develop it first")
    if tags.get(_SUBFILE, 0) & _REDUCED_RESOLUTION:
        raise InputError(
            "begins with a thumbnail, as camera raw files do, which gsic does not read; develop it "
            "first"
        )
    bits = _list(tags, _BITS) or (1,)
    # Some writers give one value for all samples.
    samples = int(tags.get(_SAMPLES, 1))
    if samples > _MOST_SAMPLES:
        raise InputError(f"damaged or truncated: {samples} samples a pixel")
    bits = bits * (samples if len(bits) == 1 else 1)
    inspected = Inspected(
        data,
        depth=max(bits),
        size=(int(tags.get(_WIDTH, 0)), int(tags.get(_HEIGHT, 0))),
        orientation=tags.get(_ORIENTATION, 1),
        icc=tags.get(_ICC),
        colours=_read_colours(tags),
    )
    if not _is_right_in_pillow(tags, photometric, bits):
        kind = _describe(tags, photometric, bits)
        if photometric not in (_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB) or len(set(bits)) > 1:
            raise InputError(
                f"is a TIFF of {kind}, which gsic does not read; convert it to PNG first"
            )
        inspected.read = lambda: _read_with_tifffile(data, kind)
    return inspected


def _read_tags(data: bytes, at: int | None = None) -> Tags:
    """Read the tags of the first picture, or of that at a position in the file."""
    from PIL.TiffImagePlugin import ImageFileDirectory_v2

    try:
        file = io.BytesIO(data)
        directory = ImageFileDirectory_v2(file.read(16 if b"+" in data[2:4] else 8))
        file.seek(directory.next if at is None else at)
        directory.load(file)
        return {tag: directory[tag] for tag in directory}
    except Exception as error:  # Pillow's reader of tags raises nearly anything on damaged data
        raise InputError(f"damaged or truncated: TIFF tags: {error}") from error


def _list(tags: Tags, tag: int) -> tuple[int, ...]:
    value = tags.get(tag, ())
    return value if isinstance(value, tuple) else (value,)


def _is_right_in_pillow(tags: Tags, photometric: int, bits: tuple[int, ...]) -> bool:
    """Tell whether Pillow shows this kind of TIFF right."""
    right = _PILLOW.get((photometric, bits))
    if right is None:
        return False
    extra = _list(tags, _EXTRA)
    allowed = right.separate if tags.get(_PLANES, 1) == _SEPARATE and len(bits) > 1 else right.extra
    if photometric == _YCBCR and tags.get(_COMPRESSION) not in (_OLD_JPEG, _JPEG):
        return False
    if photometric == _CMYK and tags.get(_INK_SET, _CMYK_INKS) != _CMYK_INKS:
        return False
    return extra in allowed and set(_list(tags, _FORMAT) or (_UNSIGNED,)) <= set(right.formats)


def _describe(tags: Tags, photometric: int, bits: tuple[int, ...]) -> str:
    """Name a kind of TIFF: its depth, format, interpretation, and planes."""
    formats = {_UNSIGNED: "", _SIGNED: "signed ", _FLOAT: "float "}
    format = formats.get((_list(tags, _FORMAT) or (_UNSIGNED,))[0], "unusual ")
    name = _NAMES.get(photometric, f"photometric interpretation {photometric}")
    separate = tags.get(_PLANES, 1) == _SEPARATE and len(bits) > 1
    planes = ", in separate planes" if separate else ""
    return f"{len(bits)} x {max(bits)}-bit {format}samples ({name}{planes})"


def _read_colours(tags: Tags) -> Colours | None:
    """Return the colours that white point and primaries tell; the curve is that of sRGB."""
    values = [float(value) for value in _list(tags, _PRIMARIES)]
    if len(values) != 6:
        return None
    white = tuple(float(value) for value in _list(tags, _WHITE)) or colour.D65
    if len(white) != 2:
        return None
    red, green, blue = zip(values[::2], values[1::2], strict=True)
    return colour.choose(Primaries(red, green, blue, white), "srgb", "those of its tags")


def _read_with_tifffile(data: bytes, kind: str) -> NDArray[np.uint16]:
    """Read grey or RGB samples of any depth and arrangement, to 16 bits and alpha not multiplied.

    Returns:
        uint16 (H, W), (H, W, 2), (H, W, 3) or (H, W, 4).
    """
    try:
        import tifffile
    except ImportError:
        raise InputError(f"is a TIFF of {kind}; to read it: pip install 'gsic[images]'") from None
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        page = file.pages.first
        samples = page.asarray()
        photometric, bits, extra = int(page.photometric), page.bitspersample, page.extrasamples
        if page.samplesperpixel > 1 and page.planarconfig == _SEPARATE:
            samples = np.moveaxis(samples, 0, -1)
    if samples.ndim == 2:
        samples = samples[..., None]
    colours = 3 if photometric == _RGB else 1
    alpha = extra and extra[0] in (_PREMULTIPLIED, _ALPHA)
    values = _to_fractions(samples[..., : colours + bool(alpha)], bits, kind)
    if photometric == _WHITE_IS_ZERO:
        values[..., 0] = 1.0 - values[..., 0]
    if alpha and extra[0] == _PREMULTIPLIED:
        opaque = np.maximum(values[..., colours:], 1e-9)
        values[..., :colours] = np.minimum(values[..., :colours] / opaque, 1.0)
    deep: NDArray[np.uint16] = np.floor(values * 65535.0 + 0.5).astype(np.uint16)
    return deep[..., 0] if deep.shape[2] == 1 else deep


def _to_fractions(samples: NDArray[Any], bits: int, kind: str) -> NDArray[np.float64]:
    """Return samples as fractions of full scale; floats are clipped to 0..1."""
    if samples.dtype.kind == "u":
        return samples.astype(np.float64) / float((1 << bits) - 1)
    if samples.dtype.kind != "f":
        raise InputError(f"is a TIFF of {kind}, which gsic does not read; convert it to PNG first")
    if not np.isfinite(samples).all():
        raise InputError("holds float samples that are not finite")
    return np.clip(samples.astype(np.float64), 0.0, 1.0)
