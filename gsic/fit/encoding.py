"""An image to symbols at a rate: float fit, tuning, corrections, and the last trim."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gsic.fit import goals
from gsic.fit.gaussian_fit import GaussianFit, psnr_of
from gsic.fit.goals import BytesGoal, Coded, Goal, PsnrGoal, StepGoal
from gsic.fit.loop import Schedule, run
from gsic.fit.losses import objective
from gsic.fit.recipe import EncodeRecipe, encode_recipe
from gsic.fit.result import Fit
from gsic.fit.spectrum import Spectrum, most_gaussians
from gsic.fit.tuning import Snapshot, Tuning, splats_of
from gsic.gaussians import COVARIANCES, Float64, LogCovariance, factor_of
from gsic.options import EncodeOptions, replace_known
from gsic.profiles.gsic import (
    Header,
    Symbols,
    color_transform,
    dequantise,
    nearest_step_index,
    no_symbols,
)
from gsic_kernels.registry import Backend

Float32 = NDArray[np.float32]
Progress = Callable[[int, int, str], None]
_TICK_STEPS = 20

Code = Callable[[Header, Symbols], Coded]


@dataclass(frozen=True)
class Encoding:
    """An encoded image.

    Args:
        header, symbols: what the file holds.
        data: the file.
        psnr_float: dB, of the clamped render before it is rounded to 8 bits.
        iterations: steps of the optimiser.
        gaussians: in the file.
    """

    header: Header
    symbols: Symbols
    data: bytes
    psnr_float: float
    iterations: int
    gaussians: int


def fit_to_rate(
    planes: Float32,
    options: EncodeOptions,
    code: Code,
    *,
    init: Fit | None,
    backend: Backend,
    threads: int,
    progress: Progress | None,
) -> Encoding:
    """Fit, quantise and code Gaussians so that the file meets the rate that `options` ask for.

    Args:
        planes: float32 (H, W, C), 0..1, colour premultiplied by alpha.
        options: the rate, effort, seed and settings of `EncodeRecipe`.
        code: makes the complete file of a header and symbols in any order.
        init: a fit of the same size to continue from, in place of a float fit.
        backend: kernels.
        threads: CPU threads.
        progress: called with (done, total, text).

    Raises:
        InputError: the rate is out of reach; the message names the nearest value in reach.
        OptionError: an unknown setting.
    """
    recipe: EncodeRecipe = replace_known(encode_recipe(options.effort), options.settings)
    encoder = _Encoder(
        np.ascontiguousarray(planes, np.float32), options, recipe, code, backend, threads, progress
    )
    return encoder.encode(init)


class _Encoder:
    """What stays the same while one image is encoded."""

    def __init__(
        self,
        planes: Float32,
        options: EncodeOptions,
        recipe: EncodeRecipe,
        code: Code,
        backend: Backend,
        threads: int,
        progress: Progress | None,
    ) -> None:
        self.planes = planes
        self.options = options
        self.recipe = recipe
        self.code = code
        self.progress = progress
        self.objective = objective(backend, planes, "l2", threads)
        height, width, channels = planes.shape
        background = np.rint(255.0 * planes.mean(axis=(0, 1), dtype=np.float64))
        self.header = Header(width, height, channels, 0, tuple(int(v) for v in background))
        self.iterations = 0
        self.planned = recipe.steps

    def encode(self, init: Fit | None) -> Encoding:
        goal = self._goal(init)
        tuning, snapshot = self._tuned(goal, self.recipe.steps, init)
        coded = self._coded(snapshot)
        for _ in range(self.recipe.corrections):
            index = goal.correction(snapshot.header.step_index, coded)
            if index is None:
                break
            snapshot = self._corrected(tuning, index)
            coded = self._coded(snapshot)
        return self._landed(goal, tuning, snapshot)

    def _goal(self, init: Fit | None) -> Goal:
        name, value = self.options.rate or ("quality", goals.DEFAULT_QUALITY)
        given = None if init is None else len(init.mean)
        pixels = self.header.width * self.header.height
        if name in ("bpp", "max_bytes"):
            limit = int(value) if name == "max_bytes" else math.floor(value * pixels / 8.0)
            overhead = len(self.code(self.header, no_symbols(self.header.channels)).data)
            count = max(8.0 * (limit - overhead), 0.0) / self.recipe.gaussian_bits
            count = min(max(round(count), 1), most_gaussians(pixels))
            asked = f"{name.replace('_', '-')} {value:g}"
            return BytesGoal(given or count, limit, overhead, asked)
        transform = color_transform(self.header.channels)
        spectrum = Spectrum(self.planes, self.header.background_color, transform)
        if name == "gaussians":
            count = given or int(value)
            return StepGoal(count, spectrum.index_of_gaussians(count))
        if name == "quality":
            index = goals.index_of_quality(int(value))
            return StepGoal(given or spectrum.gaussians(index), index)
        return self._psnr_goal(spectrum, float(value), init)

    def _psnr_goal(self, spectrum: Spectrum, psnr: float, init: Fit | None) -> Goal:
        """Aim with a short encoding: what it misses by, the transform estimate missed by."""
        given = None if init is None else len(init.mean)
        index = spectrum.index_of_psnr(psnr)
        probe = StepGoal(given or spectrum.gaussians(index), index)
        steps = round(self.recipe.probe_share * self.recipe.steps)
        _, snapshot = self._tuned(probe, steps, init)
        missed = psnr - self._coded(snapshot).psnr - self.recipe.probe_gain
        if math.isfinite(missed):
            index = spectrum.index_of_psnr(spectrum.psnr(index) + missed)
        return PsnrGoal(given or spectrum.gaussians(index), index, psnr)

    def _tuned(self, goal: Goal, steps: int, init: Fit | None) -> tuple[Tuning, Snapshot]:
        """Fit, or take a fit, and tune it; `steps` are those of both."""
        recipe = self.recipe
        fit = GaussianFit(
            self.planes,
            self.objective,
            self.header.background_color,
            COVARIANCES["log"],
            recipe,
        )
        schedule = Schedule(recipe, steps)
        tune_steps = max(round(recipe.tune_share * steps), 1)
        float_steps = steps - tune_steps
        if init is None:
            rng = np.random.default_rng(self.options.seed)
            run(fit, self.planes, goal.gaussians, float_steps, schedule, rng, self._tick)
        else:
            fit.adam.append(log_rows(init))
        tuning = Tuning(fit, recipe, self._header_after(fit))

        def choose(share: float) -> int:
            return goal.choose(tuning, recipe.leftover(share))

        def rate(step: int) -> float:
            return recipe.tune_rate * schedule.rate(float_steps + step)

        return tuning, tuning.run(tune_steps, rate, choose, self._tick)

    def _corrected(self, tuning: Tuning, index: int) -> Snapshot:
        """Tune on for a little at another step index."""
        recipe = self.recipe
        steps = max(round(recipe.correction_share * recipe.steps), 1)

        def rate(step: int) -> float:
            return recipe.tune_rate * recipe.correction_rate * (1.0 - step / steps)

        return tuning.correct(steps, rate, index, self._tick)

    def _coded(self, snapshot: Snapshot) -> Coded:
        return self.code(snapshot.header, snapshot.symbols)

    def _landed(self, goal: Goal, tuning: Tuning, snapshot: Snapshot) -> Encoding:
        """Leave out as many of the least valuable Gaussians as the goal allows or asks for."""
        header, order = snapshot.header, np.argsort(-snapshot.worth, kind="stable")

        def kept(dropped: int) -> Symbols:
            return snapshot.symbols.take(order[: len(order) - dropped])

        dropped, coded = goal.land(lambda n: self.code(header, kept(n)), len(order))
        symbols = kept(dropped)
        seen = dequantise(header, symbols)
        return Encoding(
            header,
            symbols,
            coded.data,
            tuning.fit.draw_error(splats_of(seen, factor_of(seen.moments))),
            self.iterations,
            int(symbols.color.any(axis=1).sum()),
        )

    def _header_after(self, fit: GaussianFit) -> Header:
        """A header whose step is a first guess: about three times the error of a pixel."""
        error = 10.0 ** (-min(fit.draw_error(fit.splats()), 60.0) / 20.0)
        return replace(self.header, step_index=nearest_step_index(3.0 * error * 3.0))

    def _tick(self, loss: float, count: int) -> None:
        self.iterations += 1
        if self.progress and self.iterations % _TICK_STEPS == 0:
            psnr = psnr_of(loss, self.planes.size)
            done = min(self.iterations, self.planned)
            self.progress(done, self.planned, f"{count} Gaussians, {psnr:.2f} dB")


def log_rows(fit: Fit) -> Float64:
    """The Gaussians of a fit in any parameterisation as float64 (N, 5 + C) with `log` ones."""
    moments = COVARIANCES[fit.covariance].moments(fit.theta)
    theta = LogCovariance().from_moments(moments)
    return np.concatenate((fit.mean, theta, fit.color), axis=1)
