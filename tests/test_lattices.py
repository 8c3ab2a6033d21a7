"""Gaussians of an image become Gaussians on lattices, and gradients come back."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gsic.gaussians import CovarianceEntries
from gsic.lattices import LatticeGaussians, choose_levels, choose_levels_of_entries
from gsic_kernels import reference
from gsic_kernels.constants import LEVELS_MAX
from gsic_kernels.types import Gradients, Window

BLACK = np.zeros(3, np.float32)


def entries_of(thinner: np.ndarray, aspect: np.ndarray, angle: np.ndarray) -> CovarianceEntries:
    """Compute covariance entries from the smaller standard deviation, aspect and direction."""
    major, minor = (thinner * aspect) ** 2, thinner**2
    cos, sin = np.cos(angle), np.sin(angle)
    return CovarianceEntries(
        (major - minor) * cos * sin, major * sin**2 + minor * cos**2, major * minor
    )


def wide_gaussians(
    count: int, seed: int, thinner: tuple[float, float] = (1.0, 40.0)
) -> tuple[np.ndarray, CovarianceEntries, np.ndarray, np.ndarray]:
    """Draw means in an image of 160 x 120 px, entries, colours and cutoffs."""
    rng = np.random.default_rng(seed)
    sigma = np.exp(rng.uniform(*np.log(thinner), count))
    entries = entries_of(sigma, np.exp(rng.uniform(0, 1.5, count)), rng.uniform(0, math.pi, count))
    mean = rng.uniform(0, (160, 120), (count, 2))
    return mean, entries, rng.uniform(-0.5, 1.0, (count, 3)), np.full(count, 9.0)


@pytest.mark.parametrize("level", range(LEVELS_MAX))
def test_a_level_begins_at_a_standard_deviation_of_a_power_of_two(level: int) -> None:
    """FORMAT.md 7.4: level L from 2^L px on along the thinner axis, exactly."""
    log_ratio = np.array([0.0, 0.5, 3.0])
    log_scale = 2.0 * level + log_ratio
    assert choose_levels(log_scale, log_ratio).tolist() == [level] * 3
    below = np.nextafter(log_scale, -np.inf) if level else log_scale
    assert choose_levels(below, log_ratio).tolist() == [max(level - 1, 0)] * 3


def test_levels_are_limited() -> None:
    log_scale = np.array([-3.4, -1e-9, 0.0, 2.0 * LEVELS_MAX, 28.0])
    level = choose_levels(log_scale, np.zeros(5))
    assert level.dtype == np.int32
    assert level.tolist() == [0, 0, 0, LEVELS_MAX - 1, LEVELS_MAX - 1]


@given(st.floats(0.3, 200.0), st.floats(1.0, 64.0), st.floats(0.0, math.pi))
def test_entries_have_the_level_of_their_thinner_axis(
    thinner: float, aspect: float, angle: float
) -> None:
    entries = entries_of(*(np.array([value]) for value in (thinner, aspect, angle)))
    expected = min(max(math.log2(thinner), 0.0), LEVELS_MAX - 1.0)
    (level,) = choose_levels_of_entries(entries)
    assert level == math.floor(expected) or abs(expected - round(expected)) < 1e-6


def test_level_0_is_the_gaussian_itself() -> None:
    mean, entries, color, cutoff = wide_gaussians(30, 0)
    drawn = LatticeGaussians(mean, entries, color, cutoff, np.zeros(30, np.int32))
    assert np.array_equal(drawn.mean, mean)
    assert np.array_equal(drawn.color, color)
    for name, entry in drawn.entries._asdict().items():
        np.testing.assert_allclose(entry, getattr(entries, name), rtol=1e-15, err_msg=name)
    assert np.array_equal(drawn.splats.offset, np.exp(-cutoff).astype(np.float32))


@pytest.mark.parametrize("level", range(LEVELS_MAX))
def test_the_integral_is_kept(level: int) -> None:
    """It is 2 pi color sqrt(det Sigma), and a cell of the lattice counts for 4^L px."""
    mean, entries, color, cutoff = wide_gaussians(30, 1, (2.0**level, 2.0 ** (level + 1)))
    drawn = LatticeGaussians(mean, entries, color, cutoff, np.full(30, level, np.int32))
    before = color * np.sqrt(entries.det)[:, None]
    after = drawn.color * np.sqrt(drawn.entries.det)[:, None] * 4.0**level
    np.testing.assert_allclose(after, before, rtol=1e-12)


@pytest.mark.parametrize("level", range(1, 5))
def test_enlarging_adds_the_variance_that_was_taken(level: int) -> None:
    """The moments of a picture are those of the Gaussian, without a cut."""
    side = 2.0**level
    mean = np.array([[80.3, 61.9]]) * side / 8
    entries = entries_of(np.array([1.02 * side]), np.array([1.3]), np.array([0.6]))
    gaussian = LatticeGaussians(
        mean, entries, np.ones((1, 1)), np.array([16.0]), np.full(1, level, np.int32)
    )
    splats = gaussian.splats._replace(offset=np.zeros(1, np.float32))
    window = Window(0, 0, int(20 * side), int(16 * side))
    image = reference.render_sum(splats, window, BLACK[:1])[:, :, 0]
    x, y = np.arange(window.width) + 0.5, np.arange(window.height) + 0.5
    total = image.sum()
    assert total == pytest.approx(2 * math.pi * math.sqrt(entries.det[0]), rel=1e-4)
    center = (image * x).sum() / total, (image * y[:, None]).sum() / total
    np.testing.assert_allclose(center, mean[0], atol=1e-3 * side)
    dx, dy = x - center[0], y[:, None] - center[1]
    s12 = (image * dx * dy).sum() / total
    s22 = (image * dy * dy).sum() / total
    assert s12 == pytest.approx(entries.s12[0], abs=2e-3 * side**2)
    assert s22 == pytest.approx(entries.s22[0], rel=2e-3)


@pytest.mark.parametrize("seed", range(3))
def test_the_picture_is_nearly_that_of_plain_gaussians(seed: int) -> None:
    mean, entries, color, cutoff = wide_gaussians(60, seed)
    color *= 0.3
    level = choose_levels_of_entries(entries)
    assert len(set(level.tolist())) >= 5
    window = Window(0, 0, 160, 120)
    on_lattices, plain = (
        reference.render_sum(
            LatticeGaussians(mean, entries, color, cutoff, chosen).splats, window, BLACK
        )
        for chosen in (level, np.zeros_like(level))
    )
    difference = 255 * (on_lattices - plain)
    assert np.sqrt((difference**2).mean()) < 0.2
    assert np.abs(difference).max() < 3.0


@pytest.mark.parametrize("name", ["mean", "s12", "s22", "log_det", "color"])
def test_gradients_are_finite_differences(name: str) -> None:
    """Of a random linear function of what a kernel takes, in float64."""
    mean, entries, color, cutoff = wide_gaussians(24, 3)
    level = choose_levels_of_entries(entries)
    assert set(level.tolist()) >= {0, 1, 2, 3}
    rng = np.random.default_rng(4)
    slopes = Gradients(*(rng.normal(size=(24, k)).astype(np.float32) for k in (2, 3, 3)))

    def value(change: float) -> np.ndarray:
        """Change every Gaussian by so much; return the function of each."""
        s12, s22, det = entries
        moved = CovarianceEntries(
            s12 + change * (name == "s12"),
            s22 + change * (name == "s22"),
            det * math.exp(change * (name == "log_det")),
        )
        drawn = LatticeGaussians(
            mean + change * (name == "mean"),
            moved,
            color + change * (name == "color"),
            cutoff,
            level,
        )
        arrays = drawn.mean, drawn.factor, drawn.color
        return sum((a * s).sum(axis=1) for a, s in zip(arrays, slopes, strict=True))

    drawn = LatticeGaussians(mean, entries, color, cutoff, level)
    by_mean, by_entries, by_color = drawn.backward(slopes)
    gradient = {
        "mean": by_mean.sum(axis=1),
        "color": by_color.sum(axis=1),
        "s12": by_entries.s12,
        "s22": by_entries.s22,
        "log_det": by_entries.det,
    }[name]
    numeric = (value(1e-5) - value(-1e-5)) / 2e-5
    np.testing.assert_allclose(gradient, numeric, rtol=1e-5, atol=1e-7 * np.abs(numeric).max())
