"""Damaged files of the profile gaussianimage: refused, or drawn; nothing else, and soon."""

import time
import tracemalloc
import zlib

import numpy as np
import pytest
from gaussianimage_scenes import every_way, file_of, files, scene, with_twins
from hypothesis import given
from hypothesis import strategies as st

import gsic
from gsic import container
from gsic.container import ByteReader, Container, Mode, varint
from gsic.errors import CorruptFile, FormatError, LimitError
from gsic.options import Limits

LIMITS = Limits(pixels=2**18)
FILES = [*files().values(), *(file_of(image) for image in every_way(with_twins(scene(30))))]
FLOATS = 24 + 192


def sealed(body: bytes) -> bytes:
    """A file with this body, its length and its checksum right."""
    data = container.MAGIC + b"\1" + varint(len(body) + 4) + body
    return data + zlib.crc32(data).to_bytes(4, "little")


def body_of(data: bytes) -> bytes:
    """What stands between the length and the checksum of a sound file."""
    fields = ByteReader(data[5:-4], "file")
    fields.varint("length")
    return fields.rest()


def refused(data: bytes) -> bool:
    """True when the data is refused; any error but the declared ones is a failure."""
    try:
        gsic.decode(data, limits=LIMITS, threads=1)
    except (FormatError, LimitError):
        return True
    return False


@pytest.mark.parametrize("data", FILES, ids=len)
def test_sound_files_are_taken_and_cut_ones_are_not(data: bytes) -> None:
    assert not refused(data)
    body = body_of(data)
    assert all(refused(sealed(body[:length])) for length in range(len(body)))
    assert refused(sealed(body + b"\0"))
    assert refused(sealed(body + b"\1"))


@pytest.mark.parametrize("data", FILES[-6:], ids=len)
def test_any_bit_flipped_under_a_right_checksum(data: bytes) -> None:
    body = body_of(data)
    for bit in range(0, 8 * len(body), 3):
        changed = bytearray(body)
        changed[bit // 8] ^= 1 << bit % 8
        refused(sealed(bytes(changed)))


@given(st.integers(0, len(FILES) - 1), st.integers(0, 2**16), st.binary(min_size=1, max_size=8))
def test_bytes_replaced_under_a_right_checksum(index: int, place: int, data: bytes) -> None:
    body = bytearray(body_of(FILES[index]))
    at = place % len(body)
    body[at : at + len(data)] = data
    refused(sealed(bytes(body)))


@given(
    parameters=st.binary(max_size=40), payload=st.binary(max_size=200), mode=st.sampled_from(Mode)
)
def test_noise(parameters: bytes, payload: bytes, mode: Mode) -> None:
    refused(container.write(Container(2, 40, 30, mode, parameters, payload)))


def with_parameters(parameters: bytes, payload: bytes, width: int = 40) -> bytes:
    return container.write(Container(2, width, 30, Mode.RGB, parameters, payload))


def floats(value: float = 0.5, count: int = FLOATS // 4) -> bytes:
    return np.full(count, value, "<f4").tobytes()


HEAD = bytes([6, 2, 7])  # bits of covariances, stages, vectors less 1


@pytest.mark.parametrize(
    ("data", "cause"),
    [
        (with_parameters(b"\0\0" + HEAD + floats(), b""), "0 Gaussians"),
        (with_parameters(b"\1\x10" + HEAD + floats(), bytes(7)), "kind 16"),
        (with_parameters(b"\1\0\0\2\7" + floats(), bytes(7)), "0 where 1 to 8"),
        (with_parameters(b"\1\0\x09\2\7" + floats(), bytes(7)), "9 where 1 to 8"),
        (with_parameters(b"\1\0\6\0\7" + floats(), bytes(7)), "0 where 1 to 8"),
        (with_parameters(b"\1\0\6\2\0" + floats(), bytes(7)), "0 where 1 to 255"),
        (with_parameters(b"\1\2\6\x09" + floats(), bytes(7)), "9 where 1 to 8"),
        (with_parameters(b"\1\0" + HEAD + floats(np.nan), bytes(7)), "not finite"),
        (with_parameters(b"\1\0" + HEAD + floats(-np.inf), bytes(7)), "not finite"),
        (with_parameters(b"\1\0" + HEAD + floats(5e9), bytes(7)), "too large"),
        (with_parameters(b"\1\0" + HEAD + floats() + b"\0", bytes(7)), "too many"),
        (with_parameters(b"\1\0" + HEAD + floats(), bytes(6)), "56 bits are needed"),
        (with_parameters(b"\1\0" + HEAD + floats(), bytes(8)), "56 bits are needed"),
        (with_parameters(b"\1\0" + HEAD + floats(), b"\0\x7c" + bytes(5)), "position"),
        (with_parameters(b"\1\0" + HEAD + floats(), b"\1\xfe" + bytes(5)), "position"),
        (with_parameters(b"\1\x08" + HEAD + floats() + b"\0", bytes(7)), "0 of 1 Gaussians"),
        (with_parameters(b"\1\x08" + HEAD + floats() + b"\2", bytes(7)), "2 of 1 Gaussians"),
        (with_parameters(b"\1\4" + HEAD + floats() + b"\0", bytes(7)), "0 where 1 to 26"),
        (with_parameters(b"\1\4" + HEAD + floats() + b"\x1b", bytes(7)), "27 where 1 to 26"),
        (with_parameters(b"\1\4" + HEAD + floats() + b"\1" + bytes(8), bytes(7)), "of 0 symbols"),
        (with_parameters(b"\1\0" + HEAD + floats(), bytes(7), 2**22 + 1), "beyond"),
    ],
)
def test_bad_parameters(data: bytes, cause: str) -> None:
    with pytest.raises(CorruptFile, match=cause):
        gsic.decode(data, limits=Limits(pixels=2**40))


@pytest.mark.parametrize("kind", [0, 4, 8, 12])
def test_counts_beyond_the_bytes_are_refused_at_once(kind: int) -> None:
    rest = (b"\1" if kind & 8 else b"") + bytes(9)
    data = with_parameters(varint(2**31) + bytes([kind]) + HEAD + floats() + rest, bytes(5000))
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
        data = with_parameters(b"\1\0\6\1\4" + book, bits.to_bytes(7, "little"))
        assert refused(data) == (index > 4)


def test_the_largest_numbers_are_drawn_or_refused_without_a_warning() -> None:
    for value in (2.0**32, -(2.0**32), 1e-45, 0.0):
        data = with_parameters(b"\2\0" + HEAD + floats(value), bytes(range(200, 214)))
        with np.errstate(all="raise", under="ignore"):
            refused(data)
            try:
                gsic.decode(data, limits=LIMITS, scale=0.3)
            except (FormatError, LimitError):
                continue
