"""Pixels <-> coded planes: which channels are coded, and how drawn planes become an image again.

Colour is coded premultiplied by alpha, so colour under alpha 0 is not kept. RGB with three equal
channels is coded as grey and restored.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gsic import metrics
from gsic.arrays import Bytes, Float32
from gsic.container import Mode
from gsic.errors import InputError
from gsic.options import Limits
from gsic_kernels.constants import MAX_SIDE_PX

# Rows whose colour is divided by alpha at once, so that temporary arrays stay small.
_BAND = 64


def choose_mode(image: Any) -> Mode:
    """Choose the mode in which an image is coded, the one with the fewest channels.

    Args:
        image: uint8 (H, W), (H, W, 2), (H, W, 3) or (H, W, 4).

    Raises:
        InputError: anything else, or more pixels than gsic codes.
    """
    _check_image(image)
    if image.ndim == 2:
        return Mode.L
    if image.shape[2] == 2:
        return Mode.LA
    first = image[..., :1]
    equal = (image[..., 1:3] == first).all(axis=2)
    if image.shape[2] == 3:
        return Mode.RGB_AS_L if equal.all() else Mode.RGB
    return Mode.RGBA_AS_LA if (equal | (image[..., 3] == 0)).all() else Mode.RGBA


def to_planes(image: Bytes, mode: Mode) -> Float32:
    """Convert an image to the planes that are fitted and coded.

    Args:
        image: uint8, as for `choose_mode`.
        mode: what `choose_mode` returned for it.

    Returns:
        float32 (H, W, C) in 0..1, colour premultiplied by alpha.
    """
    if mode is Mode.RGB_AS_L:
        image = image[..., 0]
    elif mode is Mode.RGBA_AS_LA:
        image = image[..., 2:]
    planes = metrics.premultiply(image)
    return planes[..., None] if planes.ndim == 2 else planes


class Planes:
    """The planes of an image, which are made of its bytes when they are asked for.

    Args:
        image: uint8, as for `choose_mode`.
        mode: what `choose_mode` returned for it.

    Attributes:
        shape: (H, W, C).
    """

    def __init__(self, image: Bytes, mode: Mode) -> None:
        self._image, self._mode = image, mode
        self.shape: tuple[int, ...] = (*image.shape[:2], mode.channels)

    @property
    def size(self) -> int:
        """Number of values."""
        return math.prod(self.shape)

    def __getitem__(self, rows: slice) -> Float32:
        """Make some rows, float32 (rows, W, C)."""
        return to_planes(self._image[rows], self._mode)


def to_image(planes: NDArray[Any], mode: Mode) -> Bytes:
    """Convert drawn planes to the image that a viewer gets (FORMAT.md section 7.5).

    Args:
        planes: (H, W, C): float32, premultiplied in modes with alpha; in modes without alpha also
            uint8, clamped and rounded.
        mode: of the file.

    Returns:
        uint8 (H, W) or (H, W, 2..4), C-contiguous.
    """
    image = planes
    if mode.alpha:
        image = _unpremultiply(planes)
    elif planes.dtype != np.uint8:
        image = np.rint(np.clip(planes, 0.0, 1.0) * np.float32(255.0)).astype(np.uint8)
    if mode is Mode.L:
        return image[..., 0]
    if mode is Mode.RGB_AS_L:
        return np.repeat(image, 3, axis=2)
    if mode is Mode.RGBA_AS_LA:
        return np.take(image, (0, 0, 0, 1), axis=2)
    return image


def shape_of_image(mode: Mode, width: int, height: int) -> tuple[int, ...]:
    """Return the shape of the image that `to_image` makes: (H, W) or (H, W, 2..4)."""
    channels = {Mode.RGB_AS_L: 3, Mode.RGBA_AS_LA: 4}.get(mode, mode.channels)
    return (height, width) if channels == 1 else (height, width, channels)


def average_blocks(planes: Float32, size: tuple[int, int]) -> Float32:
    """Average blocks of this width and height, (H, W, C) -> (H / height, W / width, C)."""
    if size == (1, 1):
        return planes
    height, width, channels = planes.shape
    across, down = size
    blocks = planes.reshape(height // down, down, width // across, across, channels)
    means: Float32 = blocks.mean(axis=(1, 3), dtype=np.float32)
    return means


def to_comparable(image: Bytes) -> NDArray[Any]:
    """Convert an image to what its PSNR is taken of: with alpha, its premultiplied channels."""
    has_alpha = image.ndim == 3 and image.shape[2] in (2, 4)
    return metrics.premultiply(image) if has_alpha else image


def _unpremultiply(planes: Float32) -> Bytes:
    """Divide colour by alpha and round to bytes; colour under alpha 0 becomes 0."""
    image = np.empty(planes.shape, np.uint8)
    for top in range(0, len(planes), _BAND):
        clamped = np.clip(planes[top : top + _BAND], 0.0, 1.0)
        band = image[top : top + _BAND]
        band[..., -1] = clamped[..., -1] * np.float32(255.0) + np.float32(0.5)
        # Colour is divided by the rounded alpha, because that is what a viewer multiplies by.
        alpha = band[..., -1:].astype(np.float32)
        scale = np.float32(255.0 * 255.0) / np.maximum(alpha, 1.0)
        color = clamped[..., :-1] * scale + np.float32(0.5)
        band[..., :-1] = np.where(alpha > 0.0, np.minimum(color, 255.0), 0.0)
    return image


def _check_image(image: Any) -> None:
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8:
        kind = getattr(image, "dtype", type(image).__name__)
        raise InputError(f"image: a uint8 NumPy array is needed, got {kind}")
    if image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[2] not in (2, 3, 4)):
        raise InputError(f"image: shape (H, W) or (H, W, 2..4) is needed, got {image.shape}")
    height, width = image.shape[:2]
    if height < 1 or width < 1:
        raise InputError(f"image: {width}x{height} pixels have nothing to encode")
    most = Limits().pixels
    if width * height > most:
        raise InputError(f"image: {width}x{height} pixels are more than the limit of {most}")
    if max(width, height) > MAX_SIDE_PX:
        raise InputError(f"image: a side of {max(width, height)} pixels is more than {MAX_SIDE_PX}")
