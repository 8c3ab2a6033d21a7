"""Sharing the pieces of a step between threads, from inside kernels.

Each worker starts with a range of the pieces of its own, the same in every step and every call:
what it reads then is mostly what it wrote. When its range is used up it takes from the others'.

A counter is an int64 array with COUNTER elements, two cache lines, per worker. The first counts
what was taken from that worker's range. Element DONE of the whole counts the pieces that are done;
it is negative once a step was given up.
"""

# Numba's extension interface has no types.
# mypy: disable-error-code="no-untyped-call, untyped-decorator"

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import extending
from numba.core import types
from numpy.typing import NDArray

# Numba types an intrinsic as the function that is its recipe, not as what a kernel calls.
intrinsic: Any = extending.intrinsic

DONE = 8
COUNTER = 16
# Looks at a counter before a waiting thread had better sleep: some 50 microseconds.
PATIENCE = 20_000

_INT64 = ir.IntType(64)


def _element(context: Any, builder: Any, kind: Any, counter: Any, index: Any) -> Any:
    data = context.make_array(kind)(context, builder, counter).data
    return builder.gep(data, [index], inbounds=True)


@intrinsic
def take(typing: Any, counter: Any, index: Any) -> Any:
    """Add one to counter[index] and return what it was: nobody else gets that number."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        pointer = _element(context, builder, sig.args[0], *args)
        return builder.atomic_rmw("add", pointer, _INT64(1), "monotonic")

    return types.int64(counter, types.int64), lower


@intrinsic
def finish(typing: Any, counter: Any) -> Any:
    """Count a piece as done, and with it everything this thread has written so far."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        pointer = _element(context, builder, sig.args[0], args[0], _INT64(DONE))
        builder.atomic_rmw("add", pointer, _INT64(1), "release")
        return context.get_dummy_value()

    return types.void(counter), lower


@intrinsic
def finished(typing: Any, counter: Any) -> Any:
    """Pieces that are done; what their threads wrote can then be read."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        pointer = _element(context, builder, sig.args[0], args[0], _INT64(DONE))
        return builder.load_atomic(pointer, "acquire", 8, typ=_INT64)

    return types.int64(counter), lower


@extending.register_jitable
def next_piece(counter: NDArray[np.int64], worker: int, pieces: int) -> int:
    """A piece of 0..pieces - 1 that nobody else has or will get, -1 when there is none."""
    workers = len(counter) // COUNTER
    for other in range(workers):
        owner = (worker + other) % workers
        piece: int = pieces * owner // workers + take(counter, owner * COUNTER)
        if piece < pieces * (owner + 1) // workers:
            return piece
    return -1


def finish_piece(counter: NDArray[np.int64]) -> None:
    """`finish` for callers outside kernels."""
    finish(counter)


def wait_for(counter: NDArray[np.int64], pieces: int) -> int:
    """Look until `pieces` are done: 1 then, -1 when they were given up, 0 when patience is out."""
    for _ in range(PATIENCE):
        done = finished(counter)
        if done < 0:
            return -1
        if done >= pieces:
            return 1
    return 0
