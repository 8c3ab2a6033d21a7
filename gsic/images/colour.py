"""Converts pixels of other gamuts and transfer functions to sRGB.

An ICC profile stays with the pixels that it describes. What files say of their colours in other
ways (code points of ITU-T H.273, gAMA and cHRM of PNG, Adobe RGB in EXIF) has no place in a `.gsi`
file, so the pixels are converted.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Chromaticity = tuple[float, float]
Floats = NDArray[np.float32]

D65: Chromaticity = (0.3127, 0.3290)


class Primaries(NamedTuple):
    """The chromaticities (x, y) of the primaries and of white."""

    red: Chromaticity
    green: Chromaticity
    blue: Chromaticity
    white: Chromaticity = D65


class Colours(NamedTuple):
    """How the samples of an image stand for colours.

    Attributes:
        primaries: the primaries of the RGB channels.
        transfer: "srgb", "pq" or "hlg"; or the exponent that makes samples proportional to light.
        name: what to call it in a note.
    """

    primaries: Primaries
    transfer: str | float
    name: str


BT709 = Primaries((0.64, 0.33), (0.30, 0.60), (0.15, 0.06))
ADOBE_RGB = Colours(Primaries((0.64, 0.33), (0.21, 0.71), (0.15, 0.06)), 563 / 256, "Adobe RGB")

# ITU-T H.273 table 2. 2 is unspecified; what is missing is reserved.
_PRIMARIES = {
    1: BT709,
    4: Primaries((0.67, 0.33), (0.21, 0.71), (0.14, 0.08), (0.310, 0.316)),
    5: Primaries((0.64, 0.33), (0.29, 0.60), (0.15, 0.06)),
    6: Primaries((0.630, 0.340), (0.310, 0.595), (0.155, 0.070)),
    7: Primaries((0.630, 0.340), (0.310, 0.595), (0.155, 0.070)),
    8: Primaries((0.681, 0.319), (0.243, 0.692), (0.145, 0.049), (0.310, 0.316)),
    9: Primaries((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),
    10: Primaries((1.0, 0.0), (0.0, 1.0), (0.0, 0.0), (1 / 3, 1 / 3)),
    11: Primaries((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), (0.314, 0.351)),
    12: Primaries((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
    22: Primaries((0.630, 0.340), (0.295, 0.605), (0.155, 0.077)),
}
_PRIMARY_NAMES = {1: "BT.709", 9: "BT.2020", 11: "DCI-P3", 12: "Display P3"}

# ITU-T H.273 table 3. The curves of cameras (1, 6, 7, 11, 12, 14, 15) are shown as sRGB, as in
# browsers: nobody looks at pictures with the curve of a camera.
_TRANSFERS: dict[int, str | float] = {
    **dict.fromkeys((1, 2, 6, 7, 11, 12, 13, 14, 15), "srgb"),
    **{4: 2.2, 5: 2.8, 8: 1.0, 16: "pq", 17: 2.6, 18: "hlg"},
}
_TRANSFER_NAMES = {4: "gamma 2.2", 5: "gamma 2.8", 8: "linear", 16: "PQ", 17: "ST 428", 18: "HLG"}

# Exponents that differ by less show no difference, as libpng has it.
_EXPONENT_TOLERANCE = 0.05
_CHROMATICITY_TOLERANCE = 0.002

# cd/m^2: white of a picture that is no HDR (ITU-R BT.2408), and the brightest that HDR may ask for.
_WHITE_NITS, _PEAK_NITS = 203.0, 1000.0

_BRADFORD = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)
_PIXELS_AT_ONCE = 1 << 20


def from_code_points(primaries: int, transfer: int) -> Colours | None:
    """Return the colours that code points of ITU-T H.273 name; None for sRGB, or where unknown."""
    if primaries not in (*_PRIMARIES, 2) or transfer not in _TRANSFERS:
        return None
    names = [_PRIMARY_NAMES.get(primaries, ""), _TRANSFER_NAMES.get(transfer, "")]
    name = " ".join(part for part in names if part) or f"{primaries}/{transfer} of H.273"
    return choose(_PRIMARIES.get(primaries, BT709), _TRANSFERS[transfer], name)


def choose(primaries: Primaries, transfer: str | float, name: str) -> Colours | None:
    """Return colours that differ visibly from sRGB; None for those that do not, or make no sense.

    Args:
        primaries: of the RGB channels.
        transfer: as in `Colours`.
        name: what to call the colours in a note.
    """
    flat = np.array(primaries)
    # Imaginary primaries lie outside 0..1, but not far.
    if not (np.abs(flat) <= 4.0).all() or np.linalg.matrix_rank(_primaries_to_xyz(primaries)) < 3:
        return None
    if isinstance(transfer, float):
        if not 0.1 <= transfer <= 10.0:
            return None
        # Exponent 2.2 is what the sRGB curve is rounded to where only an exponent can be said.
        if abs(transfer / 2.2 - 1.0) < _EXPONENT_TOLERANCE:
            transfer = "srgb"
    if transfer == "srgb" and np.abs(flat - np.array(BT709)).max() < _CHROMATICITY_TOLERANCE:
        return None
    return Colours(primaries, transfer, name)


def convert_to_srgb(image: NDArray[np.uint8], colours: Colours) -> NDArray[np.uint8]:
    """Convert an image to sRGB; what lies outside its gamut is clipped, HDR is tone-mapped.

    Args:
        image: uint8 or uint16, (H, W) grey, (H, W, 2) grey with alpha, (H, W, 3) or (H, W, 4).
        colours: what its samples stand for.

    Returns:
        uint8 of the same shape; alpha is only reduced to 8 bits.
    """
    height, width = image.shape[:2]
    samples = image.reshape(height * width, -1)
    converted = np.empty(samples.shape, np.uint8)
    for first in range(0, len(samples), _PIXELS_AT_ONCE):
        part = slice(first, first + _PIXELS_AT_ONCE)
        converted[part] = _convert_samples(samples[part], colours)
    return converted.reshape(image.shape)


def _convert_samples(samples: NDArray[np.uint8], colours: Colours) -> NDArray[np.uint8]:
    """Convert (pixels, C) samples to sRGB."""
    scale = np.float32(1.0 / np.iinfo(samples.dtype).max)
    values = samples.astype(np.float32) * scale
    visible = 1 if values.shape[1] < 3 else 3
    light = _to_light(values[:, :visible], colours.transfer)
    if visible == 3:
        light = light @ _to_bt709(colours.primaries).T
    if colours.transfer in ("pq", "hlg"):
        light = _map_tones(light)
    values[:, :visible] = _to_srgb_curve(np.clip(light, 0.0, 1.0))
    rounded: NDArray[np.uint8] = np.floor(values * np.float32(255.0) + np.float32(0.5)).astype(
        np.uint8
    )
    return rounded


def _to_light(values: Floats, transfer: str | float) -> Any:
    """Return light relative to white: 1 is the white of a picture that is no HDR."""
    if transfer == "srgb":
        return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    if transfer == "pq":  # SMPTE ST 2084
        root = values ** np.float32(32 / 2523)
        ratio = np.maximum(root - 3424 / 4096, 0.0) / (2413 / 128 - 2392 / 128 * root)
        return ratio ** np.float32(16384 / 2610) * np.float32(10000.0 / _WHITE_NITS)
    if transfer == "hlg":  # ITU-R BT.2100, on a display of 1000 cd/m^2
        a, b, c = 0.17883277, 0.28466892, 0.55991073
        scene = np.where(values <= 0.5, values**2 / 3.0, (np.exp((values - c) / a) + b) / 12.0)
        weights = [0.2627, 0.6780, 0.0593] if scene.shape[1] == 3 else [1.0]
        luminance = scene @ np.array(weights, np.float32)[:, None]
        return scene * luminance ** np.float32(0.2) * np.float32(_PEAK_NITS / _WHITE_NITS)
    return values ** np.float32(transfer)


def _to_srgb_curve(light: Floats) -> Any:
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)


def _map_tones(light: Floats) -> Any:
    """Bring highlights below white: Reinhard et al. 2002, equation 4, on the largest channel."""
    peak = np.float32(_PEAK_NITS / _WHITE_NITS)
    largest = np.minimum(light.max(axis=1, keepdims=True), peak)
    return light * (1.0 + largest / peak**2) / (1.0 + np.maximum(largest, 0.0))


def _to_bt709(primaries: Primaries) -> Floats:
    """Return the matrix from linear RGB of these primaries to linear BT.709, white to white."""
    source, target = _primaries_to_xyz(primaries), _primaries_to_xyz(BT709)
    white = _BRADFORD @ source.sum(axis=1)
    wanted = _BRADFORD @ target.sum(axis=1)
    adapt = np.linalg.inv(_BRADFORD) @ np.diag(wanted / white) @ _BRADFORD
    matrix: Floats = (np.linalg.inv(target) @ adapt @ source).astype(np.float32)
    return matrix


def _primaries_to_xyz(primaries: Primaries) -> NDArray[np.float64]:
    """Return the matrix from linear RGB to XYZ; a singular one if there is none."""
    x, y = np.array(primaries, np.float64).T
    columns = np.stack([x[:3], y[:3], 1.0 - x[:3] - y[:3]])
    if y[3] == 0 or abs(np.linalg.det(columns)) < 1e-9:
        return np.zeros((3, 3))
    white = np.array([x[3], y[3], 1.0 - x[3] - y[3]]) / y[3]
    return columns * np.linalg.solve(columns, white)
