"""What an encoding aims at: how many Gaussians, which step size, and when it has landed.

A goal says how many Gaussians to fit, chooses the step index at each point of the tuning where it
is chosen anew, corrects it after the tuning, and at last decides how many of the least valuable
Gaussians to leave out of the file.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

from gsic.encoders.base import Coded
from gsic.encoders.gsic.goal import Foreseen, Goal, Shortened
from gsic.encoders.gsic.qat import Tuning, solve_bits
from gsic.encoders.gsic.recipe import EncodeRecipe
from gsic.errors import InputError
from gsic.profiles.gsic.symbols import MAX_STEP_INDEX, STEP_RESOLUTION, nearest_step_index

DEFAULT_QUALITY = 60

# log2 of the steps of qualities 1 and 100; those between are evenly spaced.
_COARSEST, _FINEST = 1.5, -5.5

PSNR_TOLERANCE_DB = 0.1

# How far above the PSNR that is asked for an encoding aims, and from where on it is corrected;
# what is below that is traded for bytes at the end.
_AIM_DB, _MOST_EXCESS_DB = 0.04, 0.15

# A file smaller than this share of what was asked for is tuned once more with finer steps, one
# larger than that with coarser ones; in between, leaving Gaussians out does it.
_LEAST_SHARE = 0.99
_MOST_SHARE = 1.02

# What is aimed at then: what is a little too large can be cut to measure.
_AIM = 1.003

# What a sweep at twice the price of bits does about, and by how much the price rises at once.
_DB_PER_PRICE = 0.4
_LEAST_RISE, _MOST_RISE = 1.05, 1.5

# How many Gaussians are left out at the first try.
_FIRST_GUESS = 8

# First guesses of what an octave of the step does, from the start and in a correction.
_DB_PER_OCTAVE, _DB_PER_CORRECTED_OCTAVE = 3.0, 1.8
_LOG2_BYTES_PER_OCTAVE = 0.5


def index_of_quality(quality: int) -> int:
    """Step index of a quality of 1 to 100."""
    return nearest_step_index(2.0 ** (_COARSEST + (_FINEST - _COARSEST) * (quality - 1) / 99.0))


class StepGoal:
    """A given step; whatever comes of it is right.

    Args:
        gaussians: how many to fit.
        index: of the step.
    """

    def __init__(self, gaussians: int, index: int) -> None:
        self.gaussians = gaussians
        self.index = index

    def chooses_at(self, recipe: EncodeRecipe) -> Iterable[float]:
        return recipe.choose_step_at

    def choose(self, tuning: Tuning, share: float) -> int:
        return self.index

    def correction(self, index: int, coded: Coded) -> int | None:
        return None

    def prefers(self, one: Coded, other: Coded) -> bool:
        return one.psnr > other.psnr

    def rise(self, coded: Coded) -> float | None:
        return None

    def allows(self, coded: Coded) -> bool:
        return True

    def near(self, coded: Coded) -> bool:
        return True

    def stronger(self, coded: Coded, most: int) -> Goal | None:
        return None

    def land(self, shortened: Shortened, count: int) -> tuple[int, Coded]:
        return 0, shortened(0)


class BytesGoal:
    """As good as possible in at most so many bytes.

    Args:
        gaussians: how many to fit.
        limit: bytes of the file.
        overhead: bytes of a file without Gaussians.
        name, value: the option that asks for it.
        pixels: of the image.
    """

    def __init__(
        self, gaussians: int, limit: int, overhead: int, name: str, value: float, pixels: int
    ) -> None:
        self.gaussians = gaussians
        self._limit = limit
        self._bits = 8.0 * max(limit - overhead - 6, 0)
        self._asked = name, value
        self._pixels = pixels
        # The step that was corrected last, and log2 of the bytes over the limit that it led to.
        self._last: tuple[int, float] | None = None

    def chooses_at(self, recipe: EncodeRecipe) -> Iterable[float]:
        return recipe.choose_step_at

    def choose(self, tuning: Tuning, share: float) -> int:
        return solve_bits(tuning, self._bits / tuning.recipe.expect_rate_reduction(share))

    def correction(self, index: int, coded: Coded) -> int | None:
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
        better = _moved(index, excess / slope)
        return better if better != index else None

    def prefers(self, one: Coded, other: Coded) -> bool:
        excess = [max(len(coded.data) / self._limit - _MOST_SHARE, 0.0) for coded in (one, other)]
        return (-excess[0], one.psnr) > (-excess[1], other.psnr)

    def rise(self, coded: Coded) -> float | None:
        return None

    def allows(self, coded: Coded) -> bool:
        return True

    def near(self, coded: Coded) -> bool:
        return True

    def stronger(self, coded: Coded, most: int) -> Goal | None:
        return None

    def land(self, shortened: Shortened, count: int) -> tuple[int, Coded]:
        dropped = _least(count, lambda n: len(shortened(n).data) - self._limit - 0.5)
        coded = shortened(dropped)
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


class PsnrGoal:
    """A given PSNR in as few bytes as possible.

    Args:
        gaussians: how many to fit.
        index: of the step that should lead there.
        psnr: dB.
        foreseen: tells where a tuning leads.
    """

    def __init__(self, gaussians: int, index: int, psnr: float, foreseen: Foreseen) -> None:
        self.gaussians = gaussians
        self.index = index
        self._psnr = psnr
        self._foreseen = foreseen
        # The finest step that was too coarse and the coarsest that was not, with the excess in dB.
        self._below: tuple[int, float] | None = None
        self._above: tuple[int, float] | None = None
        self._last: tuple[int, float] | None = None

    def chooses_at(self, recipe: EncodeRecipe) -> Iterable[float]:
        return (*recipe.choose_step_at, *recipe.predict_psnr_at)

    def choose(self, tuning: Tuning, share: float) -> int:
        if share in tuning.recipe.predict_psnr_at:
            excess = self._foreseen(tuning, share) - self._psnr - _AIM_DB
            if math.isfinite(excess):
                slope = (1.0 - share) * _DB_PER_OCTAVE + share * _DB_PER_CORRECTED_OCTAVE
                self.index = _moved(self.index, min(max(excess / slope, -1.0), 1.0))
        return self.index

    def correction(self, index: int, coded: Coded) -> int | None:
        excess = coded.psnr - self._psnr
        if 0.0 <= excess <= _MOST_EXCESS_DB or not math.isfinite(excess):
            return None
        if excess < 0.0:
            self._below = index, excess
        else:
            self._above = index, excess
        slope = _DB_PER_CORRECTED_OCTAVE
        if self._last is not None and self._last[0] != index:
            measured = (self._last[1] - excess) / (index - self._last[0]) * STEP_RESOLUTION
            slope = min(max(measured, 0.6), 6.0)
        self._last = index, excess
        if self._below is None or self._above is None or self._below[0] <= self._above[0]:
            better = _moved(index, (excess - _AIM_DB) / slope)
        else:
            (high, low_excess), (low, high_excess) = self._below, self._above
            share = (high_excess - _AIM_DB) / (high_excess - low_excess)
            better = low + math.floor(max(share, 0.0) * (high - low))
        return better if better != index else None

    def prefers(self, one: Coded, other: Coded) -> bool:
        if min(one.psnr, other.psnr) >= self._psnr:
            return len(one.data) < len(other.data)
        return one.psnr > other.psnr

    def rise(self, coded: Coded) -> float | None:
        excess = coded.psnr - self._psnr
        if not 0.0 < excess < math.inf:
            return None
        return float(min(max(2.0 ** (excess / _DB_PER_PRICE), _LEAST_RISE), _MOST_RISE))

    def allows(self, coded: Coded) -> bool:
        return coded.psnr >= self._psnr

    def near(self, coded: Coded) -> bool:
        return coded.psnr <= self._psnr + PSNR_TOLERANCE_DB

    def stronger(self, coded: Coded, most: int) -> Goal | None:
        missing = self._psnr - coded.psnr
        if missing <= 0.0 or self.gaussians >= most:
            return None
        octaves = missing / _DB_PER_OCTAVE
        gaussians = min(math.ceil(self.gaussians * 2.0 ** (octaves + 0.25)), most)
        return PsnrGoal(gaussians, _moved(self.index, -octaves), self._psnr, self._foreseen)

    def land(self, shortened: Shortened, count: int) -> tuple[int, Coded]:
        whole = shortened(0)
        if whole.psnr < self._psnr:
            raise InputError(
                f"a PSNR of {self._psnr:g} dB is out of reach for this image: "
                f"the nearest is {math.floor(100.0 * whole.psnr) / 100.0:.2f} dB"
            )
        too_many = _least(count, lambda n: shortened(n).psnr - self._psnr)
        dropped = max(too_many - 1, 0)
        return dropped, shortened(dropped)


def _least(count: int, value: Callable[[int], float]) -> int:
    """The least n of 0..count - 1 at which a falling value is below 0; `count` if there is none.

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
            n = (low + high) // 2
        else:
            n = low + math.ceil(at / (at - at_high) * (high - low))
    return high


def _moved(index: int, octaves: float) -> int:
    moved = index + math.floor(octaves * STEP_RESOLUTION)
    return min(max(moved, 0), MAX_STEP_INDEX)
