"""One other codec on one image: its curve, and the search for a file of a given size."""

import math
import time
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gsic import metrics
from gsic.bench import bdrate
from gsic.bench.codecs.base import Baseline, count_channels
from gsic.pixels import to_comparable

# A search of JPEG 2000, whose rate is continuous, ends this close to the size it looks for.
_CLOSE = 0.005
_MOST_STEPS = 10


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
        self._reference = to_comparable(image)
        self._samples = {sample.setting: sample for sample in known}

    def sample(self, setting: float) -> Sample:
        """The file at a setting, measured once."""
        if setting not in self._samples:
            start = time.perf_counter()
            data = self.baseline.encode(self.image, setting)
            seconds = time.perf_counter() - start
            decoded = self.baseline.decode(data, count_channels(self.image))
            quality = metrics.psnr(self._reference, to_comparable(decoded))
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


def _off(sample: Sample, size: int) -> float:
    return abs(math.log(sample.bytes / size))
