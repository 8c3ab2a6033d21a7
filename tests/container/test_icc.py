"""The ICC profile as a section: whole, damaged, and too large."""

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gsic.container import pack_icc, unpack_icc
from gsic.container.icc import MAX_BYTES
from gsic.errors import CorruptFile, FormatError, InputError, LimitError


@given(st.binary(max_size=2000))
def test_a_profile_comes_back(profile: bytes) -> None:
    assert unpack_icc(pack_icc(profile)) == profile


@given(st.binary(max_size=200))
def test_other_bytes_are_corrupt(data: bytes) -> None:
    try:
        unpack_icc(data)
    except FormatError:
        return
    assert zlib.decompress(data) is not None


def test_what_is_not_one_whole_stream_is_corrupt() -> None:
    packed = pack_icc(b"profile" * 100)
    for damaged in (packed[:-1], packed + b"\0", packed + packed, b"", b"profile"):
        with pytest.raises(CorruptFile, match="section 1"):
            unpack_icc(damaged)


def test_bombs_are_refused_at_the_limit() -> None:
    assert len(unpack_icc(pack_icc(bytes(MAX_BYTES)))) == MAX_BYTES
    with pytest.raises(LimitError, match="section 1"):
        unpack_icc(zlib.compress(bytes(MAX_BYTES + 1)))
    with pytest.raises(InputError, match="icc"):
        pack_icc(bytes(MAX_BYTES + 1))
