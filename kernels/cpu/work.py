"""Sharing work between threads inside kernels."""

# Numba's extension interface has no types.
# mypy: disable-error-code="no-untyped-call, untyped-decorator"

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import extending
from numba.core import types

# Numba types an intrinsic as the function that is its recipe, not as what a kernel calls.
intrinsic: Any = extending.intrinsic


@intrinsic
def take(typing: Any, counter: Any) -> Any:
    """Add one to counter[0] of an int64 array and return what it was: the next piece of work."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        pointer = context.make_array(sig.args[0])(context, builder, args[0]).data
        return builder.atomic_rmw("add", pointer, ir.IntType(64)(1), "monotonic")

    return types.int64(counter), lower
