"""Recipes: the constants of an encoder or a fit, each with its domain, all reachable by `--set`.

A recipe is a frozen dataclass that derives from `Recipe`. Its fields are made by `number`, `share`
and `choice`, which keep the domain beside the default value.
"""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass, field, fields
from typing import Any, Self

from gsic.errors import OptionError
from gsic.options import Settings, describe


def number(default: Any, low: float, high: float) -> Any:
    """Return a dataclass field for a number, or a tuple of numbers, in low..high."""
    return field(default=default, metadata={"range": (low, high)})


def share(default: Any) -> Any:
    """Return a dataclass field for a number, or a tuple of numbers, in 0..1."""
    return number(default, 0.0, 1.0)


def choice(default: str, *names: str) -> Any:
    """Return a dataclass field for one of several names, of which `default` is one."""
    return field(default=default, metadata={"choices": names})


def switch(default: bool) -> Any:
    """Return a dataclass field for a truth value."""
    return field(default=default, metadata={"choices": (False, True)})


@dataclass(frozen=True)
class Recipe:
    """Constants that are checked against their domains when they are set.

    Raises:
        OptionError: a value outside its domain; the message names the setting and the domain.
    """

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            if "choices" in item.metadata:
                _check_choice(item.name, value, item.metadata["choices"])
            else:
                _check_range(item.name, value, *item.metadata["range"])

    def with_settings(self, settings: Settings) -> Self:
        """Return a copy of this recipe with `settings` in place of its constants.

        Args:
            settings: values by field name; strings, as the command line gives them, are converted
                to the type of the constant that they replace.

        Raises:
            OptionError: an unknown name, with the list of the known ones; a value of another type,
                or outside its domain.
        """
        known = {item.name: getattr(self, item.name) for item in fields(self)}
        changed = dict(known)
        for name, value in settings.items():
            if name not in known:
                raise OptionError(
                    f"unknown setting {describe(name)}; known: {', '.join(sorted(known))}"
                )
            changed[name] = _convert_like(name, value, known[name])
        return type(self)(**changed)


def _check_choice(name: str, value: Any, choices: tuple[Any, ...]) -> None:
    if value not in choices:
        known = ", ".join(str(known) for known in choices)
        raise OptionError(f"setting {name} must be one of {known}, got {describe(value)}")


def _check_range(name: str, value: Any, low: float, high: float) -> None:
    if isinstance(value, tuple) and not value:
        raise OptionError(f"setting {name} must have at least one number, got none")
    for each in value if isinstance(value, tuple) else (value,):
        if not (isinstance(each, (int, float)) and low <= each <= high):
            raise OptionError(
                f"setting {name} must be from {low:g} to {high:g}, got {describe(each)}"
            )


def _convert_like(name: str, value: Any, default: Any) -> Any:
    """Convert `value` to the type of `default`."""
    try:
        if isinstance(default, bool):
            return {"1": True, "true": True, "0": False, "false": False}[str(value).lower()]
        if isinstance(default, int):
            return int(value) if isinstance(value, str) else operator.index(value)
        if isinstance(default, float):
            converted = float(value)
            if not math.isfinite(converted):
                raise ValueError
            return converted
        if isinstance(default, tuple):
            items = value.split(",") if isinstance(value, str) else list(value)
            return tuple(_convert_like(name, item, default[0]) for item in items)
        return str(value)
    except (KeyError, OverflowError, TypeError, ValueError):
        kind = type(default).__name__
        raise OptionError(f"setting {name} must be of type {kind}, got {describe(value)}") from None
