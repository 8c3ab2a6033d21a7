"""Rate control: how many Gaussians to fit, which step index to use, and when a file will do.

A target chooses the step index while the Gaussians are trained, corrects it after the training,
and decides how many of the least valuable Gaussians are left out of the file at last. Here are the
targets of a given step index and of a given number of bytes; `psnr_control` has that of a PSNR.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Protocol

from gsic.encoders.base import Coded
from gsic.encoders.gsic.complexity import Need, most_gaussians
from gsic.encoders.gsic.qat import Qat, solve_bits
from gsic.encoders.gsic.recipe import EncodeRecipe
from gsic.errors import InputError
from gsic.profiles.gsic.symbols import MAX_STEP_INDEX, STEP_RESOLUTION, find_step_index

DEFAULT_QUALITY = 60

# log2 of the steps of qualities 1 and 100; those between are evenly spaced.
_COARSEST, _FINEST = 1.5, -5.5

# A file smaller than this share of the budget is trained once more with finer steps, one larger
# than that with coarser steps; in between, leaving Gaussians out is enough.
_LEAST_SHARE = 0.99
_MOST_SHARE = 1.02

# Share of the budget that a correction aims at: what is a little too large can be cut to measure.
_AIM = 1.003

# Bytes that the coder's state and the tables of an almost empty file take.
_PAYLOAD_BYTES = 6

# First guess of what an octave of the step does to the bytes, log2.
_LOG2_BYTES_PER_OCTAVE = 0.5

# How many times as many Gaussians an encoding has that starts again because it lacks some, in
# images where that takes no time, and in others.
_SOME_MORE, _MANY_MORE = 1.5, 2.0

# What such an encoding must gain if the one before would do; photographs gain less than 2 dB. And
# what it must gain in a large image, or it is not Gaussians that are missing.
_WORTH_DB, _LEAST_GAIN_DB = 3.0, 1.0

# How many Gaussians are left out at the first try.
_FIRST_GUESS = 8

Shorten = Callable[[int], Coded]
"""Makes the file without a number of its least valuable Gaussians."""


class Target(Protocol):
    """What a file has to meet.

    Attributes:
        gaussians: number of Gaussians to fit.
    """

    gaussians: int

    def list_choices(self, recipe: EncodeRecipe) -> Iterable[float]:
        """Return the shares of the QAT at which the step index is chosen."""

    def choose_step(self, qat: Qat, share: float) -> int:
        """Choose the step index to go on with when `share` of the QAT is done."""

    def correct_step(self, index: int, coded: Coded) -> int | None:
        """Choose a better step index than `index`, which led to `coded`; None if that will do."""

    def prefers(self, one: Coded, other: Coded) -> bool:
        """Tell whether `one` is nearer to the target than `other`."""

    def retry_with_more(self, coded: Coded, most: int) -> Target | None:
        """Return a target with more Gaussians, up to `most`, to start again; None if not needed."""

    def fit_to_budget(self, shorten: Shorten, count: int) -> tuple[int, Coded]:
        """Find how many of `count` Gaussians to leave out, and the file without them.

        Raises:
            InputError: the target is out of reach; the message names the nearest reachable value.
        """


class StepTarget:
    """A given step index; whatever file comes of it will do, unless it lacks Gaussians.

    Args:
        gaussians: number of Gaussians to fit.
        index: step index.
        need: what the file must reach or the encoding starts again with more Gaussians; None if
            their number is given.
        before: PSNR in dB of the best encoding with fewer Gaussians.
    """

    def __init__(
        self, gaussians: int, index: int, need: Need | None = None, before: float = -math.inf
    ) -> None:
        self.gaussians = gaussians
        self.index = index
        self._need = need
        self._before = before

    def list_choices(self, recipe: EncodeRecipe) -> Iterable[float]:
        # The index stays, but the classes are chosen again with it.
        return recipe.choose_step_at

    def choose_step(self, qat: Qat, share: float) -> int:
        return self.index

    def correct_step(self, index: int, coded: Coded) -> int | None:
        return None

    def prefers(self, one: Coded, other: Coded) -> bool:
        enough = self._need is not None and other.psnr >= self._need.psnr
        return one.psnr > other.psnr + (_WORTH_DB if enough else 0.0)

    def retry_with_more(self, coded: Coded, most: int) -> Target | None:
        if self._need is None or self.gaussians >= most:
            return None
        gain = coded.psnr - self._before
        explores = self._need.explores
        if coded.psnr >= (self._need.most if explores and gain > _WORTH_DB else self._need.psnr):
            return None
        if not explores and gain < _LEAST_GAIN_DB:
            return None
        factor = _SOME_MORE if explores else _MANY_MORE
        gaussians = min(math.ceil(factor * self.gaussians), most)
        return StepTarget(gaussians, self.index, self._need, max(coded.psnr, self._before))

    def fit_to_budget(self, shorten: Shorten, count: int) -> tuple[int, Coded]:
        return 0, shorten(0)


class BytesTarget:
    """The best quality in at most a number of bytes.

    Args:
        gaussians: number of Gaussians to fit.
        limit: largest size of the file, bytes.
        overhead: size of a file without Gaussians, bytes.
        name, value: the option that asks for it, for messages.
        pixels: number of pixels of the image, for messages.
    """

    def __init__(
        self, gaussians: int, limit: int, overhead: int, name: str, value: float, pixels: int
    ) -> None:
        self.gaussians = gaussians
        self._limit = limit
        self._bits = 8.0 * max(limit - overhead - _PAYLOAD_BYTES, 0)
        self._asked = name, value
        self._pixels = pixels
        # The step index of the last file, and log2 of its bytes over those aimed at.
        self._last: tuple[int, float] | None = None

    def list_choices(self, recipe: EncodeRecipe) -> Iterable[float]:
        return recipe.choose_step_at

    def choose_step(self, qat: Qat, share: float) -> int:
        """Choose the step index whose bits, less what QAT and RDOQ will save, fill the budget."""
        return solve_bits(qat, self._bits / qat.recipe.expect_rate_reduction(share))

    def correct_step(self, index: int, coded: Coded) -> int | None:
        if self._bits == 0.0:
            return None
        share = len(coded.data) / self._limit
        if _LEAST_SHARE <= share <= _MOST_SHARE:
            return None
        excess, slope = math.log2(share / _AIM), _LOG2_BYTES_PER_OCTAVE
        if self._last is not None and self._last[0] != index:
            measured = (self._last[1] - excess) / (index - self._last[0]) * STEP_RESOLUTION
            slope = min(max(measured, 0.5 * slope), 2.0 * slope)
        self._last = index, excess
        better = move_step(index, excess / slope)
        return better if better != index else None

    def prefers(self, one: Coded, other: Coded) -> bool:
        excess = [max(len(coded.data) / self._limit - _MOST_SHARE, 0.0) for coded in (one, other)]
        if excess[0] != excess[1]:
            return excess[0] < excess[1]
        return one.psnr > other.psnr

    def retry_with_more(self, coded: Coded, most: int) -> Target | None:
        return None

    def fit_to_budget(self, shorten: Shorten, count: int) -> tuple[int, Coded]:
        dropped = find_first_below(count, lambda n: len(shorten(n).data) - self._limit - 0.5)
        coded = shorten(dropped)
        if len(coded.data) > self._limit:
            name, value = self._asked
            nearest = f"{len(coded.data)} bytes"
            if name == "bpp":
                nearest += f", {8.0 * len(coded.data) / self._pixels:.4g} bpp"
            raise InputError(
                f"{name.replace('_', '-')} {value:g} is out of reach for this image: "
                f"the smallest file takes {nearest}"
            )
        return dropped, coded


def make_bytes_target(
    name: str, value: float, pixels: int, overhead: int, gaussian_bits: float, given: int | None
) -> BytesTarget:
    """Return the target of an option `bpp` or `max_bytes`.

    Args:
        name, value: the option.
        pixels: number of pixels of the image.
        overhead: size of a file without Gaussians, bytes.
        gaussian_bits: expected bits per Gaussian, from which the number of Gaussians follows.
        given: number of Gaussians of a fit to continue from; None where there is none.
    """
    limit = int(value) if name == "max_bytes" else math.floor(value * pixels / 8.0)
    count = round(max(8.0 * (limit - overhead), 0.0) / gaussian_bits)
    count = min(max(count, 1), most_gaussians(pixels))
    return BytesTarget(given or count, limit, overhead, name, value, pixels)


def index_of_quality(quality: int) -> int:
    """Return the step index of a quality of 1 to 100."""
    return find_step_index(2.0 ** (_COARSEST + (_FINEST - _COARSEST) * (quality - 1) / 99.0))


def move_step(index: int, octaves: float) -> int:
    """Return the step index that is a number of octaves coarser, inside the scale."""
    moved = index + math.floor(octaves * STEP_RESOLUTION)
    return min(max(moved, 0), MAX_STEP_INDEX)


def find_first_below(count: int, value: Callable[[int], float]) -> int:
    """Find the least n of 0..count - 1 at which a falling value is below 0; `count` if none is.

    A value costs a whole file and n is mostly small, so that secants find it soonest.
    """
    at = value(0) if count else -1.0
    if at < 0.0:
        return 0
    low, high, at_high = 0, count, -math.inf
    n = _FIRST_GUESS
    while low + 1 < high:
        n = min(max(n, low + 1), high - 1)
        found, width = value(n), high - low
        if found < 0.0:
            high, at_high = n, found
        else:
            low, at = n, found
        if high == count:
            n = 3 * low
        elif 2 * (high - low) > width or not math.isfinite(at):
            # The secant did not halve the interval: bisect.
            n = (low + high) // 2
        else:
            n = low + math.ceil(at / (at - at_high) * (high - low))
    return high
