"""Functions that kernels call, marked for Numba without importing it.

Numba takes half of the time in which a command starts, and is not needed where all kernels are
there as machine code. Modules of kernels also hold what other modules need to call them, and are
imported then.
"""

# Numba has no types here.
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, overload

_Function = TypeVar("_Function", bound=Callable[..., Any])

# What Numba has not been told of yet, with its options.
_waiting: list[tuple[Callable[..., Any], dict[str, Any]]] = []


@overload
def register_jitable(function: _Function, /) -> _Function:
    """Let kernels call a function."""


@overload
def register_jitable(**options: Any) -> Callable[[_Function], _Function]:
    """Let kernels call functions that are compiled with these options."""


def register_jitable(function: Any = None, /, **options: Any) -> Any:
    """Let kernels call a function, like `numba.extending.register_jitable`.

    Args:
        function: any function that Numba compiles; it also stays one of Python.
        options: as those of `numba.njit`.

    Returns:
        The function itself; without one, a decorator.
    """
    if function is None:
        return lambda function: register_jitable(function, **options)
    _waiting.append((function, options))
    return function


def tell_numba() -> None:
    """Register with Numba what was marked so far; to be called before anything is compiled."""
    from numba import extending

    while _waiting:
        function, options = _waiting.pop(0)
        if options:
            extending.register_jitable(**options)(function)
        else:
            extending.register_jitable(function)
