"""Round trips of random symbols, columns, contexts and sets, and the sizes that are estimated."""

from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from gsic.coding import bits_back, sorted_set, tables
from gsic.coding.ans import (
    SymbolReader,
    SymbolWriter,
    check_finished,
    load_coder,
    new_coder,
    save_coder,
)
from gsic.coding.columns import BOUND, read_columns, write_columns
from gsic.coding.contexts import Contexts
from gsic.coding.escapes import measure_escaped_bits, write_escaped
from gsic.coding.models import TOTAL, Model, Tables, Uniform
from gsic.coding.tables import SCALES, Shape
from gsic.errors import CorruptFile

scales = st.integers(0, SCALES - 1)
shapes = st.builds(Shape, st.integers(0, 15), st.integers(0, 3), st.integers(0, 15))
magnitudes = st.sampled_from([1, 3, 40, 1000, 10**6, BOUND - 1])
integers = magnitudes.flatmap(lambda m: st.integers(-m, m))
excesses = st.sampled_from([300, 2**20, 2**40, 2**61]).flatmap(lambda m: st.integers(-m, m))


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


@given(st.lists(st.tuples(models(), st.lists(st.floats(0, 0.999), max_size=30)), max_size=5))
def test_arrays_of_any_models(streams: list[tuple[Model, list[float]]]) -> None:
    writer = SymbolWriter()
    expected = []
    bits = 0.0
    for model, picks in streams:
        span = model.highest - model.lowest + 1
        symbols = model.lowest + (np.array(picks) * span).astype(np.int64)
        writer.write_symbols(symbols, model)
        expected.append(symbols.tolist())
        bits += model.measure_bits(symbols)
    payload = writer.finish()
    assert bits / 8 + 2.9 <= len(payload) <= bits / 8 + 4.1
    reader = SymbolReader(payload)
    assert [reader.read_symbols(m, len(p)).tolist() for m, p in streams] == expected
    reader.finish()


@given(st.lists(st.tuples(st.integers(0, 64), st.lists(st.integers(0, 2**64 - 1), max_size=8))))
def test_raw_fields_of_any_width(streams: list[tuple[int, list[int]]]) -> None:
    writer = SymbolWriter()
    cut = [(width, [value % 2**width for value in values]) for width, values in streams]
    for width, values in cut:
        writer.write_raw(np.array(values, np.uint64), width)
    reader = SymbolReader(writer.finish())
    for width, values in cut:
        assert reader.read_raw(width, len(values)).tolist() == values
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
    reader = SymbolReader(payload)
    np.testing.assert_array_equal(reader.read_values(table.tables, [len(values)]), numbers)
    reader.finish()


@given(
    st.binary(max_size=60),
    st.integers(1, 255),
    st.lists(st.tuples(models(), st.integers(0, 60)), min_size=1, max_size=6),
    st.lists(st.tuples(st.integers(1, 24), st.integers(0, 9)), max_size=3),
)
def test_any_bytes_decode_as_with_constriction(
    head: bytes, last: int, groups: list[tuple[Model, int]], fields: list[tuple[int, int]]
) -> None:
    # Also corrupt bytes and reads past the end give the same symbols and the same verdict.
    payload = head + bytes([last])
    oracle = load_coder(payload)
    expected = [oracle.decode(model.coder_model, count) + model.lowest for model, count in groups]
    expected += [oracle.decode(Uniform(1 << width), count) for width, count in fields]
    try:
        check_finished(oracle)
        finished = True
    except CorruptFile:
        finished = False
    reader = SymbolReader(payload)
    sizes = [count for _, count in groups]
    cost = sum(count * model.least_cost for model, count in groups) / TOTAL
    cost += sum(width * count for width, count in fields)
    if cost > 8 * len(payload) + 64:
        with pytest.raises(CorruptFile, match="more than its bytes can hold"):
            read_both(reader, groups, fields)
        return
    symbols, raw = read_both(reader, groups, fields)
    np.testing.assert_array_equal(np.concatenate([symbols, raw]), np.concatenate(expected))
    assert len(symbols) == sum(sizes)
    if finished:
        reader.finish()
    else:
        with pytest.raises(CorruptFile, match="do not end where"):
            reader.finish()


def read_both(
    reader: SymbolReader, groups: list[tuple[Model, int]], fields: list[tuple[int, int]]
) -> tuple[np.ndarray, np.ndarray]:
    """Read symbols in one call, and raw fields in another."""
    symbols = reader.read_values(
        Tables.from_models([model for model, _ in groups]), [size for _, size in groups]
    )
    widths, sizes = [width for width, _ in fields], [size for _, size in fields]
    return symbols, reader.read_values(Tables.from_widths(widths), sizes) if fields else symbols[:0]


@given(st.lists(st.tuples(models(), st.integers(0, 200)), min_size=1, max_size=6), st.randoms())
def test_the_reader_finishes_what_constriction_encoded(
    groups: list[tuple[Model, int]], random: Random
) -> None:
    coder = new_coder()
    expected = [
        np.array([random.randrange(len(model.frequencies)) for _ in range(count)], np.int32)
        for model, count in groups
    ]
    for symbols, (model, _) in zip(reversed(expected), reversed(groups), strict=True):
        coder.encode_reverse(symbols, model.coder_model)
    reader = SymbolReader(save_coder(coder))
    decoded = reader.read_values(
        Tables.from_models([m for m, _ in groups]), [count for _, count in groups]
    )
    lowest = np.repeat([m.lowest for m, _ in groups], [count for _, count in groups])
    np.testing.assert_array_equal(decoded - lowest, np.concatenate(expected))
    reader.finish()


@given(grouped_columns())
def test_columns(case: tuple[np.ndarray, np.ndarray]) -> None:
    columns, classes = case
    contexts = Contexts(classes)
    writer = SymbolWriter()
    write_columns(writer, list(columns), contexts)
    payload = writer.finish()
    reader = SymbolReader(payload)
    np.testing.assert_array_equal(read_columns(reader, len(columns), contexts), columns)
    reader.finish()


@given(st.lists(st.tuples(st.integers(1, 2**60), st.lists(st.floats(0, 1), min_size=1))))
def test_sets(cases: list[tuple[int, list[float]]]) -> None:
    cells = [bound for bound, _ in cases]
    sets = [np.sort(np.array([min(bound - 1, int(bound * x)) for x in at])) for bound, at in cases]
    writer = SymbolWriter()
    sorted_set.write_sets(writer, sets, cells)
    reader = SymbolReader(writer.finish())
    decoded = sorted_set.read_sets(reader, [len(keys) for keys in sets], cells)
    reader.finish()
    assert [keys.tolist() for keys in decoded] == [keys.tolist() for keys in sets]


@given(st.sets(st.tuples(st.integers(0, 255), st.integers(-9, 6)), max_size=40), st.integers(0, 50))
def test_bits_back(rows: set[tuple[int, int]], plain: int) -> None:
    columns = [Model([TOTAL >> 8] * 256), Model([TOTAL >> 4] * 16, -9)]
    array = np.array(list(rows), np.int32).reshape(-1, 2)
    payload = bits_back.encode(array, columns, plain)
    decoded = bits_back.decode(payload, columns, len(rows), plain)
    assert [tuple(row) for row in decoded.tolist()] == sorted(rows)
