"""The encoder of profile `gsic`: the stages from an image to a file that meets its rate.

An encoding is a float fit, quantisation-aware training (QAT) and RDOQ, after which the file is
coded. The step index is corrected until the file is near its target. At last Gaussians are left
out to meet the target exactly.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from gsic.encoders.base import Coded, EncodeJob, Encoding
from gsic.encoders.gsic.budget import fit_to_budget
from gsic.encoders.gsic.complexity import Complexity, most_gaussians_at_all
from gsic.encoders.gsic.context import EncoderContext
from gsic.encoders.gsic.pace import Speed, read_clock
from gsic.encoders.gsic.psnr_control import PsnrTarget, predict_psnr, trim_to_psnr
from gsic.encoders.gsic.qat import Qat, split_steps
from gsic.encoders.gsic.rate_control import (
    BytesTarget,
    StepTarget,
    Target,
    index_of_quality,
    make_bytes_target,
)
from gsic.encoders.gsic.rdoq import Rdoq
from gsic.encoders.gsic.recipe import LEAST_STEPS
from gsic.errors import OptionError
from gsic.fitting.adam_fit import Schedule, optimise
from gsic.fitting.adam_state import FIT_MIN_SIGMA_PX, GaussianFit
from gsic.fitting.adam_state_gpu import make_gaussian_fit
from gsic.fitting.placement import place_on_pixels
from gsic.gaussians import COVARIANCES
from gsic.profiles.gsic.dequantisation import make_color_transform
from gsic.profiles.gsic.symbols import Header, QuantisedImage, find_step_index

# How many steps are timed before an encoding that is given a time, and of how many Gaussians one is
# taken to time an RDOQ pass.
_TIMED_STEPS, _TIMED_EVERY = 4, 8


def encode(job: EncodeJob) -> Encoding:
    """Encode an image so that its file meets the rate that the job asks for.

    Raises:
        InputError: the rate is out of reach; the message names the nearest reachable value.
        OptionError: an unknown setting, or a number of Gaussians that contradicts the fit to
            continue from.
    """
    context = EncoderContext(job)
    if context.is_one_color():
        return _encode_background(context)
    if context.pace.is_limited:
        context.pace.speed = _measure_speed(context, _estimate_gaussians(context))
        context.choose_recipe()
    target = _choose_target(context)
    # A fit to continue from keeps its number of Gaussians.
    most = most_gaussians_at_all(context.pixels) if context.init is None else 0
    began = read_clock()
    context.expect_rest()
    state, coded = _attempt(context, target, paced=True)
    spent = read_clock() - began
    while (retry := target.retry_with_more(coded, most)) is not None:
        # A PSNR has to be reached, whatever time that takes.
        if isinstance(target, StepTarget) and not context.pace.allows_again(spent):
            break
        target = retry
        again = _attempt(context, target)
        if target.prefers(again[1], coded):
            state, coded = again
    if isinstance(target, PsnrTarget) and context.recipe.rdoq_passes:
        state = trim_to_psnr(context, target, state, coded)
    encoding = fit_to_budget(context, target, state)
    context.finish()
    return encoding


def _encode_background(context: EncoderContext) -> Encoding:
    """Encode an image of one colour: its file is a background and no Gaussians."""
    by_bytes = context.rate[0] in ("bpp", "max_bytes")
    target: Target = _make_bytes_target(context) if by_bytes else StepTarget(0, 0)
    return fit_to_budget(context, target, context.make_empty())


def _choose_target(context: EncoderContext) -> Target:
    """Choose the target of rate control, with its number of Gaussians and first step index."""
    name, value = context.rate
    given = context.initial_gaussians
    if name in ("bpp", "max_bytes"):
        return _make_bytes_target(context)
    complexity = _make_complexity(context)
    if name == "gaussians":
        if given not in (None, value):
            raise OptionError(
                f"gaussians {value} contradicts the {given} of the fit to continue from"
            )
        return StepTarget(int(value), complexity.index_of_gaussians(int(value)))
    if name == "quality":
        index = index_of_quality(int(value))
        gaussians = given or complexity.count_gaussians(index)
        # With fewer steps than any effort has, it is not Gaussians that are missing.
        enough = context.recipe.steps >= LEAST_STEPS
        return StepTarget(gaussians, index, complexity.find_need(index) if enough else None)
    index = _calibrate_step(context, complexity, float(value))
    gaussians = given or complexity.count_gaussians(index)
    planes, threads = context.planes, context.threads
    return PsnrTarget(
        gaussians, index, float(value), lambda qat, share: predict_psnr(planes, qat, share, threads)
    )


def _estimate_gaussians(context: EncoderContext) -> int:
    """Estimate the number of Gaussians that the target will ask for."""
    name, value = context.rate
    if context.initial_gaussians is not None:
        return context.initial_gaussians
    if name == "gaussians":
        return int(value)
    if name in ("bpp", "max_bytes"):
        return _make_bytes_target(context).gaussians
    complexity = _make_complexity(context)
    by_quality = name == "quality"
    index = index_of_quality(int(value)) if by_quality else complexity.index_of_psnr(value)
    return complexity.count_gaussians(index)


def _make_complexity(context: EncoderContext) -> Complexity:
    header = context.header
    transform = make_color_transform(header.channels)
    return Complexity(context.planes, header.background_color, transform)


def _make_bytes_target(context: EncoderContext) -> BytesTarget:
    """Return the target of a file size or a bitrate."""
    overhead = len(context.code(context.make_empty()).data)
    name, value = context.rate
    bits, given = context.recipe.gaussian_bits, context.initial_gaussians
    return make_bytes_target(name, value, context.pixels, overhead, bits, given)


def _calibrate_step(context: EncoderContext, complexity: Complexity, psnr: float) -> int:
    """Choose the step index for a PSNR in dB by the complexity estimate and a short probe encoding.

    What the probe misses the PSNR by, the estimate is taken to miss it by everywhere.
    """
    recipe = context.recipe
    index = complexity.index_of_psnr(psnr)
    gaussians = context.initial_gaussians or complexity.count_gaussians(index)
    steps = min(max(round(recipe.probe_share * recipe.steps), recipe.probe_min_steps), recipe.steps)
    passes = min(recipe.rdoq_passes, 1)
    context.plan(steps, passes)
    _, state = _fit_and_quantise(context, StepTarget(gaussians, index), steps, passes)
    # More steps will gain what the probe could not.
    gain = recipe.probe_gain * math.log2(recipe.steps / steps)
    missed = psnr - context.code(state).psnr - gain
    if not math.isfinite(missed):
        return index
    return complexity.index_of_psnr(complexity.predict_psnr(index) + missed)


def _attempt(
    context: EncoderContext, target: Target, *, paced: bool = False
) -> tuple[QuantisedImage, Coded]:
    """Encode once, and correct the step index until the file is near the target.

    Args:
        context: the image.
        target: what the file has to meet.
        paced: as for `_fit_and_quantise`.

    Returns:
        The symbols that came nearest to the target, and their file.
    """
    recipe = context.recipe
    context.plan(recipe.steps, recipe.rdoq_passes)
    qat, state = _fit_and_quantise(context, target, recipe.steps, recipe.rdoq_passes, paced=paced)
    best = last = state, context.code(state)
    for _ in range(recipe.corrections):
        index = target.correct_step(last[0].header.step_index, last[1])
        if index is None:
            break
        state = _correct(context, qat, index)
        last = state, context.code(state)
        if target.prefers(last[1], best[1]):
            best = last
    return best


def _fit_and_quantise(
    context: EncoderContext, target: Target, steps: int, passes: int, *, paced: bool = False
) -> tuple[Qat, QuantisedImage]:
    """Run the stages of one encoding: float fit, QAT, RDOQ.

    Args:
        context: the image.
        target: number of Gaussians, and the choice of the step index.
        steps: number of optimiser steps of float fit and QAT together.
        passes: largest number of RDOQ passes.
        paced: whether the steps of the QAT become more or fewer, so that the encoding ends in time.

    Returns:
        The QAT, which corrections go on with, and the symbols.
    """
    recipe = context.recipe
    float_steps = recipe.float_steps(steps)
    lr_factor = context.learning_rate_factor(steps)
    choices = target.list_choices(recipe)
    if context.has_one_per_pixel(target.gaussians):
        # They are in their places already, and the usual steps would carry them off.
        float_steps, lr_factor, choices = 0, recipe.correction_lr, ()
    schedule = Schedule(recipe, steps, float_steps, lr_factor)
    fit = _fit_floats(context, target.gaussians, float_steps, schedule)
    qat = Qat(fit, recipe, _guess_header(context, fit), lr_factor)
    for share, segment in split_steps(steps - float_steps, choices):
        planned, first = len(segment), float_steps + segment.start
        taken = context.pace.start_segment(planned, steps - first, recipe) if paced else planned
        context.plan(taken - planned)
        qat.freeze(target.choose_step(qat, share))
        places = (first + step * planned / taken for step in range(taken))
        factors = [schedule.learning_rate_factor(place) for place in places]
        state = qat.train(factors, context.count_step)
        if paced:
            context.pace.end_segment(taken)
    return qat, context.run_rdoq(state, passes)


def _fit_floats(
    context: EncoderContext, gaussians: int, steps: int, schedule: Schedule
) -> GaussianFit:
    """Fit unquantised Gaussians to the image, or take those that are there already."""
    fit = _make_fit(context)
    if context.init is not None:
        fit.adam.append(context.init.log_rows())
    elif context.has_one_per_pixel(gaussians):
        background, sigma = context.header.background_color, FIT_MIN_SIGMA_PX
        fit.adam.append(place_on_pixels(context.planes[:], background, COVARIANCES["log"], sigma))
    else:
        rng = np.random.default_rng(context.seed)
        optimise(fit, context.planes, gaussians, steps, schedule, rng, context.count_step)
    return fit


def _make_fit(context: EncoderContext) -> GaussianFit:
    """Return a fit without Gaussians."""
    return make_gaussian_fit(
        context.backend,
        context.planes,
        context.loss_name,
        context.loss,
        context.header.background_color,
        COVARIANCES["log"],
        context.recipe,
        on_lattices=True,
    )


def _guess_header(context: EncoderContext, fit: GaussianFit) -> Header:
    """Return a header with a first guess of the step: about nine times the error of a value."""
    error = 10.0 ** (-min(fit.measure_psnr(fit.make_splats()), 60.0) / 20.0)
    return replace(context.header, step_index=find_step_index(9.0 * error))


def _correct(context: EncoderContext, qat: Qat, index: int) -> QuantisedImage:
    """Train on for a little at another step index, then run RDOQ again."""
    recipe = context.recipe
    steps = context.correction_steps
    highest = recipe.correction_lr * qat.lr_factor
    context.plan_expected(steps, recipe.rdoq_passes)
    qat.freeze(index)
    state = qat.train([highest * (1.0 - step / steps) for step in range(steps)], context.count_step)
    return context.run_rdoq(state, recipe.rdoq_passes)


def _measure_speed(context: EncoderContext, gaussians: int) -> Speed:
    """Measure how fast this machine encodes the image, with Gaussians that are not trained yet."""
    fit = _make_fit(context)
    fit.place_first(context.planes, gaussians, np.random.default_rng(context.seed))
    qat = Qat(fit, context.recipe, _guess_header(context, fit))
    qat.step(0.0)  # may load kernels
    began = read_clock()
    for _ in range(_TIMED_STEPS):
        _, state = qat.step(0.0)
    stepped = read_clock()
    header, symbols = state
    some, one = (
        QuantisedImage(header, symbols.select(np.arange(0, len(symbols), every)))
        for every in (_TIMED_EVERY, len(symbols))
    )
    rdoq = Rdoq(context.planes, some.header, context.threads)
    # What runs for the first time loads kernels.
    rdoq.run_pass(one.symbols, context.recipe.rdoq_lambda)
    _ = context.code(one).psnr
    ready = read_clock()
    rdoq.run_pass(some.symbols, context.recipe.rdoq_lambda)
    passed = read_clock()
    _ = context.code(state).psnr
    coded = read_clock() - passed
    return Speed((stepped - began) / _TIMED_STEPS, _TIMED_EVERY * (passed - ready), coded)
