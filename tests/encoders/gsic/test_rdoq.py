"""RDOQ: claims of a pass against the oracle, costs that fall, corner cases."""

from dataclasses import replace

import numpy as np
import pytest
from fit_images import Float32, encoded, photo_cut, planes_of
from gsic_scenes import extremes, random_scene
from numpy.typing import NDArray
from random_symbols import find_places

from gsic.encoders.gsic.rdoq import code_lengths_of, run_rdoq
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
from gsic_kernels.cpu.rdoq.rdoq_pass import CodeLengths, RdoqImage
from gsic_kernels.types import LogSymbols, Window

Float64 = NDArray[np.float64]
WIDTH, HEIGHT = 44, 31


def drawn(header: Header, symbols: Symbols, *, on_lattices: bool = True) -> Float64:
    """What the oracle draws, float64 (H, W, C), not clamped."""
    seen = dequantise_gaussians(header, symbols)
    if not on_lattices:
        seen = replace(seen, level=np.zeros_like(seen.level))
    background = header.background_color.astype(np.float32)
    window = Window(0, 0, header.width, header.height)
    return reference.render_sum(seen.place_on_lattices().splats, window, background)


def squared_error(
    header: Header, symbols: Symbols, planes: Float32, *, on_lattices: bool = True
) -> float:
    """Of the clamped drawing of the oracle."""
    shown = np.clip(drawn(header, symbols, on_lattices=on_lattices), 0.0, 1.0)
    return float(((shown - planes) ** 2).sum())


def spent(lengths: CodeLengths, symbols: Symbols, before: Symbols) -> float:
    """Bits of those Gaussians that draw something, by the lengths of `before`."""
    bits, origins, lowest, highest, own = lengths
    there = symbols.color.any(axis=1)
    finer = bitstream.count_fine_bits_of(symbols) % 2 - bitstream.count_fine_bits_of(before) % 2
    values = pack_symbols(symbols)[4:].astype(np.int64)
    # What is coded of a log-scale is the difference to what the sides of the cell predict.
    values[0] += (finer << symbols.amplitude_class) >> 1
    values = np.clip(values, lowest, highest)
    return float((bits[origins + values].sum(axis=0) + own + finer)[there].sum())


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
    image = drawn(header, symbols, on_lattices=False).astype(np.float32)
    assert (image > 1.0).any()
    grid = LogSymbols(pack_symbols(symbols), make_log_grid(header))
    rdoq = RdoqImage(planes)
    for _ in range(4):
        before = symbols_of(grid.rows)
        lengths = code_lengths_of(header, before)
        done = rdoq.run_pass(grid, lengths, lambda_ * header.step**2, image)
        after = symbols_of(grid.rows)
        # A pass takes all Gaussians as drawn on the pixels.
        gained = squared_error(header, after, planes, on_lattices=False)
        gained -= squared_error(header, before, planes, on_lattices=False)
        assert done.sse == pytest.approx(gained, abs=2e-4)
        assert done.bits == pytest.approx(
            spent(lengths, after, before) - spent(lengths, before, before)
        )
        assert done.moves > 0
        assert done.sse + lambda_ * header.step**2 * done.bits < 0.0
        image = drawn(header, after, on_lattices=False).astype(np.float32)


def test_a_pass_changes_what_it_is_given_or_refuses() -> None:
    header, symbols = random_scene(WIDTH, HEIGHT, 3, 5, seed=2)
    image = drawn(header, symbols).astype(np.float32)
    grid = LogSymbols(pack_symbols(symbols), make_log_grid(header))
    lengths = code_lengths_of(header, symbols)
    rdoq = RdoqImage(np.zeros((HEIGHT, WIDTH, 3), np.float32))
    with pytest.raises(ValueError, match="must be contiguous"):
        rdoq.run_pass(grid._replace(rows=grid.rows[:, ::-1]), lengths, 1.0, image)
    with pytest.raises(ValueError, match="must be those of 2 channels"):
        RdoqImage(np.zeros((HEIGHT, WIDTH, 2), np.float32)).run_pass(grid, lengths, 1.0, image)
    with pytest.raises(ValueError, match="image must have shape"):
        rdoq.run_pass(grid, lengths, 1.0, image[:-1])


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
        find_places(
            np.array([1]), np.array([3]), np.array([[3, -2]]), np.array([[13, 11]]), np.array([0])
        ),
        np.array([17]),
        np.array([[3, -2]]),
        np.array([[9, -3, 2]]),
    )
    planes = drawn(header, truth).astype(np.float32)
    assert 0.0 < planes.min() < planes.max() < 1.0
    off = replace(
        truth,
        place=truth.place + np.array([128, -64]),
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
