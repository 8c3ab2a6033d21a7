"""Rate control for a PSNR: its target, the prediction of where a QAT leads, and the last trim."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import numpy as np

from gsic.arrays import Rows
from gsic.encoders.base import Coded
from gsic.encoders.gsic.context import EncoderContext
from gsic.encoders.gsic.qat import Qat
from gsic.encoders.gsic.rate_control import Shorten, Target, find_first_below, move_step
from gsic.encoders.gsic.rdoq import Rdoq, run_rdoq
from gsic.encoders.gsic.recipe import EncodeRecipe
from gsic.errors import InputError
from gsic.profiles.gsic.symbols import STEP_RESOLUTION, QuantisedImage, Symbols

PSNR_TOLERANCE_DB = 0.1

# How far above the PSNR that is asked for an encoding aims, and from where on it is corrected;
# what is below that is traded for bytes at the end.
_AIM_DB, _MOST_EXCESS_DB = 0.04, 0.15

# First guesses of what an octave of the step does, from the start and in a correction.
_DB_PER_OCTAVE, _DB_PER_CORRECTED_OCTAVE = 3.0, 1.8

# What an RDOQ pass at twice the lambda does about, and by how much lambda rises at once.
_DB_PER_OCTAVE_OF_LAMBDA = 0.4
_LEAST_RISE, _MOST_RISE = 1.05, 1.5

# How often lambda is raised at most; for what is still missing then, Gaussians are left out.
_MOST_RISES = 12


class PsnrTarget:
    """A given PSNR in as few bytes as possible.

    Args:
        gaussians: number of Gaussians to fit.
        index: the step index that should lead to the PSNR.
        psnr: dB.
        predict: returns the final PSNR in dB of a QAT that is a share complete.
    """

    def __init__(
        self, gaussians: int, index: int, psnr: float, predict: Callable[[Qat, float], float]
    ) -> None:
        self.gaussians = gaussians
        self.index = index
        self._psnr = psnr
        self._predict = predict
        # The finest step that was too coarse and the coarsest that was not, with the excess in dB.
        self._below: tuple[int, float] | None = None
        self._above: tuple[int, float] | None = None
        self._last: tuple[int, float] | None = None

    def list_choices(self, recipe: EncodeRecipe) -> Iterable[float]:
        return (*recipe.choose_step_at, *recipe.predict_psnr_at)

    def choose_step(self, qat: Qat, share: float) -> int:
        """Choose the step index by where the QAT leads, at the shares where that is predicted."""
        if share in qat.recipe.predict_psnr_at:
            excess = self._predict(qat, share) - self._psnr - _AIM_DB
            if math.isfinite(excess):
                slope = (1.0 - share) * _DB_PER_OCTAVE + share * _DB_PER_CORRECTED_OCTAVE
                self.index = move_step(self.index, min(max(excess / slope, -1.0), 1.0))
        return self.index

    def correct_step(self, index: int, coded: Coded) -> int | None:
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
            better = move_step(index, (excess - _AIM_DB) / slope)
        else:
            (high, low_excess), (low, high_excess) = self._below, self._above
            share = (high_excess - _AIM_DB) / (high_excess - low_excess)
            better = low + math.floor(max(share, 0.0) * (high - low))
        return better if better != index else None

    def prefers(self, one: Coded, other: Coded) -> bool:
        if min(one.psnr, other.psnr) >= self._psnr:
            return len(one.data) < len(other.data)
        return one.psnr > other.psnr

    def retry_with_more(self, coded: Coded, most: int) -> Target | None:
        missing = self._psnr - coded.psnr
        if missing <= 0.0 or self.gaussians >= most:
            return None
        octaves = missing / _DB_PER_OCTAVE
        gaussians = min(math.ceil(self.gaussians * 2.0 ** (octaves + 0.25)), most)
        return PsnrTarget(gaussians, move_step(self.index, -octaves), self._psnr, self._predict)

    def fit_to_budget(self, shorten: Shorten, count: int) -> tuple[int, Coded]:
        whole = shorten(0)
        if whole.psnr < self._psnr:
            raise InputError(
                f"a PSNR of {self._psnr:g} dB is out of reach for this image: "
                f"the nearest is {math.floor(100.0 * whole.psnr) / 100.0:.2f} dB"
            )
        too_many = find_first_below(count, lambda n: shorten(n).psnr - self._psnr)
        dropped = max(too_many - 1, 0)
        return dropped, shorten(dropped)

    def raise_lambda(self, coded: Coded) -> float | None:
        """Return the factor of lambda that trades the excess for bytes; None without an excess."""
        excess = coded.psnr - self._psnr
        if not 0.0 < excess < math.inf:
            return None
        return float(min(max(2.0 ** (excess / _DB_PER_OCTAVE_OF_LAMBDA), _LEAST_RISE), _MOST_RISE))

    def is_met_by(self, coded: Coded) -> bool:
        """Tell whether a file has the PSNR."""
        return coded.psnr >= self._psnr

    def is_within_tolerance(self, coded: Coded) -> bool:
        """Tell whether the excess of a file over the PSNR may stay."""
        return coded.psnr <= self._psnr + PSNR_TOLERANCE_DB


def predict_psnr(planes: Rows, qat: Qat, share: float, threads: int) -> float:
    """Predict the final PSNR in dB of a QAT run that is `share` complete.

    The rest of the run and RDOQ gain in proportion to what a first RDOQ pass gains now.

    Args:
        planes: float32 (H, W, C), 0..1, the image.
        qat: the run, at the step index whose outcome is asked for.
        share: share of its steps that are done, 0..1.
        threads: number of CPU threads.
    """
    recipe = qat.recipe
    state = qat.symbols_at(qat.header.step_index)
    passes = min(recipe.rdoq_passes, 1)
    improved = run_rdoq(planes, state, recipe.rdoq_lambda, passes, threads=threads)
    before, after = qat.measure_psnr(state), qat.measure_psnr(improved)
    rest = recipe.qat_gain * qat.lr_factor * (1.0 - share)
    return after + (recipe.rdoq_gain + rest) * (after - before)


def trim_to_psnr(
    context: EncoderContext, target: PsnrTarget, state: QuantisedImage, coded: Coded
) -> QuantisedImage:
    """Make a file smaller by RDOQ at rising lambdas, down to the PSNR that is asked for.

    Args:
        context: the image.
        target: the PSNR.
        state: symbols after RDOQ at the lambda of the recipe.
        coded: their file.
    """
    lambda_ = context.recipe.rdoq_lambda
    for _ in range(_MOST_RISES):
        rise = target.raise_lambda(coded)
        if rise is None or not len(state.symbols):
            break
        lambda_ *= rise
        rdoq = Rdoq(context.planes, state.header, context.threads)
        context.plan_expected(0, 1)
        symbols, _ = rdoq.run_pass(state.symbols, lambda_)
        context.count_pass()
        smaller = QuantisedImage(state.header, symbols.drop_invisible())
        less = context.code(smaller)
        if target.is_met_by(less):
            state, coded = smaller, less
        elif target.is_within_tolerance(coded):
            break
        else:
            state, coded = _replace_some(context, target, state, coded, symbols)
    return state


def _replace_some(
    context: EncoderContext,
    target: PsnrTarget,
    state: QuantisedImage,
    coded: Coded,
    smaller: Symbols,
) -> tuple[QuantisedImage, Coded]:
    """Replace as many Gaussians by those of `smaller`, in the same order, as the PSNR allows."""
    header, symbols = state
    waiting = np.flatnonzero(symbols.find_differences(smaller))
    taken, step = waiting[:0], len(waiting)
    # Ever fewer at once; at last one by one, of which the PSNR may allow some and others not.
    while len(waiting) and not target.is_within_tolerance(coded):
        step = min(step, len(waiting))
        more = np.concatenate((taken, waiting[:step]))
        mixed = QuantisedImage(header, symbols.replace_rows(more, smaller).drop_invisible())
        less = context.code(mixed)
        if target.is_met_by(less):
            taken, waiting = more, waiting[step:]
            state, coded = mixed, less
        elif step > 1:
            step //= 2
        else:
            waiting = waiting[1:]
    return state, coded
