"""Contexts: which rows form a group, and in which order."""

import numpy as np

from gsic.coding.contexts import Contexts


def test_contexts_group_by_ascending_value_and_keep_order() -> None:
    contexts = Contexts(np.array([5, -2, 5, 0, -2]))
    assert contexts.sizes == [2, 1, 2]
    groups = contexts.split(np.array([10, 11, 12, 13, 14]))
    assert [group.tolist() for group in groups] == [[11, 14], [13], [10, 12]]


def test_a_wide_range_of_contexts_is_grouped() -> None:
    wide = np.array([0, 100_000, 0, 70_000])
    assert Contexts(wide).sizes == [2, 1, 1]
    assert Contexts(wide).order.tolist() == [0, 2, 3, 1]


def test_small_groups_are_joined() -> None:
    rows = np.repeat([0, 1, 2, 3, 7, 9], [1, 2, 5, 3, 2, 1])
    assert Contexts(rows, least=3).sizes == [3, 5, 3, 3]
    assert Contexts(rows, least=4).sizes == [8, 6]
    assert Contexts(rows[:-1], least=3).sizes == [3, 5, 5]
    assert Contexts(rows, least=99).sizes == [14]
    contexts = Contexts(np.array([4, 0, 4, 1, 4]), least=2)
    assert [group.tolist() for group in contexts.split(np.arange(5))] == [[1, 3], [0, 2, 4]]
