"""Damaged `.gsi` files raise `FormatError` or `LimitError`, quickly and in bounded memory."""

import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from damaged_files import extract_body, flip_bit, is_refused, seal
from gsic_scenes import file_of, random_scene
from hypothesis import example, given
from hypothesis import strategies as st

import gsic
from gsic import container
from gsic.coding.ans import SymbolWriter
from gsic.coding.columns import write_columns
from gsic.coding.contexts import Contexts
from gsic.coding.sorted_set import write_sets
from gsic.container import Container, Mode, encode_varint
from gsic.errors import CorruptFile, LimitError, TruncatedFile
from gsic.options import Limits
from gsic.profiles.gsic.symbols import MAX_STEP_INDEX, Header, Symbols, count_squares

GOLDEN = Path(__file__).parent.parent / "golden" / "v1"
FILES = [path.read_bytes() for path in sorted(GOLDEN.glob("*.gsi"))]
SMALL = min((data for data in FILES if gsic.info(data)["gaussians"] > 20), key=len)
LARGE = file_of(*random_scene(200, 150, 3, 700, seed=21), Mode.RGB)


@pytest.mark.parametrize("data", FILES, ids=len)
def test_sound_files_are_taken(data: bytes) -> None:
    assert not is_refused(data)
    assert seal(extract_body(data)) == data


@pytest.mark.parametrize("data", [*FILES, LARGE], ids=len)
def test_truncated_anywhere(data: bytes) -> None:
    for length in range(len(data)):
        with pytest.raises(TruncatedFile):
            gsic.decode(data[:length])
        with pytest.raises(TruncatedFile):
            gsic.info(data[:length])


@pytest.mark.parametrize("data", [*FILES, LARGE], ids=len)
def test_any_bit_flipped(data: bytes) -> None:
    for bit in range(8 * len(data)):
        changed = flip_bit(data, bit)
        assert is_refused(changed), f"bit {bit} does not matter"


def test_any_bit_flipped_under_a_right_checksum() -> None:
    body = extract_body(SMALL)
    accepted = 0
    for bit in range(8 * len(body)):
        changed = flip_bit(body, bit)
        accepted += not is_refused(seal(changed))
    # Some bits are sizes, colours and low bits of symbols; most break what follows.
    assert accepted < 4 * len(body)


def test_truncated_anywhere_under_a_right_length_and_checksum() -> None:
    body = extract_body(SMALL)
    for length in range(len(body)):
        assert is_refused(seal(body[:length]))


EDITS = st.lists(
    st.tuples(
        st.sampled_from(["set", "flip", "delete", "insert"]),
        st.integers(0, 2**16),
        st.binary(min_size=1, max_size=6),
    ),
    min_size=1,
    max_size=4,
)


@given(index=st.integers(0, len(FILES) - 1), edits=EDITS)
@example(index=0, edits=[("set", 1, b"\xff\xff\xff\xff\x0f"), ("set", 6, b"\x01")])
def test_edits_under_a_right_checksum(index: int, edits: list[tuple[str, int, bytes]]) -> None:
    body = bytearray(extract_body(FILES[index]))
    for kind, place, data in edits:
        at = place % (len(body) + 1)
        if kind == "set":
            body[at : at + len(data)] = data
        elif kind == "delete":
            del body[at : at + len(data)]
        elif kind == "insert":
            body[at:at] = data
        elif at < len(body):
            body[at] ^= 1 << data[0] % 8
    is_refused(seal(bytes(body)))


@given(
    parameters=st.binary(max_size=24), payload=st.binary(max_size=200), mode=st.sampled_from(Mode)
)
def test_noise_for_parameters_and_payload(parameters: bytes, payload: bytes, mode: Mode) -> None:
    is_refused(container.write(Container(1, 40, 30, mode, parameters, payload)))


def make_file(step: int, count: int, rest: bytes, payload: bytes = b"") -> bytes:
    """Make a grey file of 40x30 pixels with these parameters."""
    parameters = encode_varint(step) + b"\x80" + encode_varint(count) + rest
    return container.write(Container(1, 40, 30, Mode.L, parameters, payload))


@pytest.mark.parametrize(
    ("data", "cause"),
    [
        (make_file(MAX_STEP_INDEX + 1, 0, b""), "step index"),
        (make_file(5, 0, b"\0"), "too many"),
        (make_file(5, 0, b"", b"\1"), "without Gaussians"),
        (make_file(5, 3, b"\0\0", bytes(9) + b"\1"), "no position class"),
        (make_file(5, 3, b"\1", bytes(9) + b"\1"), "position classes"),
        (make_file(5, 3, b"\3\0", bytes(9) + b"\1"), "count of position class -8"),
        (make_file(5, 3, b"\3\0\0", bytes(9) + b"\1"), "position classes of"),
        (make_file(5, 3, b"\3\0\3", bytes(9) + b"\1"), "position classes of"),
        (make_file(5, 3, b"\3\0\1\1", bytes(9) + b"\1"), "too many"),
        (make_file(5, 3, b"\1\0", b""), "non-zero byte"),
        (make_file(5, 3, b"\1\0", bytes(9)), "non-zero byte"),
        (make_file(5, 2**26, b"\1\0", bytes(900) + b"\1"), "Gaussians in a payload"),
        (make_file(5, 2**26 + 1, b"\1\0", bytes(900) + b"\1"), "Gaussians, above"),
    ],
)
def test_bad_parameters(data: bytes, cause: str) -> None:
    with pytest.raises(CorruptFile, match=cause):
        gsic.decode(data)


def make_payload_file(amplitude: int, value: int, count: int = 40) -> bytes:
    """Make a file that is valid except for one amplitude class or value."""
    header = Header(40, 30, 1, 600, (0,))
    position = np.zeros(count, np.int64)
    columns, rows = count_squares(header, 0)
    writer = SymbolWriter()
    write_sets(writer, [np.arange(count)], [columns * rows])
    classes = np.full(count, amplitude)
    write_columns(writer, [classes - 2], Contexts(position))
    others = [np.full(count, value), *[np.zeros(count, np.int64)] * 2, np.full(count, value)]
    write_columns(writer, others, Contexts(classes))
    writer.write_raw(np.zeros(count), 4)
    return make_file(600, count, (1 << 8).to_bytes(2, "little"), writer.finish())


def test_classes_out_of_range() -> None:
    assert not is_refused(make_payload_file(15, 1))
    for amplitude in (-1, 16, 10**9):
        with pytest.raises(CorruptFile, match="an amplitude class"):
            gsic.decode(make_payload_file(amplitude, 1))


@pytest.mark.parametrize("value", [2**30 - 1, 1 - 2**30])
@pytest.mark.parametrize("amplitude", [0, 15])
def test_the_largest_symbols_stay_finite(value: int, amplitude: int) -> None:
    with np.errstate(all="raise", under="ignore"):
        gsic.decode(make_payload_file(amplitude, value))


def make_covering(count: int) -> tuple[Header, Symbols]:
    """Make Gaussians each of which covers all of 60x50 pixels."""
    header = Header(60, 50, 1, 600, (0,))
    zero = np.zeros(count, np.int64)
    pairs = np.zeros((count, 2), np.int64)
    sizes = np.full(count, 10)
    color = np.random.default_rng(2).integers(1, 900, (count, 1))
    return header, Symbols(zero, zero, pairs + 30, sizes, pairs, color)


def test_too_large_areas_are_refused() -> None:
    assert not is_refused(file_of(*make_covering(4000), Mode.L))
    data = file_of(*make_covering(4200), Mode.L)
    started = time.process_time()
    with pytest.raises(LimitError, match="4200 Gaussians cover"):
        gsic.decode(data)
    assert time.process_time() - started < 1.0
    assert not is_refused(data, Limits(area_per_pixel=5000.0))


def test_too_large_sizes_and_counts_are_refused_quickly_and_in_little_memory() -> None:
    payload = SMALL[-200:-4]
    huge = 2**32 - 1
    bad = [
        container.write(Container(1, huge, huge, Mode.RGB, b"\0\0\0\0\0", b"")),
        container.write(Container(1, 2**22 + 1, 1, Mode.L, b"\0\0\0", b"")),
        *(
            make_file(5, count, b"\1\0", payload)
            for count in (2**10, 2**12, 2**15, 2**16, 2**20, huge)
        ),
    ]
    is_refused(SMALL)
    tracemalloc.start()
    for data in bad:
        started = time.process_time()
        assert is_refused(data, Limits())
        assert time.process_time() - started < 1.0
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # A payload of 196 bytes may announce 54000 Gaussians before it is looked at.
    assert peak < 20_000_000
