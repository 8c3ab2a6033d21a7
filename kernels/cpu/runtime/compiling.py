"""Compile kernels once per machine, keep their machine code, and measure what compiling costs.

Numba keeps machine code per source file: an edit of a helper in another file would leave stale
kernels behind. So the folder used here is named by a hash of the sources of all kernels.
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
    """Return the seconds this process has spent compiling kernels; 0.0 if all were in the cache."""
    return _seconds


def kernel(signature: str, function: Callable[..., Any]) -> Any:
    """Compile `function` for one Numba signature, or load it from the cache.

    Args:
        signature: types of the result and the arguments as Numba writes them.
        function: the source of a kernel, which will run without the GIL.

    Returns:
        The compiled function.
    """
    import numba

    with _lock:
        folder = _folder()
        with _cache_dir(numba.config, folder), _timed():
            jit = numba.njit(signature, nogil=True, cache=folder is not None, error_model="numpy")
            return jit(function)


def folder_name(sources: Path = Path(__file__).parents[2]) -> str:
    """Name the cache folder of the kernel sources as they are on disk.

    Constants that all backends share are compiled into the CPU kernels, so the sources are those of
    the whole package.
    """
    digest = hashlib.sha256()
    for source in sorted(sources.rglob("*.py")):
        name = source.relative_to(sources).as_posix()
        digest.update(name.encode() + b"\0" + source.read_bytes() + b"\0")
    return f"kernels-{digest.hexdigest()[:16]}"


def _base() -> Path:
    """Find the folder of this user's caches, by the custom of the platform."""
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
    """Find the cache folder and create it; return None, with a message, if it is not writable."""
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
    """Point Numba at `folder` while a kernel is compiled, and back at the end."""
    before = config.CACHE_DIR
    config.CACHE_DIR = folder or before
    try:
        yield
    finally:
        config.CACHE_DIR = before


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
                print("gsic: compiling kernels, once", file=sys.stderr)

        def on_end(self, event: Any) -> None:
            global _seconds
            self.depth -= 1
            if self.depth == 0:
                _seconds += time.perf_counter() - self.begun

    with event.install_listener("numba:compile", Listener()):
        yield
