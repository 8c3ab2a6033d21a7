"""Files of a given size: ours, and the largest of another codec that is not larger."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import gsic
from gsic import metrics
from gsic.bench.codecs.base import Baseline

Bytes = NDArray[np.uint8]

# Where a codec has no file that is small enough, its image is reduced by up to this factor.
_LARGEST_FACTOR = 16


class Coded(NamedTuple):
    """A file and the image that it decodes to.

    Attributes:
        data: the file.
        image: uint8 (H, W, 3), the size of the original.
        factor: by which the image was reduced before encoding and enlarged after decoding.
    """

    data: bytes
    image: Bytes
    factor: int = 1


def encode_ours(image: Bytes, size: int, threads: int | None) -> bytes:
    """Encode by gsic with default effort and seed 0 into at most `size` bytes."""
    return gsic.encode(image, max_bytes=size, threads=threads)


def encode_other(codec: Baseline, image: Bytes, size: int) -> Coded | None:
    """Encode by another codec into at most `size` bytes.

    Where no file of the full image is small enough, the image is reduced by the whole factor that
    gives the highest PSNR after bicubic enlargement.

    Returns:
        None where every factor leaves the file too large.
    """
    data = largest_file(codec, image, size)
    if data is not None:
        return Coded(data, codec.decode(data, 3))
    best, best_psnr = None, -np.inf
    for factor in range(2, _LARGEST_FACTOR + 1):
        data = largest_file(codec, reduce(image, factor), size)
        if data is None:
            continue
        enlarged = enlarge(codec.decode(data, 3), image.shape[:2])
        psnr = metrics.psnr(image, enlarged)
        assert psnr is not None
        if psnr > best_psnr:
            best, best_psnr = Coded(data, enlarged, factor), psnr
        elif best is not None and factor > best.factor + 2:
            break  # PSNR has fallen three times in a row
    return best


def largest_file(codec: Baseline, image: Bytes, size: int) -> bytes | None:
    """The file of the highest quality that has at most `size` bytes, by bisection."""
    low, high, best = 0, int(codec.top), None
    while low <= high:
        quality = (low + high) // 2
        data = codec.encode(image, quality)
        if len(data) <= size:
            best, low = data, quality + 1
        else:
            high = quality - 1
    return best


def reduce(image: Bytes, factor: int) -> Bytes:
    """Reduce both sides by a whole factor with a Lanczos filter."""
    height, width = (max(1, round(side / factor)) for side in image.shape[:2])
    return np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.LANCZOS))


def enlarge(image: Bytes, shape: tuple[int, ...]) -> Bytes:
    """Enlarge to `shape`, (H, W), by bicubic interpolation."""
    size = shape[1], shape[0]
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BICUBIC))
