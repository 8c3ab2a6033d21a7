"""A decoder that is written from FORMAT.md alone reads what gsic writes."""

import format_decoder as independent
import numpy as np
import pytest

from gsic import container
from gsic.coding import sorted_set, tables
from gsic.coding.ans import SymbolWriter
from gsic.coding.column_modes import ColumnMode, choose_plan
from gsic.coding.columns import write_columns
from gsic.coding.contexts import Contexts
from gsic.coding.tables import SCALES, Shape
from gsic.container import Container, Mode, Section


@pytest.mark.parametrize("sections", [(), (Section(1, b"icc"), Section(2, b""))])
def test_containers(sections: tuple[Section, ...]) -> None:
    written = Container(1, 300, 70000, Mode.RGB_AS_L, b"\1\2", b"\1" + bytes(200), sections)
    read = independent.read_container(container.write(written))
    assert read == {
        "profile": 1,
        "width": 300,
        "height": 70000,
        "mode": 4,
        "parameters": b"\1\2",
        "payload": b"\1" + bytes(200),
    }


@pytest.mark.parametrize("signed", [True, False])
def test_tables(signed: bool) -> None:
    for scale in range(SCALES):
        shape = Shape(scale * 7 % 16, scale % 4, scale * 5 % 16)
        (table,) = tables.build_tables([scale], [shape], signed=signed)
        lowest, starts, escape = independent.make_table(scale, tuple(shape), signed)
        assert np.diff(starts).tolist() == table.frequencies.tolist()
        assert (lowest, escape) == (table.lowest, table.escape)
    levels = [15, 0, 3, 8, 1]
    starts = independent.make_histogram(levels)[1]
    assert np.diff(starts).tolist() == tables.build_histogram(levels).frequencies.tolist()


def test_payloads() -> None:
    rng = np.random.default_rng(11)
    modes = set()
    for count in (1, 2, 40, 300):
        classes = rng.integers(-2, 5, count)
        least, doubling = 7 * (count % 3), count > 40
        contexts = Contexts(classes, least=least, doubling=doubling)
        columns = [
            np.rint(rng.laplace(0, 2.0**classes)).astype(np.int64),
            np.rint(rng.laplace(50, 5, count)).astype(np.int64),
            rng.choice([-1, 1], count) * (30 + rng.integers(-3, 4, count)),
            rng.choice([-2, 3, 4], count),
            np.rint(rng.laplace(0, 10.0 ** rng.integers(0, 8, count))).astype(np.int64),
            np.zeros(count, np.int64),
        ]
        modes |= {choose_plan(contexts.split(column), doubling).mode for column in columns}
        bounds = [1, 9, 2**18, 2**60]
        sets = [np.sort(rng.integers(0, bound, count)) for bound in bounds]
        sets.append(np.arange(count) ** 3)
        bounds.append(2**40)
        writer = SymbolWriter()
        sorted_set.write_sets(writer, sets, bounds)
        write_columns(writer, columns, contexts)
        writer.write_raw(np.array([2**31 + 5, 3]), 32)
        states = (1, 2, 4)[count % 3]
        payload = independent.Payload(writer.finish(states), states)
        assert payload.read_sets([count] * 5, bounds) == [keys.tolist() for keys in sets]
        decoded = payload.read_columns(len(columns), classes.tolist(), least, doubling)
        assert decoded == [column.tolist() for column in columns]
        assert payload.read_raw(32, 2) == [2**31 + 5, 3]
        payload.finish()
    assert modes == set(ColumnMode)
