"""The quality measures of decoded images, PSNR and MS-SSIM, in NumPy, and SSIMULACRA2.

This MS-SSIM is the reference that reports state: windows that fit the image, as the paper has it.
The MS-SSIM that the encoder optimises is a kernel, differentiable and with other borders.
SSIMULACRA2 is computed by a package of its own, where that is installed.
"""

import io
import math

import numpy as np
from numpy.typing import NDArray

from gsic.arrays import Float32
from gsic.bands import split_rows
from gsic_kernels.constants import MS_SSIM_WEIGHTS, SSIM_K1, SSIM_K2, SSIM_SIGMA_PX, SSIM_TAPS

# Of values in 0..255.
_C1, _C2 = (SSIM_K1 * 255.0) ** 2, (SSIM_K2 * 255.0) ** 2
# Rows filtered at once: what five maps of them need stays in the cache.
_BAND = 64


def psnr(a: NDArray[np.generic], b: NDArray[np.generic]) -> float:
    """Return the peak signal-to-noise ratio of two images, from one mean squared error over all.

    Args:
        a: uint8, or float in 0..1; any shape.
        b: the same shape; uint8, or float in 0..1.

    Returns:
        dB; infinity when both are equal.

    Raises:
        ValueError: the shapes differ or there are no values.
    """
    _check_shapes(a, b)
    as_bytes = a.dtype == np.uint8 and b.dtype == np.uint8
    total: float = 0
    for band in split_rows(len(a), a.size // len(a)):
        if as_bytes:
            levels = np.subtract(a[band], b[band], dtype=np.int32)
            total += int(np.sum(levels * levels, dtype=np.int64))
        else:
            difference = _to_unit(a[band]) - _to_unit(b[band])
            total += float(np.sum(difference * difference))
    error = total / (a.size * (255.0**2 if as_bytes else 1.0))
    return math.inf if error == 0 else -10.0 * math.log10(error)


def psnr_from_sse(sse: float, values: int) -> float:
    """Return the PSNR in dB of a sum of squared errors over `values` values of full scale 1.

    Args:
        sse: sum of squared errors, 0 or more.
        values: number of values, 1 or more.

    Returns:
        dB; infinity when there is no error.
    """
    return -10.0 * math.log10(sse / values) if sse > 0.0 else math.inf


def ms_ssim(a: NDArray[np.generic], b: NDArray[np.generic]) -> float | None:
    """Return the multi-scale structural similarity of two images, as the mean over the channels.

    The window is Gaussian with 11 taps and no padding. Between the five scales 2x2 pixels are
    averaged, odd sides padded with zeros. Negative contrast terms are taken as 0. (Wang, Simoncelli
    and Bovik, 2003.)

    Args:
        a: uint8 (H, W) or (H, W, C), or float in 0..1.
        b: the same shape; uint8, or float in 0..1.

    Returns:
        A number up to 1, or None when a side has 160 pixels or fewer: the fifth scale is then
        smaller than the window.

    Raises:
        ValueError: the shapes differ or there are no values.
    """
    _check_shapes(a, b)
    if min(a.shape[:2]) <= (SSIM_TAPS - 1) * 2 ** (len(MS_SSIM_WEIGHTS) - 1):
        return None
    count = 1 if a.ndim == 2 else a.shape[2]
    values = [
        _ms_ssim_plane(_take_channel(a, index), _take_channel(b, index)) for index in range(count)
    ]
    return sum(values) / count


def ssimulacra2(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float | None:
    """Score a distorted image by SSIMULACRA2: 100 is equal, 90 looks equal, 30 is low quality.

    The package `ssimulacra2` computes it; it is no dependency of the codec.

    Args:
        a: the original, uint8 (H, W) or (H, W, 3).
        b: the distorted image, of the same shape.

    Returns:
        A number up to 100, negative for very low quality; None where the package is not installed,
        for images with alpha, and for sides of fewer than 8 pixels.

    Raises:
        ValueError: the shapes differ or there are no values.
    """
    _check_shapes(a, b)
    if min(a.shape[:2]) < 8 or (a.ndim == 3 and a.shape[2] != 3):
        return None
    try:
        from ssimulacra2 import compute_ssimulacra2
    except ImportError:
        return None
    return float(compute_ssimulacra2(_netpbm(a), _netpbm(b)))


def _netpbm(image: NDArray[np.uint8]) -> io.BytesIO:
    """Write an image as the open file that the package asks for."""
    kind, (height, width) = (b"P5" if image.ndim == 2 else b"P6"), image.shape[:2]
    return io.BytesIO(b"%s %d %d 255\n" % (kind, width, height) + image.tobytes())


def premultiply(image: NDArray[np.uint8]) -> Float32:
    """Return an image as float32 in 0..1, its colour multiplied by its alpha, alpha last.

    Args:
        image: uint8 (H, W), (H, W, 2), (H, W, 3) or (H, W, 4); without alpha it is only scaled.

    Returns:
        float32 of the same shape.
    """
    unit = image.astype(np.float32)
    unit /= np.float32(255.0)
    if image.ndim == 3 and image.shape[2] in (2, 4):
        unit[..., :-1] *= unit[..., -1:]
    return unit


def _check_shapes(a: NDArray[np.generic], b: NDArray[np.generic]) -> None:
    if a.shape != b.shape:
        raise ValueError(f"the images differ in shape: {a.shape} and {b.shape}")
    if a.size == 0:
        raise ValueError(f"the images hold no values: shape {a.shape}")


def _to_unit(image: NDArray[np.generic]) -> NDArray[np.float64]:
    """Return the values of an image in 0..1 as float64."""
    unit: NDArray[np.float64] = image.astype(np.float64)
    return unit / 255.0 if image.dtype == np.uint8 else unit


def _take_channel(image: NDArray[np.generic], index: int) -> Float32:
    """Return one channel in 0..255 as contiguous float32."""
    plane = image if image.ndim == 2 else image[..., index]
    levels = np.ascontiguousarray(plane, dtype=np.float32)
    return levels if image.dtype == np.uint8 else levels * np.float32(255.0)


def _ms_ssim_plane(a: Float32, b: Float32) -> float:
    product = 1.0
    for scale, weight in enumerate(MS_SSIM_WEIGHTS):
        structure, contrast = _ssim(a, b)
        last = scale == len(MS_SSIM_WEIGHTS) - 1
        product *= max(0.0, structure if last else contrast) ** weight
        if not last:
            a, b = _halve(a), _halve(b)
    return product


def _ssim(a: Float32, b: Float32) -> tuple[float, float]:
    """Return the mean SSIM and the mean contrast-structure term of two planes."""
    rows, columns = a.shape[0] - SSIM_TAPS + 1, a.shape[1] - SSIM_TAPS + 1
    structure = contrast = 0.0
    for top in range(0, rows, _BAND):
        band = slice(top, min(top + _BAND, rows) + SSIM_TAPS - 1)
        x, y = a[band], b[band]
        mean_x, mean_y = _filter(x), _filter(y)
        square_x, square_y, product = mean_x * mean_x, mean_y * mean_y, mean_x * mean_y
        covariance = _filter(x * y) - product
        variances = _filter(x * x + y * y) - square_x - square_y
        contrasts = (2.0 * covariance + _C2) / (variances + _C2)
        luminances = (2.0 * product + _C1) / (square_x + square_y + _C1)
        contrast += float(np.sum(contrasts, dtype=np.float64))
        structure += float(np.sum(luminances * contrasts, dtype=np.float64))
    return structure / (rows * columns), contrast / (rows * columns)


def _filter(plane: Float32) -> Float32:
    """Average a plane under the Gaussian window wherever the window fits."""
    return _filter_columns(_filter_columns(plane).T).T


def _filter_columns(plane: Float32) -> Float32:
    rows = plane.shape[0] - SSIM_TAPS + 1
    total: Float32 = plane[SSIM_TAPS // 2 : SSIM_TAPS // 2 + rows] * _WINDOW[SSIM_TAPS // 2]
    for tap in range(SSIM_TAPS // 2):  # the window is symmetric
        mirrored = SSIM_TAPS - 1 - tap
        pair = plane[tap : tap + rows] + plane[mirrored : mirrored + rows]
        pair *= _WINDOW[tap]
        total += pair
    return total


def _halve(plane: Float32) -> Float32:
    """Average 2x2 pixels; an odd side gets a row or column of zeros at both ends."""
    height, width = plane.shape
    padded = np.pad(plane, ((height % 2,) * 2, (width % 2,) * 2))
    rows, columns = padded.shape[0] // 2 * 2, padded.shape[1] // 2 * 2
    padded = padded[:rows, :columns]
    pairs = padded[0::2] + padded[1::2]
    means: Float32 = (pairs[:, 0::2] + pairs[:, 1::2]) * np.float32(0.25)
    return means


def _make_window() -> Float32:
    distance = np.arange(SSIM_TAPS, dtype=np.float64) - SSIM_TAPS // 2
    weights = np.exp(-(distance**2) / (2.0 * SSIM_SIGMA_PX**2))
    window: Float32 = (weights / weights.sum()).astype(np.float32)
    return window


_WINDOW = _make_window()
