"""Round trips of random symbols, columns, contexts and sets, and the sizes that are estimated."""

from random import Random

import numpy as np
from format_decoder import Payload, Table
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from gsic.coding import bits_back, sorted_set, tables
from gsic.coding.ans import SymbolWriter
from gsic.coding.columns import BOUND, write_columns
from gsic.coding.contexts import Contexts
from gsic.coding.escapes import measure_escaped_bits, write_escaped
from gsic.coding.models import TOTAL, Model
from gsic.coding.stack import new_coder, save_coder
from gsic.coding.tables import SCALES, Shape

scales = st.integers(0, SCALES - 1)
shapes = st.builds(Shape, st.integers(0, 15), st.integers(0, 3), st.integers(0, 15))
magnitudes = st.sampled_from([1, 3, 40, 1000, 10**6, BOUND - 1])
integers = magnitudes.flatmap(lambda m: st.integers(-m, m))
excesses = st.sampled_from([300, 2**20, 2**31]).flatmap(lambda m: st.integers(-m, m))


@st.composite
def models(draw: st.DrawFn) -> Model:
    """Draw any model of 2 to 40 symbols."""
    shares = draw(st.lists(st.integers(0, 1000), min_size=2, max_size=40))
    free, total = TOTAL - len(shares), max(1, sum(shares))
    frequencies = [1 + share * free // total for share in shares]
    frequencies[0] += TOTAL - sum(frequencies)
    return Model(frequencies, draw(st.integers(-1000, 1000)))


@st.composite
def grouped_columns(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Draw columns (S, n) and contexts (n,)."""
    count = draw(st.integers(1, 60))
    rows = draw(st.integers(1, 3))
    contexts = draw(arrays(np.int64, count, elements=st.integers(-3, 3)))
    return draw(arrays(np.int64, (rows, count), elements=integers)), contexts


state_counts = st.sampled_from([1, 2, 4])


@given(
    st.lists(st.tuples(models(), st.lists(st.floats(0, 0.999), max_size=30)), max_size=5),
    state_counts,
)
def test_arrays_of_any_models(streams: list[tuple[Model, list[float]]], states: int) -> None:
    writer = SymbolWriter()
    expected = []
    bits = 0.0
    for model, picks in streams:
        span = model.highest - model.lowest + 1
        symbols = model.lowest + (np.array(picks) * span).astype(np.int64)
        writer.write_symbols(symbols, model)
        expected.append(symbols.tolist())
        bits += model.measure_bits(symbols)
    payload = writer.finish(states)
    if states == 1:
        assert bits / 8 + 2.9 <= len(payload) <= bits / 8 + 4.1
    reader = Payload(payload, states)
    for (model, _), symbols in zip(streams, expected, strict=True):
        table = make_table(model)
        assert [reader.read_symbol(table) for _ in symbols] == symbols
    reader.finish()


def make_table(model: Model) -> Table:
    """Convert a model to a table of the independent decoder."""
    return model.lowest, [*model.starts.tolist(), TOTAL], -1


@given(
    st.lists(st.tuples(st.integers(0, 32), st.lists(st.integers(0, 2**32 - 1), max_size=8))),
    state_counts,
)
def test_raw_fields_of_any_width(streams: list[tuple[int, list[int]]], states: int) -> None:
    writer = SymbolWriter()
    cut = [(width, [value % 2**width for value in values]) for width, values in streams]
    for width, values in cut:
        writer.write_raw(np.array(values, np.int64), width)
    reader = Payload(writer.finish(states), states)
    for width, values in cut:
        assert reader.read_raw(width, len(values)) == values
    reader.finish()


@given(scales, shapes, st.lists(excesses, min_size=1, max_size=40), st.booleans())
def test_every_table_codes_any_value(
    scale: int, shape: Shape, values: list[int], signed: bool
) -> None:
    (table,) = tables.build_tables([scale], [shape], signed=signed)
    numbers = np.array(values) if signed else np.abs(values)
    writer = SymbolWriter()
    write_escaped(writer, [numbers], [table])
    payload = writer.finish()
    assert abs(8 * len(payload) - 28 - measure_escaped_bits(numbers, table)) < 6
    reader = Payload(payload)
    lowest, starts, _ = make_table(table)
    read = reader.read_escaped([len(values)], [(lowest, starts, table.escape)])
    assert read == [numbers.tolist()]
    reader.finish()


@given(st.lists(st.tuples(models(), st.integers(0, 200)), min_size=1, max_size=6), st.randoms())
def test_a_single_state_is_that_of_constriction(
    groups: list[tuple[Model, int]], random: Random
) -> None:
    coder, writer = new_coder(), SymbolWriter()
    drawn = [
        np.array([random.randrange(len(model.frequencies)) for _ in range(count)], np.int32)
        for model, count in groups
    ]
    for symbols, (model, _) in zip(drawn, groups, strict=True):
        writer.write_symbols(symbols + model.lowest, model)
    for symbols, (model, _) in zip(reversed(drawn), reversed(groups), strict=True):
        coder.encode_reverse(symbols, model.coder_model)
    assert writer.finish() == save_coder(coder)


@given(grouped_columns())
def test_columns(case: tuple[np.ndarray, np.ndarray]) -> None:
    columns, classes = case
    writer = SymbolWriter()
    write_columns(writer, list(columns), Contexts(classes))
    reader = Payload(writer.finish())
    assert reader.read_columns(len(columns), classes.tolist()) == columns.tolist()
    reader.finish()


@given(st.lists(st.tuples(st.integers(1, 2**60), st.lists(st.floats(0, 1), min_size=1))))
def test_sets(cases: list[tuple[int, list[float]]]) -> None:
    cells = [bound for bound, _ in cases]
    sets = [np.sort(np.array([min(bound - 1, int(bound * x)) for x in at])) for bound, at in cases]
    writer = SymbolWriter()
    sorted_set.write_sets(writer, sets, cells)
    reader = Payload(writer.finish())
    decoded = reader.read_sets([len(keys) for keys in sets], cells)
    reader.finish()
    assert decoded == [keys.tolist() for keys in sets]


@given(st.sets(st.tuples(st.integers(0, 255), st.integers(-9, 6)), max_size=40), st.integers(0, 50))
def test_bits_back(rows: set[tuple[int, int]], plain: int) -> None:
    columns = [Model([TOTAL >> 8] * 256), Model([TOTAL >> 4] * 16, -9)]
    array = np.array(list(rows), np.int32).reshape(-1, 2)
    payload = bits_back.encode(array, columns, plain)
    decoded = bits_back.decode(payload, columns, len(rows), plain)
    assert [tuple(row) for row in decoded.tolist()] == sorted(rows)
