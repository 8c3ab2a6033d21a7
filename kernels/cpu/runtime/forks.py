"""Let forks of the process wait while Numba and LLVM are in the middle of something.

A forked child has only the thread that forked. Had another thread just been importing Numba,
compiling a kernel or loading one, the child would find half-made state and locks that nobody
releases. So this work holds a lock that a fork takes before and gives back after.
"""

from __future__ import annotations

# Imported for their own work around forks alone: a fork takes locks in the reverse order in which
# modules have asked for it, and whoever compiles may need theirs, so ours has to be the first.
import concurrent.futures.thread  # noqa: F401
import logging  # noqa: F401
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

# Seconds that a fork waits for each lock. A kernel compiles in a few seconds; what takes longer may
# wait for the thread that forks, and then the fork goes ahead.
PATIENCE = 60.0

_lock = threading.RLock()
# What each thread that is about to fork has taken.
_taken: dict[int, list[Any]] = {}


@contextmanager
def no_forks() -> Iterator[None]:
    """Keep other threads from forking, and from doing the same work, inside the `with` block."""
    with _lock:
        yield


def _locks() -> list[Any]:
    """List the locks to hold during a fork: ours, and that of Numba's compiler if it is loaded.

    A thread of the application that compiles functions of its own with Numba would leave that one
    locked for ever in the child, where the kernels need it.
    """
    compiler = getattr(sys.modules.get("numba.core.compiler_lock"), "global_compiler_lock", None)
    theirs = getattr(compiler, "_lock", None)
    return [_lock] if theirs is None else [_lock, theirs]


def _take() -> None:
    _taken[threading.get_ident()] = [lock for lock in _locks() if lock.acquire(timeout=PATIENCE)]


def _give_back() -> None:
    for lock in reversed(_taken.pop(threading.get_ident(), [])):
        lock.release()


def _start_anew() -> None:
    """Release in the child what the fork has taken, and free what it could not take."""
    mine = _taken.pop(threading.get_ident(), [])
    _taken.clear()  # other threads that are about to fork are not in the child
    for lock in _locks():
        if lock in mine:
            lock.release()
        else:
            lock._at_fork_reinit()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_take, after_in_parent=_give_back, after_in_child=_start_anew)
