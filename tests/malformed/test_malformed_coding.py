"""Readers of damaged payloads raise `CorruptFile` or return values within bounds, quickly."""

import time
import tracemalloc

import numpy as np
import pytest

from gsic.coding import bits_back, sorted_set
from gsic.coding.ans import SymbolReader, SymbolWriter
from gsic.coding.columns import BOUND, read_columns, write_columns
from gsic.coding.contexts import Contexts
from gsic.coding.models import TOTAL, Model
from gsic.errors import CorruptFile

COUNTS, CELLS = [40, 1, 200], [3000, 1, 2**20]
CONTEXTS = Contexts(np.arange(241) % 5)


def make_payload() -> bytes:
    """Make a valid payload of sets and columns."""
    rng = np.random.default_rng(4)
    sets = [
        np.sort(rng.integers(0, bound, count)) for count, bound in zip(COUNTS, CELLS, strict=True)
    ]
    columns = [
        np.rint(rng.laplace(0, 3, 241)).astype(np.int64),
        rng.choice([-1, 1], 241) * (30 + rng.integers(-3, 4, 241)),
        rng.choice([0, 3, 4], 241),
        rng.integers(-500, 500, 241) + 20000,
    ]
    writer = SymbolWriter()
    sorted_set.write_sets(writer, sets, CELLS)
    write_columns(writer, columns, CONTEXTS)
    return writer.finish()


PAYLOAD = make_payload()


def read_all(payload: bytes) -> bool:
    """Tell whether the payload is read to its end; check that its numbers are within bounds."""
    try:
        reader = SymbolReader(payload)
        sets = sorted_set.read_sets(reader, COUNTS, CELLS)
        columns = read_columns(reader, 4, CONTEXTS)
        for keys, bound in zip(sets, CELLS, strict=True):
            assert (np.diff(keys) >= 0).all()
            assert keys[0] >= 0
            assert keys[-1] < bound
        assert np.abs(columns).max() < BOUND
        reader.finish()
    except CorruptFile:
        return False
    return True


def test_the_sound_payload_is_read() -> None:
    assert read_all(PAYLOAD)


def test_truncated_anywhere() -> None:
    for length in range(len(PAYLOAD)):
        assert not read_all(PAYLOAD[:length])
        assert not read_all(PAYLOAD[length + 1 :])


def test_any_bit_flipped() -> None:
    # A flip in a raw field only changes that field, so some of these are sound.
    for bit in range(0, 8 * len(PAYLOAD), 3):
        changed = bytearray(PAYLOAD)
        changed[bit // 8] ^= 1 << bit % 8
        read_all(bytes(changed))


@pytest.mark.parametrize("length", [1, 4, 5, 60, 1000, 5000])
def test_noise(length: int) -> None:
    rng = np.random.default_rng(length)
    for _ in range(200):
        assert not read_all(rng.bytes(length - 1) + b"\x9b")


@pytest.mark.parametrize("fill", [0x00, 0x01, 0x55, 0xFF])
def test_monotonous_bytes(fill: int) -> None:
    for length in (1, 7, 100, 2000):
        assert not read_all(bytes([fill]) * (length - 1) + b"\1")


def test_too_large_counts_are_refused_quickly_and_in_little_memory() -> None:
    model = Model([TOTAL - 2**17, 2**17])
    tracemalloc.start()
    started = time.process_time()
    for count in (10**7, 10**9, 10**15, 2**62):
        with pytest.raises(CorruptFile):
            sorted_set.read_sets(SymbolReader(PAYLOAD), [count], [2**50])
        with pytest.raises(CorruptFile):
            SymbolReader(PAYLOAD).read_symbols(model, count)
        with pytest.raises(CorruptFile):
            bits_back.decode(PAYLOAD, [model], count)
    elapsed = time.process_time() - started
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert elapsed < 1.0
    assert peak < 2_000_000


def test_columns_of_more_rows_than_the_bytes_can_hold() -> None:
    contexts = Contexts.one_group(10**6)
    started = time.process_time()
    for _ in range(3):
        with pytest.raises(CorruptFile):
            read_columns(SymbolReader(PAYLOAD), 1, contexts)
    assert time.process_time() - started < 1.0
