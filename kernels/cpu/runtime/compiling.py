"""Compile kernels once per machine, keep their machine code, and measure what compiling costs.

Numba keeps machine code by the file of a function, so an edit of a helper in another file would
leave stale kernels behind; and a damaged or unwritable file of its cache is an error or is in the
way. So Numba only turns kernels into bytes and back here, and `kernel_files` keeps the bytes, by a
key of everything that they depend on. The key holds no path: copies of the package share kernels.
"""

# Numba has no types here.
# mypy: disable-error-code="no-untyped-call, attr-defined"

from __future__ import annotations

import hashlib
import os
import pickle
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from gsic_kernels.cpu.runtime import forks, jitable
from gsic_kernels.cpu.runtime.kernel_files import KernelFiles
from gsic_kernels.cpu.runtime.messages import say

# One thread at a time asks for a kernel, and may wait for another process. A fork need not wait for
# that, only for `forks.no_forks`.
_turn = threading.RLock()
_seconds = 0.0
_announced = False
_loaded = 0
_compiled = 0

# Settings of Numba that change machine code.
_SETTINGS = (
    *("OPT", "LOOP_VECTORIZE", "SLP_VECTORIZE", "BOUNDSCHECK", "USING_SVML", "DEBUGINFO_DEFAULT"),
    *("DEBUG_NRT", "ENABLE_PROFILING", "LLVM_REFPRUNE_PASS", "LLVM_REFPRUNE_FLAGS"),
)

# The newest version of Numba of which it is known what machine code refers to.
_LAST_TRIED = (0, 68)

# Which errors Numba's own reading and writing of a kernel raises, of bytes that another version may
# have written, cannot be known, and a kernel can be compiled instead; but not after one of these.
_REAL_FAILURES = (MemoryError, RecursionError)


def compile_seconds() -> float:
    """Return the seconds this process has spent compiling kernels; 0.0 if all were in the cache."""
    return _seconds


def count_kernels() -> tuple[int, int]:
    """Count the kernels that this process has loaded from the cache, and those it has compiled."""
    return _loaded, _compiled


def kernel(signature: str, function: Callable[..., Any]) -> Any:
    """Compile a function of this package for one Numba signature, or load it from the cache.

    Args:
        signature: types of the result and the arguments as Numba writes them.
        function: the source of a kernel, which will run without the GIL.

    Returns:
        The compiled function.
    """
    global _loaded, _compiled
    name = function.__name__
    files = kernel_files()
    with _turn, ExitStack() as stack:
        with forks.no_forks():
            import numba

            key = _make_key(signature, function)
        body = files.read(name, key)
        if body is None:
            stack.enter_context(files.compile_alone(key))
            body = files.read(name, key)  # another process may have compiled it meanwhile
        slot = _Slot(body, files, name)
        with forks.no_forks(), _jit_enabled(numba.config), _timed():
            dispatcher = numba.njit(nogil=True, error_model="numpy")(function)
            dispatcher._cache = slot
            dispatcher.compile(signature)
            dispatcher.disable_compile()
        if slot.loaded:
            _loaded += 1
        else:
            _compiled += 1
            if slot.body is not None:
                files.write(name, key, slot.body)
        return dispatcher


@cache
def kernel_files() -> KernelFiles:
    """Return the cache of kernels of this process."""
    try:
        return KernelFiles(_base() / folder_name())
    except (OSError, RuntimeError) as error:  # RuntimeError: there is no home folder
        return KernelFiles(None, str(error))


def folder_name(sources: Path = Path(__file__).parents[2]) -> str:
    """Name the cache folder of the kernel sources as they are on disk.

    Constants that all backends share are compiled into the CPU kernels, so the sources are those of
    the whole package.

    Raises:
        OSError: the sources cannot be read, so it cannot be known what they are.
    """
    digest = hashlib.sha256()
    paths = sorted(sources.rglob("*.py"))
    if not paths:
        raise FileNotFoundError(f"{sources}: no sources of kernels")
    for path in paths:
        name = path.relative_to(sources).as_posix()
        digest.update(name.encode() + b"\0" + path.read_bytes() + b"\0")
    return f"kernels-{digest.hexdigest()[:16]}"


def _base() -> Path:
    """Find the folder of this user's caches, by the custom of the platform."""
    if chosen := os.environ.get("NUMBA_CACHE_DIR"):
        return Path(chosen)
    if sys.platform == "win32" and (local := os.environ.get("LOCALAPPDATA")):
        return Path(local, "gsic", "cache")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "gsic"
    # By the specification of XDG, a relative path is to be ignored.
    if (chosen := os.environ.get("XDG_CACHE_HOME")) and os.path.isabs(chosen):
        return Path(chosen, "gsic")
    return Path.home() / ".cache" / "gsic"


class Target(NamedTuple):
    """The CPU that machine code is for, as LLVM names it: its features have a sign each."""

    triple: str
    cpu: str
    features: str


@cache
def find_target() -> Target:
    """Return the CPU that kernels are compiled for."""
    from numba.core.registry import cpu_target

    return Target(*cpu_target.target_context.codegen().magic_tuple())


@cache
def describe_target() -> tuple[str, ...]:
    """Describe what machine code depends on beside sources: libraries, the CPU, settings.

    Machine code for the features of one CPU must not reach another, in a home folder that machines
    share; so the name and the features of the CPU are a part of it.
    """
    import llvmlite
    import numba
    import numpy

    versions = (numba.__version__, llvmlite.__version__, numpy.__version__)
    python = (sys.implementation.cache_tag, getattr(sys, "abiflags", ""), sys.flags.optimize)
    settings = (f"{name}={getattr(numba.config, name, None)!r}" for name in _SETTINGS)
    return (*versions, *map(str, python), *find_target(), *settings)


def _make_key(signature: str, function: Callable[..., Any]) -> bytes:
    folder = kernel_files().folder
    sources = folder.name if folder else ""
    parts = (*describe_target(), sources, function.__module__, function.__qualname__, signature)
    return hashlib.sha256("\0".join(parts).encode()).digest()


class _Slot:
    """What Numba takes for the cache of a function: the bytes of its one kernel.

    Args:
        body: the kernel as it was kept, None if it was not.
        files: are told of what goes wrong.
        name: of the kernel, for that.

    Attributes:
        body: the kernel in bytes, once Numba has loaded or compiled it; None if it cannot be kept.
        loaded: whether it was loaded.
    """

    def __init__(self, body: bytes | None, files: KernelFiles, name: str) -> None:
        self.body = body
        self.loaded = False
        self._files = files
        self._name = name

    def load_overload(self, _signature: Any, target_context: Any) -> Any:
        """Return what Numba compiled once, or None if it is to compile now."""
        from numba.core.compiler import CompileResult

        if self.body is None:
            jitable.tell_numba()
            return None
        _make_ready(target_context)
        try:
            result = CompileResult._rebuild(target_context, *pickle.loads(self.body))
        except _REAL_FAILURES:
            raise
        except Exception as error:
            self._files.refuse(f"{self._name}: {type(error).__name__}: {error}")
            self.body = None
            jitable.tell_numba()
            return None
        self.loaded = True
        return result

    def save_overload(self, _signature: Any, result: Any) -> None:
        """Take what Numba has just compiled."""
        from numba.core import serialize

        try:
            if not result.lifted and not result.library.has_dynamic_globals:
                self.body = serialize.dumps(result._reduce())
        except _REAL_FAILURES:
            raise
        except Exception as error:
            self._files.give_up(f"{self._name}: {type(error).__name__}: {error}")


def _make_ready(target_context: Any) -> None:
    """Let Numba load machine code.

    `refresh`, which Numba calls for that, also imports all that it can compile: 0.3 s, or half of a
    decoding command. What machine code refers to, and it would be fatal if that were missing, are
    the functions of Numba's runtime; in versions that nobody has tried here there may be more.
    """
    import numba
    from numba.core.runtime import rtsys

    if numba.version_info.short <= _LAST_TRIED:
        rtsys.initialize(target_context)
    else:
        target_context.refresh()


@contextmanager
def _jit_enabled(config: Any) -> Iterator[None]:
    """Compile even under NUMBA_DISABLE_JIT: kernels use functions that Python cannot run."""
    before = config.DISABLE_JIT
    config.DISABLE_JIT = 0
    try:
        yield
    finally:
        config.DISABLE_JIT = before


@contextmanager
def _timed() -> Iterator[None]:
    """Add up the time in which Numba really compiles, and say once that it does."""
    from numba.core import event

    class Listener(event.Listener):
        # Compiling a kernel compiles the functions that it calls: only the outermost is timed.
        depth, begun = 0, 0.0

        def on_start(self, event: Any) -> None:
            global _announced
            if self.depth == 0:
                self.begun = time.perf_counter()
            self.depth += 1
            if not _announced:
                _announced = True
                say("compiling kernels, once")

        def on_end(self, event: Any) -> None:
            global _seconds
            self.depth -= 1
            if self.depth == 0:
                _seconds += time.perf_counter() - self.begun

    with event.install_listener("numba:compile", Listener()):
        yield


def _forget_turn() -> None:
    """Free in a forked child what a thread of the parent held."""
    global _turn
    _turn = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_turn)
