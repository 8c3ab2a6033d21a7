"""JPEG by MozJPEG, through libvips, whose wheels are built with it."""

import io
from dataclasses import dataclass
from types import ModuleType

import numpy as np
from numpy.typing import NDArray
from PIL import Image, features

from gsic.bench.codecs.base import Baseline

_TEXTURE = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)


@dataclass(frozen=True)
class MozJpeg(Baseline):
    """MozJPEG; `options` are arguments of libvips' `jpegsave`. Pillow decodes the files."""

    @property
    def version(self) -> str:
        vips = _library()
        number = ".".join(str(vips.version(part)) for part in range(3))
        return f"libvips {number} with MozJPEG, decoded by Pillow {features.version('pil')}"

    @property
    def needs(self) -> str:
        return "the package pyvips[binary], which `pip install gsic[bench]` brings"

    def missing(self) -> str | None:
        missing = super().missing()
        if missing is None:
            # A libvips built with another libjpeg ignores what only MozJPEG has.
            plain = {**self.options, "trellis_quant": False}
            if self._jpegsave(_TEXTURE, 40, plain) == self.write(_TEXTURE, 40):
                return "it needs a libvips that was built with MozJPEG"
        return missing

    def write(self, image: NDArray[np.uint8], setting: float) -> bytes:
        return self._jpegsave(image, setting, dict(self.options))

    def read(self, data: bytes) -> NDArray[np.uint8]:
        with Image.open(io.BytesIO(data), formats=["JPEG"]) as picture:
            return np.asarray(picture)

    def _jpegsave(
        self, image: NDArray[np.uint8], setting: float, options: dict[str, object]
    ) -> bytes:
        picture = _library().Image.new_from_array(image)
        return bytes(picture.jpegsave_buffer(Q=int(setting), **options))


def _library() -> ModuleType:
    try:
        import pyvips
    except OSError as error:  # the package without the shared library
        raise ImportError(str(error)) from error
    module: ModuleType = pyvips
    return module
