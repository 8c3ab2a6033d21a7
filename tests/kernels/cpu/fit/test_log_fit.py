"""Compiled steps: splats, gradients, Adam and bounds against NumPy and finite differences."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from gsic.arrays import Float64
from gsic.encoders.gsic.recipe import EncodeRecipe
from gsic.fitting.adam_state import FIT_MAX_ASPECT, FIT_MIN_SIGMA_PX, GaussianFit
from gsic.fitting.losses import make_loss
from gsic.gaussians import COVARIANCES, LogCovariance
from gsic.lattices import LatticeGaussians, choose_levels_of_entries
from gsic.profiles.gsic.dequantisation import dequantise_gaussians, make_log_grid
from gsic.profiles.gsic.quantisation import classify, quantise
from gsic.profiles.gsic.symbols import Header, Symbols
from gsic_kernels import registry
from gsic_kernels.backend import FitConstants
from gsic_kernels.cpu.fit.log_fit import LogFit
from gsic_kernels.cpu.runtime import pool
from gsic_kernels.cpu.sums.lattices import divide_window
from gsic_kernels.types import F32, Gradients, Splats, Window

CPU = registry.get("cpu")
LOG = LogCovariance()
WIDTH, HEIGHT = 70, 45


def make_rows(count: int, channels: int, seed: int = 0) -> Float64:
    """Parameters of Gaussians of all sizes, some of them off the image, and some invisible."""
    rng = np.random.default_rng(seed)
    rows = np.empty((count, 5 + channels))
    rows[:, :2] = rng.uniform((-12, -12), (WIDTH + 12, HEIGHT + 12), (count, 2))
    rows[:, 2] = 2.0 * rng.uniform(math.log(0.4), math.log(90.0), count)
    rows[:, 3:5] = rng.normal(0.0, 0.8, (count, 2))
    rows[:, 5:] = rng.normal(0.0, 0.2, (count, channels))
    rows[::7, 3:5] = 0.0
    rows[::11, 3:5] *= 1e-5
    rows[::13, 5:] *= 1e-4
    LOG.clamp(rows[:, 2:5], FIT_MIN_SIGMA_PX, 200.0, FIT_MAX_ASPECT)
    return rows


def make_constants(channels: int, **changes: Any) -> FitConstants:
    return FitConstants(
        learning_rates=np.array([0.1, 0.1, 0.05, 0.05, 0.05] + [0.02] * channels),
        betas=(0.9, 0.99),
        min_log_scale=2.0 * math.log(FIT_MIN_SIGMA_PX),
        max_log_scale=2.0 * math.log(200.0),
        max_log_anisotropy=math.log(FIT_MAX_ASPECT),
        cutoff_divisor=2.5,
    )._replace(**changes)


class LinearLoss:
    """A loss that is a weighted sum of the arrays of splats, without any drawing."""

    def __init__(self, count: int, channels: int, hidden: Sequence[int] = ()) -> None:
        rng = np.random.default_rng(5)
        shapes = (count, 2), (count, 3), (count, channels)
        self.weights = Gradients(*(rng.normal(size=s).astype(np.float32) for s in shapes))
        self.shape = HEIGHT, WIDTH, channels
        self.splats: Splats
        self.boxes = np.zeros((count, 4), np.int32)
        self.boxes[list(hidden), 3] = -1

    def step_between(
        self,
        splats: Splats,
        background: F32,
        before: Callable[[Any], Sequence[pool.Step]],
        after: Callable[[Any, Gradients], Sequence[pool.Step]],
    ) -> float:
        workspace = SimpleNamespace(
            lattices=divide_window(Window(0, 0, WIDTH, HEIGHT), 8, 1), boxes=self.boxes
        )
        self.splats = splats
        pool.run(1, [*before(workspace), *after(workspace, self.weights)])
        pairs = zip(self.weights, splats[:3], strict=True)
        return sum(float((weight * array).sum()) for weight, array in pairs)


def start(
    rows: Float64, hidden: Sequence[int] = (), **changes: Any
) -> tuple[LinearLoss, LogFit, tuple[Float64, Float64, Float64, Float64]]:
    """A fit of a linear loss and its state."""
    count, channels = len(rows), rows.shape[1] - 5
    loss = LinearLoss(count, channels, hidden)
    constants = make_constants(channels, **changes)
    fit = LogFit(loss, np.zeros(channels, np.float32), constants, 8)  # type: ignore[arg-type]
    values, first, second = (np.array(array, order="F") for array in (rows, 0 * rows, 0 * rows))
    return loss, fit, (values, first, second, np.zeros(count))


def check_splats(splats: Splats, expected: Splats) -> None:
    """Compare arrays that were computed in float64 and rounded to float32."""
    np.testing.assert_array_equal(splats.level, expected.level)
    for name, array, wanted in zip(Splats._fields, splats, expected, strict=True):
        np.testing.assert_allclose(array, wanted, rtol=2e-7, atol=1e-12, err_msg=name)


def draw(rows: Float64, level: Any = None) -> LatticeGaussians:
    entries = LOG.entries(rows[:, 2:5])
    cutoff = np.log(np.maximum(255.0 * 2.5 * np.abs(rows[:, 5:]).max(axis=1), 1.0))
    level = choose_levels_of_entries(entries) if level is None else level
    return LatticeGaussians(rows[:, :2], entries, rows[:, 5:], cutoff, level)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_the_splats_are_those_of_the_formulas(channels: int) -> None:
    rows = make_rows(300, channels)
    loss, fit, state = start(rows)
    value = fit.step(state, 1.0)
    check_splats(loss.splats, draw(rows).splats)
    assert set(loss.splats.level) == set(range(7))
    pairs = zip(loss.weights, loss.splats[:3], strict=True)
    assert value == pytest.approx(sum(float((a * b).sum()) for a, b in pairs))


def test_a_fit_without_lattices_is_drawn_on_the_pixels() -> None:
    rows = make_rows(50, 3)
    loss, _, state = start(rows)
    fit = LogFit(loss, np.zeros(3, np.float32), make_constants(3), 1)  # type: ignore[arg-type]
    fit.step(state, 1.0)
    check_splats(loss.splats, draw(rows, np.zeros(50, np.int32)).splats)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_symbols_and_splats_are_those_of_the_format(channels: int) -> None:
    """With amplitudes that vanish, cells off the image, and shapes at their bounds."""
    rows = make_rows(300, channels)
    header = Header(WIDTH, HEIGHT, channels, 300, (0,) * channels)
    mean, theta, color = rows[:, :2], rows[:, 2:5], rows[:, 5:]
    classes = classify(header.step, theta, color)
    loss, fit, state = start(rows)
    got, grid = np.zeros((5 + channels, len(rows)), np.int64), make_log_grid(header)
    fit.step_rounded(state, 1.0, (classes.position, classes.amplitude), grid, got)
    expected = quantise(header, classes, mean, theta, color)
    symbols = Symbols(
        *(classes.position, classes.amplitude, got[:2].T, got[2], got[3:5].T, got[5:].T)
    )
    assert not symbols.find_differences(expected).any()
    seen = dequantise_gaussians(header, symbols)
    check_splats(loss.splats, seen.place_on_lattices().splats)
    assert (seen.cutoff <= 0).any()
    assert symbols.place.min() < 128


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_gradients_are_finite_differences(channels: int) -> None:
    """Without decay the first moment is the gradient, by the mean in the Gaussian's own frame."""
    rows = make_rows(120, channels, seed=1)
    loss, fit, state = start(rows, betas=(0.0, 0.99))
    fit.step(state, 1.0)
    level = loss.splats.level

    def measure(moved: Float64) -> Float64:
        """The loss of each Gaussian alone."""
        drawn = draw(moved, level)
        terms = zip(loss.weights, (drawn.mean, drawn.factor, drawn.color), strict=True)
        return sum((weight * array).sum(axis=1) for weight, array in terms)  # type: ignore[return-value]

    roots = LOG.roots(rows[:, 2:5])
    for k in range(5 + channels):
        step = np.zeros_like(rows)
        if k < 2:
            step[:, :2] = 1e-5 * roots[:, :, k]
        else:
            step[:, k] = 1e-5
        slope = (measure(rows + step) - measure(rows - step)) / 2e-5
        np.testing.assert_allclose(state[1][:, k], slope, rtol=2e-5, atol=1e-6)


def test_the_gradient_passes_straight_through_rounding() -> None:
    """It is the one at what was rounded."""
    rows = make_rows(120, 3, seed=2)
    header = Header(WIDTH, HEIGHT, 3, 400, (0,) * 3)
    classes = classify(header.step, rows[:, 2:5], rows[:, 5:])
    loss, fit, state = start(rows, betas=(0.0, 0.99))
    got, grid = np.zeros((8, len(rows)), np.int64), make_log_grid(header)
    fit.step_rounded(state, 1.0, (classes.position, classes.amplitude), grid, got)
    seen = dequantise_gaussians(
        header, quantise(header, classes, rows[:, :2], rows[:, 2:5], rows[:, 5:])
    )
    by_mean, by_entries, by_color = seen.place_on_lattices().backward(loss.weights)
    by_place = np.einsum("nij,nj->ni", LOG.roots(seen.theta), by_mean)
    expected = np.column_stack((by_place, LOG.backward(seen.theta, by_entries), by_color))
    np.testing.assert_allclose(state[1], expected, rtol=1e-9, atol=1e-12)


def test_gaussians_without_a_box_have_no_gradient() -> None:
    rows = make_rows(20, 3)
    loss, fit, state = start(rows, hidden=[3, 17])
    loss.weights.mean[3] = np.nan
    fit.step(state, 1.0)
    np.testing.assert_array_equal(state[1][[3, 17]], 0.0)
    np.testing.assert_array_equal(state[0][[3, 17]], rows[[3, 17]])
    assert (state[1][[2, 4, 18]] != 0.0).all()


def test_means_move_in_the_frame_of_their_gaussian() -> None:
    """The first step of Adam moves by the rate along both directions of the frame."""
    rows = make_rows(200, 3)
    _, fit, state = start(rows)
    fit.step(state, 1.0)
    moved = np.linalg.solve(LOG.roots(rows[:, 2:5]), (state[0] - rows)[:, :2, None])[:, :, 0]
    np.testing.assert_allclose(moved, -0.1 * np.sign(state[1][:, :2]), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("direction", [1.0, -1.0])
def test_shapes_stay_in_their_bounds(direction: float) -> None:
    """As `LogCovariance.clamp` keeps them."""
    rows = make_rows(200, 3)
    rates = np.array([0.0, 0.0, 5.0, 2.0, 2.0, 0.0, 0.0, 0.0])
    constants = make_constants(3, learning_rates=rates)
    _, fit, state = start(rows, learning_rates=rates)
    fit.step(state, direction)
    # After a first step of Adam, every parameter has moved by its rate.
    expected = rows - direction * rates * np.sign(state[1])
    LOG.clamp(expected[:, 2:5], FIT_MIN_SIGMA_PX, 200.0, FIT_MAX_ASPECT)
    np.testing.assert_allclose(state[0], expected, rtol=1e-6, atol=1e-6)
    m, rho = state[0][:, 2], np.hypot(state[0][:, 3], state[0][:, 4])
    for bound in (constants.min_log_scale, constants.max_log_scale):
        assert np.any(m == bound)
    assert rho.max() == pytest.approx(constants.max_log_anisotropy)


def make_fit(loss: str, channels: int, threads: int, compiled: bool) -> GaussianFit:
    rng = np.random.default_rng(channels)
    planes = (np.cumsum(rng.random((HEIGHT, WIDTH, channels)), axis=0) % 1.0).astype(np.float32)
    if loss == "surrogate":
        assert CPU.SurrogateLoss is not None
        of_fit = CPU.SurrogateLoss(planes, 0.2, 3, threads)
    else:
        of_fit = make_loss(CPU, planes, loss, threads)
    recipe = replace(EncodeRecipe(), growth_rounds=2)
    background = planes.mean(axis=(0, 1), dtype=np.float64)
    fit = GaussianFit(planes, of_fit, background, COVARIANCES["log"], recipe, on_lattices=True)
    if compiled:
        fit.compile_steps(CPU)
    fit.place_first(planes, 60, np.random.default_rng(0))
    return fit


@pytest.mark.parametrize(
    ("loss", "channels"), [("l2", 3), ("l1", 1), ("surrogate", 3), ("l2", 4), ("surrogate", 2)]
)
def test_steps_are_those_of_numpy(loss: str, channels: int) -> None:
    """While Gaussians are added, and grow so wide that the loss needs more lattices."""
    fits = [make_fit(loss, channels, 2, compiled) for compiled in (False, True)]
    for step in range(12):
        if step in (4, 7):
            for fit in fits:
                fit.adam.append(make_rows(30, channels, seed=step))
        losses = [float(fit.step(1.0 / (1 + step))) for fit in fits]
        assert losses[0] == pytest.approx(losses[1], rel=1e-9)
        np.testing.assert_allclose(fits[0].adam.values, fits[1].adam.values, rtol=1e-7, atol=1e-9)
    np.testing.assert_array_equal(fits[0].adam.state[3], fits[1].adam.state[3])
    np.testing.assert_allclose(*(fit.error()[:] for fit in fits), atol=1e-6)


@pytest.mark.parametrize("loss", ["l2", "surrogate"])
def test_threads_change_no_bit(loss: str) -> None:
    states = []
    for threads in (1, 2, 3):
        fit = make_fit(loss, 3, threads, compiled=True)
        fit.adam.append(make_rows(700, 3))
        for _ in range(4):
            fit.step(1.0)
        states.append([array.copy() for array in fit.adam.state])
    for state in states[1:]:
        for array, alone in zip(state, states[0], strict=True):
            np.testing.assert_array_equal(array, alone)


def test_no_gaussians_at_all() -> None:
    fit = make_fit("l2", 3, 2, compiled=True)
    fit.adam.keep(np.zeros(len(fit), bool))
    background = fit.background.astype(np.float32)
    assert fit.step(1.0) == pytest.approx(fit.loss.sse(fit.make_splats(), background))
    assert len(fit) == 0


def test_what_is_no_number_disturbs_no_other_gaussian() -> None:
    fits = [make_fit("l2", 3, 1, compiled=True) for _ in range(2)]
    fits[1].adam.append(np.full((3, 8), np.nan))
    losses = [float(fit.step(1.0)) for fit in fits]
    assert losses[0] == losses[1]
    np.testing.assert_array_equal(fits[0].adam.values, fits[1].adam.values[:-3])
