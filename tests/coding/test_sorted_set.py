"""Sorted sets: round trips, costs against bits-back coding, and which keys are refused."""

from math import lgamma, log

import numpy as np
import pytest
from format_decoder import Payload
from kernel_images import SQUARES, read

from gsic.coding import bits_back, sorted_set
from gsic.coding.ans import SymbolWriter
from gsic.coding.models import TOTAL, Model
from gsic.coding.sorted_set import MAX_CELLS
from gsic.errors import CorruptFile


def payload_of(sets: list[list[int]] | list[np.ndarray], cells: list[int]) -> bytes:
    writer = SymbolWriter()
    sorted_set.write_sets(writer, [np.array(keys) for keys in sets], cells)
    return writer.finish()


def read_back(payload: bytes, counts: list[int], cells: list[int]) -> list[list[int]]:
    """Read sets with the independent decoder."""
    reader = Payload(payload)
    sets = reader.read_sets(counts, cells)
    reader.finish()
    return sets


@pytest.mark.parametrize("count", [1, 2, 10, 300, 4000])
@pytest.mark.parametrize("cells", [1, 2, 7, 3072, 2**18, 2**33 + 1, MAX_CELLS])
def test_sets_come_back(count: int, cells: int) -> None:
    keys = np.sort(np.random.default_rng(count).integers(0, cells, count))
    payload = payload_of([keys], [cells])
    assert read_back(payload, [count], [cells]) == [keys.tolist()]


@pytest.mark.parametrize(
    "keys",
    [
        [0],
        [MAX_CELLS - 1],
        [0, MAX_CELLS - 1],
        [0] * 100,
        [MAX_CELLS - 1] * 100,
        [*range(5000)],
        [*range(MAX_CELLS - 50, MAX_CELLS)],
        [0] * 1000 + [MAX_CELLS - 1] * 1000,
    ],
    ids=lambda keys: f"{len(keys)} from {keys[0]} to {keys[-1]}",
)
def test_extreme_sets_come_back(keys: list[int]) -> None:
    assert read_back(payload_of([keys], [MAX_CELLS]), [len(keys)], [MAX_CELLS]) == [keys]


def test_several_sets_come_back_together() -> None:
    sets = [[3, 3, 9], [0], [5, 2**40], list(range(0, 4000, 4))]
    cells = [10, 1, 2**41, 4000]
    payload = payload_of(sets, cells)
    assert read_back(payload, [3, 1, 2, 1000], cells) == sets
    assert read_back(payload_of([], []), [], []) == []


@pytest.mark.parametrize("count", [500, 1000, 4000])
@pytest.mark.parametrize("cells", [3072 * 16, 2**18, 2**24])
def test_uniform_sets_cost_what_bits_back_costs(count: int, cells: int) -> None:
    rng = np.random.default_rng(cells + count)
    keys = np.sort(rng.choice(cells, count, replace=False))
    half = cells.bit_length() // 2
    uniform = Model([TOTAL >> half] * (1 << half))
    rest = cells >> half
    high = Model([TOTAL // rest] * (rest - 1) + [TOTAL - TOTAL // rest * (rest - 1)])
    rows = np.stack((keys >> half, keys & ((1 << half) - 1)), axis=1).astype(np.int32)
    oracle = 8 * len(bits_back.encode(rows, [high, uniform]))
    bits = 8 * len(payload_of([keys], [cells]))
    assert bits <= oracle + 0.2 * count
    ideal = count * log(cells, 2) - lgamma(count + 1) / log(2)
    assert bits <= ideal + 0.1 * count + 40


def test_clustered_sets_cost_less_than_uniform_ones() -> None:
    rng = np.random.default_rng(7)
    rows = rng.integers(0, 40, 2000) + 100 * rng.integers(0, 3, 2000)
    clustered = np.sort(rows * 768 + rng.integers(0, 768, 2000))
    uniform = np.sort(rng.integers(0, 768 * 512, 2000))
    bits = [8 * len(payload_of([keys], [768 * 512])) for keys in (clustered, uniform)]
    assert bits[0] < bits[1] - 500


@pytest.mark.parametrize(
    ("keys", "cells"),
    [([5], 5), ([-1], 5), ([3, 2], 5), ([0], 0), ([0], MAX_CELLS + 1)],
    ids=str,
)
def test_keys_that_are_no_sorted_set_are_refused(keys: list[int], cells: int) -> None:
    with pytest.raises(ValueError, match="a sorted set"):
        payload_of([keys], [cells])


def test_keys_beyond_the_cells_are_corrupt() -> None:
    writer = SymbolWriter()
    # The same table and low bits as for one set of the last cell.
    sorted_set.write_sets(writer, [np.array([SQUARES**2])], [SQUARES**2 + 1])
    with pytest.raises(CorruptFile, match=f"a key of a set beyond its {SQUARES**2} cells"):
        read(writer.finish())


def test_gaps_beyond_the_cells_are_corrupt() -> None:
    writer = SymbolWriter()
    # Low bits and table are those of SQUARES^2 cells, which have quotients of up to 8.
    low_bits = 9
    assert SQUARES**2 >> low_bits == 8
    sorted_set.write_sets(writer, [np.array([9 << low_bits])], [(9 << low_bits) + 1])
    with pytest.raises(CorruptFile, match="a gap beyond the last cell"):
        read(writer.finish())


def test_scales_that_sets_do_not_have_are_corrupt() -> None:
    writer = SymbolWriter()
    writer.write_raw(np.array([1]), 1)
    writer.write_raw(np.array([28]), 11)
    writer.write_raw(np.arange(9), 32)
    with pytest.raises(CorruptFile, match="scale 28 of a set"):
        read(writer.finish())


def test_counts_that_the_bytes_cannot_hold_are_refused_before_decoding() -> None:
    payload = payload_of([[1, 2, 3]], [100])
    for count in (10**4, 10**6):
        with pytest.raises(CorruptFile, match="more than its bytes can hold"):
            read(payload, [count])
