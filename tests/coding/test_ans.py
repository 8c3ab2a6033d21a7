"""ANS payloads: round trips, the update rule in plain Python, pinned bytes, what is refused."""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import numpy as np
import pytest

from gsic.coding.ans import SymbolReader, SymbolWriter
from gsic.coding.models import TOTAL, Model, Tables
from gsic.errors import CorruptFile


def decode_in_python(payload: bytes, tables: list[Sequence[int]]) -> list[int]:
    """Decode as FORMAT.md section 3 says, one symbol per table of cumulative frequencies."""
    words = payload + bytes(-len(payload) % 4)
    stack = [int.from_bytes(words[i : i + 4], "little") for i in range(0, len(words), 4)]
    state = stack.pop()
    if stack:
        state = state << 32 | stack.pop()
    symbols = []
    for starts in tables:
        slot = state % 2**24
        symbol = bisect_right(starts, slot) - 1
        frequency = starts[symbol + 1] - starts[symbol]
        state = (state >> 24) * frequency + slot - starts[symbol]
        if state < 2**32 and stack:
            state = state << 32 | stack.pop()
        symbols.append(symbol)
    assert not stack
    assert state == 2**24
    return symbols


def encode_in_python(symbols: Sequence[int], tables: list[Sequence[int]]) -> bytes:
    """Encode as FORMAT.md section 3 says, with the same tables."""
    state, stack = 2**24, []
    for symbol, starts in zip(reversed(symbols), reversed(tables), strict=True):
        frequency = starts[symbol + 1] - starts[symbol]
        if state >= frequency << 40:
            stack.append(state % 2**32)
            state >>= 32
        state = (state // frequency << 24) + state % frequency + starts[symbol]
    stack += [state % 2**32, state >> 32]
    return b"".join(word.to_bytes(4, "little") for word in stack).rstrip(b"\0")


def cumulative(frequencies: Sequence[int]) -> Sequence[int]:
    return [0, *accumulate(frequencies)]


def uniform(bits: int) -> Sequence[int]:
    return range(0, 2**24 + 1, 2 ** (24 - bits))


def random_model(rng: np.random.Generator, size: int, lowest: int = 0) -> Model:
    shares = rng.dirichlet(np.full(size, rng.choice([0.02, 0.3, 3.0])))
    frequencies = np.floor(shares * (TOTAL - size)).astype(np.int64) + 1
    frequencies[shares.argmax()] += TOTAL - frequencies.sum()
    return Model(frequencies, lowest)


@pytest.mark.parametrize("size", [2, 3, 7, 64, 513])
def test_the_update_of_the_state_is_that_of_the_format(size: int) -> None:
    rng = np.random.default_rng(size)
    for count in (0, 1, 2, 40):
        model = random_model(rng, size)
        symbols = rng.integers(0, size, count)
        writer = SymbolWriter()
        writer.write_symbols(symbols, model)
        tables = [cumulative(model.frequencies.tolist())] * count
        payload = writer.finish()
        assert decode_in_python(payload, tables) == symbols.tolist()
        assert encode_in_python(symbols.tolist(), tables) == payload


def test_raw_fields_are_uniform_tables() -> None:
    writer = SymbolWriter()
    writer.write_raw(np.array([5, 2]), 3)
    assert decode_in_python(writer.finish(), [uniform(3)] * 2) == [5, 2]


def test_frequencies_reach_the_coder_exactly() -> None:
    # The coder takes weights as floats. With extreme frequencies any rounding would show.
    frequencies = [1, TOTAL - 5, 1, 2, 1]
    writer = SymbolWriter()
    writer.write_symbols(np.array([0, 4, 2, 1, 3]), Model(frequencies))
    assert decode_in_python(writer.finish(), [cumulative(frequencies)] * 5) == [0, 4, 2, 1, 3]


def test_payloads_are_pinned() -> None:
    writer = SymbolWriter()
    assert writer.finish().hex() == "00000001"
    writer = SymbolWriter()
    writer.write_symbols(np.array([-1, 1, 0, 0, -1]), Model([2**22, 2**23, 2**22], -1))
    writer.write_raw(np.array([0x123456789ABCDEF0, 1]), 61)
    payload = writer.finish()
    assert payload.hex() == "00a09100000000000100009af0de3c8b78560004"
    tables = [cumulative([2**22, 2**23, 2**22])] * 5 + [uniform(24)] * 4 + [uniform(13)] * 2
    chunks = [0xBCDEF0, 1, 0x56789A, 0, 0x1234, 0]
    assert decode_in_python(payload, tables) == [0, 2, 1, 1, 0, *chunks]


def test_arrays_are_read_in_the_order_of_writing() -> None:
    rng = np.random.default_rng(1)
    model = random_model(rng, 41, -20)
    symbols = rng.integers(-20, 21, 1000)
    fields = rng.integers(0, 2**50, 300)
    writer = SymbolWriter()
    writer.write_symbols(symbols, model)
    writer.write_raw(fields, 50)
    writer.write_raw(np.array([2**64 - 1], np.uint64), 64)
    writer.write_raw(np.zeros(7, np.int64), 0)
    writer.write_symbols(symbols[:3], model)
    reader = SymbolReader(writer.finish())
    np.testing.assert_array_equal(reader.read_symbols(model, 1000), symbols)
    np.testing.assert_array_equal(reader.read_raw(50, 300), fields)
    assert int(reader.read_raw(64, 1)[0]) == 2**64 - 1
    np.testing.assert_array_equal(reader.read_raw(0, 7), np.zeros(7))
    np.testing.assert_array_equal(reader.read_symbols(model, 3), symbols[:3])
    reader.finish()


def test_several_arrays_can_be_read_in_one_call() -> None:
    rng = np.random.default_rng(3)
    models = [random_model(rng, size, -3) for size in (5, 90)]
    symbols = [rng.integers(-3, 2, 7), rng.integers(-3, 87, 40)]
    widths = [0, 5, 24, 25, 63]
    fields = [rng.integers(0, 2**width, 6) for width in widths]
    writer = SymbolWriter()
    for group, model in zip(symbols, models, strict=True):
        writer.write_symbols(group, model)
    for array, width in zip(fields, widths, strict=True):
        writer.write_raw(array, width)
    writer.write_raw(fields[2], 24)
    reader = SymbolReader(writer.finish())
    np.testing.assert_array_equal(
        reader.read_values(Tables.from_models(models), [7, 40]), np.concatenate(symbols)
    )
    np.testing.assert_array_equal(
        reader.read_values(Tables.from_widths(widths), [6] * 5), np.concatenate(fields)
    )
    np.testing.assert_array_equal(reader.read_raw_int64(24, 6), fields[2])
    reader.finish()


def test_the_size_is_within_four_bytes_of_the_ideal() -> None:
    rng = np.random.default_rng(2)
    model = random_model(rng, 50)
    symbols = rng.choice(50, 3000, p=model.frequencies / TOTAL)
    writer = SymbolWriter()
    writer.write_symbols(symbols, model)
    writer.write_raw(rng.integers(0, 2**11, 100), 11)
    ideal = (model.measure_bits(symbols) + 1100) / 8
    assert ideal <= len(writer.finish()) <= ideal + 4


@pytest.mark.parametrize(("values", "width"), [([8], 3), ([-1], 3), ([1], 0), ([0], 65), ([0], -1)])
def test_raw_fields_out_of_range_are_refused(values: list[int], width: int) -> None:
    with pytest.raises(ValueError, match="raw fields"):
        SymbolWriter().write_raw(np.array(values), width)


def test_symbols_outside_the_alphabet_are_refused() -> None:
    with pytest.raises(ValueError, match=r"outside the model's -1\.\.0"):
        SymbolWriter().write_symbols(np.array([1]), Model([TOTAL // 2] * 2, -1))


def payload_of(model: Model, symbols: Any) -> bytes:
    writer = SymbolWriter()
    writer.write_symbols(symbols, model)
    return writer.finish()


def test_reading_too_much_or_too_little_is_found_by_finish() -> None:
    # Symbol 0 costs so little that the bytes alone would allow many more of it.
    model = Model([TOTAL - 2**17, 2**17])
    for written in (0, 1, 5, 100):
        payload = payload_of(model, np.zeros(written, np.int64))
        for read in {0, max(0, written - 1), written + 1, written + 50} - {written}:
            reader = SymbolReader(payload)
            reader.read_symbols(model, read)
            with pytest.raises(CorruptFile, match="do not end where"):
                reader.finish()


def test_more_symbols_than_the_bytes_can_hold_are_refused_before_decoding() -> None:
    model = Model([TOTAL - 2**17, 2**17])
    payload = payload_of(model, np.zeros(10, np.int64))
    with pytest.raises(CorruptFile, match="more than its bytes can hold"):
        SymbolReader(payload).read_symbols(model, 10**15)
    with pytest.raises(CorruptFile, match="more than its bytes can hold"):
        SymbolReader(payload).read_raw(1, 10**15)
    reader = SymbolReader(payload)
    for _ in range((8 * len(payload) + 64) // 24):
        reader.read_raw(24, 1)
    with pytest.raises(CorruptFile, match="more than its bytes can hold"):
        reader.read_raw(24, 1)


@pytest.mark.parametrize("payload", [b"", b"\0", b"\1\0", b"abcd\0"])
def test_a_payload_that_does_not_end_in_a_non_zero_byte_is_refused(payload: bytes) -> None:
    with pytest.raises(CorruptFile, match="non-zero byte"):
        SymbolReader(payload)
