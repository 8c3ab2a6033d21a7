"""What a user would do better with an image, said after it was encoded."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gsic.arrays import Bytes


def judge_size(image: Bytes, encoded: bytes) -> list[str]:
    """Say what a user would do better with an image, given its file."""
    from gsic import api, images

    notes, size = [], len(encoded)
    profile = api.info(encoded)["icc_bytes"] or 0
    if 2 * profile > size:
        notes.append(f"{profile} of {size} bytes are the ICC profile; --keep none leaves it out")
    lossless = images.measure_lossless(image)
    if lossless is not None and lossless <= size:
        notes.append(
            f"WebP holds these pixels without loss in {lossless} bytes, gsic takes {size}: text, "
            "screenshots and plain drawings are better kept in WebP or PNG"
        )
    return notes
