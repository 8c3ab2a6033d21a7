"""Packing of integers of a few bits each, without gaps, lowest bits first."""

from __future__ import annotations

import numpy as np

from gsic.arrays import Bytes, Int64
from gsic.errors import CorruptFile


def pack_bits(arrays: list[tuple[Int64, int]]) -> bytes:
    """Pack arrays of integers into bytes; zero bits fill up the last byte.

    Args:
        arrays: of each array, int64 (n,) in 0..2^bits - 1, and its bits per integer, 0..62.
    """
    bits = [_split_bits(values, width) for values, width in arrays]
    return np.packbits(np.concatenate(bits), bitorder="little").tobytes()


def unpack_bits(data: bytes, counts: list[tuple[int, int]], name: str) -> list[Int64]:
    """Unpack the arrays that `pack_bits` packed.

    Args:
        data: its bytes.
        counts: of each array, the number of integers and their bits.
        name: what messages call the data.

    Raises:
        CorruptFile: the number of bytes is wrong, or bits after the last integer are not 0.
    """
    total = sum(count * width for count, width in counts)
    if len(data) != -(-total // 8):
        raise CorruptFile(f"{name}: {len(data)} bytes where {total} bits are needed")
    bits = np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")
    if bits[total:].any():
        raise CorruptFile(f"{name}: its last byte ends in bits that are not 0")
    arrays, start = [], 0
    for count, width in counts:
        fields = bits[start : start + count * width].reshape(count, width)
        arrays.append(fields @ (np.int64(1) << np.arange(width)))
        start += count * width
    return arrays


def _split_bits(values: Int64, width: int) -> Bytes:
    fields = (values[:, None] >> np.arange(width)) & 1
    return fields.astype(np.uint8).ravel()
