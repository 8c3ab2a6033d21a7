"""Bit packing: round trips, pinned bytes, and what is refused."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gsic.coding.bit_packing import pack_bits, unpack_bits
from gsic.errors import CorruptFile


@given(
    st.lists(
        st.integers(0, 20).flatmap(
            lambda bits: st.tuples(
                st.lists(st.integers(0, 2**bits - 1), max_size=20), st.just(bits)
            )
        ),
        min_size=1,
        max_size=4,
    )
)
def test_packed_integers_are_unpacked_again(arrays: list[tuple[list[int], int]]) -> None:
    data = pack_bits([(np.array(values, np.int64), bits) for values, bits in arrays])
    counts = [(len(values), bits) for values, bits in arrays]
    assert len(data) == math.ceil(sum(n * bits for n, bits in counts) / 8)
    for again, (values, _) in zip(unpack_bits(data, counts, "test"), arrays, strict=True):
        assert again.tolist() == values


def test_bits_are_packed_lowest_first_and_the_last_byte_ends_in_zeros() -> None:
    data = pack_bits([(np.array([1, 5]), 3), (np.array([0x1FF]), 9)])
    assert data == bytes([0b11101001, 0b01111111])
    with pytest.raises(CorruptFile, match="not 0"):
        unpack_bits(bytes([0b11101001, 0b11111111]), [(2, 3), (1, 9)], "test")
    for wrong in (data[:1], data + b"\0"):
        with pytest.raises(CorruptFile, match="15 bits are needed"):
            unpack_bits(wrong, [(2, 3), (1, 9)], "test")
