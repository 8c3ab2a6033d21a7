"""Codecs that Pillow itself brings: JPEG, JPEG 2000, WebP and AVIF."""

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import AvifImagePlugin, Image, features

from gsic.bench.codecs.base import MODES, Baseline, count_channels

_AVIF_LOCK = threading.Lock()


@dataclass(frozen=True)
class PillowBaseline(Baseline):
    """A codec of Pillow.

    Args:
        format: Pillow's name of the format. feature: Pillow's name of the library.
        library: the library's own name.
    """

    format: str = ""
    feature: str = ""
    library: str = ""

    @property
    def version(self) -> str:
        return f"Pillow {features.version('pil')}, {self.library} {features.version(self.feature)}"

    @property
    def needs(self) -> str:
        return f"a Pillow with {self.library}"

    def missing(self) -> str | None:
        if not features.check(self.feature):
            return f"it needs {self.needs}"
        return super().missing()

    def write(self, image: NDArray[np.uint8], setting: float) -> bytes:
        out = io.BytesIO()
        options = self.save_options(count_channels(image), setting)
        Image.fromarray(image).save(out, self.format, **options)
        return out.getvalue()

    def read(self, data: bytes) -> NDArray[np.uint8]:
        with _one_avif_thread(), Image.open(io.BytesIO(data), formats=[self.format]) as picture:
            known = picture if picture.mode in MODES.values() else picture.convert("RGB")
            return np.asarray(known)

    def save_options(self, channels: int, setting: float) -> dict[str, Any]:
        """Arguments of Pillow's `save` for an image of so many channels."""
        options = {**self.options, "quality": int(setting)}
        if channels == 1:
            options.pop("subsampling", None)  # no chroma: a format that has 4:0:0 takes it
        return options


@dataclass(frozen=True)
class Jpeg(PillowBaseline):
    """JPEG by libjpeg-turbo, or by the library that stands in for it."""

    @property
    def version(self) -> str:
        """Versions of Pillow and of its JPEG library."""
        turbo = features.version_feature("libjpeg_turbo")
        library = f"libjpeg-turbo {turbo}" if turbo else f"libjpeg {features.version('jpg')}"
        return f"Pillow {features.version('pil')}, {library}"


@dataclass(frozen=True)
class Jpeg2000(PillowBaseline):
    """JPEG 2000 by OpenJPEG, whose setting is a rate."""

    def save_options(self, channels: int, setting: float) -> dict[str, Any]:
        # OpenJPEG counts from the size of the raw samples; less than 1:1 would be lossless.
        layers = [max(1.0, 8 * channels / setting)]
        return {**self.options, "quality_layers": layers, "mct": 1 if channels >= 3 else 0}


@contextmanager
def _one_avif_thread() -> Iterator[None]:
    """Decode AVIF with one thread, like the others; Pillow has only this global for it."""
    with _AVIF_LOCK:
        before = AvifImagePlugin.DEFAULT_MAX_THREADS
        AvifImagePlugin.DEFAULT_MAX_THREADS = 1
        try:
            yield
        finally:
            AvifImagePlugin.DEFAULT_MAX_THREADS = before
