"""An image to symbols at a rate: float fit, tuning, search, corrections, and the last trim."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import SupportsFloat

import numpy as np
from numpy.typing import NDArray

from gsic.encoders.base import Code, Coded, EncodeJob, Encoding
from gsic.encoders.gsic import rate_control as goals
from gsic.encoders.gsic.complexity import Spectrum, most_gaussians
from gsic.encoders.gsic.goal import Goal
from gsic.encoders.gsic.ms_ssim import tuned_objective
from gsic.encoders.gsic.qat import Tuning, WeightAt, removal_costs, splats_of
from gsic.encoders.gsic.rate_control import BytesGoal, PsnrGoal, StepGoal
from gsic.encoders.gsic.rdoq import searched
from gsic.encoders.gsic.recipe import EncodeRecipe, recipe_of_effort
from gsic.encoders.gsic.trimming import trimmed
from gsic.errors import OptionError
from gsic.fitting.adam_fit import Schedule, run
from gsic.fitting.adam_state import GaussianFit
from gsic.fitting.adam_state_gpu import gaussian_fit_on
from gsic.fitting.losses import objective
from gsic.fitting.result import Fit
from gsic.gaussians import COVARIANCES, Float64
from gsic.metrics import psnr_from_sse
from gsic.options import EncodeOptions
from gsic.profiles.gsic.profile import Quantised
from gsic.profiles.gsic.symbols import (
    Header,
    color_transform,
    dequantise,
    nearest_step_index,
    no_symbols,
)
from gsic_kernels.backend import Backend, SumLoss

Float32 = NDArray[np.float32]
Progress = Callable[[int, int, str], None]
_TICK_STEPS = 20


def encode(job: EncodeJob) -> Encoding:
    """Fit, quantise and code Gaussians so that the file meets the rate that `job` asks for.

    Raises:
        InputError: the rate is out of reach; the message names the nearest reachable value.
        OptionError: an unknown setting.
    """
    options = job.options
    recipe = recipe_of_effort(options.effort).with_settings(options.settings)
    encoder = _Encoder(
        np.ascontiguousarray(job.planes, np.float32),
        options,
        recipe,
        job.code,
        job.backend,
        job.threads,
        job.progress,
    )
    return encoder.encode(job.init)


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
        self.backend = backend
        self.objective: SumLoss
        self.weight_at: WeightAt | None = None
        if options.tune == "psnr":
            self.objective = objective(backend, planes, "l2", threads)
        else:
            rules = recipe.squared_share, recipe.ms_ssim_every
            tuned = tuned_objective(backend, planes, *rules, threads)
            self.objective, self.weight_at = tuned, tuned.surrogate.weight_at
        height, width, channels = planes.shape
        background = np.rint(255.0 * planes.mean(axis=(0, 1), dtype=np.float64))
        self.header = Header(width, height, channels, 0, tuple(int(v) for v in background))
        self.iterations = 0
        self.planned = recipe.steps

    def encode(self, init: Fit | None) -> Encoding:
        if not np.ptp(self.planes, axis=(0, 1)).any():
            return self._flat()
        goal = self._goal(init)
        most = 0 if init else most_gaussians(self.header.width * self.header.height)
        while True:
            best = self._attempt(goal, init)
            stronger = goal.stronger(best[1], most)
            if stronger is None:
                return self._landed(goal, self._trimmed(goal, *best))
            goal = stronger
            self.planned += self.recipe.steps

    def _attempt(self, goal: Goal, init: Fit | None) -> tuple[Quantised, Coded]:
        """The state that comes nearest to a goal, and its file."""
        recipe = self.recipe
        tuning, state = self._tuned(goal, recipe.steps, recipe.rdoq_passes, init)
        best = last = state, self.code(state)
        for _ in range(recipe.corrections):
            index = goal.correction(last[0].header.step_index, last[1])
            if index is None:
                break
            state = self._corrected(tuning, index)
            last = state, self.code(state)
            if goal.prefers(last[1], best[1]):
                best = last
        return best

    def _flat(self) -> Encoding:
        """An image of one colour is its background."""
        none = no_symbols(self.header.channels)
        goal = self._bytes_goal(None) if self._rate[0] in ("bpp", "max_bytes") else StepGoal(0, 0)
        return self._landed(goal, Quantised(self.header, none))

    def _goal(self, init: Fit | None) -> Goal:
        name, value = self._rate
        given = None if init is None else len(init.mean)
        if name in ("bpp", "max_bytes"):
            return self._bytes_goal(given)
        transform = color_transform(self.header.channels)
        spectrum = Spectrum(self.planes, self.header.background_color, transform)
        if name == "gaussians":
            if given not in (None, value):
                raise OptionError(
                    f"gaussians {value} contradicts the {given} of the fit to continue from"
                )
            return StepGoal(int(value), spectrum.index_of_gaussians(int(value)))
        if name == "quality":
            index = goals.index_of_quality(int(value))
            return StepGoal(given or spectrum.gaussians(index), index)
        return self._psnr_goal(spectrum, float(value), init)

    @property
    def _rate(self) -> tuple[str, float]:
        return self.options.rate or ("quality", goals.DEFAULT_QUALITY)

    def _bytes_goal(self, given: int | None) -> BytesGoal:
        name, value = self._rate
        pixels = self.header.width * self.header.height
        limit = int(value) if name == "max_bytes" else math.floor(value * pixels / 8.0)
        none = Quantised(self.header, no_symbols(self.header.channels))
        overhead = len(self.code(none).data)
        count = max(8.0 * (limit - overhead), 0.0) / self.recipe.gaussian_bits
        count = min(max(round(count), 1), most_gaussians(pixels))
        return BytesGoal(given or count, limit, overhead, name, value, pixels)

    def _psnr_goal(self, spectrum: Spectrum, psnr: float, init: Fit | None) -> Goal:
        """Aim with a short encoding: what it misses by, the transform estimate missed by."""
        given = None if init is None else len(init.mean)
        index = spectrum.index_of_psnr(psnr)
        probe = StepGoal(given or spectrum.gaussians(index), index)
        recipe = self.recipe
        steps = min(
            max(round(recipe.probe_share * recipe.steps), recipe.probe_min_steps), recipe.steps
        )
        self.planned += steps
        _, state = self._tuned(probe, steps, min(recipe.rdoq_passes, 1), init)
        gain = recipe.probe_gain * math.log2(recipe.steps / steps)
        missed = psnr - self.code(state).psnr - gain
        if math.isfinite(missed):
            index = spectrum.index_of_psnr(spectrum.psnr(index) + missed)
        return PsnrGoal(given or spectrum.gaussians(index), index, psnr, self._foreseen)

    def _foreseen(self, tuning: Tuning, share: float) -> float:
        """The PSNR in dB to which a tuning leads, of which `share` is done."""
        recipe = self.recipe
        state = tuning.symbols_at(tuning.header.step_index)
        swept = self._searched(state, min(recipe.rdoq_passes, 1))
        before, after = tuning.psnr_of(state), tuning.psnr_of(swept)
        more = recipe.qat_gain * self._longer(recipe.steps) * (1.0 - share)
        return after + (recipe.rdoq_gain + more) * (after - before)

    def _tuned(
        self, goal: Goal, steps: int, sweeps: int, init: Fit | None
    ) -> tuple[Tuning, Quantised]:
        """Fit, or take a fit, tune it and search; `steps` are those of fit and tuning."""
        recipe = self.recipe
        fit = gaussian_fit_on(
            self.backend,
            self.planes,
            "l2" if self.weight_at is None else self.options.tune,
            self.objective,
            self.header.background_color,
            COVARIANCES["log"],
            recipe,
        )
        float_steps = recipe.float_steps(steps)
        schedule = Schedule(recipe, steps, float_steps, self._longer(steps))
        if init is None:
            rng = np.random.default_rng(self.options.seed)
            run(fit, self.planes, goal.gaussians, float_steps, schedule, rng, self._tick)
        else:
            fit.adam.append(init.log_rows())
        tuning = Tuning(fit, recipe, self._header_after(fit))

        def choose(share: float) -> int:
            return goal.choose(tuning, share)

        def rate(step: int) -> float:
            return schedule.rate(float_steps + step)

        shares = goal.chooses_at(recipe)
        tuned = tuning.run(steps - float_steps, rate, shares, choose, self._tick)
        return tuning, self._searched(tuned, sweeps)

    def _corrected(self, tuning: Tuning, index: int) -> Quantised:
        """Tune on for a little at another step index."""
        recipe = self.recipe
        steps = max(round(recipe.correction_share * recipe.steps), 1)
        highest = recipe.correction_lr * self._longer(recipe.steps)

        def rate(step: int) -> float:
            return highest * (1.0 - step / steps)

        tuned = tuning.correct(steps, rate, index, self._tick)
        return self._searched(tuned, recipe.rdoq_passes)

    def _trimmed(self, goal: Goal, state: Quantised, coded: Coded) -> Quantised:
        if not self.recipe.rdoq_passes:
            return state
        return trimmed(self.planes, goal, state, coded, self.code, self.recipe.rdoq_lambda)

    def _searched(self, state: Quantised, sweeps: int) -> Quantised:
        """What a search over neighbouring symbols makes of a state."""
        header, symbols = state
        if sweeps:
            price = self.recipe.rdoq_lambda
            symbols = searched(self.planes, header, symbols, price, sweeps)
        return Quantised(header, symbols)

    def _landed(self, goal: Goal, state: Quantised) -> Encoding:
        """Leave out as many of the least valuable Gaussians as the goal allows or asks for."""
        order = np.argsort(-self._worth(state), kind="stable")

        def kept(dropped: int) -> Quantised:
            # A file without Gaussians has no step.
            header = state.header if dropped < len(order) else self.header
            return Quantised(header, state.symbols.take(order[: len(order) - dropped]))

        dropped, coded = goal.land(lambda n: self.code(kept(n)), len(order))
        header, symbols = kept(dropped)
        seen = dequantise(header, symbols)
        splats = splats_of(seen, seen.factor())
        error = self.objective.sse(splats, header.background_color.astype(np.float32))
        return Encoding(coded.data, psnr_from_sse(error, self.planes.size), self.iterations)

    def _worth(self, state: Quantised) -> Float64:
        """By how much the loss grows without each Gaussian alone, float64 (N,)."""
        header, symbols = state
        seen = dequantise(header, symbols)
        background = header.background_color.astype(np.float32)
        _, drawn = self.objective.step(splats_of(seen, seen.factor()), background)
        return removal_costs(seen, drawn, self.weight_at)

    def _longer(self, steps: int) -> float:
        # What stands for MS-SSIM between comparisons does not hold as far.
        longer = self.recipe.learning_rate_factor(steps)
        return longer if self.weight_at is None else math.sqrt(longer)

    def _header_after(self, fit: GaussianFit) -> Header:
        """A header whose step is a first guess: about nine times the error of a value."""
        error = 10.0 ** (-min(fit.draw_error(fit.splats()), 60.0) / 20.0)
        return replace(self.header, step_index=nearest_step_index(9.0 * error))

    def _tick(self, loss: SupportsFloat, count: int) -> None:
        self.iterations += 1
        if self.progress and self.iterations % _TICK_STEPS == 0:
            done, text = min(self.iterations, self.planned), f"{count} Gaussians"
            if self.weight_at is None:
                text += f", {psnr_from_sse(float(loss), self.planes.size):.2f} dB"
            self.progress(done, self.planned, text)
