"""Compiling kernels once per machine: where the machine code is kept, and what it cost.

Numba keeps machine code per source file, so a helper edited in another file would leave stale
kernels behind. The folder used here is named by a hash of every kernel source instead.
"""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

_lock = threading.RLock()
_seconds = 0.0
_announced = False


def compile_seconds() -> float:
    """Seconds this process has spent compiling kernels; 0.0 when all came from the cache."""
    return _seconds


def kernel(signature: str, function: Callable[..., Any]) -> Any:
    """Compile `function` for one Numba signature, or load it from the cache.

    Args:
        signature: types of the result and the arguments as Numba writes them.
        function: a kernel; it runs without the GIL.

    Returns:
        The compiled function.
    """
    import numba

    with _lock:
        folder = _folder()
        with _cache_dir(numba.config, folder), _timed():
            jit = numba.njit(signature, nogil=True, cache=folder is not None, error_model="numpy")
            return jit(function)


def folder_name(sources: Path = Path(__file__).parents[1]) -> str:
    """Name of the cache folder for the kernel sources as they are on disk."""
    digest = hashlib.sha256()
    for source in sorted(sources.rglob("*.py")):
        name = source.relative_to(sources).as_posix()
        digest.update(name.encode() + b"\0" + source.read_bytes() + b"\0")
    return f"kernels-{digest.hexdigest()[:16]}"


def _base() -> Path:
    """Where this user's caches go, by the custom of the platform."""
    if chosen := os.environ.get("NUMBA_CACHE_DIR"):
        return Path(chosen)
    if sys.platform == "win32" and (local := os.environ.get("LOCALAPPDATA")):
        return Path(local, "gsic", "cache")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "gsic"
    if chosen := os.environ.get("XDG_CACHE_HOME"):
        return Path(chosen, "gsic")
    return Path.home() / ".cache" / "gsic"


@cache
def _folder() -> str | None:
    """The cache folder, made if need be; None, said once, where nothing can be written."""
    try:
        folder = _base() / folder_name()
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except (OSError, RuntimeError) as error:  # RuntimeError: there is no home folder
        print(f"gsic: kernels cannot be kept for the next run: {error}", file=sys.stderr)
        return None
    return str(folder)


@contextmanager
def _cache_dir(config: Any, folder: str | None) -> Iterator[None]:
    """Point Numba at `folder` while a kernel is made, whatever it is set to for others."""
    before = config.CACHE_DIR
    config.CACHE_DIR = folder or before
    try:
        yield
    finally:
        config.CACHE_DIR = before


@contextmanager
def _timed() -> Iterator[None]:
    """Count the time in which Numba really compiles, and say once that it does."""
    from numba.core import event

    class Listener(event.Listener):
        depth, begun = 0, 0.0

        def on_start(self, event: Any) -> None:
            global _announced
            if self.depth == 0:
                self.begun = time.perf_counter()
            self.depth += 1
            if not _announced:
                _announced = True
                print("gsic: compiling kernels, once", file=sys.stderr)

        def on_end(self, event: Any) -> None:
            global _seconds
            self.depth -= 1
            if self.depth == 0:
                _seconds += time.perf_counter() - self.begun

    with event.install_listener("numba:compile", Listener()):
        yield
