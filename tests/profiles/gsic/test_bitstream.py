"""Profile `gsic` to bytes and back, in as many bits as there is information."""

import math

import numpy as np
from gsic_scenes import equal_gaussians, extremes, file_of, random_scene
from hypothesis import given
from hypothesis import strategies as st
from random_symbols import find_places

from gsic.coding import columns
from gsic.container import Container, Mode
from gsic.profiles.gsic import bitstream
from gsic.profiles.gsic.symbols import (
    AMPLITUDE_CLASSES,
    POSITION_CLASSES,
    Header,
    QuantisedImage,
    Symbols,
    count_squares,
)
from gsic_kernels.constants import FINE_BITS_MAX, MAX_SIDE_PX, PLACE_BITS, SQUARE_BITS


def arrays(symbols: Symbols) -> list[list[int]]:
    return [np.asarray(value).tolist() for value in vars(symbols).values()]


def read_back(image: QuantisedImage) -> QuantisedImage:
    header = image.header
    mode = (Mode.L, Mode.LA, Mode.RGB, Mode.RGBA)[header.channels - 1]
    return bitstream.read(Container(1, header.width, header.height, mode, *bitstream.write(image)))


def canonicalise(header: Header, symbols: Symbols) -> Symbols:
    return bitstream.canonicalise(QuantisedImage(header, symbols)).symbols


def write_payload(header: Header, symbols: Symbols) -> bytes:
    return bitstream.write(QuantisedImage(header, symbols))[1]


@given(
    width=st.integers(1, 400),
    height=st.integers(1, 400),
    channels=st.integers(1, 4),
    count=st.integers(0, 60),
    seed=st.integers(0, 2**32),
    step=st.floats(0.0011, 100.0),
)
def test_round_trip(
    width: int, height: int, channels: int, count: int, seed: int, step: float
) -> None:
    header, symbols = random_scene(width, height, channels, count, seed, step)
    symbols = canonicalise(header, symbols)
    again, read = read_back(QuantisedImage(header, symbols))
    assert again == header
    assert arrays(read) == arrays(symbols)
    for value in vars(read).values():
        assert value.dtype == np.int64


def test_reading_makes_no_arrays_but_the_rows() -> None:
    image = read_back(QuantisedImage(*random_scene(40, 30, 3, 50, seed=6)))
    assert set(vars(image)) == {"header", "rows"}
    assert image.rows.dtype == np.int32


def test_corners_of_the_format() -> None:
    header, symbols = extremes(23, 31)
    symbols = canonicalise(header, symbols)
    assert len(set(symbols.position_class.tolist())) == 16
    assert len(set(symbols.amplitude_class.tolist())) == 16
    assert arrays(read_back(QuantisedImage(header, symbols)).symbols) == arrays(symbols)


def test_symbols_of_any_file_have_32_bits() -> None:
    """Those that travel to a GPU."""
    position, amplitude = np.meshgrid(POSITION_CLASSES, AMPLITUDE_CLASSES)
    for fine_bits in (0, FINE_BITS_MAX):
        sizes = np.abs(bitstream.predict_log_scale(position, amplitude, fine_bits))
        assert columns.BOUND + sizes.max() < 2**31
    side = MAX_SIDE_PX
    largest = Header(side, side, 1, 0, (0,))
    for p in POSITION_CLASSES:
        assert max(count_squares(largest, p)) << PLACE_BITS + SQUARE_BITS - p < 2**31


def test_the_largest_sides() -> None:
    side = MAX_SIDE_PX
    header = Header(side, side, 1, 700, (0,))
    _, symbols = random_scene(side, side, 1, 50, seed=1)
    symbols = canonicalise(header, symbols)
    assert arrays(read_back(QuantisedImage(header, symbols)).symbols) == arrays(symbols)


def test_any_order_gives_the_same_file() -> None:
    header, symbols = random_scene(40, 30, 3, 200, seed=3)
    symbols = symbols.select(np.concatenate((np.arange(200), np.arange(20))))
    shuffled = symbols.select(np.random.default_rng(0).permutation(220))
    assert file_of(header, shuffled, Mode.RGB) == file_of(header, symbols, Mode.RGB)


def test_what_draws_nothing_is_left_out() -> None:
    header, symbols = random_scene(40, 30, 3, 50, seed=4)
    symbols.color[::2] = 0
    assert len(canonicalise(header, symbols)) <= 25


def test_equal_gaussians_cost_little() -> None:
    few, many = (len(write_payload(*equal_gaussians(9, 7, count))) for count in (100, 10000))
    # Four bits of each cell are raw; all other symbols are nearly free.
    assert many - few < 10000 * 4.1 / 8


def test_the_order_costs_nothing() -> None:
    """A set of N takes log2 N! bits less than a list, of which up to 0.2 a Gaussian are missed."""
    header, symbols = random_scene(400, 300, 1, 2000, seed=5)
    same = symbols.select(np.zeros(2000, np.int64))
    position = same.position_class * 0 + 3
    squares = np.random.default_rng(1).integers(0, (832, 632), (2000, 2))
    shape = position, same.amplitude_class, same.log_anisotropy
    place, first = (find_places(*shape, square, position) for square in (squares, 0 * squares))
    symbols = Symbols(*shape[:2], place, *arrays_of(same))
    payload = write_payload(header, symbols)
    equal = Symbols(*shape[:2], first, *arrays_of(same))
    others = write_payload(header, equal)
    listed = 2000 * math.log2(832 * 632)
    saved = listed - 8 * (len(payload) - len(others))
    assert saved > math.lgamma(2001) / math.log(2) - 0.2 * 2000


def arrays_of(symbols: Symbols) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return symbols.log_scale, symbols.log_anisotropy, symbols.color


def test_what_stands_beside_the_payload_is_small_in_a_file_of_2_kb() -> None:
    header, symbols = random_scene(768, 512, 3, 280, seed=7)
    payload = write_payload(header, symbols)
    data = file_of(header, symbols, Mode.RGB)
    assert 1800 < len(data) < 2200
    assert len(data) - len(payload) <= 36
