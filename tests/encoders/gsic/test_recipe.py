"""Recipes of fits and encodings."""

from dataclasses import fields
from itertools import pairwise

import pytest

from gsic.encoders.gsic.recipe import EncodeRecipe, recipe_of_effort
from gsic.errors import OptionError
from gsic.fitting.recipe import FitRecipe


def test_more_effort_is_more_steps() -> None:
    steps = [recipe_of_effort(effort).steps for effort in range(1, 10)]
    assert all(more > 1.2 * less for less, more in pairwise(steps))
    assert recipe_of_effort(5) == EncodeRecipe()
    passes = [recipe_of_effort(effort).rdoq_passes for effort in range(1, 10)]
    assert passes == sorted(passes)
    assert passes[0] > 0


def test_few_steps_are_long_ones() -> None:
    recipe = EncodeRecipe(reference_steps=1000, lr_exponent=0.5, lr_max_factor=3.0)
    assert recipe.learning_rate_factor(2000) == 1.0
    assert recipe.learning_rate_factor(1000) == 1.0
    assert recipe.learning_rate_factor(250) == pytest.approx(2.0)
    assert recipe.learning_rate_factor(1) == 3.0


def test_less_is_expected_to_be_left_the_more_is_to_come() -> None:
    recipe = EncodeRecipe(bits_after_qat=0.9, rdoq_passes=0)
    assert recipe.expect_rate_reduction(0.0) == pytest.approx(0.9)
    assert recipe.expect_rate_reduction(1.0) == pytest.approx(1.0)
    with_rdoq = EncodeRecipe(bits_after_qat=0.9, rdoq_passes=1, bits_after_rdoq=0.8)
    assert with_rdoq.expect_rate_reduction(0.0) == pytest.approx(0.72)
    assert with_rdoq.expect_rate_reduction(1.0) == pytest.approx(0.8)
    shares = [recipe.expect_rate_reduction(share / 10) for share in range(11)]
    assert shares == sorted(shares)


@pytest.mark.parametrize("recipe", [FitRecipe(), EncodeRecipe()])
def test_every_constant_can_be_set(recipe: FitRecipe) -> None:
    for field in fields(recipe):
        value = getattr(recipe, field.name)
        text = ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
        assert recipe.with_settings({field.name: text}) == recipe
    with pytest.raises(OptionError, match=r"^unknown setting 'step'; known: .*\bcutoff_divisor\b"):
        recipe.with_settings({"step": "5"})
