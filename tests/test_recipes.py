"""Settings of recipes: their types, their domains, and what is refused."""

from dataclasses import dataclass
from typing import Any

import pytest

from gsic.errors import OptionError
from gsic.recipes import Recipe, choice, number, switch


@dataclass(frozen=True)
class Example(Recipe):
    steps: int = number(5, 1, 10)
    rate: float = number(0.5, 0.0, 9.0)
    grow: bool = switch(True)
    variant: str = choice("paper", "paper", "code")
    rates: tuple[float, ...] = number((0.1, 0.2), 0.0, 9.0)


def test_settings_take_the_type_of_the_constant() -> None:
    texts = {"steps": "7", "rate": "2", "grow": "false", "variant": "code", "rates": "1,2.5"}
    assert Example().with_settings(texts) == Example(7, 2.0, False, "code", (1.0, 2.5))
    assert Example().with_settings({"steps": 7, "rate": 2}) == Example(7, 2.0)
    assert Example().with_settings({}) == Example()


def test_unknown_settings_are_refused_with_the_list() -> None:
    with pytest.raises(OptionError, match=r"'step'; known: grow, rate, rates, steps, variant$"):
        Example().with_settings({"step": 1})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("steps", "x"),
        ("steps", 1.5),
        ("rate", "nan"),
        ("rate", "x"),
        ("grow", "maybe"),
        ("rates", "a"),
    ],
)
def test_settings_of_another_type_are_refused(name: str, value: Any) -> None:
    with pytest.raises(OptionError, match=f"setting {name} must be of type"):
        Example().with_settings({name: value})


@pytest.mark.parametrize(
    ("name", "value", "domain"),
    [
        ("steps", 11, "from 1 to 10"),
        ("rate", -0.1, "from 0 to 9"),
        ("rates", (1.0, 9.5), "from 0 to 9"),
        ("rates", (), "at least one number"),
        ("variant", "both", "one of paper, code"),
    ],
)
def test_settings_outside_their_domain_are_refused(name: str, value: Any, domain: str) -> None:
    with pytest.raises(OptionError, match=f"^setting {name} must .*{domain}"):
        Example().with_settings({name: value})
