"""Integers to Gaussians in profile `gsic`: bounds, colours, and the cutoff of FORMAT.md."""

import math
from dataclasses import fields, replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from random_symbols import (
    LEAST,
    LN2,
    channel_counts,
    compute_axes,
    make_classes,
    make_floats,
    make_header,
    make_symbols,
    seeds,
)

from gsic.profiles.gsic.dequantisation import (
    clamp_log_anisotropy,
    dequantise_gaussians,
    make_color_transform,
    make_symbol_scene,
)
from gsic.profiles.gsic.quantisation import Classes, quantise
from gsic.profiles.gsic.symbols import (
    AMPLITUDE_CLASSES,
    MARGIN_PX,
    MAX_LOG_ANISOTROPY,
    MAX_LOG_SCALE,
    MAX_STEP_INDEX,
    MIN_SIGMA_PX,
    POSITION_CLASSES,
    Header,
    QuantisedImage,
    Symbols,
)
from gsic_kernels.constants import CUTOFF_MAX, LEVELS_MAX, SQUARE_BITS
from gsic_kernels.cpu.sums.dequantising import dequantise_symbols


@given(seeds, channel_counts)
def test_any_symbols_make_gaussians_inside_the_bounds(seed: int, channels: int) -> None:
    rng = np.random.default_rng(seed)
    header = make_header(rng, channels)
    got = dequantise_gaussians(header, make_symbols(rng, header, 60, 12.0))
    major, minor = compute_axes(got).T
    assert (minor >= MIN_SIGMA_PX * (1 - 1e-7)).all()
    assert (major / minor <= 2**MAX_LOG_ANISOTROPY * (1 + 1e-7)).all()
    assert (np.sqrt(major * minor) <= 2.0 ** (MAX_LOG_SCALE / 2) * (1 + 1e-7)).all()
    assert all(np.isfinite(getattr(got, field.name)).all() for field in fields(got))
    # Drawn anew from floats, with the bounds already applied, nothing moves by a step.
    size = np.array([header.width, header.height])
    assert (got.mean > -MARGIN_PX).all()
    square = 2.0 ** (SQUARE_BITS - min(POSITION_CLASSES))
    assert (got.mean < size + MARGIN_PX + square).all()


def test_the_largest_symbols_of_a_file_stay_finite() -> None:
    most = 2**30
    signs = np.array([[1, 1, 1], [-1, 1, -1], [1, -1, 0], [-1, -1, 1], [0, 1, 0]])
    for a in (AMPLITUDE_CLASSES[0], AMPLITUDE_CLASSES[-1]):
        for channels in (1, 2, 3, 4):
            for index in (0, MAX_STEP_INDEX):
                header = Header(1, 1, channels, index, (0,) * channels)
                symbols = Symbols(
                    np.full(5, -8),
                    np.full(5, a),
                    np.zeros((5, 2), np.int64),
                    most * signs[:, 0],
                    most * signs[:, 1:],
                    np.full((5, channels), most),
                )
                got = dequantise_gaussians(header, symbols)
                assert (np.abs(got.color) < 2.0**43).all()  # what FORMAT.md says
                assert (got.cutoff < 40).all()
                assert (compute_axes(got)[:, 1] >= MIN_SIGMA_PX * (1 - 1e-7)).all()
                assert (compute_axes(got)[:, 0] <= 2.0**17 * (1 + 1e-7)).all()


@given(seeds, channel_counts)
def test_the_cutoff_is_that_of_the_specification(seed: int, channels: int) -> None:
    """FORMAT.md 7.3 in whole numbers and fractions, from the symbols alone."""
    rng = np.random.default_rng(seed)
    header = make_header(rng, channels)
    symbols = make_symbols(rng, header, 40, 8.0)
    scale = np.exp2(rng.uniform(0, 26, 40)).astype(np.int64)
    color = symbols.color * scale[:, None] * rng.integers(0, 2, (40, 1))
    symbols = replace(symbols, color=color)
    cutoff = dequantise_gaussians(header, symbols).cutoff
    for row in range(40):
        m = Fraction(int(symbols.log_scale[row]) * 2, 2 ** int(symbols.amplitude_class[row]))
        m = min(max(m, Fraction(2 * math.log2(0.3))), Fraction(28))
        energy = min(sum(int(value) ** 2 for value in color[row]), 2**52)
        level = 32 * energy.bit_length() + header.step_index - 640 + 543 - math.floor(32 * m)
        expected = level * LN2 / 64 if energy else 0.0
        assert cutoff[row] == expected


@given(seeds, channel_counts)
def test_gaussians_end_where_they_are_invisible(seed: int, channels: int) -> None:
    """At the rim a Gaussian is 1 / 637.5 of full scale, or up to 1.5 times less."""
    rng = np.random.default_rng(seed)
    header = make_header(rng, channels)
    mean, theta, color = make_floats(rng, header, 40)
    symbols = quantise(header, make_classes(rng, 40), mean, theta, color)
    got = dequantise_gaussians(header, symbols)
    peak = np.sqrt((got.color**2).sum(axis=1))
    drawn = peak > 0
    assert (got.cutoff[~drawn] == 0).all()
    rim = 637.5 * peak[drawn] * np.exp(-got.cutoff[drawn])
    assert (rim <= 1.006).all()
    assert (rim >= 0.69).all()
    assert (got.cutoff[peak > 1.42 / 637.5] > 0).all()


def test_gaussians_are_seldom_cut_by_the_kernels() -> None:
    """A weight of CUTOFF_MAX is enough for colours up to thousands of full scale."""
    header = Header(100, 100, 1, 640, (0,))
    theta = np.zeros((1, 3))
    classes = Classes(np.zeros(1, int), np.full(1, 15))
    symbols = quantise(header, classes, np.full((1, 2), 50.0), theta, np.full((1, 1), 2000.0))
    assert 14 < dequantise_gaussians(header, symbols).cutoff[0] <= CUTOFF_MAX


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_colours_are_transformed_without_loss(channels: int) -> None:
    matrix = make_color_transform(channels)
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(channels), atol=1e-15)
    if channels < 3:
        assert np.array_equal(matrix, np.eye(channels))
        return
    coded = np.random.default_rng(0).normal(size=channels)
    red, green, blue, *alpha = coded @ matrix
    luma, opponent, other = coded[:3]  # as FORMAT.md 7.3 has them
    assert red == pytest.approx(luma / 3**0.5 + opponent / 2**0.5 + other / 6**0.5)
    assert green == pytest.approx(luma / 3**0.5 - 2 * other / 6**0.5)
    assert blue == pytest.approx(luma / 3**0.5 - opponent / 2**0.5 + other / 6**0.5)
    assert alpha == list(coded[3:])
    grey = matrix @ np.array([1.0, 1.0, 1.0, 0.0][:channels])
    np.testing.assert_allclose(grey[1:], 0, atol=1e-15)


@given(seeds)
def test_energy_of_a_gaussian_is_that_of_its_amplitudes(seed: int) -> None:
    """The sum of the squared symbols times the squared step is the energy, whatever the size."""
    rng = np.random.default_rng(seed)
    header = make_header(rng, 3)
    symbols = make_symbols(rng, header, 30, 1.0)
    got = dequantise_gaussians(header, symbols)
    major, minor = compute_axes(got).T
    energy = math.pi * major * minor * (got.color**2).sum(axis=1)
    expected = header.step**2 * (symbols.color.astype(float) ** 2).sum(axis=1)
    np.testing.assert_allclose(energy, expected, rtol=1e-6)


@given(seeds)
def test_bounds_keep_directions_and_what_is_inside(seed: int) -> None:
    theta = np.random.default_rng(seed).uniform([LEAST, -9, -9], [28, 9, 9], (40, 3))
    before = theta.copy()
    clamp_log_anisotropy(theta)
    rho, was = np.hypot(*theta[:, 1:].T), np.hypot(*before[:, 1:].T)
    assert (theta[:, 0] == before[:, 0]).all()
    limit = np.minimum(6, theta[:, 0] - LEAST)
    np.testing.assert_allclose(rho, np.minimum(was, limit), atol=1e-12)
    assert np.array_equal(theta[was <= limit, 1:], before[was <= limit, 1:])
    turned = theta[:, 1] * before[:, 2] - theta[:, 2] * before[:, 1]
    np.testing.assert_allclose(turned, 0, atol=1e-12)


@given(seeds)
def test_a_level_follows_from_the_thinner_axis(seed: int) -> None:
    rng = np.random.default_rng(seed)
    header = make_header(rng, 1)
    got = dequantise_gaussians(header, make_symbols(rng, header, 60, 3.0))
    exact = np.log2(compute_axes(got)[:, 1])
    expected = np.clip(np.floor(exact), 0, LEVELS_MAX - 1)
    # The axes are computed anew, so they may err to the other side of a power of two.
    sure = np.abs(exact - np.rint(exact)) > 1e-6
    assert np.array_equal(got.level[sure], expected[sure])


def test_a_level_begins_exactly_at_a_power_of_two() -> None:
    """Shapes are sums of integers and powers of two, so nothing is rounded before the level."""
    header = Header(100, 100, 1, 320, (0,))
    fine = 2**8  # steps of the log-scale per unit
    for level in range(1, LEVELS_MAX):
        # log2 of the smaller variance is m - |(u, v)|; here u = 3 / 2.
        log_scale = (2 * level + 1.5) * fine / 2 + np.array([-1, 0, 1])
        symbols = Symbols(
            np.zeros(3, np.int64),
            np.full(3, 8),
            np.zeros((3, 2), np.int64),
            log_scale.astype(np.int64),
            np.tile([[3 * fine // 4, 0]], (3, 1)),
            np.ones((3, 1), np.int64),
        )
        assert dequantise_gaussians(header, symbols).level.tolist() == [level - 1, level, level]


@given(seeds, channel_counts)
def test_the_kernel_dequantises_alike(seed: int, channels: int) -> None:
    """It computes in float64, too: splats agree but for the last bit, levels exactly."""
    rng = np.random.default_rng(seed)
    header = make_header(rng, channels)
    image = QuantisedImage(header, make_symbols(rng, header, 600, rng.choice([1.0, 3.0, 12.0])))
    expected = dequantise_gaussians(*image).place_on_lattices().splats
    symbols = make_symbol_scene(image).symbols
    got = dequantise_symbols(symbols)
    assert np.array_equal(got.level, expected.level)
    for name, one, other in zip(got._fields, got, expected, strict=True):
        assert one.dtype == other.dtype
        # Where the cutoff is negative nothing is drawn, and the offset says nothing.
        shown = expected.cutoff >= (0.0 if name == "offset" else -np.inf)
        np.testing.assert_allclose(one[shown], other[shown], rtol=2e-7, atol=1e-37, err_msg=name)
    shared = dequantise_symbols(symbols, threads=3)
    assert all(np.array_equal(one, other) for one, other in zip(got, shared, strict=True))
