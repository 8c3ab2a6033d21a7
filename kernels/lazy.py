"""Properties that are computed at the first use.

`functools.cached_property` of Python 3.11 holds one lock for all objects of a class. In a process
that was forked while a thread computed such a property, the lock is never released, and the child
hangs. Later versions of Python have no lock, and neither has this one: threads that come at once
may both compute the value.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar, overload

_Value = TypeVar("_Value")


class lazy_property(Generic[_Value]):
    """A property whose value is computed once for each object, which keeps it in its dictionary."""

    def __init__(self, compute: Callable[[Any], _Value]) -> None:
        self._compute = compute
        self.__doc__ = compute.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, instance: None, owner: type) -> lazy_property[_Value]: ...
    @overload
    def __get__(self, instance: object, owner: type) -> _Value: ...
    def __get__(self, instance: object, owner: type) -> lazy_property[_Value] | _Value:
        if instance is None:
            return self
        value = self._compute(instance)
        # Found there from now on, before this function is.
        instance.__dict__[self._name] = value
        return value
