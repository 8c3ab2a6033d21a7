"""What every other codec of `gsic bench` offers: files of an image, and their pixels."""

import hashlib
import statistics
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gsic.errors import GsicError

MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}

# `missing` encodes this; some codecs refuse images of fewer pixels.
_PROBE = np.zeros((16, 16, 3), np.uint8)


class Unsupported(GsicError):
    """A codec that cannot hold this image; the message says why."""


@dataclass(frozen=True)
class Baseline(ABC):
    """One codec with fixed options and one setting that chooses the rate.

    A subclass writes and reads files through one library. No file gets metadata, nor a wrapper that
    it can do without.

    Args:
        name: as `--compare` and the rows call it. title: with its options, for people.
        suffix: of its files.
        ladder: the settings whose files make the codec's curve, in increasing rate.
        top: the highest setting that a search may use.
        channels: the numbers of channels that it codes as they are.
        knob: "quality", whole numbers, or "rate", bits per pixel.
        options: arguments of the library beside the setting.
    """

    name: str
    title: str
    suffix: str
    ladder: tuple[float, ...]
    top: float
    channels: tuple[int, ...]
    knob: str = "quality"
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    @abstractmethod
    def version(self) -> str:
        """Names and versions of the libraries that write and read the files."""

    @property
    @abstractmethod
    def needs(self) -> str:
        """What has to be installed for this codec, for a message."""

    @abstractmethod
    def write(self, image: NDArray[np.uint8], setting: float) -> bytes:
        """Encode an image of a number of channels that `channels` lists."""

    @abstractmethod
    def read(self, data: bytes) -> NDArray[np.uint8]:
        """Decode a file with one thread, into the channels that the file has."""

    @property
    def digest(self) -> str:
        """Hash of the options, so that rows made with others are not mixed in."""
        options = sorted((name, repr(value)) for name, value in self.options.items())
        text = repr((type(self).__name__, self.title, self.knob, self.ladder, self.top, options))
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def missing(self) -> str | None:
        """Say in a few words why this codec cannot be used here; None where it can."""
        try:
            self.encode(_PROBE, self.ladder[-1])
        except ImportError:
            return f"it needs {self.needs}"
        except Unsupported as error:
            return f"it needs {self.needs} ({error})"
        return None

    def label(self, setting: float) -> str:
        """Name a setting as rows do, for example "quality=17"."""
        return f"{self.knob}={setting:g}"

    def encode(self, image: NDArray[np.uint8], setting: float) -> bytes:
        """Write a file of the image.

        Args:
            image: uint8 (H, W) or (H, W, 2..4).
            setting: quality, or rate in bits per pixel.

        Raises:
            Unsupported: the codec cannot hold an image of these channels or this size.
            ImportError: the library is not installed.
        """
        channels = count_channels(image)
        if channels not in self.channels:
            if channels + 2 not in self.channels:
                raise Unsupported(f"{self.name} cannot code {MODES[channels]} images")
            # A codec without grey, such as WebP, gets RGB; `decode` takes it back to grey.
            image = np.asarray(Image.fromarray(image).convert(MODES[channels + 2]))
        try:
            return self.write(image, setting)
        except ImportError:
            raise
        except Exception as error:  # every library has errors of its own
            cause = " ".join(str(error).split()) or type(error).__name__
            raise Unsupported(f"{self.name} cannot code this image: {cause}") from error

    def decode(self, data: bytes, channels: int) -> NDArray[np.uint8]:
        """Decode a file with one thread.

        Args:
            data: what `encode` returned.
            channels: of the image that was encoded.

        Returns:
            uint8 (H, W) for one channel, else (H, W, channels).
        """
        image = self.read(data)
        if count_channels(image) == channels:
            return image
        return np.asarray(Image.fromarray(image).convert(MODES[channels]))

    def decode_ms(self, data: bytes, channels: int, runs: int = 7) -> float:
        """Median wall milliseconds from bytes to 8-bit pixels, after a decode not counted."""
        self.decode(data, channels)
        times = []
        for _ in range(runs):
            start = time.perf_counter()
            self.decode(data, channels)
            times.append(1000 * (time.perf_counter() - start))
        return statistics.median(times)


def count_channels(image: NDArray[np.uint8]) -> int:
    """Count the channels of an image (H, W) or (H, W, C)."""
    return 1 if image.ndim == 2 else image.shape[2]
