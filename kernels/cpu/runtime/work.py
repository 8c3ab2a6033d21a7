"""Sharing the pieces of a step between threads, from inside kernels.

A call is a number of steps, each a number of pieces. `gates` has a row per step: for each worker,
COUNTER int64 that start with how many pieces were taken from that worker's range; element DONE of
the row counts the pieces that are done, and is negative once the call was given up. `needs` has
the number of pieces per step. A step begins when all pieces of the steps before it are done.

A worker starts with a range of pieces of its own, the same in every step and every call: what it
reads then is mostly what it wrote. When its range is used up it takes from the others'. Waiting
happens in the kernel, without the GIL: getting the GIL back takes longer than most waits.
"""

# Numba's extension interface has no types.
# mypy: disable-error-code="no-untyped-call, untyped-decorator"

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from llvmlite import ir
from numba import extending
from numba.core import types
from numpy.typing import NDArray

# Numba types an intrinsic as the function that is its recipe, not as what a kernel calls.
intrinsic: Any = extending.intrinsic

I64: TypeAlias = NDArray[np.int64]

DONE = 8
COUNTER = 16
# Looks at a counter before a waiting thread had better sleep: some 100 microseconds.
PATIENCE = 200_000
# What a kernel returns: all is done, it has to be called again, the call was given up.
READY, IMPATIENT, GIVEN_UP = 1, 0, -1
# Far enough below zero that finished pieces cannot make up for it.
STOP = -(1 << 62)

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
def wait_for(gates: I64, needs: I64, step: int) -> int:
    """Wait until all pieces of the steps before `step` are done; READY, IMPATIENT or GIVEN_UP."""
    for before in range(step):
        looks = 0
        while True:
            done = finished(gates[before])
            if done < 0:
                return GIVEN_UP
            if done >= needs[before]:
                break
            looks += 1
            if looks > PATIENCE:
                return IMPATIENT
    return READY


@extending.register_jitable
def next_piece(counter: I64, worker: int, pieces: int) -> int:
    """A piece of 0..pieces - 1 that nobody else has or will get, -1 when there is none."""
    workers = len(counter) // COUNTER
    for other in range(workers):
        owner = (worker + other) % workers
        piece: int = pieces * owner // workers + take(counter, owner * COUNTER)
        if piece < pieces * (owner + 1) // workers:
            return piece
    return -1


def settle(gates: I64, needs: I64, step: int, worker: int) -> int:
    """A kernel that only waits for the steps before it."""
    return wait_for(gates, needs, step)
