"""Damaged containers raise `FormatError` or `LimitError`, quickly and in little memory."""

import time
import tracemalloc
import zlib
from collections.abc import Iterator

import numpy as np
import pytest

from gsic import container
from gsic.container import Container, Mode, Section, encode_varint
from gsic.errors import FormatError, LimitError, TruncatedFile

CONTENTS = [
    Container(1, 1, 1, Mode.L, b"", b"\1"),
    Container(1, 768, 512, Mode.RGB, b"\x10\x20\x30", bytes(range(1, 90))),
    Container(
        1, 70000, 300, Mode.RGBA_AS_LA, bytes(200), b"xyz", (Section(1, b"icc"), Section(2, b"c"))
    ),
]
FILES = [container.write(content) for content in CONTENTS]


def is_refused(data: bytes) -> bool:
    """Tell whether reading raises a declared error; any other error is a failure of the test."""
    try:
        container.read(data)
    except (FormatError, LimitError):
        return True
    return False


def replace_checksum(data: bytes) -> bytes:
    """Replace the checksum by the right one."""
    return data[:-4] + zlib.crc32(data[:-4]).to_bytes(4, "little")


def mutate(data: bytes, count: int, seed: int) -> Iterator[bytes]:
    """Yield copies with one to three random changes: bytes set, deleted or inserted."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        changed = bytearray(data)
        for _ in range(int(rng.integers(1, 4))):
            at = int(rng.integers(5, max(6, len(changed) - 4)))
            kind = int(rng.integers(0, 4))
            if kind == 0:
                changed[at : at + 1] = rng.bytes(1)
            elif kind == 1:
                changed[at : at + 1] = bytes([rng.choice([0, 1, 127, 128, 254, 255])])
            elif kind == 2:
                del changed[at : at + int(rng.integers(1, 5))]
            else:
                changed[at:at] = rng.bytes(int(rng.integers(1, 5)))
        yield bytes(changed)


@pytest.mark.parametrize("data", FILES, ids=len)
def test_truncated_anywhere(data: bytes) -> None:
    for length in range(len(data)):
        with pytest.raises(TruncatedFile):
            container.read(data[:length])


@pytest.mark.parametrize("data", FILES, ids=len)
def test_any_bit_flipped(data: bytes) -> None:
    for bit in range(8 * len(data)):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        assert is_refused(bytes(changed)), f"bit {bit} does not matter"


@pytest.mark.parametrize("data", FILES, ids=len)
def test_damage_under_a_right_checksum(data: bytes) -> None:
    body_length = len(data) - 4
    accepted = 0
    for changed in mutate(data, 3000, seed=len(data)):
        # Length field and checksum made right, so that the body's own rules are what refuses.
        body = changed[6 if body_length < 128 else 7 : -4]
        head = container.MAGIC + b"\1" + encode_varint(len(body) + 4)
        accepted += not is_refused(replace_checksum(head + body + bytes(4)))
        is_refused(replace_checksum(changed))
    assert accepted < 3000


def test_noise_after_the_magic() -> None:
    rng = np.random.default_rng(0)
    for _ in range(3000):
        assert is_refused(container.MAGIC + b"\1" + rng.bytes(int(rng.integers(0, 60))))


def test_too_large_lengths_are_refused_quickly_and_in_little_memory() -> None:
    huge = encode_varint(2**32 - 1)
    bodies = [
        encode_varint(1) + huge + huge + b"\x02\x00",
        encode_varint(1) + b"\x05\x05\x02" + huge,
        encode_varint(1) + b"\x05\x05\x0a" + huge,
        encode_varint(1) + b"\x05\x05\x0a\x01\x02" + huge,
    ]
    files = [container.MAGIC + b"\1" + huge]
    files += [
        replace_checksum(container.MAGIC + b"\1" + encode_varint(len(body) + 4) + body + bytes(4))
        for body in bodies
    ]
    tracemalloc.start()
    started = time.process_time()
    for data in files:
        assert is_refused(data)
    elapsed = time.process_time() - started
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert elapsed < 1.0
    assert peak < 100_000
