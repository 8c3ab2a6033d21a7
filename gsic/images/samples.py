"""What decoded samples still need: alpha, 8 bits, and the right way up."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def divide_by_alpha(samples: NDArray[Any]) -> NDArray[Any]:
    """Return colours that are not multiplied by alpha.

    Args:
        samples: uint8 or uint16 (H, W, 2) or (H, W, 4), alpha last, by which the others are
            multiplied.
    """
    full = np.iinfo(samples.dtype).max
    colours, alpha = samples[..., :-1], samples[..., -1:]
    divided = np.minimum(colours * (full / np.maximum(alpha, 1.0)), full)
    return np.concatenate([np.rint(divided).astype(samples.dtype), alpha], axis=-1)


def add_alpha(samples: NDArray[Any], transparent: tuple[int, ...], depth: int) -> NDArray[Any]:
    """Return samples with an alpha that is 0 where a pixel has one value, and full elsewhere.

    Args:
        samples: uint8 or uint16 (H, W) or (H, W, 3).
        transparent: the value, one number a channel, as samples of `depth` bits.
        depth: bits of these numbers, at most those of the samples.
    """
    full = np.iinfo(samples.dtype).max
    key = [value * full // ((1 << depth) - 1) for value in transparent]
    pixels = samples if samples.ndim == 3 else samples[..., None]
    alpha = np.where((pixels == key).all(axis=-1, keepdims=True), 0, full)
    return np.concatenate([pixels, alpha.astype(samples.dtype)], axis=-1)


def reduce_to_8_bits(samples: NDArray[Any]) -> NDArray[np.uint8]:
    """Round uint16 samples to 8 bits; uint8 samples stay as they are."""
    if samples.dtype == np.uint8:
        return samples
    return ((samples.astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8)


def turn_upright(image: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Turn an image as its EXIF orientation says; values other than 2 to 8 turn nothing."""
    if orientation in (5, 6, 7, 8):
        image = image.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        image = image[:, ::-1]
    if orientation in (3, 4, 7, 8):
        image = image[::-1]
    return image
