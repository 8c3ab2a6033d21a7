"""Reads input files whole, and writes output files beside their target before renaming them.

This is the only module that opens what a user names on the command line. `-` is stdin or stdout.
"""

import os
import stat
import sys
import tempfile
from pathlib import Path

from gsic.errors import InputError

STREAM = "-"


def read_bytes(source: str | Path) -> bytes:
    """Return the whole content of a file, or of stdin for `-`.

    Raises:
        InputError: missing, unreadable, a directory or a device; the message names file and cause.
    """
    if str(source) == STREAM:
        return sys.stdin.buffer.read()
    try:
        # /dev/zero and disks never end, but a terminal or a pipe behind /dev/stdin does.
        mode = os.stat(source).st_mode
        if stat.S_ISDIR(mode):
            raise InputError(f"{source}: is a directory, not a file")
        if stat.S_ISBLK(mode) or (stat.S_ISCHR(mode) and not os.fspath(source).endswith("stdin")):
            raise InputError(f"{source}: is a device, not a file")
        with open(source, "rb") as file:
            return file.read()
    except OSError as error:
        raise InputError(f"{source}: {_describe_cause(error)}") from error
    except ValueError as error:  # a null byte in the path
        raise InputError(f"{str(source)!r}: {error}") from error


def check_target(target: str | Path, source: str | Path | None = None) -> None:
    """Refuse, before any work, an output that could not be written afterwards.

    Args:
        target: path of the output, or `-`.
        source: path of the input, which the output must not replace.

    Raises:
        InputError: the folder is missing or not writable, or the target is a folder, a file
            that may not be written, or the input itself.
    """
    if str(target) == STREAM:
        return
    if os.path.isdir(target):
        raise InputError(f"{target}: is a directory, not a file")
    folder = os.path.dirname(os.path.realpath(target))
    if not os.path.isdir(folder):
        raise InputError(f"{target}: the output folder {folder} does not exist")
    if os.path.lexists(target) and not os.access(target, os.W_OK):
        raise InputError(f"{target}: cannot be written: permission denied")
    if _is_regular(target) and not os.access(folder, os.W_OK | os.X_OK):
        raise InputError(f"{target}: the output folder {folder} is not writable")
    same = source is not None and os.path.exists(source) and os.path.exists(target)
    if same and _is_regular(target) and os.path.samefile(str(source), target):
        raise InputError(f"{target}: would overwrite the input")


def write_bytes_atomically(target: str | Path, data: bytes) -> None:
    """Write `data` to a file, or to stdout for `-`, so that a regular file is never half-written.

    The bytes of a regular file are written to a temporary file in its folder, which is renamed when
    it is complete, and removed if anything goes wrong. Pipes and devices cannot be renamed and are
    written directly.

    Raises:
        OSError: no space, no permission; BrokenPipeError: nobody reads stdout any more.
    """
    try:
        _write(target, data)
    except OSError as error:  # a full disk says so when the file is closed, without its name
        name = "stdout" if str(target) == STREAM else str(target)
        raise OSError(error.errno, error.strerror, name) from error


def _write(target: str | Path, data: bytes) -> None:
    if str(target) == STREAM:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    if not _is_regular(target):
        with open(target, "wb") as file:
            file.write(data)
        return
    path = os.path.realpath(target)  # a link keeps pointing to its file
    handle, beside = tempfile.mkstemp(prefix=".gsic-", suffix=".part", dir=os.path.dirname(path))
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.chmod(beside, _choose_permissions(path))
        os.replace(beside, path)
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise


def _is_regular(target: str | Path) -> bool:
    """Tell whether `target` is, or would become, a regular file that a rename may replace."""
    path = os.path.abspath(target)
    # /dev/stdout may lead to a regular file, but one that somebody else holds open.
    if path.startswith(("/dev/", "/proc/")):
        return False
    return not os.path.exists(path) or os.path.isfile(path)


def _choose_permissions(path: str) -> int:
    """Return the permissions of the file being replaced, or those of a new file."""
    try:
        return stat.S_IMODE(os.stat(path).st_mode)
    except FileNotFoundError:
        mask = os.umask(0)
        os.umask(mask)
        return 0o666 & ~mask


def _describe_cause(error: OSError) -> str:
    """Return the reason alone, in lower case, as the path already stands before it."""
    return (error.strerror or str(error) or type(error).__name__).lower()
