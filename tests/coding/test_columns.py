"""Columns: round trips in each mode, what they cost, and which parameters are refused."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from format_decoder import Payload
from kernel_images import make_payload, read, write_head, write_keys

from gsic.coding import column_modes, tables
from gsic.coding.ans import SymbolWriter
from gsic.coding.column_modes import ColumnMode
from gsic.coding.columns import BOUND, estimate_column_bits, write_columns
from gsic.coding.contexts import Contexts
from gsic.errors import CorruptFile
from gsic_kernels.cpu.ans import layout

Ints = npt.NDArray[np.int64]


def written(columns: list[Ints], contexts: Contexts) -> bytes:
    writer = SymbolWriter()
    write_columns(writer, columns, contexts)
    return writer.finish()


def one_group(count: int) -> Contexts:
    return Contexts(np.zeros(count, np.int64))


def read_back(payload: bytes, count: int, contexts: Contexts) -> Ints:
    """Read columns with the independent decoder."""
    classes = np.empty(len(contexts.order), np.int64)
    classes[contexts.order] = np.repeat(np.arange(len(contexts.sizes)), contexts.sizes)
    reader = Payload(payload)
    columns = reader.read_columns(count, classes.tolist(), doubling=contexts.doubling)
    reader.finish()
    return np.array(columns)


def laplace(rng: np.random.Generator, size: int, scale: float) -> Ints:
    return np.rint(rng.laplace(0, scale, size)).astype(np.int64)


SOURCES: dict[ColumnMode, Callable[[np.random.Generator, Ints], Ints]] = {
    ColumnMode.PLAIN: lambda rng, c: np.rint(rng.laplace(0, 2.0**c)).astype(np.int64),
    ColumnMode.CENTRED: lambda rng, c: laplace(rng, len(c), 8.0) + 40 * c,
    ColumnMode.SIGN_MAGNITUDE: lambda rng, c: (
        (laplace(rng, len(c), 3.0) + 60) * rng.choice([-1, 1], len(c))
    ),
    ColumnMode.HISTOGRAM: lambda rng, c: rng.choice([-2, 0, 1, 5], len(c), p=[0.3, 0.1, 0.2, 0.4]),
}


@pytest.mark.parametrize("mode", list(ColumnMode))
@pytest.mark.parametrize("count", [400, 3000])
def test_each_mode_is_chosen_for_its_kind_of_values(mode: ColumnMode, count: int) -> None:
    rng = np.random.default_rng(count)
    classes = rng.integers(0, 6, count)
    contexts = Contexts(classes - 3)
    column = SOURCES[mode](rng, classes)
    plan = column_modes.choose_plan(contexts.split(column))
    assert plan.mode is mode
    payload = written([column], contexts)
    np.testing.assert_array_equal(read_back(payload, 1, contexts)[0], column)
    # 28 bits are the 24 of the coder's initial state and about 4 of rounding to whole bytes.
    assert abs(8 * len(payload) - 28 - plan.bits) < 10 + 0.004 * plan.bits
    assert estimate_column_bits(column, contexts) == (plan.symbol_bits, plan.parameter_bits)


def test_columns_of_all_modes_share_their_contexts() -> None:
    rng = np.random.default_rng(5)
    classes = rng.integers(0, 4, 2000)
    contexts = Contexts(classes)
    columns = [source(rng, classes) for source in SOURCES.values()]
    columns += [np.zeros(2000, np.int64), rng.integers(-(10**8), 10**8, 2000)]
    payload = written(columns, contexts)
    np.testing.assert_array_equal(read_back(payload, 6, contexts), columns)
    apart = sum(len(written([column], contexts)) for column in columns)
    assert len(payload) <= apart - 3 * 5


@pytest.mark.parametrize("scale", [0.05, 0.3, 1.0, 4.0, 30.0])
def test_one_group_costs_little_more_than_its_entropy(scale: float) -> None:
    column = laplace(np.random.default_rng(8), 20000, scale)
    counts = np.unique(column, return_counts=True)[1]
    entropy = -(counts * np.log2(counts / len(column))).sum()
    bits = 8 * len(written([column], one_group(len(column))))
    assert entropy < bits < entropy * 1.003 + 0.04 * len(column)


def test_contexts_save_more_than_their_parameters_cost() -> None:
    rng = np.random.default_rng(9)
    classes = np.repeat(np.arange(8), 300)
    column = np.rint(rng.laplace(0, 2.0 ** (classes - 2))).astype(np.int64)
    together = len(written([column], one_group(len(column))))
    apart = len(written([column], Contexts(classes)))
    assert apart < 0.93 * together


@pytest.mark.parametrize(
    "column",
    [
        [0],
        [BOUND - 1],
        [1 - BOUND],
        [BOUND - 1, 1 - BOUND, 0],
        [7] * 300,
        [0] * 5000,
        [-1] * 5000,
        [10**6] * 10 + [-5] * 10,
        [0] * 1000 + [1 << 29],
        [11, -11, 12, -12] * 50,
    ],
    ids=lambda column: f"{column[0]} and {len(column) - 1} more",
)
def test_extreme_columns_come_back(column: list[int]) -> None:
    for contexts in (one_group(len(column)), Contexts(np.arange(len(column)) % 3)):
        payload = written([np.array(column)], contexts)
        assert read_back(payload, 1, contexts)[0].tolist() == column


def test_constant_columns_take_little() -> None:
    assert len(written([np.full(5000, -3)], one_group(5000))) < 16


def test_empty_columns_write_nothing() -> None:
    contexts = Contexts(np.empty(0, np.int64))
    payload = written([np.empty(0, np.int64)] * 2, contexts)
    assert payload.hex() == "01000000"
    assert read_back(payload, 2, contexts).shape == (2, 0)
    assert estimate_column_bits(np.empty(0, np.int64), contexts) == (0.0, 0.0)


def test_groups_that_double_cost_less_when_that_is_expected() -> None:
    rng = np.random.default_rng(12)
    classes = np.repeat(np.arange(7), 200)
    spread = np.rint(rng.laplace(0, 2.0 ** (classes - 1))).astype(np.int64)
    magnitudes = np.rint(rng.normal(6, 0.5, 1400) * 2.0**classes).astype(np.int64)
    columns = [spread, magnitudes * rng.choice([-1, 1], 1400)]
    sizes = []
    for doubling in (False, True):
        contexts = Contexts(classes, doubling=doubling)
        payload = written(columns, contexts)
        np.testing.assert_array_equal(read_back(payload, 2, contexts), columns)
        sizes.append(len(payload))
        assert [column_modes.choose_plan(contexts.split(c), doubling).mode for c in columns] == [
            ColumnMode.PLAIN,
            ColumnMode.SIGN_MAGNITUDE,
        ]
    assert sizes[1] <= sizes[0] - 3


@pytest.mark.parametrize("value", [BOUND, -BOUND])
def test_values_out_of_range_are_refused(value: int) -> None:
    with pytest.raises(ValueError, match="out of range"):
        written([np.array([0, value])], one_group(2))


@pytest.mark.parametrize("scales", [[-9], [-5, -4], [20, 20, 20]])
def test_scales_out_of_range_are_corrupt(scales: list[int]) -> None:
    counts = [20] * len(scales)
    steps = scales, column_modes.build_scale_step_table()
    with pytest.raises(CorruptFile, match=r"a scale outside 0\.\.63"):
        read(make_payload(counts, ColumnMode.PLAIN, steps), counts, range(len(scales)))


def test_negative_magnitudes_are_corrupt() -> None:
    payload = make_payload(
        [1],
        ColumnMode.SIGN_MAGNITUDE,
        ([0], column_modes.build_scale_step_table()),
        ([-20], column_modes.build_centre_step_table()),
        ([0], tables.build_tables([8], [tables.Shape()], signed=True)[0]),
    )
    with pytest.raises(CorruptFile, match="a negative magnitude"):
        read(payload)


@pytest.mark.parametrize(("centre", "cause"), [(BOUND, "a centre"), (-(2**31), "a value")])
def test_centres_out_of_range_are_corrupt(centre: int, cause: str) -> None:
    payload = make_payload(
        [1],
        ColumnMode.CENTRED,
        ([0], column_modes.build_scale_step_table()),
        ([centre], column_modes.build_centre_step_table()),
    )
    with pytest.raises(CorruptFile, match=f"{cause} out of range"):
        read(payload)


@pytest.mark.parametrize("positive", [-1, 16])
def test_shares_out_of_range_are_corrupt(positive: int) -> None:
    writer = SymbolWriter()
    write_keys(writer, [1])
    write_head(writer, ColumnMode.PLAIN, positive)
    writer.write_raw(np.arange(64), 24)
    with pytest.raises(CorruptFile, match="share of positive"):
        read(writer.finish())


@pytest.mark.parametrize("exponent", [29, 30, 31])
@pytest.mark.parametrize("scale", [27, 31])
def test_values_beyond_the_bound_are_corrupt(exponent: int, scale: int) -> None:
    # At scale 31 one bit of each value is raw, so an excess of 2^29 makes a value of 2^30.
    (table,) = tables.build_tables([scale], [tables.Shape()], signed=True)

    def write_value(writer: SymbolWriter) -> None:
        writer.write_symbols(np.array([table.highest]), table)
        writer.write_raw(np.array([exponent]), layout.EXPONENT_BITS)
        writer.write_raw(np.array([0]), exponent)
        writer.write_raw(np.array([0]), tables.count_low_bits(scale))

    steps = [scale - layout.FIRST_SCALE], column_modes.build_scale_step_table()
    payload = make_payload([1], ColumnMode.PLAIN, steps, more=write_value)
    cause = "an amplitude class" if (exponent, scale) == (29, 27) else "a value"
    with pytest.raises(CorruptFile, match=f"{cause} out of range"):
        read(payload)
