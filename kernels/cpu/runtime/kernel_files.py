"""The folder that keeps machine code of kernels: one file per kernel, which heals itself.

A file is MAGIC, the 32 bytes of its key, the SHA-256 of its body, and the body. The key stands for
all that the machine code depends on. A file that is missing, cut, damaged or of another key counts
as none: the kernel is compiled anew, and the file replaced.

To load a kernel is to run what its file says, so nobody but the user and root may have written it:
folders and files that others own or can write are refused. Nothing is written where everything is
there, so a complete folder may be read-only.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import stat
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from gsic_kernels.cpu.runtime.messages import say

MAGIC = b"gsic kernel 1\r\n\0"
KEY_BYTES = 32
SUFFIX = ".kernel"
_DRAFT = ".tmp"
_HEADER_BYTES = len(MAGIC) + 2 * KEY_BYTES
# A kernel has some 100 kB. What is larger by far is not read into memory.
_MAX_BYTES = 1 << 28
# Seconds between two looks at a lock that another process holds.
_SLICE = 0.05


class Inspection(NamedTuple):
    """What a look at the files of a folder finds.

    Attributes:
        kernels: number of kernels that can be used.
        damaged: number of files that cannot.
        size: bytes of both.
        writable: whether a file can be written there; if not, `problem` says why.
        problem: why the folder cannot be used, or not be written to; empty if it can.
    """

    kernels: int
    damaged: int
    size: int
    writable: bool
    problem: str


class KernelFiles:
    """The files of one folder.

    Args:
        folder: where they are; it is created when there is something to write. None for nowhere.
        reason: why there is no folder, as a part of a sentence.
        patience: seconds to wait for another process that compiles the same kernel. Whoever has
            waited in vain once does not wait again.

    Attributes:
        folder: as above.
        problems: what has gone wrong, oldest first. Of each kind the first is said on stderr.
        complete: whether all that was written could be kept.
    """

    def __init__(self, folder: Path | None, reason: str = "", patience: float = 60.0) -> None:
        self.folder = folder
        self.problems: list[str] = []
        self.complete = True
        self._reason = reason
        self._patience = self._left = patience
        self._said: set[str] = set()

    def read(self, name: str, key: bytes) -> bytes | None:
        """Read the body of a file.

        Args:
            name: of the kernel; it is a part of the file's name.
            key: KEY_BYTES bytes that stand for all that the body depends on.

        Returns:
            What was written under that key; None if it is not there or cannot be used.
        """
        try:
            path = self._trusted_folder() / _file_name(name, key)
            with open(path, "rb", opener=_open_at_once) as file:
                status = os.fstat(file.fileno())
                if not stat.S_ISREG(status.st_mode) or status.st_size > _MAX_BYTES:
                    raise OSError(errno.EINVAL, "not a file of machine code", str(path))
                _check_owner(path, status)
                data = file.read()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            self.refuse(_describe(error, self.folder))
            return None
        if not _is_whole(data, key):
            self.refuse(f"{path}: damaged")
            return None
        return data[_HEADER_BYTES:]

    def write(self, name: str, key: bytes, body: bytes) -> None:
        """Write a file, whole or not at all; if that fails, say so once and go on.

        Args:
            name, key: as for `read`.
            body: what `read` will return.
        """
        try:
            path = self._made_folder() / _file_name(name, key)
            draft = path.with_name(f"{path.name}.{os.urandom(4).hex()}{_DRAFT}")
            try:
                with open(draft, "xb", opener=_create_for_user) as file:
                    file.write(_header(key, body) + body)
                os.replace(draft, path)
            except BaseException:
                with contextlib.suppress(OSError):
                    draft.unlink()
                raise
        except OSError as error:
            self.give_up(_describe(error, self.folder))

    @contextmanager
    def compile_alone(self, key: bytes) -> Iterator[None]:
        """Keep other processes from compiling the same kernel, where files can be locked.

        The system frees the lock of a process however it ends. Waiting for one that does not end is
        limited by `patience`; then both compile.
        """
        with ExitStack() as stack:
            # Without locks, as on Windows and on some filesystems, each compiles for itself.
            with contextlib.suppress(OSError, ImportError):
                import fcntl  # noqa: F401, before what is not there without it

                flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
                lock = os.open(self._made_folder() / "lock", flags, 0o644)
                stack.callback(os.close, lock)
                # A byte of the lock file stands for each kernel.
                place = int.from_bytes(key[:7], "big")
                while not (locked := _lock_byte(lock, place)) and self._left > 0:
                    self._say_once("wait", "waiting for another process that compiles kernels")
                    time.sleep(_SLICE)
                    self._left -= _SLICE
                self._left = self._patience if locked else 0
            yield

    def inspect(self) -> Inspection:
        """Look at all files, and try to write one."""
        kernels = damaged = size = 0
        try:
            folder = self._trusted_folder()
            for path in folder.glob("*" + SUFFIX):
                data = path.read_bytes() if path.is_file() else b""
                good = data.startswith(MAGIC) and _is_whole(data, data[len(MAGIC) :][:KEY_BYTES])
                kernels, damaged, size = kernels + good, damaged + (not good), size + len(data)
            draft = folder / f"{os.urandom(4).hex()}{_DRAFT}"
            try:
                with open(draft, "xb", opener=_create_for_user) as file:
                    file.write(bytes(1 << 16))
            finally:
                draft.unlink(missing_ok=True)
        except OSError as error:
            return Inspection(kernels, damaged, size, False, _describe(error, self.folder))
        return Inspection(kernels, damaged, size, True, "")

    def refuse(self, reason: str) -> None:
        """Note that a file which is there is not used."""
        self._report("are compiled anew", reason)

    def give_up(self, reason: str) -> None:
        """Note that a kernel is not kept."""
        self.complete = False
        self._report("cannot be kept for the next run", reason)

    def _report(self, what: str, reason: str) -> None:
        self.problems.append(reason)
        if reason not in self._said:
            self._said.add(reason)
            self._say_once(what, f"kernels {what}: {reason}")

    def _say_once(self, kind: str, text: str) -> None:
        if kind not in self._said:
            self._said.add(kind)
            say(text)

    def _trusted_folder(self) -> Path:
        if self.folder is None:
            raise FileNotFoundError(self._reason)
        _check_owner(self.folder, self.folder.stat())
        return self.folder

    def _made_folder(self) -> Path:
        if self.folder is not None:
            # Whatever the umask, only the user may write here.
            self.folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        return self._trusted_folder()


def _header(key: bytes, body: bytes) -> bytes:
    return MAGIC + key + hashlib.sha256(body).digest()


def _is_whole(data: bytes, key: bytes) -> bool:
    return data[:_HEADER_BYTES] == _header(key, data[_HEADER_BYTES:])


def _file_name(name: str, key: bytes) -> str:
    return f"{name}-{key.hex()[:20]}{SUFFIX}"


def _check_owner(path: Path, status: os.stat_result) -> None:
    """Raise PermissionError if another user than root can have written a file or a folder."""
    if not hasattr(os, "geteuid"):
        return  # Windows keeps the folders of users apart
    if status.st_uid not in (0, os.geteuid()):
        reason = f"not trusted, it belongs to another user (number {status.st_uid})"
        raise PermissionError(errno.EPERM, reason, str(path))
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        mode = stat.S_IMODE(status.st_mode)
        reason = f"not trusted, other users can write to it (mode {mode:o}; chmod go-w)"
        raise PermissionError(errno.EPERM, reason, str(path))


def _open_at_once(path: str, flags: int) -> int:
    """Open a file for reading, without waiting if it turns out to be a pipe."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _create_for_user(path: str, flags: int) -> int:
    return os.open(path, flags, 0o644)


def _lock_byte(descriptor: int, place: int) -> bool:
    """Lock one byte of a file for this process; return False if another process has it.

    Locks of this kind, unlike those of `flock`, are not handed on to forked children.
    """
    import fcntl

    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, place)
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EAGAIN):
            raise
        return False
    return True


def _describe(error: OSError, folder: Path | None) -> str:
    """Say what went wrong with which path; the name of a draft tells nobody anything."""
    place = error.filename or folder
    if str(place).endswith(_DRAFT):
        place = folder
    return ": ".join(str(part) for part in (place, error.strerror or error) if part)
