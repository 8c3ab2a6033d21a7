"""Frequency tables: their rules, pinned integers, and how well they fit the distributions."""

import hashlib

import numpy as np
import pytest

from gsic.coding import tables
from gsic.coding.models import TOTAL, Model
from gsic.coding.tables import SCALES, SPREADS, ZERO_ODDS, Shape
from gsic_kernels.cpu.ans.layout import ESCAPE_FREQUENCY

SHAPES = [
    Shape(zero, spread, positive)
    for zero in range(len(ZERO_ODDS))
    for spread in range(len(SPREADS))
    for positive in (0, 1, 8, 15)
]


@pytest.mark.parametrize("signed", [True, False])
def test_every_table_is_a_model_and_no_symbol_is_too_likely(signed: bool) -> None:
    for shape in SHAPES if signed else SHAPES[::4]:
        for scale, table in enumerate(
            tables.build_tables(range(SCALES), [shape] * SCALES, signed=signed)
        ):
            Model(table.frequencies, table.lowest)
            largest = tables.get_largest_magnitude(scale)
            assert (table.lowest, table.highest) == (-largest if signed else 0, largest)
            assert table.escape == largest
            assert table.least_cost == TOTAL - table.frequencies.max()
            # A byte carries at most 8 / 0.0078 symbols of any table.
            assert table.least_cost / TOTAL > 0.0078
            assert table.frequencies[-1] >= ESCAPE_FREQUENCY


def test_tables_are_pinned() -> None:
    digest = hashlib.sha256()
    for signed in (True, False):
        for shape in SHAPES if signed else SHAPES[::4]:
            for table in tables.build_tables(range(SCALES), [shape] * SCALES, signed=signed):
                digest.update(table.frequencies.astype("<u4").tobytes())
    assert digest.hexdigest() == PINNED


PINNED = "9561ab3682f5f9d4a2c0cd814ae09b3a21e61c6f780a427b9ab7b48ed130743f"


def test_small_tables_are_pinned_in_full() -> None:
    (two_sided,) = tables.build_tables([8], [Shape(zero=6, spread=1, positive=6)], signed=True)
    (one_sided,) = tables.build_tables([8], [Shape()], signed=False)
    assert two_sided.frequencies.tolist() == [
        23303,
        6234,
        7920,
        10067,
        12817,
        16472,
        22197,
        36760,
        104360,
        521021,
        3278759,
        10313360,
        1967169,
        312599,
        62614,
        22055,
        13319,
        9883,
        7690,
        6040,
        4753,
        3740,
        14084,
    ]
    assert one_sided.frequencies.tolist() == [
        14286848,
        2120478,
        314759,
        46723,
        6936,
        1031,
        154,
        23,
        4,
        2,
        1,
        257,
    ]
    assert tables.build_flag_table(3).frequencies.tolist() == [TOTAL // 64 * 58, TOTAL // 64 * 6]
    assert tables.build_histogram([15, 0, 7]).frequencies.tolist() == [15713294, 81841, 982081]


def test_stop_chances_fall_by_equal_ratios() -> None:
    stops = [
        tables.get_stop_chance(s) / 2.0 ** (32 + tables.count_low_bits(s)) for s in range(SCALES)
    ]
    assert stops == sorted(stops, reverse=True)
    ratios = np.array(stops[12:-1]) / np.array(stops[13:])
    assert 1.175 < ratios.min() < ratios.max() < 1.195


@pytest.mark.parametrize("scale", range(8, tables.LAST_WHOLE + 1))
def test_magnitudes_follow_the_geometric_distribution(scale: int) -> None:
    stop = tables.get_stop_chance(scale) / 2**32
    expected = stop * (1 - stop) ** np.arange(tables.get_largest_magnitude(scale) - 1)
    np.testing.assert_allclose(
        tables.get_magnitude_chances(scale, 0)[:-1] / TOTAL, expected, atol=2e-7
    )


def test_spread_adds_a_longer_tail() -> None:
    tails = [tables.get_magnitude_chances(20, spread)[40:].sum() for spread in range(len(SPREADS))]
    assert tails == sorted(tails)
    assert tails[-1] > 3 * tails[0]


def test_zero_sets_the_odds_of_0() -> None:
    built = tables.build_tables(
        [16] * len(ZERO_ODDS), [Shape(zero) for zero in range(len(ZERO_ODDS))], signed=True
    )
    shares = np.array([table.frequencies[-table.lowest] / TOTAL for table in built])
    odds = shares / (1 - shares)
    np.testing.assert_allclose(odds / odds[6], np.array(ZERO_ODDS) / 16, rtol=1e-2)


def test_positive_sets_the_shares_of_the_sides() -> None:
    for positive in range(16):
        (table,) = tables.build_tables([16], [Shape(positive=positive)], signed=True)
        above = table.frequencies[1 - table.lowest :].sum()
        below = table.frequencies[: -table.lowest].sum()
        expected = max(1, 2 * positive) / 32
        assert above / (above + below) == pytest.approx(expected, abs=2e-4)


def test_tables_are_the_same_alone_and_together() -> None:
    scales, shapes = [9, 30, 9, 12], [Shape(4), Shape(9, 2, 3), Shape(4), Shape()]
    together = tables.build_tables(scales, shapes, signed=True)
    for scale, shape, table in zip(scales, shapes, together, strict=True):
        (alone,) = tables.build_tables([scale], [shape], signed=True)
        np.testing.assert_array_equal(alone.frequencies, table.frequencies)
        (one_sided,) = tables.build_tables([scale], [shape], signed=False)
        assert one_sided.lowest == 0
