"""Recipes of fits and encodings."""

from dataclasses import fields
from itertools import pairwise

import pytest

from gsic.errors import OptionError
from gsic.fit.recipe import EncodeRecipe, FitRecipe, encode_recipe
from gsic.options import replace_known


def test_more_effort_is_more_steps() -> None:
    steps = [encode_recipe(effort).steps for effort in range(1, 10)]
    assert all(more > 1.2 * less for less, more in pairwise(steps))
    assert encode_recipe(5) == EncodeRecipe()
    sweeps = [encode_recipe(effort).search_sweeps for effort in range(1, 10)]
    assert sweeps == sorted(sweeps)
    assert sweeps[0] > 0


def test_few_steps_are_long_ones() -> None:
    recipe = EncodeRecipe(unhurried=1000, haste=0.5, most_haste=3.0)
    assert recipe.longer(2000) == 1.0
    assert recipe.longer(1000) == 1.0
    assert recipe.longer(250) == pytest.approx(2.0)
    assert recipe.longer(1) == 3.0


def test_less_is_expected_to_be_left_the_more_is_to_come() -> None:
    recipe = EncodeRecipe(anticipated=0.9, search_sweeps=0)
    assert recipe.leftover(0.0) == pytest.approx(0.9)
    assert recipe.leftover(1.0) == pytest.approx(1.0)
    searching = EncodeRecipe(anticipated=0.9, search_sweeps=1, search_leftover=0.8)
    assert searching.leftover(0.0) == pytest.approx(0.72)
    assert searching.leftover(1.0) == pytest.approx(0.8)
    shares = [recipe.leftover(share / 10) for share in range(11)]
    assert shares == sorted(shares)


@pytest.mark.parametrize("recipe", [FitRecipe(), EncodeRecipe()])
def test_every_constant_can_be_set(recipe: FitRecipe) -> None:
    for field in fields(recipe):
        value = getattr(recipe, field.name)
        text = ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
        assert replace_known(recipe, {field.name: text}) == recipe
    with pytest.raises(OptionError, match=r"^unknown setting 'step'; known: .*\bvisible\b"):
        replace_known(recipe, {"step": "5"})
