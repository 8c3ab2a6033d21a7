"""Reads input files whole, and writes output files so that they appear whole or not at all.

This is the only module that opens what a user names on the command line. `-` is stdin or stdout.
"""

import contextlib
import os
import stat
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from gsic import streams
from gsic.errors import InputError, OptionError
from gsic.streams import STDIN, STDOUT, STREAM

TEMPORARY_PREFIX, TEMPORARY_SUFFIX = ".gsi-", ".part"
"""Of the name beside the target that a file has for a moment before it is renamed."""


def read_bytes(source: str | Path) -> bytes:
    """Return the whole content of a file, or of stdin for the text `-`.

    Raises:
        InputError: missing, unreadable, a directory or a device; the message names file and cause.
    """
    if source == STREAM and sys.stdin is None:
        raise InputError("stdin: is closed")
    try:
        if source == STREAM:
            return sys.stdin.buffer.read()
        check_source(source)
        with open(source, "rb") as file:
            return file.read()
    except OSError as error:
        name = "stdin" if source == STREAM else source
        raise InputError(f"{name}: {_describe_cause(error)}") from error


def check_source(source: str | Path) -> None:
    """Refuse, before any work, an input that is missing or that cannot be read to its end.

    Raises:
        InputError: missing, a directory or a device; the message names file and cause.
    """
    if source == STREAM:
        return
    if not str(source):
        raise InputError("the name of the input is empty")
    try:
        found = os.stat(source)
    except OSError as error:
        raise InputError(f"{source}: {_describe_cause(error)}") from error
    except ValueError as error:  # a null byte in the path
        raise InputError(f"{str(source)!r}: {error}") from error
    if stat.S_ISDIR(found.st_mode):
        raise InputError(f"{source}: is a directory, not a file")
    # /dev/zero and disks never end, but a terminal behind /dev/stdin does.
    device = stat.S_ISBLK(found.st_mode) or stat.S_ISCHR(found.st_mode)
    if device and not (streams.is_same_file(source, sys.stdin) and os.isatty(STDIN)):
        raise InputError(f"{source}: is a device, not a file")


def check_target(target: str | Path, *sources: str | Path | None) -> None:
    """Refuse an output that could not be written; it is asked before any work, and once more after.

    Args:
        target: path of the output, or `-`.
        sources: paths of the inputs, `-` for stdin, none of which the output may replace; they need
            not be there. None for one that was not given.

    Raises:
        InputError: the folder is missing or not writable, or the target is a folder, a file
            that may not be written, a disk, or one of the inputs under any name.
        OptionError: the target is a terminal.
    """
    found = _look_up(target)
    name = "stdout" if target == STREAM else target
    if found is not None and stat.S_ISREG(found.st_mode) and _is_any_of(found, sources):
        raise InputError(f"{name}: would overwrite the input")
    if _leads_to_terminal(target, found):
        raise OptionError(
            f"{name}: is a terminal, where binary data is not written; name a file or redirect"
        )


def check_stdout() -> None:
    """Refuse, before any work, to print results where nothing can be printed.

    Raises:
        InputError: stdout is closed.
    """
    if not streams.is_writable(STDOUT):
        raise InputError("stdout: is closed")


def is_replaceable(target: str | Path) -> bool:
    """Tell whether a target is, or would become, a regular file under a name of its own.

    Pipes and devices are not, nor is `-`, nor a file that /dev/stdout or the like lead to, which
    somebody holds open.
    """
    if target == STREAM or streams.find_open_file(target) is not None:
        return False
    try:
        return stat.S_ISREG(os.stat(target).st_mode)
    except (OSError, ValueError):
        return True


def write_bytes_atomically(target: str | Path, data: bytes) -> None:
    """Write `data` to a file, or to stdout for `-`, so that a regular file is never half-written.

    A regular file is written without a name where the system can do that, otherwise under a
    temporary name in its folder, and gets its own name when it is complete and on the disk. Pipes,
    devices and files that are open already cannot be replaced so, and are written directly.

    Raises:
        InputError: the target cannot be a file.
        OSError: no space, no permission; BrokenPipeError: nobody reads stdout any more.
    """
    try:
        _look_up(target)
        if is_replaceable(target):
            _replace(os.path.realpath(target), data)  # a link keeps pointing to its file
        else:
            with _open_directly(target) as file:
                file.write(data)
                file.flush()
    except OSError as error:  # a full disk says so when the file is closed, without its name
        name = "stdout" if target == STREAM else str(target)
        raise OSError(error.errno, error.strerror, name) from error


def _look_up(target: str | Path) -> os.stat_result | None:
    """Return what stands at a target that can be written, None for a new file."""
    if target == STREAM:
        check_stdout()
        descriptor = streams.find_descriptor(sys.stdout)
        return None if descriptor is None else os.fstat(descriptor)
    if not str(target):
        raise InputError("the name of the output is empty")
    try:
        found = os.stat(target)
    except FileNotFoundError:
        found = None
    except OSError as error:
        raise InputError(f"{target}: {_describe_cause(error)}") from error
    except ValueError as error:  # a null byte in the path
        raise InputError(f"{str(target)!r}: {error}") from error
    open_file = streams.find_open_file(target)
    if open_file is not None:
        return _look_up_open_file(target, open_file, found)
    if found is not None and stat.S_ISDIR(found.st_mode):
        raise InputError(f"{target}: is a directory, not a file")
    if os.path.basename(target) in ("", os.curdir, os.pardir):
        raise InputError(f"{target}: names a directory, and it does not exist")
    if found is not None and (stat.S_ISBLK(found.st_mode) or stat.S_ISSOCK(found.st_mode)):
        raise InputError(f"{target}: is a device or a socket, not a file")
    folder = os.path.dirname(os.path.realpath(target))
    if not os.path.isdir(folder):
        raise InputError(f"{target}: the output folder {folder} does not exist")
    if found is not None and not os.access(target, os.W_OK):
        raise InputError(f"{target}: cannot be written: permission denied")
    regular = found is None or stat.S_ISREG(found.st_mode)
    if regular and not os.access(folder, os.W_OK | os.X_OK):
        raise InputError(f"{target}: the output folder {folder} is not writable")
    return found


def _look_up_open_file(
    target: str | Path, open_file: str, found: os.stat_result | None
) -> os.stat_result:
    """Return what a descriptor in /proc or /dev leads to, if it is open for writing."""
    own = streams.find_own_descriptor(open_file)
    if found is None or (own is not None and not streams.is_writable(own)):
        raise InputError(f"{target}: is not open for writing")
    return found


def _is_any_of(found: os.stat_result, sources: Iterable[str | Path | None]) -> bool:
    """Tell whether one of the inputs is this file, by whatever name."""
    for source in sources:
        if source is None:
            continue
        with contextlib.suppress(OSError, ValueError):
            other = os.fstat(STDIN) if source == STREAM else os.stat(source)
            if os.path.samestat(found, other):
                return True
    return False


def _leads_to_terminal(target: str | Path, found: os.stat_result | None) -> bool:
    if target == STREAM:
        return sys.stdout.isatty()
    if found is None or not stat.S_ISCHR(found.st_mode):
        return False
    try:
        waits_not = getattr(os, "O_NOCTTY", 0) | getattr(os, "O_NONBLOCK", 0)
        opened = os.open(target, os.O_WRONLY | waits_not)
    except OSError:
        return False
    try:
        return os.isatty(opened)
    finally:
        os.close(opened)


def _open_directly(target: str | Path) -> BinaryIO:
    """Open what cannot be replaced; what is open in this process goes on where it stands."""
    if target == STREAM or streams.is_same_file(target, sys.stdout):
        sys.stdout.flush()
        return contextlib.nullcontext(sys.stdout.buffer)  # type: ignore[return-value]
    open_file = streams.find_open_file(target)
    own = None if open_file is None else streams.find_own_descriptor(open_file)
    return open(target if own is None else os.dup(own), "wb")


def _replace(path: str, data: bytes) -> None:
    """Put a file of these bytes in the place of `path`, which may exist."""
    name = TEMPORARY_PREFIX + os.urandom(8).hex() + TEMPORARY_SUFFIX
    beside = os.path.join(os.path.dirname(path), name)
    try:
        mode: int | None = stat.S_IMODE(os.stat(path).st_mode)
    except FileNotFoundError:
        mode = None
    try:
        if not _create_unnamed(beside, data, mode):
            _create_named(beside, data, mode)
        os.replace(beside, path)
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise


def _create_unnamed(path: str, data: bytes, mode: int | None) -> bool:
    """Make a file that has no name until it is complete: of a killed process nothing is left.

    Returns:
        Whether this system and this folder can do that.
    """
    unnamed = getattr(os, "O_TMPFILE", None)  # Linux
    if unnamed is None:
        return False
    try:
        opened = os.open(os.path.dirname(path), unnamed | os.O_WRONLY, _choose_first_mode(mode))
    except OSError:
        return False
    with open(opened, "wb") as file:
        _fill(file, data, mode)
        try:
            # A folder to start from is given, though the path is absolute, since Python would call
            # link() without it, which does not follow links.
            source = f"/proc/self/fd/{opened}"
            os.link(source, path, src_dir_fd=opened, follow_symlinks=True)
        except OSError:
            return False
    return True


def _create_named(path: str, data: bytes, mode: int | None) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    with open(os.open(path, flags, _choose_first_mode(mode)), "wb") as file:
        _fill(file, data, mode)


def _choose_first_mode(mode: int | None) -> int:
    """Return the mode to open with: that of a new file, or one that hides a secret file."""
    return 0o666 if mode is None else 0o600


def _fill(file: BinaryIO, data: bytes, mode: int | None) -> None:
    """Write a new file to the disk, with the permissions of the file that it will replace."""
    file.write(data)
    file.flush()
    if mode is not None and hasattr(os, "fchmod"):
        os.fchmod(file.fileno(), mode)
    os.fsync(file.fileno())


def _describe_cause(error: OSError) -> str:
    """Return the reason alone, in lower case, as the path already stands before it."""
    return (error.strerror or str(error) or type(error).__name__).lower()
