"""Integers of a few bits each, one after the other without gaps, lowest bits first."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gsic.errors import CorruptFile

Int64 = NDArray[np.int64]
UInt8 = NDArray[np.uint8]


def packed_bytes(arrays: list[tuple[Int64, int]]) -> bytes:
    """Return arrays of numbers as bytes; the last one is filled up with zero bits.

    Args:
        arrays: integers (n,) below 2^bits, and their bits, 0..62.
    """
    bits = [_bits_of(values, width) for values, width in arrays]
    return np.packbits(np.concatenate(bits), bitorder="little").tobytes()


def unpacked(data: bytes, counts: list[tuple[int, int]], name: str) -> list[Int64]:
    """Return what `packed_bytes` packed.

    Args:
        data: its bytes.
        counts: how many numbers each array has, and their bits.
        name: of the data, for messages.

    Raises:
        CorruptFile: not exactly so many bytes, or bits behind the last number that are not 0.
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


def _bits_of(values: Int64, width: int) -> UInt8:
    fields = (values[:, None] >> np.arange(width)) & 1
    return fields.astype(np.uint8).ravel()
