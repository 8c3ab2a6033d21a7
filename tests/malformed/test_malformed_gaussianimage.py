"""Damaged files of profile `gaussianimage` are refused or drawn, without any other error."""

import time
import tracemalloc

import numpy as np
import pytest
from damaged_files import LIMITS, extract_body, flip_bit, is_refused, seal
from gaussianimage_scenes import every_way, file_of, files, scene, with_twins
from hypothesis import given
from hypothesis import strategies as st

import gsic
from gsic import container
from gsic.container import Container, Mode, encode_varint
from gsic.errors import CorruptFile, FormatError, LimitError
from gsic.options import Limits

FILES = [*files().values(), *(file_of(image) for image in every_way(with_twins(scene(30))))]
FLOATS = 24 + 192


@pytest.mark.parametrize("data", FILES, ids=len)
def test_sound_files_are_taken_and_cut_ones_are_not(data: bytes) -> None:
    assert not is_refused(data)
    body = extract_body(data)
    assert all(is_refused(seal(body[:length])) for length in range(len(body)))
    assert is_refused(seal(body + b"\0"))
    assert is_refused(seal(body + b"\1"))


@pytest.mark.parametrize("data", FILES[-6:], ids=len)
def test_any_bit_flipped_under_a_right_checksum(data: bytes) -> None:
    body = extract_body(data)
    for bit in range(0, 8 * len(body), 3):
        changed = flip_bit(body, bit)
        is_refused(seal(changed))


@given(st.integers(0, len(FILES) - 1), st.integers(0, 2**16), st.binary(min_size=1, max_size=8))
def test_bytes_replaced_under_a_right_checksum(index: int, place: int, data: bytes) -> None:
    body = bytearray(extract_body(FILES[index]))
    at = place % len(body)
    body[at : at + len(data)] = data
    is_refused(seal(bytes(body)))


@given(
    parameters=st.binary(max_size=40), payload=st.binary(max_size=200), mode=st.sampled_from(Mode)
)
def test_noise(parameters: bytes, payload: bytes, mode: Mode) -> None:
    is_refused(container.write(Container(2, 40, 30, mode, parameters, payload)))


def make_file(parameters: bytes, payload: bytes, width: int = 40) -> bytes:
    return container.write(Container(2, width, 30, Mode.RGB, parameters, payload))


def make_floats(value: float = 0.5, count: int = FLOATS // 4) -> bytes:
    return np.full(count, value, "<f4").tobytes()


HEAD = bytes([6, 2, 7])  # bits of covariances, stages, vectors less 1


@pytest.mark.parametrize(
    ("data", "cause"),
    [
        (make_file(b"\0\0" + HEAD + make_floats(), b""), "0 Gaussians"),
        (make_file(b"\1\x10" + HEAD + make_floats(), bytes(7)), "kind 16"),
        (make_file(b"\1\0\0\2\7" + make_floats(), bytes(7)), "0 where 1 to 8"),
        (make_file(b"\1\0\x09\2\7" + make_floats(), bytes(7)), "9 where 1 to 8"),
        (make_file(b"\1\0\6\0\7" + make_floats(), bytes(7)), "0 where 1 to 8"),
        (make_file(b"\1\0\6\2\0" + make_floats(), bytes(7)), "0 where 1 to 255"),
        (make_file(b"\1\2\6\x09" + make_floats(), bytes(7)), "9 where 1 to 8"),
        (make_file(b"\1\0" + HEAD + make_floats(np.nan), bytes(7)), "not finite"),
        (make_file(b"\1\0" + HEAD + make_floats(-np.inf), bytes(7)), "not finite"),
        (make_file(b"\1\0" + HEAD + make_floats(5e9), bytes(7)), "too large"),
        (make_file(b"\1\0" + HEAD + make_floats() + b"\0", bytes(7)), "too many"),
        (make_file(b"\1\0" + HEAD + make_floats(), bytes(6)), "56 bits are needed"),
        (make_file(b"\1\0" + HEAD + make_floats(), bytes(8)), "56 bits are needed"),
        (make_file(b"\1\0" + HEAD + make_floats(), b"\0\x7c" + bytes(5)), "position"),
        (make_file(b"\1\0" + HEAD + make_floats(), b"\1\xfe" + bytes(5)), "position"),
        (make_file(b"\1\x08" + HEAD + make_floats() + b"\0", bytes(7)), "0 of 1 Gaussians"),
        (make_file(b"\1\x08" + HEAD + make_floats() + b"\2", bytes(7)), "2 of 1 Gaussians"),
        (make_file(b"\1\4" + HEAD + make_floats() + b"\0", bytes(7)), "0 where 1 to 26"),
        (make_file(b"\1\4" + HEAD + make_floats() + b"\x1b", bytes(7)), "27 where 1 to 26"),
        (make_file(b"\1\4" + HEAD + make_floats() + b"\1" + bytes(8), bytes(7)), "of 0 symbols"),
        (make_file(b"\1\0" + HEAD + make_floats(), bytes(7), 2**22 + 1), "beyond"),
    ],
)
def test_bad_parameters(data: bytes, cause: str) -> None:
    with pytest.raises(CorruptFile, match=cause):
        gsic.decode(data, limits=Limits(pixels=2**40))


@pytest.mark.parametrize("kind", [0, 4, 8, 12])
def test_counts_beyond_the_bytes_are_refused_at_once(kind: int) -> None:
    rest = (b"\1" if kind & 8 else b"") + bytes(9)
    data = make_file(
        encode_varint(2**31) + bytes([kind]) + HEAD + make_floats() + rest, bytes(5000)
    )
    began = time.process_time()
    tracemalloc.start()
    with pytest.raises(CorruptFile):
        gsic.decode(data)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert time.process_time() - began < 1.0
    assert peak < 10_000_000


def test_indices_beyond_a_codebook() -> None:
    """Five vectors take three bits, which hold eight."""
    book = np.zeros(6 + 5 * 3, "<f4").tobytes()
    for index in range(8):
        bits = index << 32 + 18
        data = make_file(b"\1\0\6\1\4" + book, bits.to_bytes(7, "little"))
        assert is_refused(data) == (index > 4)


def test_the_largest_numbers_are_drawn_or_refused_without_a_warning() -> None:
    for value in (2.0**32, -(2.0**32), 1e-45, 0.0):
        data = make_file(b"\2\0" + HEAD + make_floats(value), bytes(range(200, 214)))
        with np.errstate(all="raise", under="ignore"):
            is_refused(data)
            try:
                gsic.decode(data, limits=LIMITS, scale=0.3)
            except (FormatError, LimitError):
                continue
