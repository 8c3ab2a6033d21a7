"""GIF: the ICC profile of an application extension, and what a small first frame leaves empty."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gsic.images.inspection import MAX_ICC_BYTES, Inspected

_APPLICATION = b"\x21\xff\x0bICCRGBG1012"


def inspect(data: bytes) -> Inspected:
    """Read the ICC profile of a GIF file, in blocks of up to 255 bytes after its marker."""
    inspected = Inspected(data)
    at = data.find(_APPLICATION) + len(_APPLICATION)
    if at < len(_APPLICATION):
        return inspected
    blocks: list[bytes] = []
    while at < len(data) and (length := data[at]) and len(blocks) * 255 < MAX_ICC_BYTES:
        blocks.append(data[at + 1 : at + 1 + length])
        at += 1 + length
    inspected.icc = b"".join(blocks)
    return inspected


def clear_outside(samples: NDArray[Any], frame: tuple[int, int, int, int]) -> NDArray[Any]:
    """Make what the first frame does not cover transparent, as browsers show it.

    Args:
        samples: uint8 (H, W), (H, W, 2), (H, W, 3) or (H, W, 4).
        frame: left, top, right, bottom of the frame in pixels.
    """
    height, width = samples.shape[:2]
    left, top, right, bottom = frame
    if (left, top) == (0, 0) and right >= width and bottom >= height:
        return samples
    channels = samples if samples.ndim == 3 else samples[..., None]
    if channels.shape[2] in (1, 3):
        opaque = np.full_like(channels[..., :1], 255)
        channels = np.concatenate([channels, opaque], axis=-1)
    cleared = np.zeros_like(channels)
    cleared[top:bottom, left:right] = channels[top:bottom, left:right]
    return cleared
