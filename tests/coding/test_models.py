"""Models: their rules, and what follows from the frequencies."""

import numpy as np
import pytest

from gsic.coding.models import TOTAL, Model


@pytest.mark.parametrize(
    "frequencies", [[TOTAL], [TOTAL, 0], [TOTAL - 1, 2], [TOTAL + 1, -1], []], ids=str
)
def test_invalid_frequencies_are_refused(frequencies: list[int]) -> None:
    with pytest.raises(ValueError, match="a model needs"):
        Model(np.array(frequencies, np.int64))


def test_starts_are_sums_of_frequencies() -> None:
    assert Model([TOTAL - 300, 44, 256]).starts.tolist() == [0, TOTAL - 300, TOTAL - 256]


def test_code_lengths_are_those_of_the_probabilities() -> None:
    model = Model([TOTAL // 2, TOTAL // 4, TOTAL // 8, TOTAL // 8], -1)
    assert model.code_lengths.tolist() == [1.0, 2.0, 3.0, 3.0]
    assert model.measure_bits(np.array([-1, -1, 0, 2])) == 7.0
    assert model.least_cost == TOTAL // 2
