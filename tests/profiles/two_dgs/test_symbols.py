"""Quantisers of profile `2dgs`."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from two_dgs_scenes import bounds

from gsic.profiles.two_dgs.symbols import (
    BOUND_LEVELS,
    Quantiser,
    fit_quantiser,
)


@given(
    values=st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=30),
    bits=st.integers(1, 16),
    shared=st.booleans(),
)
def test_quantisation(values: list[tuple[float, float]], bits: int, shared: bool) -> None:
    array = np.array(values)
    quantised = fit_quantiser(array, bits, shared)
    levels = quantised.quantise(array)
    back = quantised.dequantise(levels)
    low, high = quantised.bounds.T / BOUND_LEVELS
    step = (high - low) / (2**bits - 1)
    assert (np.abs(back - array) <= 0.5 * step + 1e-12).all()
    # Once more changes nothing (eq. 7 is idempotent).
    assert np.array_equal(quantised.quantise(back), levels)
    assert (levels >= 0).all()
    assert (levels < 1 << bits).all()
    if shared:
        assert len(np.unique(quantised.bounds, axis=0)) == 1


def test_quantisation_by_hand() -> None:
    values = np.array([[0.0], [1.0], [0.4], [0.49]])
    quantised = fit_quantiser(values, 2, False)
    assert quantised.quantise(values).ravel().tolist() == [0, 3, 1, 1]
    assert quantised.dequantise(quantised.quantise(values)).ravel() == pytest.approx(
        [0, 1, 1 / 3, 1 / 3]
    )


def test_equal_bounds() -> None:
    equal = Quantiser(10, bounds((0.2, 0.2)))
    assert equal.quantise(np.array([[0.2]])).tolist() == [[0]]
    assert equal.dequantise(np.array([[0], [7]])).ravel() == pytest.approx([0.2, 0.2])
