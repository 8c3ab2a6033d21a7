"""ANS payloads: the update rules in plain Python, pinned bytes, what is refused."""

from collections.abc import Sequence

import numpy as np
import pytest
from format_decoder import Payload
from kernel_images import make_payload, read

from gsic.coding import ans
from gsic.coding.ans import SymbolWriter
from gsic.coding.column_modes import ColumnMode
from gsic.coding.models import TOTAL, Model
from gsic.errors import CorruptFile
from gsic_kernels.cpu.ans import layout

# A symbol of a table, as its frequency and its start, or a raw chunk, as its bits negated.
Number = tuple[int, int]


def encode_in_python(numbers: Sequence[Number], states: int) -> bytes:
    """Encode as FORMAT.md section 3 says."""
    held = [2**24 if states == 1 else 2**32] * states
    pushed = []

    def push(turn: int, number: Number) -> None:
        size, start = number
        if held[turn] >= (size << 40 if size > 0 else 1 << 64 + size):
            pushed.append(held[turn] % 2**32)
            held[turn] >>= 32
        if size > 0:
            quotient, rest = divmod(held[turn], size)
            held[turn] = (quotient << 24) + rest + start
        else:
            held[turn] = (held[turn] << -size) + start

    for k, number in reversed(list(enumerate(numbers))):
        push(k % states, number)
    for i in range(states - 1, 0, -1):
        pushed.append(held[i] % 2**32)
        high = held[i] >> 32
        length = high.bit_length() - 1
        if length:
            push(0, (-length, high - 2**length))
        push(0, (-5, length))
    pushed += [held[0] % 2**32, held[0] >> 32]
    return b"".join(word.to_bytes(4) for word in reversed(pushed)).lstrip(b"\0")


def random_model(rng: np.random.Generator, size: int, lowest: int = 0) -> Model:
    shares = rng.dirichlet(np.full(size, rng.choice([0.02, 0.3, 3.0])))
    frequencies = np.floor(shares * (TOTAL - size)).astype(np.int64) + 1
    frequencies[shares.argmax()] += TOTAL - frequencies.sum()
    return Model(frequencies, lowest)


@pytest.mark.parametrize("states", [1, 2, 4])
@pytest.mark.parametrize("size", [2, 3, 7, 64, 513])
def test_the_update_of_the_states_is_that_of_the_format(size: int, states: int) -> None:
    rng = np.random.default_rng(size)
    for count in (0, 1, 2, 40, 500):
        model = random_model(rng, size)
        symbols = rng.integers(0, size, count)
        fields = rng.integers(0, 2**21, count // 3)
        writer = SymbolWriter()
        writer.write_symbols(symbols, model)
        writer.write_raw(fields, 21)
        numbers = [(int(model.frequencies[s]), int(model.starts[s])) for s in symbols]
        bits = sum(int(field) << 21 * i for i, field in enumerate(fields))
        for shift in range(0, 21 * len(fields), 32):
            width = min(32, 21 * len(fields) - shift)
            numbers.append((-width, bits >> shift & 2**width - 1))
        payload = writer.finish(states)
        assert payload == encode_in_python(numbers, states)
        reader = Payload(payload, states)
        table = (0, [*model.starts.tolist(), TOTAL], -1)
        assert [reader.read_symbol(table) for _ in symbols] == symbols.tolist()
        assert reader.read_raw(21, len(fields)) == fields.tolist()
        reader.finish()


def test_frequencies_reach_the_coder_exactly() -> None:
    model = Model([1, TOTAL - 5, 1, 2, 1])
    writer = SymbolWriter()
    writer.write_symbols(np.array([0, 4, 2, 1, 3]), model)
    reader = Payload(writer.finish())
    table = (0, [*model.starts.tolist(), TOTAL], -1)
    assert [reader.read_symbol(table) for _ in range(5)] == [0, 4, 2, 1, 3]


PINNED = {
    1: "0400003a8b3cdef000000000",
    2: "800000002301000000d5fcdef000000000",
    4: "02000000000d82eafcdef000000001004000000040000000000000",
}


@pytest.mark.parametrize("states", PINNED)
def test_payloads_are_pinned(states: int) -> None:
    writer = SymbolWriter()
    writer.write_symbols(np.array([-1, 1, 0, 0, -1]), Model([2**22, 2**23, 2**22], -1))
    writer.write_raw(np.array([0x1ABCDEF0, 1]), 29)
    assert writer.finish(states).hex() == PINNED[states]


def test_an_empty_payload_of_one_state_has_four_bytes() -> None:
    assert SymbolWriter().finish().hex() == "01000000"


def test_the_size_is_within_four_bytes_of_the_ideal() -> None:
    rng = np.random.default_rng(2)
    model = random_model(rng, 50)
    symbols = rng.choice(50, 3000, p=model.frequencies / TOTAL)
    writer = SymbolWriter()
    writer.write_symbols(symbols, model)
    writer.write_raw(rng.integers(0, 2**11, 100), 11)
    ideal = (model.measure_bits(symbols) + 1100) / 8
    assert ideal <= len(writer.finish()) <= ideal + 4
    # 13 bytes of states that end 32 bits large, and 5 bits for the length of each but one.
    assert ideal + 13 <= len(writer.finish(4)) <= ideal + 4 + 15


@pytest.mark.parametrize(("values", "width"), [([8], 3), ([-1], 3), ([1], 0), ([0], 33), ([0], -1)])
def test_raw_fields_out_of_range_are_refused(values: list[int], width: int) -> None:
    with pytest.raises(ValueError, match="raw fields"):
        SymbolWriter().write_raw(np.array(values), width)


def test_symbols_outside_the_alphabet_are_refused() -> None:
    with pytest.raises(ValueError, match=r"outside the model's -1\.\.0"):
        SymbolWriter().write_symbols(np.array([1]), Model([TOTAL // 2] * 2, -1))


def test_the_number_of_states_follows_from_the_number_of_gaussians() -> None:
    counts = 1, layout.TWO_STATES_FROM - 1, layout.TWO_STATES_FROM
    counts += layout.FOUR_STATES_FROM - 1, layout.FOUR_STATES_FROM, 10**6
    assert [ans.count_states(count) for count in counts] == [1, 1, 2, 2, 4, 4]


@pytest.mark.parametrize("payload", [b"", b"\0", b"\0\1", b"\0abcd"])
def test_a_payload_that_does_not_begin_with_a_non_zero_byte_is_refused(payload: bytes) -> None:
    with pytest.raises(CorruptFile, match="non-zero byte"):
        read(payload)


def test_what_follows_the_last_number_is_corrupt() -> None:
    payload = make_payload([1], ColumnMode.PLAIN)
    with pytest.raises(CorruptFile):
        read(payload)
