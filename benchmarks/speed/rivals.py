"""Files of other codecs, of about the size of ours, and their decoders on one thread."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.speed.pictures import PHOTO, Case, load_picture
from gsic.bench.codecs.registry import BASELINES
from gsic.bench.sweep import Sweep

# The decoders: libjpeg-turbo, libwebp, OpenJPEG and dav1d.
NAMES = ("jpeg", "webp", "jpeg2000", "avif")


class Rival(NamedTuple):
    """A file of another codec."""

    name: str
    data: bytes

    def decode(self) -> NDArray[np.uint8]:
        """Decode the file with one thread to an image (H, W, 3)."""
        return BASELINES[self.name].decode(self.data, 3)


def keep_rivals(
    case: Case, photo: Path, image: NDArray[np.uint8], size: int, folder: Path
) -> list[Rival]:
    """Return the files of the other codecs from a folder; they are encoded if they are not there.

    Args:
        case: of the picture.
        photo: the photograph that the picture was made of.
        image: the picture.
        size: of our file in bytes.
        folder: where files are kept.

    Returns:
        The files of those codecs that reach the size.
    """
    found = []
    for name in NAMES:
        path = folder / f"{photo.stem}-{case.name}{BASELINES[name].suffix}"
        beside = path.with_name(f"{path.name}.json")
        if not beside.exists() or json.loads(beside.read_text())["wanted"] != size:
            print(f"encoding {path.name}", file=sys.stderr, flush=True)
            setting = _find_setting(name, case, photo, image, size)
            path.write_bytes(b"" if setting is None else BASELINES[name].encode(image, setting))
            beside.write_text(json.dumps({"wanted": size}))
        if data := path.read_bytes():
            found.append(Rival(name, data))
    return found


def _find_setting(
    name: str, case: Case, photo: Path, image: NDArray[np.uint8], size: int
) -> float | None:
    """Find the setting of a codec for a size; None out of its reach.

    A picture larger than the photograph has copies of it, so that the setting is looked for there.
    """
    pixels = image.shape[0] * image.shape[1]
    if pixels > PHOTO[0] * PHOTO[1]:
        image, size = load_picture(photo, PHOTO), round(size * PHOTO[0] * PHOTO[1] / pixels)
    sample = Sweep(BASELINES[name], image).match(size)
    return None if sample is None else sample.setting
