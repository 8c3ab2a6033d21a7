"""Making an encoding smaller than it came out, by rising prices of bits, down to what is asked."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gsic.encoders.base import Code, Coded
from gsic.encoders.gsic.goal import Goal
from gsic.encoders.gsic.rdoq import Search
from gsic.profiles.gsic.profile import Quantised
from gsic.profiles.gsic.symbols import Symbols

Float32 = NDArray[np.float32]

# How often the price of bits is raised at most; what is still missing then, Gaussians are left out.
_RISES = 12


def trimmed(
    planes: Float32, goal: Goal, state: Quantised, coded: Coded, code: Code, price: float
) -> Quantised:
    """Search on at rising prices of bits, as far as a goal asks for it and allows it.

    Args:
        planes: float32 (H, W, C), 0..1, the image.
        goal: what to come near to.
        state: Gaussians that draw something.
        coded: their file.
        code: makes the file of others.
        price: of a bit, that `state` was searched with; see `searched`.
    """
    for _ in range(_RISES):
        rise = goal.rise(coded)
        if rise is None or not len(state.symbols):
            break
        price *= rise
        symbols, _ = Search(planes, *state).sweep(state.symbols, price)
        smaller = Quantised(state.header, symbols.visible())
        less = code(smaller)
        if goal.allows(less):
            state, coded = smaller, less
        elif goal.near(coded):
            break
        else:
            state, coded = _partly(goal, state, coded, code, symbols)
    return state


def _partly(
    goal: Goal, state: Quantised, coded: Coded, code: Code, smaller: Symbols
) -> tuple[Quantised, Coded]:
    """Replace as many Gaussians by those of `smaller`, in the same order, as a goal allows."""
    header, symbols = state
    waiting = np.flatnonzero(symbols.differs(smaller))
    taken, step = waiting[:0], len(waiting)
    # Ever fewer at once; at last one by one, of which a goal may allow some and others not.
    while len(waiting) and not goal.near(coded):
        step = min(step, len(waiting))
        more = np.concatenate((taken, waiting[:step]))
        mixed = Quantised(header, symbols.replaced(more, smaller).visible())
        less = code(mixed)
        if goal.allows(less):
            taken, waiting = more, waiting[step:]
            state, coded = mixed, less
        elif step > 1:
            step //= 2
        else:
            waiting = waiting[1:]
    return state, coded
