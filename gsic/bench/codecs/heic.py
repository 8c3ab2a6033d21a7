"""HEIC: HEVC by x265 in a HEIF file, through the package pillow-heif."""

import io
from dataclasses import dataclass
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from gsic.bench.codecs.base import MODES, Baseline, count_channels


@dataclass(frozen=True)
class Heic(Baseline):
    """HEIC; `options` are parameters of libheif's x265 encoder."""

    @property
    def version(self) -> str:
        heif = _library()
        encoder = heif.libheif_info()["HEIF"]
        return f"pillow-heif {heif.__version__}, libheif {heif.libheif_version()}, {encoder}"

    @property
    def needs(self) -> str:
        return "the package pillow-heif, which `pip install gsic[bench]` brings"

    def write(self, image: NDArray[np.uint8], setting: float) -> bytes:
        heif = _library()
        height, width = image.shape[:2]
        picture = heif.from_bytes(MODES[count_channels(image)], (width, height), image.tobytes())
        out = io.BytesIO()
        # The library adds to the parameters that it is given, hence a copy.
        picture.save(out, quality=int(setting), enc_params=dict(self.options), tile_size=0)
        return out.getvalue()

    def read(self, data: bytes) -> NDArray[np.uint8]:
        heif = _library()
        heif.options.DECODE_THREADS = 1
        return np.asarray(heif.open_heif(io.BytesIO(data)))


def _library() -> ModuleType:
    import pillow_heif

    module: ModuleType = pillow_heif
    return module
