"""Bits-back coding: sets come back, and take log2 N! bits less than lists, but for one element."""

from math import lgamma, log

import numpy as np
import pytest

from gsic.coding import bits_back
from gsic.coding.models import TOTAL, Model
from gsic.errors import CorruptFile

# 56 bits a row, as much as a Gaussian of the published codec takes.
MODELS = [Model([TOTAL >> 12] * (1 << 12))] * 2 + [Model([TOTAL >> 8] * (1 << 8), -128)] * 4
ROW_BITS = 56


def random_rows(count: int) -> np.ndarray:
    rng = np.random.default_rng(count)
    columns = [rng.integers(m.lowest, m.highest + 1, count) for m in MODELS]
    return np.stack(columns, axis=1).astype(np.int32)


def factorial_bits(count: int) -> float:
    return lgamma(count + 1) / log(2)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 50, 800])
@pytest.mark.parametrize("plain", [0, 1, 7])
def test_sets_come_back_in_ascending_order(count: int, plain: int) -> None:
    rows = random_rows(count)
    payload = bits_back.encode(rows, MODELS, plain)
    decoded = bits_back.decode(payload, MODELS, count, plain)
    assert decoded.tolist() == sorted(rows.tolist())


@pytest.mark.parametrize("count", [800, 3000])
def test_the_saving_is_the_information_in_the_order(count: int) -> None:
    full = count * ROW_BITS - 8 * len(bits_back.encode(random_rows(count), MODELS))
    assert factorial_bits(count) - 60 < full < factorial_bits(count)
    plain = bits_back.count_plain_rows([ROW_BITS] * count)
    partial = count * ROW_BITS - 8 * len(bits_back.encode(random_rows(count), MODELS, plain))
    assert factorial_bits(count - plain) - 40 < partial < factorial_bits(count - plain)


@pytest.mark.parametrize(
    ("count", "plain"),
    [(0, 0), (1, 0), (800, 101), (1000, 130), (3000, 450), (5000, 796), (7000, 1156), (9000, 1526)],
)
def test_plain_rows_hold_the_bits_that_the_others_pop(count: int, plain: int) -> None:
    assert bits_back.count_plain_rows([ROW_BITS] * count) == plain


def test_rows_too_short_to_pop_from_are_all_plain() -> None:
    assert bits_back.count_plain_rows([0.0] * 5) == 4


@pytest.mark.parametrize("plain", [3, 4, 7])
def test_repeated_rows_are_plain(plain: int) -> None:
    rows = random_rows(50)
    rows = np.concatenate((rows, rows[[4, 4, 9]]))
    ordered = bits_back.order_rows(rows.tolist())
    assert sorted(ordered) == sorted(map(tuple, rows.tolist()))
    assert sorted(ordered[:3]) == sorted(map(tuple, rows[[4, 4, 9]].tolist()))
    payload = bits_back.encode(rows, MODELS, plain)
    assert bits_back.decode(payload, MODELS, 53, plain).tolist() == sorted(rows.tolist())


def test_more_repeated_rows_than_plain_ones_are_refused() -> None:
    with pytest.raises(ValueError, match="more than 1 rows occur again"):
        bits_back.encode(np.zeros((3, 6), np.int32), MODELS)


@pytest.mark.parametrize("count", [0, 1, 49, 51, 10**9])
def test_a_wrong_count_is_corrupt(count: int) -> None:
    payload = bits_back.encode(random_rows(50), MODELS)
    with pytest.raises(CorruptFile):
        bits_back.decode(payload, MODELS, count)
