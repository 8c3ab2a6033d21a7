"""Headers, steps and symbols of profile `gsic`."""

from dataclasses import fields

import numpy as np
import pytest
from random_symbols import are_equal, make_header, make_symbols

from gsic.profiles.gsic.dequantisation import (
    Dequantised,
    dequantise_gaussians,
)
from gsic.profiles.gsic.quantisation import Classes
from gsic.profiles.gsic.symbols import (
    MARGIN_PX,
    MAX_STEP_INDEX,
    POSITION_CLASSES,
    Header,
    QuantisedImage,
    Symbols,
    compute_step,
    count_squares,
    find_step_index,
    pack_symbols,
)


@pytest.mark.parametrize("size", [(1, 1), (768, 512), (8192, 8192), (17, 4000)])
def test_squares_cover_the_image_and_its_margin(size: tuple[int, int]) -> None:
    header = Header(*size, 1, 640, (0,))
    for p in POSITION_CLASSES:
        for cells, side in zip(count_squares(header, p), size, strict=True):
            assert cells * 0.5 ** (p - 2) >= side + 2 * MARGIN_PX
            assert (cells - 1) * 0.5 ** (p - 2) < side + 2 * MARGIN_PX


def test_steps_are_64_a_doubling() -> None:
    assert compute_step(640) == 1.0
    assert compute_step(0) == 2.0**-10
    assert compute_step(704) == pytest.approx(2.0)
    for index in range(MAX_STEP_INDEX + 1):
        step = compute_step(index)
        assert find_step_index(step) == index
        assert find_step_index(step * 2 ** (0.49 / 64)) == index
        assert find_step_index(step * 2 ** (-0.49 / 64)) == index
        assert Header(1, 1, 1, index, (0,)).step == step
    assert find_step_index(1e-300) == 0
    assert find_step_index(1e300) == MAX_STEP_INDEX


def test_backgrounds_are_of_full_scale() -> None:
    color = Header(1, 1, 3, 0, (0, 51, 255)).background_color
    np.testing.assert_allclose(color, [0, 0.2, 1], atol=1e-15)


def test_gaussians_are_replaced_one_by_one() -> None:
    rng = np.random.default_rng(0)
    header = make_header(rng, 3)
    one, other = (make_symbols(rng, header, 12, 20.0) for _ in range(2))
    assert one.find_differences(other).all()
    assert not one.find_differences(one).any()
    mixed = one.replace_rows(np.array([3, 7]), other)
    assert np.flatnonzero(mixed.find_differences(one)).tolist() == [3, 7]
    assert np.flatnonzero(~mixed.find_differences(other)).tolist() == [3, 7]
    assert are_equal(one.replace_rows(np.arange(12), other), other)


def test_taking_gaussians_takes_all_of_them() -> None:
    rng = np.random.default_rng(3)
    header = make_header(rng, 3)
    symbols = make_symbols(rng, header, 20, 1.0)
    classes = Classes(symbols.position_class, symbols.amplitude_class)
    mask = rng.uniform(size=20) < 0.4
    order = rng.permutation(20)
    for index in (mask, order):
        taken = symbols.select(index)
        for field in fields(Symbols):
            wanted = getattr(symbols, field.name)[index]
            assert np.array_equal(getattr(taken, field.name), wanted)
        whole, part = dequantise_gaussians(header, symbols), dequantise_gaussians(header, taken)
        for field in fields(Dequantised):
            wanted = getattr(whole, field.name)[index]
            np.testing.assert_allclose(getattr(part, field.name), wanted, rtol=1e-14)
    assert np.array_equal(classes.select(mask).position, symbols.position_class[mask])
    assert np.array_equal(classes.select(mask).amplitude, symbols.amplitude_class[mask])
    assert len(symbols) == 20


def test_symbols_and_rows_are_made_from_each_other() -> None:
    rng = np.random.default_rng(5)
    header = make_header(rng, 3)
    symbols = make_symbols(rng, header, 40, 2.0)
    rows = QuantisedImage(header, symbols).rows
    np.testing.assert_array_equal(rows, pack_symbols(symbols))
    image = QuantisedImage(header, rows=rows)
    assert "symbols" not in vars(image)
    got_header, got_symbols = image
    assert got_header is header
    assert are_equal(got_symbols, symbols)
    assert image.symbols is got_symbols
