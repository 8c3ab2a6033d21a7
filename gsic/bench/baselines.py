"""The other codecs, through Pillow: JPEG, JPEG 2000, WebP and AVIF at the strength they have.

Each is run with the options that give the most PSNR for its bytes at a reasonable effort, without
metadata and without a wrapper that it can do without.
"""

import hashlib
import io
import math
import statistics
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import AvifImagePlugin, Image, features

from gsic import metrics
from gsic.bench import bdrate
from gsic.errors import GsicError

_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
# A search of JPEG 2000, whose rate is continuous, ends this close to the size it looks for.
_CLOSE = 0.005
_MOST_STEPS = 10


class Unsupported(GsicError):
    """A codec that cannot hold this image; the message says why."""


@dataclass(frozen=True)
class Baseline:
    """One codec with fixed options and one knob.

    Args:
        name: as `--compare` and the rows call it. title: with its options, for people.
        format: Pillow's name. feature: what Pillow calls the library. suffix: of its files.
        knob: "quality", whole numbers, or "rate", bits per pixel.
        ladder: the settings whose files make the codec's curve, in increasing rate.
        top: the highest setting that a search may use.
        channels: the numbers of channels that it codes as they are.
        options: Pillow's arguments beside the knob.
    """

    name: str
    title: str
    format: str
    feature: str
    suffix: str
    knob: str
    ladder: tuple[float, ...]
    top: float
    channels: tuple[int, ...]
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def version(self) -> str:
        """Versions of Pillow and of the library behind it."""
        pillow = features.version("pil")
        if self.name == "jpeg":
            turbo = features.version_feature("libjpeg_turbo")
            library = f"libjpeg-turbo {turbo}" if turbo else f"libjpeg {features.version('jpg')}"
        else:
            library = f"{_LIBRARIES[self.name]} {features.version(self.feature)}"
        return f"Pillow {pillow}, {library}"

    @property
    def digest(self) -> str:
        """Hash of the options, so that rows made with others are not mixed in."""
        text = repr((self.format, self.knob, self.ladder, self.top, sorted(self.options.items())))
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def available(self) -> bool:
        """Whether this Pillow can write the format."""
        return bool(features.check(self.feature))

    def label(self, setting: float) -> str:
        """How rows name a setting."""
        return f"{self.knob}={setting:g}"

    def encode(self, image: NDArray[np.uint8], setting: float) -> bytes:
        """A file of the image.

        Args:
            image: uint8 (H, W) or (H, W, 2..4). setting: a value of the knob.

        Raises:
            Unsupported: the codec cannot hold an image of these channels or this size.
        """
        channels = _channels(image)
        picture = Image.fromarray(image)
        options = dict(self.options)
        if channels not in self.channels:
            if channels + 2 not in self.channels:
                raise Unsupported(f"{self.name} cannot code {_MODES[channels]} images")
            picture = picture.convert(_MODES[channels + 2])  # no grey in WebP: as RGB, and back
        if self.knob == "rate":
            # OpenJPEG counts from the size of the raw samples; less than 1:1 would be lossless.
            options["quality_layers"] = [max(1.0, 8 * channels / setting)]
            options["mct"] = 1 if channels >= 3 else 0
        else:
            options["quality"] = int(setting)
        if channels == 1:
            options.pop("subsampling", None)  # no chroma: a format that has 4:0:0 takes it
        out = io.BytesIO()
        try:
            picture.save(out, self.format, **options)
        except (OSError, ValueError, RuntimeError, SystemError) as error:
            cause = " ".join(str(error).split()) or type(error).__name__
            raise Unsupported(f"{self.name} cannot code this image: {cause}") from error
        return out.getvalue()

    def decode(self, data: bytes, channels: int) -> NDArray[np.uint8]:
        """8-bit pixels of a file, (H, W) for one channel, else (H, W, channels); one thread."""
        with _one_avif_thread(), Image.open(io.BytesIO(data), formats=[self.format]) as picture:
            if picture.mode != _MODES[channels]:
                return np.asarray(picture.convert(_MODES[channels]))
            return np.asarray(picture)

    def decode_ms(self, data: bytes, channels: int, runs: int = 7) -> float:
        """Median wall milliseconds from bytes to 8-bit pixels, after a decode not counted."""
        self.decode(data, channels)
        times = []
        for _ in range(runs):
            start = time.perf_counter()
            self.decode(data, channels)
            times.append(1000 * (time.perf_counter() - start))
        return statistics.median(times)


class Sample(NamedTuple):
    """One file of a codec: its setting, bytes, PSNR in dB and wall seconds to encode."""

    setting: float
    bytes: int
    psnr: float
    encode_s: float


class Sweep:
    """One codec on one image: its curve, and files searched to a given size.

    Args:
        baseline: the codec.
        image: uint8 (H, W) or (H, W, 2..4).
        known: ladder samples measured in an earlier run.
    """

    def __init__(
        self, baseline: Baseline, image: NDArray[np.uint8], known: Iterable[Sample] = ()
    ) -> None:
        self.baseline = baseline
        self.image = image
        self._reference = comparable(image)
        self._samples = {sample.setting: sample for sample in known}

    def sample(self, setting: float) -> Sample:
        """The file at a setting, measured once."""
        if setting not in self._samples:
            start = time.perf_counter()
            data = self.baseline.encode(self.image, setting)
            seconds = time.perf_counter() - start
            decoded = self.baseline.decode(data, _channels(self.image))
            quality = metrics.psnr(self._reference, comparable(decoded))
            self._samples[setting] = Sample(setting, len(data), quality, seconds)
        return self._samples[setting]

    def ladder(self) -> list[Sample]:
        """The files of the codec's curve."""
        return [self.sample(setting) for setting in self.baseline.ladder]

    def match(self, size: int) -> Sample | None:
        """The file whose size is nearest to `size` bytes in ratio; None if out of reach."""
        low, high = self._bracket(size)
        if low is None or high is None:
            return None
        for _ in range(_MOST_STEPS):
            setting = self._between(low, high, size)
            if setting is None or _off(low, size) <= _CLOSE or _off(high, size) <= _CLOSE:
                break
            tried = self.sample(setting)
            low, high = (tried, high) if tried.bytes <= size else (low, tried)
        return min((low, high), key=lambda sample: _off(sample, size))

    def psnr_at(self, size: int) -> float | None:
        """PSNR in dB of the codec's curve at a size in bytes; None outside the curve.

        The files that `match` tried are points of the curve too, so after a search the
        interpolation spans two neighbouring settings.
        """
        pixels = self.image.shape[0] * self.image.shape[1]
        curve = [(8 * sample.bytes / pixels, sample.psnr) for sample in self._samples.values()]
        return bdrate.psnr_at_rate(curve, 8 * size / pixels)

    def _bracket(self, size: int) -> tuple[Sample | None, Sample | None]:
        """Neighbouring ladder samples with `size` between them."""
        samples = self.ladder()
        if samples[-1].bytes < size:
            samples.append(self.sample(self.baseline.top))
        below = [index for index, sample in enumerate(samples) if sample.bytes <= size]
        if not below:
            return None, None
        if below[-1] == len(samples) - 1:
            highest = samples[-1] if samples[-1].bytes == size else None
            return highest, highest
        return samples[below[-1]], samples[below[-1] + 1]

    def _between(self, low: Sample, high: Sample, size: int) -> float | None:
        """The next setting to try, or None when nothing lies between the two."""
        if self.baseline.knob == "quality":
            middle = (low.setting + high.setting) // 2
            return middle if low.setting < middle < high.setting else None
        if low.bytes >= high.bytes:
            return None
        share = math.log(size / low.bytes) / math.log(high.bytes / low.bytes)
        # Never at an end, where a steep curve would keep the bracket open for ever.
        share = min(0.95, max(0.05, share))
        setting = float(f"{low.setting * (high.setting / low.setting) ** share:.5g}")
        return setting if low.setting < setting < high.setting else None


def comparable(image: NDArray[np.uint8]) -> NDArray[np.generic]:
    """What PSNR is taken of: the image, or with alpha its premultiplied channels."""
    return metrics.premultiply(image) if _channels(image) in (2, 4) else image


def _channels(image: NDArray[np.uint8]) -> int:
    return 1 if image.ndim == 2 else image.shape[2]


def _off(sample: Sample, size: int) -> float:
    return abs(math.log(sample.bytes / size))


_AVIF_LOCK = threading.Lock()


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


_LIBRARIES = {"jpeg2000": "OpenJPEG", "webp": "libwebp", "avif": "libavif"}

BASELINES = {
    baseline.name: baseline
    for baseline in (
        Baseline(
            name="jpeg",
            title="JPEG (4:2:0, optimised Huffman tables)",
            format="JPEG",
            feature="jpg",
            suffix=".jpg",
            knob="quality",
            ladder=(
                *(1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 18, 22, 27, 33, 40, 50, 60, 70, 77, 83),
                *(88, 91),
            ),
            top=95,
            channels=(1, 3),
            options={"subsampling": "4:2:0", "optimize": True},
        ),
        Baseline(
            name="jpeg2000",
            title="JPEG 2000 (9/7, rate-controlled, bare codestream)",
            format="JPEG2000",
            feature="jpg_2000",
            suffix=".j2k",
            knob="rate",
            ladder=(
                *(0.03, 0.045, 0.06, 0.08, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.75, 0.9),
                *(1.0, 1.15, 1.3),
            ),
            top=8.0,
            channels=(1, 2, 3, 4),
            options={"irreversible": True, "quality_mode": "rates", "no_jp2": True},
        ),
        Baseline(
            name="webp",
            title="WebP (lossy, method 6)",
            format="WEBP",
            feature="webp",
            suffix=".webp",
            knob="quality",
            ladder=(0, 1, 2, 3, 5, 8, 12, 17, 23, 30, 40, 50, 60, 70, 77, 83, 87, 91),
            top=100,
            channels=(3, 4),
            options={"method": 6},
        ),
        Baseline(
            name="avif",
            title="AVIF (4:2:0, aom, speed 6, tuned for PSNR)",
            format="AVIF",
            feature="avif",
            suffix=".avif",
            knob="quality",
            ladder=(*(0, 3, 6, 9, 12, 16, 20, 25, 30, 35, 40, 46, 52, 58, 64, 70, 76, 82, 88),),
            top=100,
            channels=(3, 4),
            options={
                "codec": "aom",
                "speed": 6,
                "subsampling": "4:2:0",
                "max_threads": 1,
                "advanced": {"tune": "psnr"},
            },
        ),
    )
}
