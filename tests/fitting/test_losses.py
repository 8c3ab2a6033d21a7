"""Losses of a fit against float64 scenes, plain loops for SSIM, and finite differences."""

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from gsic.errors import OptionError
from gsic.fitting.losses import make_loss
from gsic.gaussians import CholeskyCovariance, compute_factor
from gsic.options import LOSSES
from gsic_kernels import reference, registry
from gsic_kernels.types import Splats, Window, round_splats

BACKEND = registry.get("cpu")

# Weights of the sums of squared and absolute errors and of values x (1 - SSIM).
MIXES = {
    "l2": (1.0, 0.0, 0.0),
    "l1": (0.0, 1.0, 0.0),
    "ssim": (0.0, 0.0, 1.0),
    "l1+ssim": (0.0, 0.7, 0.3),
    "l2+ssim": (0.7, 0.0, 0.3),
}

SIZES = [(1, 1), (1, 9), (7, 1), (2, 30), (11, 12), (23, 17)]


def ssim(a: np.ndarray, b: np.ndarray) -> float:
    """Wang et al. 2004 in loops: float64 (H, W, C), 0..1, windows of at most 11 x 11, inside."""
    height, width, channels = a.shape
    rows, columns = min(11, height), min(11, width)
    y, x = (np.arange(n) - (n - 1) / 2 for n in (rows, columns))
    weight = np.exp(-(y[:, None] ** 2 + x[None, :] ** 2) / (2 * 1.5**2))
    weight /= weight.sum()
    c1, c2 = 0.01**2, 0.03**2
    values = []
    for channel in range(channels):
        for top in range(height - rows + 1):
            for left in range(width - columns + 1):
                place = np.s_[top : top + rows, left : left + columns, channel]
                u, v = a[place], b[place]
                mu, mv = (weight * u).sum(), (weight * v).sum()
                su, sv = (weight * (u - mu) ** 2).sum(), (weight * (v - mv) ** 2).sum()
                suv = (weight * (u - mu) * (v - mv)).sum()
                luminance = (2 * mu * mv + c1) / (mu**2 + mv**2 + c1)
                values.append(luminance * (2 * suv + c2) / (su + sv + c2))
    return float(np.mean(values))


def loss_of(name: str, image: np.ndarray, target: np.ndarray) -> float:
    squared, absolute, structure = MIXES[name]
    clamped = np.clip(image, 0.0, 1.0)
    error = clamped - target
    value = squared * (error**2).sum() + absolute * np.abs(error).sum()
    return float(value + (structure * error.size * (1 - ssim(clamped, target)) if structure else 0))


def gaussians(height: int, width: int, channels: int, seed: int = 0) -> tuple[Splats, np.ndarray]:
    """A few broad Gaussians, float64, that stay inside 0..1 with their background."""
    rng = np.random.default_rng([seed, height, width, channels])
    count = 6
    lower = rng.uniform([2.0, -2.0, 2.0], [6.0, 2.0, 6.0], (count, 3))
    cutoff = np.full(count, 14.0)
    splats = Splats(
        rng.uniform(-1, 1, (count, 2)) + rng.uniform(0, [width, height], (count, 2)),
        compute_factor(CholeskyCovariance().entries(lower)),
        rng.uniform(-0.07, 0.07, (count, channels)),
        cutoff,
        np.exp(-cutoff),
        np.zeros(count, np.int32),
    )
    return splats, rng.uniform(0.45, 0.55, channels)


def rounded(splats: Splats) -> Splats:
    return round_splats(*splats)


def scene(height: int, width: int, channels: int = 3) -> tuple[Splats, np.ndarray, np.ndarray]:
    """Gaussians in float32, their background, and a target that no pixel is within 0.02 of."""
    splats, background = gaussians(height, width, channels)
    splats, background = rounded(splats), background.astype(np.float32)
    rng = np.random.default_rng(height + width)
    image = reference.render_sum(splats, Window(0, 0, width, height), background)
    away = rng.choice([-1, 1], image.shape) * rng.uniform(0.02, 0.3, image.shape)
    target = np.clip(image + away, 0.0, 1.0).astype(np.float32)
    return splats, background, target


def test_every_loss_is_tested() -> None:
    assert sorted(MIXES) == sorted(LOSSES)


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("name", LOSSES)
def test_the_value_is_that_of_the_definition(name: str, size: tuple[int, int]) -> None:
    height, width = size
    for channels in (1, 2, 3, 4):
        splats, background, target = scene(height, width, channels)
        image = reference.render_sum(splats, Window(0, 0, width, height), background)
        loss = make_loss(BACKEND, target, name, 1)
        value, gradients = loss.step(splats, background)
        assert value == pytest.approx(loss_of(name, image, target.astype(float)), rel=2e-5)
        assert all(array.dtype == np.float32 for array in gradients)
        error = np.clip(image, 0, 1) - target
        np.testing.assert_allclose(loss.error()[:], error, atol=1e-6)
        assert loss.sse(splats, background) == pytest.approx((error**2).sum(), rel=1e-5)


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("name", LOSSES)
def test_gradients_are_finite_differences(name: str, size: tuple[int, int]) -> None:
    """Differences of float64 losses of float64 renderings, against float32 kernels."""
    height, width = size
    splats, background, target = scene(height, width, 2)
    window, exact = Window(0, 0, width, height), target.astype(np.float64)
    _, gradients = make_loss(BACKEND, target, name, 1).step(splats, background)
    wide = Splats(*(array.astype(np.float64) for array in splats[:5]), splats.level)
    rng = np.random.default_rng(1)
    for field, gradient in zip(gradients._fields, gradients, strict=True):
        value = getattr(wide, field)
        # Mixed directions, and a few single coordinates.
        ways = [rng.normal(size=value.shape) for _ in range(3)]
        for index in rng.choice(value.size, 3, replace=False):
            ways.append(np.zeros(value.shape))
            ways[-1].flat[index] = 1.0
        for way in ways:
            h = 1e-4 * (np.abs(value).max() / np.abs(way).max())
            ahead, behind = (
                loss_of(
                    name,
                    reference.render_sum(
                        wide._replace(**{field: value + s * way}), window, background
                    ),
                    exact,
                )
                for s in (h, -h)
            )
            scale = np.abs(gradient.astype(np.float64) * way).sum()
            got = float((gradient.astype(np.float64) * way).sum())
            assert got == pytest.approx((ahead - behind) / (2 * h), abs=1e-3 * scale + 1e-6), field


def test_gradients_are_not_those_of_another_loss() -> None:
    """The differences above tell losses apart: gradients differ by ten times their error."""
    splats, background, target = scene(23, 17, 2)
    steps = [make_loss(BACKEND, target, name, 1).step(splats, background)[1] for name in LOSSES]
    colors = [np.array(step.color) for step in steps]
    for i, one in enumerate(colors):
        for other in colors[:i]:
            assert np.abs(one - other).max() > 1e-2 * max(np.abs(one).max(), np.abs(other).max())


@pytest.mark.parametrize(("a", "b"), [(0.2, 0.2), (0.1, 0.9), (0.0, 1.0), (0.5, 0.4)])
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_ssim_of_flat_images_compares_their_means(
    size: tuple[int, int], a: float, b: float
) -> None:
    target = np.full((*size, 1), b, np.float32)
    value, _ = make_loss(BACKEND, target, "ssim", 1).step(
        rounded(gaussians(*size, 1)[0])._replace(color=np.zeros((6, 1), np.float32)),
        np.array([a], np.float32),
    )
    expected = (2 * a * b + 0.01**2) / (a * a + b * b + 0.01**2)
    assert value / target.size == pytest.approx(1 - expected, abs=2e-4)


def test_ssim_is_symmetric_and_one_for_equal_images() -> None:
    from gsic.fitting.ssim import Similarity

    rng = np.random.default_rng(0)
    a, b = (rng.uniform(0, 1, (19, 24, 3)).astype(np.float32) for _ in range(2))
    value, gradient = Similarity(a, 1).compare(a)
    assert value == pytest.approx(1.0, abs=1e-6)
    # The variance of equal images is a difference of float32 numbers: not exactly flat here.
    assert np.abs(gradient).max() < 1e-6
    forth, back = Similarity(a, 1).compare(b)[0], Similarity(b, 1).compare(a)[0]
    assert forth == pytest.approx(back, abs=1e-6)
    assert forth == pytest.approx(ssim(a.astype(float), b.astype(float)), abs=1e-5)
    assert abs(forth) < 0.2


@pytest.mark.parametrize("name", LOSSES)
def test_a_pixel_far_over_white_still_pulls(name: str) -> None:
    splats, background, _ = scene(16, 16, 1)
    splats = splats._replace(color=np.full((6, 1), 5.0, np.float32))
    rng = np.random.default_rng(0)
    target = rng.uniform(0.2, 0.5, (16, 16, 1)).astype(np.float32)
    loss = make_loss(BACKEND, target, name, 1)
    _, gradients = loss.step(splats, background)
    np.testing.assert_allclose(loss.error()[:], 1 - target, atol=1e-6)  # all of it is over white
    assert gradients.color.sum() > 0
    assert (gradients.color != 0).all()


@pytest.mark.parametrize("name", LOSSES)
def test_descent_descends(name: str) -> None:
    splats, background, target = scene(23, 17)
    loss = make_loss(BACKEND, target, name, 1)
    before, gradients = loss.step(splats, background)
    step = np.float32(0.02 / np.abs(gradients.color).max())
    after, _ = loss.step(splats._replace(color=splats.color - step * gradients.color), background)
    assert after < before


@pytest.mark.parametrize("name", LOSSES)
def test_one_object_serves_calls_that_mix(name: str) -> None:
    splats, background, target = scene(23, 17)
    fewer = Splats(*(array[:2] for array in splats))
    loss = make_loss(BACKEND, target, name, 2)
    fresh = make_loss(BACKEND, target, name, 1)
    first = loss.step(splats, background)[0]
    loss.step(fewer, background)
    error = loss.sse(splats, background)
    assert np.array_equal(loss.error()[:] ** 2, fresh_error(fresh, splats, background) ** 2)
    assert error == fresh.sse(splats, background)
    assert loss.step(splats, background)[0] == first
    assert len(loss.step(fewer, background)[1].mean) == 2


def fresh_error(loss: Any, splats: Splats, background: np.ndarray) -> np.ndarray:
    loss.step(splats, background)
    return np.array(loss.error()[:])


@pytest.mark.parametrize("name", LOSSES)
def test_no_gaussians_at_all(name: str) -> None:
    splats, background, target = scene(5, 6)
    value, gradients = make_loss(BACKEND, target, name, 1).step(
        Splats(*(array[:0] for array in splats)), background
    )
    flat = np.broadcast_to(background.astype(float), target.shape)
    assert value == pytest.approx(loss_of(name, flat, target.astype(float)), rel=2e-5)
    assert [len(array) for array in gradients] == [0, 0, 0]


def test_exact_images_cost_nothing() -> None:
    splats, background, _ = scene(13, 14)
    target = BACKEND.render_sum(splats, Window(0, 0, 14, 13), background)
    for name in LOSSES:
        value, _ = make_loss(BACKEND, target, name, 1).step(splats, background)
        assert abs(value) < 1e-6 * target.size


def test_an_unknown_loss_is_refused() -> None:
    with pytest.raises(OptionError, match="loss must be one of l2, l1, ssim"):
        make_loss(BACKEND, np.zeros((3, 3, 1), np.float32), "l3", 1)


def test_torch_keeps_its_number_of_threads() -> None:
    import torch

    before = torch.get_num_threads()
    splats, background, target = scene(12, 13)
    for threads in (1, 2, 3):
        make_loss(BACKEND, target, "ssim", threads).step(splats, background)
        assert torch.get_num_threads() == before


def test_torch_is_loaded_for_ssim_alone() -> None:
    code = (
        "import sys, numpy as np, gsic.fitting.api; from gsic.fitting.losses import make_loss; "
        "from gsic_kernels import registry; image = np.zeros((4, 4, 1), np.float32); "
        "[make_loss(registry.get('cpu'), image, name, 1) for name in ('l2', 'l1')]; "
        "assert 'torch' not in sys.modules; "
        "make_loss(registry.get('cpu'), image, 'ssim', 1); assert 'torch' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_sums_scale_with_the_image() -> None:
    """Losses are sums, so that the same noise on four times the pixels costs four times as much."""
    rng = np.random.default_rng(0)
    none = round_splats(*(np.zeros(shape) for shape in ((0, 2), (0, 3), (0, 1), (0,), (0,))))
    grey = np.full(1, 0.5, np.float32)
    small, large = (
        np.clip(0.5 + 0.1 * rng.normal(size=(side, side, 1)), 0, 1).astype(np.float32)
        for side in (60, 120)
    )
    for name in LOSSES:
        ratio = (
            make_loss(BACKEND, large, name, 1).step(none, grey)[0]
            / make_loss(BACKEND, small, name, 1).step(none, grey)[0]
        )
        assert ratio == pytest.approx(4.0, rel=0.1)
