"""Quantisation-aware training: gradients, what Gaussians are worth, steps, the best state."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from fit_images import Float32, planes_of
from numpy.typing import NDArray

from gsic.encoders.gsic.budget import estimate_removal_costs
from gsic.encoders.gsic.qat import Qat, solve_bits, split_steps
from gsic.encoders.gsic.recipe import EncodeRecipe
from gsic.fitting.adam_state_gpu import make_gaussian_fit
from gsic.fitting.losses import make_loss
from gsic.gaussians import COVARIANCES
from gsic.profiles.gsic.code_lengths import estimate_bits
from gsic.profiles.gsic.dequantisation import dequantise_gaussians
from gsic.profiles.gsic.quantisation import classify, quantise
from gsic.profiles.gsic.symbols import MAX_STEP_INDEX, Header, Symbols, find_step_index
from gsic_kernels import registry
from gsic_kernels.types import Window

Float64 = NDArray[np.float64]

BACKEND = registry.get("cpu")
# Not the defaults, which change with what is measured.
RECIPE = EncodeRecipe(
    lr_shift=0.1,
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


def qat_of(planes: Float32, count: int, steps: int = 60, step: float = 0.1, **settings: Any) -> Qat:
    """The training that follows a short float fit."""
    recipe = replace(RECIPE, **settings)
    height, width, channels = planes.shape
    levels = np.rint(255 * planes.mean(axis=(0, 1), dtype=np.float64))
    header = Header(
        width, height, channels, find_step_index(step), tuple(int(level) for level in levels)
    )
    loss = make_loss(BACKEND, planes, "l2", 1)
    background, log = header.background_color, COVARIANCES["log"]
    fit = make_gaussian_fit(BACKEND, planes, "l2", loss, background, log, recipe, on_lattices=True)
    fit.place_first(planes, count, np.random.default_rng(0))
    for _ in range(steps):
        fit.step(1.0)
    return Qat(fit, recipe, header)


def squared_error(qat: Qat, header: Header, symbols: Symbols) -> float:
    """Of what a decoder draws of symbols."""
    seen = dequantise_gaussians(header, symbols)
    background = header.background_color.astype(np.float32)
    return qat.fit.loss.sse(seen.place_on_lattices().splats, background)


def test_a_step_follows_what_a_decoder_would_draw() -> None:
    """The loss of a step is that of its own symbols, not that of the floats."""
    qat = qat_of(planes_of(32, 48), 30, step=0.4)
    loss, state = qat.step(0.0)
    quantised = squared_error(qat, *state)
    background = qat.header.background_color.astype(np.float32)
    floats = qat.fit.loss.sse(qat.fit.make_splats(), background)
    assert loss == pytest.approx(quantised, rel=1e-6)
    assert abs(quantised - floats) > 0.05 * floats


def test_qat_gains_over_rounding() -> None:
    qat = qat_of(planes_of(32, 48), 60, step=0.2)
    index = qat.header.step_index
    rounded = squared_error(qat, *qat.symbols_at(index))
    qat.freeze(index)
    tuned = qat.train([0.5] * 80, lambda *_: None)
    assert squared_error(qat, *tuned) < 0.85 * rounded


@pytest.mark.parametrize("offset", [0.0, 0.15])
@pytest.mark.parametrize("sigma", [2.0, 4.0])
def test_what_one_gaussian_is_worth(sigma: float, offset: float) -> None:
    """The squared error grows by that when it goes; `offset` is what it errs by in colour."""
    color, theta = np.array([[0.4, -0.2, 0.3]]), np.array([[2 * math.log(sigma), 0.3, 0.0]])
    header = Header(64, 64, 3, find_step_index(0.002), (128, 128, 128))
    mean = np.array([[31.3, 32.9]])
    symbols = quantise(header, classify(header.step, theta, color), mean, theta, color)
    seen = dequantise_gaussians(header, symbols)
    placed = seen.place_on_lattices()
    splats = placed.splats
    background = header.background_color.astype(np.float32)
    without = splats._replace(color=np.zeros_like(splats.color))
    window = Window(0, 0, 64, 64)
    noise = np.random.default_rng(0).normal(0, 0.01, (64, 64, 3)).astype(np.float32)
    nearly = splats._replace(color=splats.color * np.float32(1 - offset))
    target = BACKEND.render_sum(nearly, window, background) + noise
    loss = make_loss(BACKEND, np.clip(target, 0, 1), "l2", 1)
    _, drawn = loss.step(splats, background)
    (cost,) = estimate_removal_costs(seen, placed.backward(drawn)[2])
    actual = loss.sse(without, background) - loss.sse(splats, background)
    assert cost == pytest.approx(actual, rel=0.02)


def test_nothing_to_tune() -> None:
    qat = qat_of(planes_of(16, 16), 0)
    state = qat.train([1.0] * 20, lambda *_: None)
    assert len(qat.fit) == len(state.symbols) == 0
    assert solve_bits(qat, 100.0) == 0


def test_the_best_state_since_the_last_choice_is_kept() -> None:
    """At rates so high that the loss jumps up and down."""
    qat = qat_of(planes_of(32, 48), 40)
    losses: list[float] = []
    for step in (0.2, 0.05):
        qat.freeze(find_step_index(step))
        best = qat.train([8.0] * 30, lambda loss, _: losses.append(loss))
    assert len(losses) == 60
    least = min(losses[30:])
    # The first state of all had less, but it belongs to the step before.
    assert losses[0] < least
    assert max(losses[30:]) > 1.05 * least
    assert best.header.step_index == find_step_index(0.05)
    assert squared_error(qat, *best) == pytest.approx(least, rel=1e-6)


def test_compiled_steps_are_those_of_numpy() -> None:
    """Their symbols, their losses and where they move the Gaussians."""
    compiled, plain = (qat_of(planes_of(32, 48), 60) for _ in range(2))
    plain.fit.compiled = None
    assert compiled.fit.compiled
    for _ in range(8):
        (loss, state), (expected, wanted) = (qat.step(0.5) for qat in (compiled, plain))
        assert loss == pytest.approx(expected, rel=1e-9)
        assert state.header == wanted.header
        assert not state.symbols.find_differences(wanted.symbols).any()
        values = compiled.fit.adam.values
        np.testing.assert_allclose(values, plain.fit.adam.values, rtol=1e-7, atol=1e-9)


def test_classes_stay_between_choices() -> None:
    qat = qat_of(planes_of(32, 48), 40)
    first, second = (qat.step(1.0)[1].symbols for _ in range(2))
    np.testing.assert_array_equal(first.position_class, second.position_class)
    np.testing.assert_array_equal(first.amplitude_class, second.amplitude_class)
    qat.freeze(qat.header.step_index - 128)
    third = qat.step(1.0)[1].symbols
    # Steps of a quarter: two classes more precise.
    assert np.median(third.position_class - second.position_class) == 2
    assert np.median(third.amplitude_class - second.amplitude_class) == 2


def test_a_correction_goes_on_at_another_step() -> None:
    qat = qat_of(planes_of(32, 48), 40)
    qat.freeze(find_step_index(0.4))
    coarse = qat.train([0.1] * 10, lambda *_: None)
    qat.freeze(find_step_index(0.05))
    fine = qat.train([0.1] * 10, lambda *_: None)
    assert fine.header.step_index < coarse.header.step_index
    assert squared_error(qat, *fine) < squared_error(qat, *coarse)
    assert estimate_bits(*fine) > estimate_bits(*coarse)


@pytest.mark.parametrize("start", [0, 500, MAX_STEP_INDEX])
@pytest.mark.parametrize("per_gaussian", [20, 28, 60])
def test_bits_are_solved_for(per_gaussian: int, start: int) -> None:
    qat = qat_of(planes_of(48, 64), 80)
    qat.freeze(start)
    target = 80.0 * per_gaussian
    index = solve_bits(qat, target)
    assert 0.97 * target < estimate_bits(*qat.symbols_at(index)) <= target


def test_bits_beyond_the_scale() -> None:
    qat = qat_of(planes_of(16, 16), 10)
    assert solve_bits(qat, 1e9) == 0
    index = solve_bits(qat, 1.0)
    assert len(qat.symbols_at(index).symbols) == 0 or index == MAX_STEP_INDEX


@pytest.mark.parametrize("steps", [1, 2, 3, 5, 60])
def test_steps_are_split_where_the_step_index_is_chosen(steps: int) -> None:
    shares = (0.7, 0.0, 0.15, 0.3, 0.5)
    parts = split_steps(steps, shares)
    assert [step for _, part in parts for step in part] == list(range(steps))
    assert all(len(part) > 0 for _, part in parts)
    for share, part in parts:
        assert share in shares
        assert int(share * steps) == part[0]
    # Of shares that fall on one step the largest counts.
    assert parts[-1][0] == 0.7
    assert split_steps(10, (0.5,)) == [(0.0, range(5)), (0.5, range(5, 10))]


@pytest.mark.parametrize("steps", [1, 2, 3, 5])
def test_every_step_is_told(steps: int) -> None:
    qat = qat_of(planes_of(16, 16), 10)
    told: list[tuple[float, int]] = []
    qat.train([1.0] * steps, lambda loss, count: told.append((float(loss), count)))
    assert [count for _, count in told] == [10] * steps
    assert len({loss for loss, _ in told}) == steps
