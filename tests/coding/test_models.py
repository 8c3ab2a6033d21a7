"""Models: their rules, and their two forms for the encoder and for the decoder."""

import numpy as np
import pytest

from gsic.coding.models import TOTAL, Model, Tables


@pytest.mark.parametrize(
    "frequencies", [[TOTAL], [TOTAL, 0], [TOTAL - 1, 2], [TOTAL + 1, -1], []], ids=str
)
def test_invalid_frequencies_are_refused(frequencies: list[int]) -> None:
    with pytest.raises(ValueError, match="a model needs"):
        Model(np.array(frequencies, np.int64))


def test_models_survive_the_conversion_to_tables() -> None:
    models = [Model([TOTAL // 4] * 4, -1), Model([TOTAL - 300, 44, 256], 0, 2)]
    for model, again in zip(models, Tables.from_models(models).to_models(), strict=True):
        assert again.frequencies.tolist() == model.frequencies.tolist()
        assert (again.lowest, again.highest) == (model.lowest, model.highest)
        assert (again.escape, again.least_cost) == (model.escape, model.least_cost)


def test_code_lengths_are_those_of_the_probabilities() -> None:
    model = Model([TOTAL // 2, TOTAL // 4, TOTAL // 8, TOTAL // 8], -1)
    assert model.code_lengths.tolist() == [1.0, 2.0, 3.0, 3.0]
    assert model.measure_bits(np.array([-1, -1, 0, 2])) == 7.0
    assert model.least_cost == TOTAL // 2
