"""JPEG XL by libjxl, through the package imagecodecs."""

from dataclasses import dataclass
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from gsic.bench.codecs.base import Baseline


@dataclass(frozen=True)
class JpegXl(Baseline):
    """JPEG XL, as a bare codestream."""

    @property
    def version(self) -> str:
        codecs = _library()
        return f"imagecodecs {codecs.__version__}, {codecs.jpegxl_version()}"

    @property
    def needs(self) -> str:
        return "the package imagecodecs with libjxl, which `pip install gsic[bench]` brings"

    def write(self, image: NDArray[np.uint8], setting: float) -> bytes:
        return bytes(
            _library().jpegxl_encode(
                image, distance=distance_of(setting), numthreads=1, **self.options
            )
        )

    def read(self, data: bytes) -> NDArray[np.uint8]:
        return np.asarray(_library().jpegxl_decode(data, numthreads=1))


def distance_of(quality: float) -> float:
    """Butteraugli distance of a quality of 0 to 100, as libjxl's own encoder maps it."""
    if quality >= 30:
        return 0.1 + (100 - quality) * 0.09
    return 53 / 3000 * quality**2 - 23 / 20 * quality + 25


def _library() -> ModuleType:
    import imagecodecs

    module: ModuleType = imagecodecs
    return module
