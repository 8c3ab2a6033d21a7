"""Quantisation-aware tuning: gradients, what Gaussians are worth, step sizes, the best state."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from fit_images import Float32, planes_of
from numpy.typing import NDArray

from gsic.encoders.gsic.qat import Tuning, removal_costs, solve_bits, splats_of
from gsic.encoders.gsic.recipe import EncodeRecipe
from gsic.fitting.adam_state import GaussianFit
from gsic.fitting.losses import objective
from gsic.gaussians import COVARIANCES, compute_factor
from gsic.profiles.gsic.bitstream import estimate_bits
from gsic.profiles.gsic.symbols import (
    MAX_STEP_INDEX,
    Header,
    Symbols,
    classify,
    dequantise,
    nearest_step_index,
    quantise,
)
from gsic_kernels import registry
from gsic_kernels.types import Window

Float64 = NDArray[np.float64]

BACKEND = registry.get("cpu")
# Not the defaults, which change with what is measured.
RECIPE = EncodeRecipe(
    lr_mean=0.35,
    lr_log=0.05,
    lr_color=0.015,
    beta1=0.9,
    beta2=0.99,
    uniform_share=0.2,
    initial_sigma=0.6,
    initial_strength=0.3,
    position_scale=1.0,
    shape_scale=1.0,
)


def tuning_of(
    planes: Float32, count: int, steps: int = 60, step: float = 0.1, **settings: Any
) -> Tuning:
    """Tuning of a short float fit."""
    recipe = replace(RECIPE, **settings)
    height, width, channels = planes.shape
    levels = np.rint(255 * planes.mean(axis=(0, 1), dtype=np.float64))
    header = Header(
        width, height, channels, nearest_step_index(step), tuple(int(level) for level in levels)
    )
    loss = objective(BACKEND, planes, "l2", 1)
    fit = GaussianFit(planes, loss, header.background_color, COVARIANCES["log"], recipe)
    fit.place_first(planes, count, np.random.default_rng(0))
    for _ in range(steps):
        fit.step(1.0)
    return Tuning(fit, recipe, header)


def squared_error(tuning: Tuning, header: Header, symbols: Symbols) -> float:
    """Of what a decoder draws of symbols."""
    seen = dequantise(header, symbols)
    background = header.background_color.astype(np.float32)
    return tuning.fit.objective.sse(splats_of(seen, compute_factor(seen.entries)), background)


def test_a_step_follows_what_a_decoder_would_draw() -> None:
    """The loss of a step is that of its own symbols, not that of the floats."""
    tuning = tuning_of(planes_of(32, 48), 30, step=0.4)
    loss, state = tuning.step(0.0)
    quantised = squared_error(tuning, *state)
    background = tuning.header.background_color.astype(np.float32)
    floats = tuning.fit.objective.sse(tuning.fit.splats(), background)
    assert loss == pytest.approx(quantised, rel=1e-6)
    assert abs(quantised - floats) > 0.05 * floats


def test_tuning_gains_over_rounding() -> None:
    tuning = tuning_of(planes_of(32, 48), 60, step=0.2)
    index = tuning.header.step_index
    rounded = squared_error(tuning, *tuning.symbols_at(index))
    tuned = tuning.run(80, lambda _: 0.5, (0.0,), lambda _: index, lambda *_: None)
    assert squared_error(tuning, *tuned) < 0.85 * rounded


@pytest.mark.parametrize("offset", [0.0, 0.15])
@pytest.mark.parametrize("sigma", [2.0, 4.0])
def test_what_one_gaussian_is_worth(sigma: float, offset: float) -> None:
    """The squared error grows by that when it goes; `offset` is what it errs by in colour."""
    color, theta = np.array([[0.4, -0.2, 0.3]]), np.array([[2 * math.log(sigma), 0.3, 0.0]])
    header = Header(64, 64, 3, nearest_step_index(0.002), (128, 128, 128))
    mean = np.array([[31.3, 32.9]])
    symbols = quantise(header, classify(header.step, theta, color), mean, theta, color)
    seen = dequantise(header, symbols)
    splats = splats_of(seen, compute_factor(seen.entries))
    background = header.background_color.astype(np.float32)
    without = splats._replace(color=np.zeros_like(splats.color))
    window = Window(0, 0, 64, 64)
    noise = np.random.default_rng(0).normal(0, 0.01, (64, 64, 3)).astype(np.float32)
    nearly = splats._replace(color=splats.color * np.float32(1 - offset))
    target = BACKEND.render_sum(nearly, window, background) + noise
    loss = objective(BACKEND, np.clip(target, 0, 1), "l2", 1)
    _, drawn = loss.step(splats, background)
    (cost,) = removal_costs(seen, drawn)
    actual = loss.sse(without, background) - loss.sse(splats, background)
    assert cost == pytest.approx(actual, rel=0.02)


def test_nothing_to_tune() -> None:
    tuning = tuning_of(planes_of(16, 16), 0)
    shares = tuning.recipe.choose_step_at
    state = tuning.run(20, lambda _: 1.0, shares, lambda _: 500, lambda *_: None)
    assert len(tuning.fit) == len(state.symbols) == 0
    assert solve_bits(tuning, 100.0) == 0


def test_the_best_state_since_the_last_choice_is_kept() -> None:
    """At rates so high that the loss jumps up and down."""
    tuning = tuning_of(planes_of(32, 48), 40)
    losses: list[float] = []
    choices: list[float] = []

    def choose(share: float) -> int:
        choices.append(share)
        return nearest_step_index(0.05 if share else 0.2)

    best = tuning.run(60, lambda _: 8.0, (0.0, 0.5), choose, lambda loss, _: losses.append(loss))
    assert choices == [0.0, 0.5]
    assert len(losses) == 60
    least = min(losses[30:])
    assert losses[0] > least
    assert max(losses[30:]) > 1.05 * least
    assert best.header.step_index == nearest_step_index(0.05)
    assert squared_error(tuning, *best) == pytest.approx(least, rel=1e-6)


def test_classes_stay_between_choices() -> None:
    tuning = tuning_of(planes_of(32, 48), 40)
    first, second = (tuning.step(1.0)[1].symbols for _ in range(2))
    np.testing.assert_array_equal(first.position_class, second.position_class)
    np.testing.assert_array_equal(first.amplitude_class, second.amplitude_class)
    tuning.freeze(tuning.header.step_index - 128)
    third = tuning.step(1.0)[1].symbols
    # Steps of a quarter: two classes more precise.
    assert np.median(third.position_class - second.position_class) == 2
    assert np.median(third.amplitude_class - second.amplitude_class) == 2


def test_a_correction_goes_on_at_another_step() -> None:
    tuning = tuning_of(planes_of(32, 48), 40)
    coarse = tuning.correct(10, lambda _: 0.1, nearest_step_index(0.4), lambda *_: None)
    fine = tuning.correct(10, lambda _: 0.1, nearest_step_index(0.05), lambda *_: None)
    assert fine.header.step_index < coarse.header.step_index
    assert squared_error(tuning, *fine) < squared_error(tuning, *coarse)
    assert estimate_bits(*fine) > estimate_bits(*coarse)


@pytest.mark.parametrize("start", [0, 500, MAX_STEP_INDEX])
@pytest.mark.parametrize("per_gaussian", [20, 28, 60])
def test_bits_are_solved_for(per_gaussian: int, start: int) -> None:
    tuning = tuning_of(planes_of(48, 64), 80)
    tuning.freeze(start)
    target = 80.0 * per_gaussian
    index = solve_bits(tuning, target)
    assert 0.97 * target < estimate_bits(*tuning.symbols_at(index)) <= target


def test_bits_beyond_the_scale() -> None:
    tuning = tuning_of(planes_of(16, 16), 10)
    assert solve_bits(tuning, 1e9) == 0
    index = solve_bits(tuning, 1.0)
    assert len(tuning.symbols_at(index)[1]) == 0 or index == MAX_STEP_INDEX


@pytest.mark.parametrize("steps", [1, 2, 3, 5])
def test_few_steps(steps: int) -> None:
    tuning = tuning_of(planes_of(16, 16), 10)
    told: list[float] = []
    shares = tuning.recipe.choose_step_at
    tuning.run(steps, lambda _: 1.0, shares, lambda _: 600, lambda loss, _: told.append(loss))
    assert len(told) == steps
