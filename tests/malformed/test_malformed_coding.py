"""Readers of damaged payloads raise `CorruptFile` or return values within bounds, quickly."""

import time
import tracemalloc

import numpy as np
import pytest
from gsic_scenes import random_scene

from gsic.coding import ans, bits_back
from gsic.coding.columns import BOUND
from gsic.coding.models import TOTAL, Model
from gsic.errors import CorruptFile
from gsic.profiles.gsic import bitstream
from gsic.profiles.gsic.symbols import MARGIN_PX, QuantisedImage, count_squares
from gsic_kernels.constants import PLACE_BITS, SQUARE_BITS

WIDTH, HEIGHT = 60, 50
HEADER, SYMBOLS = random_scene(WIDTH, HEIGHT, 3, 700, seed=4)
PAYLOAD = bitstream.write(QuantisedImage(HEADER, SYMBOLS))[1]
VISIBLE = SYMBOLS.drop_invisible()
CLASSES = np.array(np.unique(VISIBLE.position_class, return_counts=True)).T.copy()
SIZE = WIDTH + 2 * MARGIN_PX, HEIGHT + 2 * MARGIN_PX


def read_all(payload: bytes) -> bool:
    """Tell whether the payload is read to its end; check that its numbers are within bounds."""
    try:
        rows = ans.read_image(payload, CLASSES, SIZE, 3)
    except CorruptFile:
        return False
    grids = np.array([count_squares(HEADER, int(position)) for position in rows[0]])
    assert (rows[2:4] >> PLACE_BITS + SQUARE_BITS - rows[0] < grids.T).all()
    assert rows[2:4].min() >= 0
    assert 0 <= rows[1].min() <= rows[1].max() < 16
    assert np.abs(rows[5:]).max() < BOUND
    return True


def test_the_sound_payload_is_read() -> None:
    assert read_all(PAYLOAD)


def test_truncated_anywhere() -> None:
    for length in range(len(PAYLOAD)):
        assert not read_all(PAYLOAD[:length])
        assert not read_all(PAYLOAD[length + 1 :])


def test_any_bit_flipped() -> None:
    # A flip in a raw field only changes that field, so some of these are sound.
    sound = 0
    for bit in range(0, 8 * len(PAYLOAD), 3):
        changed = bytearray(PAYLOAD)
        changed[bit // 8] ^= 1 << bit % 8
        sound += read_all(bytes(changed))
    assert sound < len(PAYLOAD)


@pytest.mark.parametrize("length", [1, 4, 5, 60, 1000, 5000])
def test_noise(length: int) -> None:
    rng = np.random.default_rng(length)
    for _ in range(200):
        assert not read_all(b"\x9b" + rng.bytes(length - 1))


@pytest.mark.parametrize("fill", [0x00, 0x01, 0x55, 0xFF])
def test_monotonous_bytes(fill: int) -> None:
    for length in (1, 7, 100, 2000):
        assert not read_all(b"\1" + bytes([fill]) * (length - 1))


def test_too_large_counts_are_refused_quickly_and_in_little_memory() -> None:
    model = Model([TOTAL - 2**17, 2**17])
    tracemalloc.start()
    started = time.process_time()
    for count in (10**7, 10**9, 10**15, 2**62):
        with pytest.raises(CorruptFile):
            bits_back.decode(PAYLOAD, [model], count)
    elapsed = time.process_time() - started
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert elapsed < 1.0
    assert peak < 2_000_000


def test_more_rows_than_the_bytes_can_hold_take_no_time() -> None:
    started = time.process_time()
    for _ in range(3):
        with pytest.raises(CorruptFile, match="more than its bytes can hold"):
            ans.read_image(PAYLOAD, np.array([[0, 10**7]]), SIZE, 3)
    assert time.process_time() - started < 1.0
