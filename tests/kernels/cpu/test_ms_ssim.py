"""The MS-SSIM loss against float64 matrices: value, gradient, weights; and its surrogate."""

import numpy as np
import pytest

from gsic.metrics import ms_ssim
from gsic_kernels.cpu.losses.ms_ssim import MsSsimLoss
from gsic_kernels.cpu.losses.ms_ssim_surrogate import Surrogate
from gsic_kernels.cpu.losses.window import BAND

# Written out once more: the tests do not share the constants of what they test.
EXPONENTS = np.array([0.0448, 0.2856, 0.3001, 0.2363, 0.1333])
SHAPES = [(1, 1, 2), (1, 40, 3), (13, 9, 1), (23, 50, 4), (BAND + 61, 47, 1)]


def images(shape: tuple[int, ...], seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Make a target and an error, planar with a pitch of W + 3, float32 (H, C, W + 3)."""
    rng = np.random.default_rng(seed)
    height, width, channels = shape
    target = np.zeros((height, channels, width + 3), np.float32)
    error = np.zeros_like(target)
    y, x = np.mgrid[0:height, 0:width]
    waves = 0.5 + 0.3 * np.sin(x / 5 + y / 9) * np.cos(y / 4)
    for c in range(channels):
        target[:, c, :width] = waves + rng.uniform(-0.1, 0.1, waves.shape)
        error[:, c, :width] = rng.normal(0, 0.05, waves.shape) - 0.3 * (waves - 0.5)
    return target, error


def inside(side: int) -> np.ndarray:
    """Make the windows as rows of a matrix, cut off at the ends and normalised."""
    distance = np.arange(side)[:, None] - np.arange(side)
    taps = np.exp(-(distance**2) / (2 * 1.5**2)) * (abs(distance) <= 5)
    return taps / taps.sum(axis=1, keepdims=True)


def plane_ms_ssim(x: np.ndarray, y: np.ndarray) -> float:
    """Compute MS-SSIM of two float64 planes with windows that are cut off at the border."""
    count = 1
    while count < 5 and min(x.shape) >> count >= 11:
        count += 1
    exponents = EXPONENTS[:count] / EXPONENTS[:count].sum()
    result = 1.0
    for k, exponent in enumerate(exponents):
        down, across = (inside(side) for side in x.shape)
        mx, my, mxx, myy, mxy = (down @ p @ across.T for p in (x, y, x * x, y * y, x * y))
        terms = 2 * (mxy - mx * my) + 9e-4
        terms /= mxx - mx**2 + myy - my**2 + 9e-4
        if k == count - 1:
            terms *= (2 * mx * my + 1e-4) / (mx**2 + my**2 + 1e-4)
        result *= terms.mean() ** exponent
        rows, columns = (side // 2 * 2 for side in x.shape)
        x, y = (
            p[:rows, :columns].reshape(rows // 2, 2, columns // 2, 2).mean((1, 3)) for p in (x, y)
        )
    return float(result)


def total_loss(target: np.ndarray, error: np.ndarray, width: int) -> float:
    """Compute H x W x (1 - MS-SSIM), added over the channels."""
    total = 0.0
    for c in range(target.shape[1]):
        y = target[:, c, :width].astype(np.float64)
        total += 1 - plane_ms_ssim(y + error[:, c, :width], y)
    return total * target.shape[0] * width


def unit(model: MsSsimLoss, target: np.ndarray, error: np.ndarray, width: int) -> float:
    return model.measure(error, np.zeros_like(target)) / total_loss(target, error, width)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_values_are_those_of_the_definition(shape: tuple[int, ...]) -> None:
    """A constant factor, the same for every error, is free."""
    target, error = images(shape)
    model = MsSsimLoss(target, shape[1], 1)
    units = [unit(model, target, scale * error, shape[1]) for scale in (0.5, 1.0, 1.5)]
    np.testing.assert_allclose(units, units[0], rtol=2e-4)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_gradients_agree_with_finite_differences(shape: tuple[int, ...]) -> None:
    target, error = images(shape)
    model = MsSsimLoss(target, shape[1], 1)
    gradient = np.zeros_like(target)
    value = model.measure(error, gradient)
    scale = value / total_loss(target, error, shape[1])
    rng = np.random.default_rng(1)
    for smooth in (False, True):
        way = np.zeros(target.shape)
        way[..., : shape[1]] = 1.0 if smooth else rng.normal(size=(*target.shape[:2], shape[1]))
        more, less = (
            scale * total_loss(target, error + sign * 1e-4 * way, shape[1]) for sign in (1, -1)
        )
        slope = 2 * (gradient.astype(np.float64) * way).sum()
        assert slope == pytest.approx((more - less) / 2e-4, rel=2e-3, abs=1e-5 * value)
    assert not gradient[..., shape[1] :].any()


def test_the_value_of_a_large_image_is_close_to_the_metric() -> None:
    """They differ in the windows at the border, which the metric leaves out."""
    y, x = np.mgrid[0:400, 0:380] / 400
    target = 0.5 + 0.2 * np.sin(40 * x * y) + 0.1 * np.sin(150 * y)
    seen = target + 0.03 * np.sin(90 * x)
    planes, error = (p.astype(np.float32)[:, None] for p in (target, seen - target))
    model = MsSsimLoss(planes, 380, 1)
    ours = 1 - total_loss(planes, error, 380) / target.size
    assert unit(model, planes, error, 380) == pytest.approx(
        unit(model, planes, 0.5 * error, 380), rel=1e-4
    )
    assert ours == pytest.approx(ms_ssim(target, seen), abs=2e-3)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_weights_have_a_mean_of_one(
    shape: tuple[int, ...],
) -> None:
    target, _ = images(shape)
    weights = MsSsimLoss(target, shape[1], 1).compute_weights()
    assert weights[..., : shape[1]].mean() == pytest.approx(1.0, abs=1e-5)
    assert (weights[..., : shape[1]] > 0).all()
    assert not weights[..., shape[1] :].any()


def test_weights_are_small_where_there_is_texture() -> None:
    target = np.full((40, 1, 80), 0.5, np.float32)
    target[..., 40:] += np.random.default_rng(0).uniform(-0.3, 0.3, (40, 1, 40)).astype(np.float32)
    weights = MsSsimLoss(target, 80, 1).compute_weights()
    assert weights[..., :30].min() > 5 * weights[..., 50:].max()


def test_an_error_of_0_has_no_loss_and_no_gradient() -> None:
    target, error = images((30, 20, 3))
    gradient = np.full_like(target, 9.0)
    assert MsSsimLoss(target, 20, 1).measure(0 * error, gradient) == pytest.approx(0, abs=1e-3)
    assert abs(gradient[..., :20]).max() < 1e-6


def test_results_do_not_depend_on_threads() -> None:
    target, error = images((2 * BAND + 5, 33, 3))
    seen = []
    for threads in (1, 2, 4):
        gradient = np.zeros_like(target)
        seen.append((MsSsimLoss(target, 33, threads).measure(error, gradient), gradient))
    assert seen[0][0] == seen[1][0] == seen[2][0]
    assert all(np.array_equal(seen[0][1], gradient) for _, gradient in seen)


def quadratic(surrogate: Surrogate, error: np.ndarray) -> float:
    exact = error.astype(np.float64)
    terms = surrogate.weights * exact**2 + 2 * surrogate.offsets * exact
    return float(terms.sum()) + surrogate.constant


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_the_surrogate_has_the_value_and_the_gradient_of_the_loss(share: float) -> None:
    target, error = images((40, 37, 3))
    surrogate = Surrogate(target, 37, share, 2, 1)
    gradient = np.zeros_like(target)
    value = (1 - share) * MsSsimLoss(target, 37, 1).measure(error, gradient)
    value += share * float((error.astype(np.float64) ** 2).sum())
    surrogate.follow(error)
    assert quadratic(surrogate, error) == pytest.approx(value, rel=1e-5)
    slopes = surrogate.weights * error + surrogate.offsets
    np.testing.assert_allclose(slopes, (1 - share) * gradient + share * error, atol=1e-5)
    kept = surrogate.offsets.copy()
    assert not surrogate.is_due
    surrogate.skip()
    assert surrogate.is_due
    surrogate.follow(2 * error)
    assert not surrogate.is_due
    assert share == 1.0 or not np.array_equal(surrogate.offsets, kept)


def test_the_weight_at_a_position_is_that_of_the_nearest_pixel() -> None:
    """Also for positions outside the image, where the weights of the planes are 0."""
    target, _ = images((20, 30, 3))
    surrogate = Surrogate(target, 30, 0.1, 8, 1)
    at = surrogate.weight_at(
        np.array([[0.2, 0.9], [29.5, 19.5], [-8.0, 99.0], [4.9, 7.0], [41.0, -3.0]])
    )
    where = [(0, 0), (19, 29), (19, 0), (7, 4), (0, 29)]
    np.testing.assert_allclose(at, [surrogate.weights[i, :, j].mean() for i, j in where], rtol=1e-6)
    assert at.min() > 0.0
