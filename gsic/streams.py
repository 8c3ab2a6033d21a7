"""Stdin, stdout and stderr: whether they are open, and which other names lead to them.

Nothing here imports anything heavy: the command line begins with it.
"""

from __future__ import annotations

import errno
import io
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

STREAM = "-"
"""As a path on the command line: stdin or stdout."""

STDIN, STDOUT, STDERR = 0, 1, 2

# What /dev/stdout and /dev/fd/1 lead to on Linux; /dev/fd is a folder of its own on other systems.
_DESCRIPTOR = re.compile(r"(?:/proc/(?P<process>\d+)(?:/task/\d+)?|/dev)/fd/(?P<number>\d+)")
_MOST_LINKS = 40


def hold_closed() -> None:
    """Occupy stdin, stdout and stderr where the shell has closed them, as `2>&-` does.

    The next file to be opened would get the free descriptor, and what anybody writes to stderr
    would then go into that file. The null device takes the place, opened for the wrong direction,
    so that reading from stdin and writing to stdout still fail.
    """
    for number, flags in enumerate((os.O_WRONLY, os.O_RDONLY, os.O_RDONLY)):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, flags), True)  # the lowest free descriptor
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # what is printed there goes nowhere
            null = os.open(os.devnull, os.O_WRONLY)
            setattr(sys, name, os.fdopen(null, "w", encoding="utf-8", errors="replace"))


def escape_on_stdout() -> None:
    """Let stdout print what its encoding lacks as escapes, as stderr does, and not fail."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


@contextmanager
def silence_stderr() -> Iterator[None]:
    """Keep what C libraries print from the user: libtiff prints every damage, in lines of its own.

    The command line alone may do this: other threads lose what they print meanwhile.
    """
    sys.stderr.flush()
    try:
        kept = os.dup(STDERR)
    except OSError:  # closed
        yield
        return
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, STDERR)
    os.close(null)
    try:
        yield
    finally:
        os.dup2(kept, STDERR)
        os.close(kept)


def is_writable(descriptor: int) -> bool:
    """Tell whether a descriptor is open for writing."""
    try:
        os.write(descriptor, b"")
    except OSError as error:
        return error.errno != errno.EBADF
    return True


def find_descriptor(stream: IO[Any] | None) -> int | None:
    """Return the descriptor of a stream of Python; None where it has none."""
    try:
        return None if stream is None else stream.fileno()
    except (OSError, ValueError):  # a buffer in memory, or closed
        return None


def is_same_file(path: str | Path, stream: IO[Any] | None) -> bool:
    """Tell whether a path, or `-` for stdout, leads to the file, pipe or device of a stream."""
    descriptor = find_descriptor(stream)
    if descriptor is None:
        return path == STREAM and stream is sys.stdout
    try:
        if path == STREAM:
            stdout = find_descriptor(sys.stdout)
            found = None if stdout is None else os.fstat(stdout)
        else:
            found = os.stat(path)
        return found is not None and os.path.samestat(found, os.fstat(descriptor))
    except (OSError, ValueError):
        return False


def find_open_file(path: str | Path) -> str | None:
    """Follow a path to a file that some process holds open.

    Args:
        path: any path, for example /dev/stdout or /proc/123/fd/4.

    Returns:
        The name of the open descriptor in /proc or /dev; None where the path leads to a file by
        the name of that file alone.
    """
    current = os.path.abspath(path)
    for _ in range(_MOST_LINKS):
        folder, name = os.path.split(current)
        # Not the last step: the name of a descriptor is a link to the name of the open file.
        current = os.path.join(os.path.realpath(folder), name)
        if _DESCRIPTOR.fullmatch(current):
            return current
        if not os.path.islink(current):
            return None
        current = os.path.join(os.path.dirname(current), os.readlink(current))
    return None


def find_own_descriptor(open_file: str) -> int | None:
    """Return the descriptor that `find_open_file` named; None where another process has it."""
    match = _DESCRIPTOR.fullmatch(open_file)
    if match is None or match["process"] not in (None, str(os.getpid())):
        return None
    return int(match["number"])
