"""RDOQ: claims of a pass against the oracle, costs that fall, corner cases."""

from dataclasses import replace

import numpy as np
import pytest
from fit_images import Float32, encoded, photo_cut, planes_of
from gsic_scenes import extremes, random_scene
from numpy.typing import NDArray

from gsic.encoders.gsic.rdoq import code_lengths_of, run_rdoq
from gsic.gaussians import compute_factor
from gsic.profiles.gsic import bitstream, code_lengths
from gsic.profiles.gsic.dequantisation import dequantise_gaussians, make_log_grid
from gsic.profiles.gsic.symbols import (
    Header,
    QuantisedImage,
    Symbols,
    make_empty_symbols,
    pack_symbols,
)
from gsic_kernels import reference
from gsic_kernels.cpu.rdoq.rdoq_pass import CodeLengths, run_rdoq_pass
from gsic_kernels.types import LogSymbols, Window, round_splats

Float64 = NDArray[np.float64]
WIDTH, HEIGHT = 44, 31


def drawn(header: Header, symbols: Symbols) -> Float64:
    """What the oracle draws, float64 (C, H, W), not clamped."""
    seen = dequantise_gaussians(header, symbols)
    splats = round_splats(
        seen.mean, compute_factor(seen.entries), seen.color, seen.cutoff, np.exp(-seen.cutoff)
    )
    background = header.background_color.astype(np.float32)
    window = Window(0, 0, header.width, header.height)
    return reference.render_sum(splats, window, background).transpose(2, 0, 1)


def squared_error(header: Header, symbols: Symbols, planes: Float32) -> float:
    """Of the clamped drawing of the oracle."""
    shown = np.clip(drawn(header, symbols), 0.0, 1.0)
    return float(((shown - planes.transpose(2, 0, 1)) ** 2).sum())


def spent(lengths: CodeLengths, symbols: Symbols) -> float:
    """Bits of those Gaussians that draw something."""
    bits, origins, lowest, highest, own = lengths
    there = symbols.color.any(axis=1)
    values = np.clip(pack_symbols(symbols)[4:], lowest, highest)
    return float((bits[origins + values].sum(axis=0) + own)[there].sum())


def symbols_of(rows: NDArray[np.int32]) -> Symbols:
    wide = rows.astype(np.int64)
    return Symbols(wide[0], wide[1], wide[2:4].T, wide[4], wide[5:7].T, wide[7:].T)


@pytest.mark.parametrize("lambda_", [1e-6, 0.2])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_a_pass_tells_what_it_changes(channels: int, lambda_: float) -> None:
    """Error against the oracle, with clamped pixels; bits against a count; the image it keeps."""
    header, symbols = random_scene(WIDTH, HEIGHT, channels, 60, seed=2)
    planes = planes_of(HEIGHT, WIDTH, channels)
    # Both ends of the scale, where drawings are clamped.
    planes = np.clip(2.5 * (planes - 0.5) + 0.5, 0.0, 1.0)
    lengths = code_lengths_of(header, symbols)
    image = np.ascontiguousarray(drawn(header, symbols), np.float32)
    assert (image > 1.0).any()
    grid = LogSymbols(pack_symbols(symbols), make_log_grid(header))
    target = np.ascontiguousarray(planes.transpose(2, 0, 1))
    for _ in range(4):
        before = symbols_of(grid.rows)
        done = run_rdoq_pass(grid, lengths, lambda_ * header.step**2, image, target)
        after = symbols_of(grid.rows)
        gained = squared_error(header, after, planes) - squared_error(header, before, planes)
        assert done.sse == pytest.approx(gained, abs=2e-4)
        assert done.bits == pytest.approx(spent(lengths, after) - spent(lengths, before))
        np.testing.assert_allclose(image, drawn(header, after), atol=2e-5)
        assert done.moves > 0
        assert done.sse + lambda_ * header.step**2 * done.bits < 0.0


def test_a_pass_changes_what_it_is_given_or_refuses() -> None:
    header, symbols = random_scene(WIDTH, HEIGHT, 3, 5, seed=2)
    image = drawn(header, symbols).astype(np.float32)
    assert not image.flags.c_contiguous
    target = np.zeros((3, HEIGHT, WIDTH), np.float32)
    grid = LogSymbols(pack_symbols(symbols), make_log_grid(header))
    lengths = code_lengths_of(header, symbols)
    with pytest.raises(ValueError, match="must be contiguous"):
        run_rdoq_pass(grid, lengths, 1.0, image, target)
    with pytest.raises(ValueError, match="must have 3 planes, got 2"):
        run_rdoq_pass(grid, lengths, 1.0, target[:2].copy(), target[:2])
    with pytest.raises(ValueError, match="image must have shape"):
        run_rdoq_pass(grid, lengths, 1.0, target[:, :-1].copy(), target)


def test_the_cost_falls_with_every_pass() -> None:
    header, symbols = random_scene(WIDTH, HEIGHT, 3, 80, seed=4)
    planes, lambda_ = planes_of(HEIGHT, WIDTH), 0.15
    costs = []
    for passes in range(5):
        found = run_rdoq(planes, QuantisedImage(header, symbols), lambda_, passes).symbols
        bits = code_lengths.estimate_bits(header, found)
        costs.append(squared_error(header, found, planes) + lambda_ * header.step**2 * bits)
    assert costs == sorted(costs, reverse=True)
    assert costs[1] < 0.9 * costs[0]


def test_neighbours_of_the_truth_find_back() -> None:
    """A Gaussian whose every symbol is one off, where the image is that Gaussian."""
    header = Header(40, 30, 3, 500, (90, 100, 110))
    truth = Symbols(
        np.array([1]),
        np.array([3]),
        np.array([[55, 46]]),
        np.array([17]),
        np.array([[3, -2]]),
        np.array([[9, -3, 2]]),
    )
    planes = np.ascontiguousarray(drawn(header, truth).transpose(1, 2, 0), np.float32)
    assert 0.0 < planes.min() < planes.max() < 1.0
    off = replace(
        truth,
        cell=truth.cell + np.array([1, -1]),
        log_scale=truth.log_scale + 1,
        log_anisotropy=truth.log_anisotropy + np.array([-1, 1]),
        color=truth.color + np.array([-1, 1, 1]),
    )
    found = run_rdoq(planes, QuantisedImage(header, off), 1e-3, 20).symbols
    assert squared_error(header, off, planes) > 1e-2
    np.testing.assert_array_equal(pack_symbols(found), pack_symbols(truth))


def test_what_does_not_pay_is_left_out() -> None:
    header, symbols = random_scene(WIDTH, HEIGHT, 3, 40, seed=1)
    planes = np.tile(header.background_color.astype(np.float32), (HEIGHT, WIDTH, 1))
    assert len(run_rdoq(planes, QuantisedImage(header, symbols), 1.0, 30).symbols) < 10
    assert len(run_rdoq(planes, QuantisedImage(header, symbols), 1e6, 1).symbols) == 0


def test_prices_are_those_of_the_file() -> None:
    for seed in range(3):
        header, symbols = random_scene(200, 150, 3, 500, seed)
        header, symbols = bitstream.canonicalise(QuantisedImage(header, symbols))
        lengths = code_lengths_of(header, symbols)
        expected = code_lengths.estimate_bits_by_attribute(header, symbols)
        bits = lengths.bits[lengths.origins + pack_symbols(symbols)[4:]].sum(axis=1)
        assert bits[0] == pytest.approx(expected["scale"], rel=0.01)
        assert bits[1:3].sum() == pytest.approx(expected["anisotropy"], rel=0.01)
        assert bits[3] == pytest.approx(expected["luma"], rel=0.01)
        assert bits[4:].sum() == pytest.approx(expected["chroma"], rel=0.01)
        # One key more or less is not a share of all of them.
        places = expected["position"] + expected["classes"]
        assert 0.85 * places < lengths.own.sum() <= places


def test_rdoq_of_nothing() -> None:
    header, _ = random_scene(WIDTH, HEIGHT, 3, 1, seed=0)
    image = QuantisedImage(header, make_empty_symbols(3))
    assert len(run_rdoq(planes_of(HEIGHT, WIDTH), image, 0.2, 3).symbols) == 0


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (30, 40)])
@pytest.mark.parametrize("count", [1, 5])
def test_few_gaussians_and_small_images(shape: tuple[int, int], count: int) -> None:
    header, symbols = random_scene(shape[1], shape[0], 3, count, seed=7)
    kept = run_rdoq(planes_of(*shape), QuantisedImage(header, symbols), 0.01, 4).symbols
    assert len(kept) <= count
    planes = planes_of(*shape)
    before, after = (squared_error(header, s, planes) for s in (symbols, kept))
    assert after <= before + 0.01 * header.step**2 * code_lengths.estimate_bits(header, symbols)


def test_the_corners_of_the_format_go_through_rdoq() -> None:
    header, symbols = extremes(23, 31)
    found = run_rdoq(planes_of(31, 23), QuantisedImage(header, symbols), 0.2, 2).symbols
    bitstream.write(QuantisedImage(header, found))


def test_what_was_given_stays() -> None:
    header, symbols = random_scene(WIDTH, HEIGHT, 3, 60, seed=3)
    planes = planes_of(HEIGHT, WIDTH)
    copies = pack_symbols(symbols), planes.copy()
    first, second = (
        run_rdoq(planes, QuantisedImage(header, symbols), 0.2, 3).symbols for _ in range(2)
    )
    np.testing.assert_array_equal(pack_symbols(first), pack_symbols(second))
    np.testing.assert_array_equal(pack_symbols(symbols), copies[0])
    np.testing.assert_array_equal(planes, copies[1])


@pytest.mark.parametrize("name", ["hats", "macaws"])
def test_rdoq_pays(name: str) -> None:
    """At the same bytes."""
    image = photo_cut(name)
    plain, found = (
        encoded(image, bpp=0.5, steps=300, settings={"rdoq_passes": passes}) for passes in (0, 3)
    )
    assert found.report.psnr > plain.report.psnr + 0.2
