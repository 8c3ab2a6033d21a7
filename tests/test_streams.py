"""Which names lead to stdin, stdout and stderr."""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from gsic import streams

LINUX = pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="needs /proc")


@LINUX
def test_open_files_are_found_under_every_name(tmp_path: Path) -> None:
    with (tmp_path / "file").open("wb") as file:
        number = file.fileno()
        (tmp_path / "link").symlink_to(f"/dev/fd/{number}")
        for name in (
            f"/dev/fd/{number}",
            f"/proc/self/fd/{number}",
            f"/proc/{os.getpid()}/fd/{number}",
            f"/proc/thread-self/fd/{number}",
            tmp_path / "link",
            tmp_path / ".." / tmp_path.name / "link",
        ):
            found = streams.find_open_file(name)
            assert found is not None, name
            assert streams.find_own_descriptor(found) == number
            assert streams.is_same_file(name, file)
        assert streams.find_open_file(tmp_path / "file") is None
        assert streams.is_same_file(tmp_path / "file", file)
    other = streams.find_open_file("/proc/1/fd/0")
    assert other == "/proc/1/fd/0"
    assert streams.find_own_descriptor(other) is None


def test_ordinary_paths_are_no_open_files(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "dangling").symlink_to("nowhere")
    for name in ("a", "a/b", "", "/", "/dev/null", "/dev/shm/a", "loop", "dangling"):
        assert streams.find_open_file(tmp_path / name) is None


def test_streams_of_python_without_a_descriptor() -> None:
    assert streams.find_descriptor(io.StringIO()) is None
    assert streams.find_descriptor(None) is None
    assert not streams.is_same_file(os.devnull, io.StringIO())


def test_descriptors_open_for_writing(tmp_path: Path) -> None:
    with (tmp_path / "file").open("wb") as file:
        assert streams.is_writable(file.fileno())
        number = file.fileno()
    assert not streams.is_writable(number)
    with (tmp_path / "file").open("rb") as file:
        assert not streams.is_writable(file.fileno())
    read, write = os.pipe()
    os.close(read)
    assert streams.is_writable(write)
    os.close(write)


@pytest.mark.parametrize("closed", ["0<&-", "1>&-", "2>&-", "0<&- 1>&- 2>&-"])
def test_closed_streams_are_held(tmp_path: Path, closed: str) -> None:
    """No file that is opened later becomes stdin, stdout or stderr."""
    code = (
        "from gsic import streams; streams.hold_closed(); import os, sys; "
        "file = open(sys.argv[1], 'w'); file.write('kept'); "
        "print('result'); print('note', file=sys.stderr); sys.exit(file.fileno() < 3)"
    )
    command = f'"$0" -c "$1" "$2" "$3" {closed}'
    path = tmp_path / "file"
    arguments = ["sh", "-c", command, sys.executable, code, str(path), closed]
    assert subprocess.run(arguments, capture_output=True, timeout=60).returncode == 0
    assert path.read_text() == "kept"


def test_what_libraries_print_on_stderr_is_silenced(capfd: pytest.CaptureFixture[str]) -> None:
    with streams.silence_stderr():
        os.write(2, b"a library")
    os.write(2, b"the program")
    assert capfd.readouterr().err == "the program"
