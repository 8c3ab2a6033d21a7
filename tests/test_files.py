"""Outputs appear whole or not at all; what cannot be written is refused before any work."""

import errno
import os
import pty
import signal
import socket
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from gsic import files
from gsic.errors import InputError, OptionError
from gsic.files import check_target, is_replaceable, read_bytes, write_bytes_atomically

AS_ROOT = pytest.mark.skipif(os.geteuid() == 0, reason="root may read and write everything")


def test_a_new_file_has_the_usual_permissions(tmp_path: Path) -> None:
    write_bytes_atomically(tmp_path / "out", b"new")
    (tmp_path / "plain").write_bytes(b"")
    assert (tmp_path / "out").read_bytes() == b"new"
    assert os.stat(tmp_path / "out").st_mode == os.stat(tmp_path / "plain").st_mode


@pytest.fixture(params=["unnamed", "named"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways to write a file; only Linux knows files without a name."""
    if request.param == "named":
        monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    return str(request.param)


def test_both_ways_write_the_same(tmp_path: Path, way: str) -> None:
    old = os.umask(0o027)
    try:
        for data in (b"new", b"", bytes(100_000)):
            write_bytes_atomically(tmp_path / "out", data)
            assert (tmp_path / "out").read_bytes() == data
        assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o640
    finally:
        os.umask(old)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_system_that_cannot_link_writes_under_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EXDEV, "no")

    monkeypatch.setattr(os, "link", refuse)
    write_bytes_atomically(tmp_path / "out", b"new")
    assert (tmp_path / "out").read_bytes() == b"new"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


STEPS = ("write", "fsync", "link", "replace")


@pytest.mark.skipif(not hasattr(os, "O_TMPFILE"), reason="needs files without a name")
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", STEPS)
def test_a_process_killed_at_any_step_leaves_the_old_file_or_the_new(
    tmp_path: Path, step: str, after: bool
) -> None:
    target = tmp_path / "out"
    target.write_bytes(b"old")
    code = (
        "import io, os, signal, sys; from gsic import files\n"
        "def die(*a, **k):\n"
        "    if sys.argv[3] == 'after': did(*a, **k)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "if sys.argv[2] == 'write': did, files._fill = files._fill, die\n"
        "else: did = getattr(os, sys.argv[2]); setattr(os, sys.argv[2], die)\n"
        "files.write_bytes_atomically(sys.argv[1], b'new' * 9999)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(target), step, "after" if after else "before"], timeout=60
    )
    assert done.returncode == -signal.SIGKILL
    replaced = (step, after) == ("replace", True)
    assert target.read_bytes() == (b"new" * 9999 if replaced else b"old")
    # Between the link and the renaming alone the new file has another name, and it is whole.
    linked = (step, after) in {("link", True), ("replace", False)}
    beside = [path for path in tmp_path.iterdir() if path != target]
    assert [path.read_bytes() for path in beside] == [b"new" * 9999] * linked
    assert all(path.name.startswith(files.TEMPORARY_PREFIX) for path in beside)
    write_bytes_atomically(target, b"newer")
    assert target.read_bytes() == b"newer"


def test_a_replaced_file_keeps_its_permissions(tmp_path: Path, way: str) -> None:
    target = tmp_path / "out"
    target.write_bytes(b"old")
    target.chmod(0o640)
    write_bytes_atomically(target, b"new")
    assert target.read_bytes() == b"new"
    assert stat.S_IMODE(target.stat().st_mode) == 0o640


def test_a_link_keeps_pointing_to_its_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"old")
    (tmp_path / "link").symlink_to("file")
    write_bytes_atomically(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "file").read_bytes() == b"new"


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(errno.ENOSPC, "No space")])
def test_an_interrupted_write_leaves_the_old_file_and_nothing_else(
    error: BaseException, tmp_path: Path, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "out"
    target.write_bytes(b"old")

    def interrupted(*_: object) -> None:
        raise error

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(type(error)):
        write_bytes_atomically(target, b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert target.read_bytes() == b"old"


def test_a_full_disk_names_the_target() -> None:
    with pytest.raises(OSError, match="/dev/full") as caught:
        write_bytes_atomically("/dev/full", b"data")
    assert caught.value.errno == errno.ENOSPC


def test_a_pipe_is_written_directly(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()))
    reader.start()
    write_bytes_atomically(pipe, b"through")
    reader.join(10)
    assert got == [b"through"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_targets_are_checked_before_work(tmp_path: Path) -> None:
    (tmp_path / "photo").write_bytes(b"")
    check_target(tmp_path / "out")
    check_target(tmp_path / "photo")
    check_target("-")
    check_target("/dev/stdout")
    check_target(tmp_path / "out", tmp_path / "photo", None, "-", tmp_path / "missing")
    with pytest.raises(InputError, match=r"the output folder .*missing does not exist"):
        check_target(tmp_path / "missing" / "out")
    with pytest.raises(InputError, match="is a directory"):
        check_target(tmp_path)
    with pytest.raises(InputError, match="would overwrite the input"):
        check_target(tmp_path / "." / "photo", tmp_path / "photo")


@AS_ROOT
def test_targets_without_permission_are_refused(tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.write_bytes(b"")
    locked.chmod(0o400)
    with pytest.raises(InputError, match="permission denied"):
        check_target(locked)
    tmp_path.chmod(0o500)
    with pytest.raises(InputError, match="is not writable"):
        check_target(tmp_path / "out")
    tmp_path.chmod(0o700)


@AS_ROOT
def test_an_unreadable_file_is_refused(tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.write_bytes(b"")
    locked.chmod(0)
    with pytest.raises(InputError, match=r"locked: permission denied$"):
        read_bytes(locked)


def test_regular_files_are_replaced_wherever_they_are(tmp_path: Path) -> None:
    folders = [tmp_path, *(Path(name) for name in ("/dev/shm",) if os.access(name, os.W_OK))]
    for folder in folders:
        target = folder / f"gsic-test-{os.getpid()}"
        assert is_replaceable(target)
        target.write_bytes(b"old")
        try:
            with pytest.raises(InputError, match="would overwrite the input"):
                check_target(target, target)
            with target.open("rb") as held:
                write_bytes_atomically(target, b"new")
                assert held.read() == b"old"  # the old file is another one
            assert target.read_bytes() == b"new"
        finally:
            target.unlink()


def test_files_that_somebody_holds_open_are_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with path.open("ab") as file:
        file.write(b"before ")
        file.flush()
        name = f"/dev/fd/{file.fileno()}"
        assert not is_replaceable(name)
        write_bytes_atomically(name, b"data")
        file.write(b" after")
        with pytest.raises(InputError, match="would overwrite the input"):
            check_target(name, path)
    assert path.read_bytes() == b"before data after"
    with pytest.raises(InputError, match="is not open for writing"):
        check_target(name)
    with path.open("rb") as file, pytest.raises(InputError, match="is not open for writing"):
        check_target(f"/dev/fd/{file.fileno()}")


def test_targets_that_are_no_regular_files(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert not is_replaceable(tmp_path / "pipe")
    assert not is_replaceable("/dev/null")
    assert not is_replaceable("-")
    check_target(tmp_path / "pipe")
    check_target("/dev/null")
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(tmp_path / "socket"))
        with pytest.raises(InputError, match="a device or a socket"):
            check_target(tmp_path / "socket")


def test_a_terminal_is_refused() -> None:
    main, terminal = pty.openpty()
    try:
        for name in (os.ttyname(terminal), f"/dev/fd/{terminal}"):
            with pytest.raises(OptionError, match="is a terminal"):
                check_target(name)
    finally:
        os.close(main)
        os.close(terminal)


def test_targets_behind_links(tmp_path: Path) -> None:
    (tmp_path / "dangling").symlink_to("made")
    (tmp_path / "twice").symlink_to("dangling")
    check_target(tmp_path / "twice")
    write_bytes_atomically(tmp_path / "twice", b"new")
    assert (tmp_path / "made").read_bytes() == b"new"
    assert (tmp_path / "twice").is_symlink()
    assert (tmp_path / "dangling").is_symlink()
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "astray").symlink_to("missing/made")
    for name, cause in (("loop", "symbolic links"), ("astray", "missing does not exist")):
        with pytest.raises(InputError, match=cause):
            check_target(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "cause"),
    [
        *(("", "is empty"), ("results/", "names a directory"), ("results/.", "names a directory")),
        *((".", "is a directory"), ("photo/", "not a directory"), ("photo/out", "not a directory")),
        *(("x" * 300, "name too long"), ("x/" * 3000 + "y", "name too long")),
        *(("a\0b", "null byte"), ("link/out", "not a directory")),
    ],
)
def test_targets_that_are_no_file_names(
    tmp_path: Path, name: str, cause: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("photo").touch()
    Path("link").symlink_to("photo")
    for refused in (check_target, lambda name: write_bytes_atomically(name, b"data")):
        with pytest.raises(InputError, match=cause):
            refused(name)
    assert {path.name for path in tmp_path.iterdir()} == {"photo", "link"}


@pytest.mark.parametrize("kind", ["symlink", "hard link", "case", "stdin"])
def test_no_input_is_a_target_under_any_name(tmp_path: Path, kind: str) -> None:
    source, target = tmp_path / "photo", tmp_path / "out"
    source.write_bytes(b"data")
    if kind == "symlink":
        target.symlink_to(source)
    elif kind == "hard link":
        target.hardlink_to(source)
    elif kind == "case":
        target = tmp_path / "PHOTO"
        if not target.exists():
            pytest.skip("names differ by case here")
    if kind != "stdin":
        with pytest.raises(InputError, match="would overwrite the input"):
            check_target(target, tmp_path / "another", source)
        return
    code = "import sys; from gsic import files; files.check_target(sys.argv[1], '-')"
    with source.open("rb") as stdin:
        command = [sys.executable, "-c", code, str(source)]
        done = subprocess.run(command, stdin=stdin, stderr=subprocess.PIPE, timeout=60)
    assert b"would overwrite the input" in done.stderr


def test_an_empty_name_is_no_input() -> None:
    with pytest.raises(InputError, match="the name of the input is empty"):
        read_bytes("")


def test_a_path_in_python_is_never_stdin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_bytes_atomically(Path("-"), b"data")
    assert read_bytes(Path("-")) == b"data"
