"""Outputs appear whole or not at all; what cannot be written is refused before any work."""

import errno
import os
import stat
import threading
from pathlib import Path

import pytest

from gsic.errors import InputError
from gsic.files import check_target, read_bytes, write_bytes_atomically

AS_ROOT = pytest.mark.skipif(os.geteuid() == 0, reason="root may read and write everything")


def test_a_new_file_has_the_usual_permissions(tmp_path: Path) -> None:
    write_bytes_atomically(tmp_path / "out", b"new")
    (tmp_path / "plain").write_bytes(b"")
    assert (tmp_path / "out").read_bytes() == b"new"
    assert os.stat(tmp_path / "out").st_mode == os.stat(tmp_path / "plain").st_mode


def test_a_replaced_file_keeps_its_permissions(tmp_path: Path) -> None:
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
    error: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
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
