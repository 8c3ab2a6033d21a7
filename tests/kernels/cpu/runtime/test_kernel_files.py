"""The folder of kernels: what is damaged, foreign or in the way costs time, and nothing else."""

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from users import NOBODY, give_away, public_folder, without_rights

from gsic_kernels.cpu.runtime import kernel_files
from gsic_kernels.cpu.runtime.kernel_files import MAGIC, SUFFIX, KernelFiles

KEY, OTHER_KEY = bytes(range(32)), bytes(range(1, 33))
BODY = b"machine code" * 1000

needs_owners = pytest.mark.skipif(not hasattr(os, "geteuid"), reason="files have no owners")
needs_locks = pytest.mark.skipif(sys.platform == "win32", reason="files cannot be locked")


def filled(folder: Path) -> Path:
    """Write one file, and return its path."""
    KernelFiles(folder).write("draw", KEY, BODY)
    (path,) = folder.glob("*" + SUFFIX)
    return path


def test_what_was_written_is_read_by_its_key_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = KernelFiles(tmp_path / "a" / "b")
    assert files.read("draw", KEY) is None
    files.write("draw", KEY, BODY)
    assert files.read("draw", KEY) == BODY
    assert files.read("draw", OTHER_KEY) is None
    assert files.read("fill", KEY) is None
    files.write("draw", KEY, b"")
    assert files.read("draw", KEY) == b""
    assert len(list((tmp_path / "a" / "b").iterdir())) == 1
    assert files.problems == []
    assert capsys.readouterr().err == ""


def test_an_inspection_counts_and_leaves_nothing(tmp_path: Path) -> None:
    path = filled(tmp_path)
    files = KernelFiles(tmp_path)
    files.write("fill", OTHER_KEY, BODY)
    (tmp_path / "lock").write_text("")
    size = path.stat().st_size
    assert files.inspect() == (2, 0, 2 * size, True, "")
    path.write_bytes(b"")
    assert files.inspect() == (1, 1, size, True, "")
    assert len(list(tmp_path.iterdir())) == 3
    nowhere = KernelFiles(path / "deeper").inspect()
    assert nowhere[:4] == (0, 0, 0, False)
    assert nowhere.problem == f"{path / 'deeper'}: Not a directory"
    assert KernelFiles(None, "there is no home").inspect().problem == "there is no home"


def test_the_inspection_of_a_read_only_folder() -> None:
    with public_folder() as folder:
        size = filled(folder).stat().st_size
        with without_rights(folder):
            found = KernelFiles(folder).inspect()
    assert found == (1, 0, size, False, f"{folder}: Permission denied")


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda data: b"",
    "one byte": lambda data: data[:1],
    "cut in the header": lambda data: data[: len(MAGIC) + 40],
    "no body": lambda data: data[: len(MAGIC) + 64],
    "cut in the body": lambda data: data[:-1],
    "longer": lambda data: data + b"\0",
    "a bit of the body": lambda data: data[:-5] + bytes([data[-5] ^ 1]) + data[-4:],
    "a bit of the digest": lambda data: data[:50] + bytes([data[50] ^ 128]) + data[51:],
    "another version": lambda data: data.replace(b"kernel 1", b"kernel 2"),
    "another key": lambda data: data.replace(KEY, OTHER_KEY),
    "zeros": lambda data: bytes(len(data)),
    "a pickle": lambda data: b"\x80\x04K\x01.",
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_file_is_refused_with_one_line_and_replaced(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], damage: str
) -> None:
    path = filled(tmp_path)
    path.write_bytes(DAMAGE[damage](path.read_bytes()))
    files = KernelFiles(tmp_path)
    assert files.read("draw", KEY) is None
    assert files.read("draw", KEY) is None
    said = capsys.readouterr().err
    assert said == f"gsic: kernels are compiled anew: {path}: damaged\n"
    files.write("draw", KEY, BODY)
    assert KernelFiles(tmp_path).read("draw", KEY) == BODY
    assert [child.name for child in tmp_path.iterdir()] == [path.name]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names")
def test_a_pipe_in_place_of_a_file_is_not_waited_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = filled(tmp_path)
    path.unlink()
    os.mkfifo(path)
    files = KernelFiles(tmp_path)
    assert files.read("draw", KEY) is None
    assert "not a file of machine code" in capsys.readouterr().err
    files.write("draw", KEY, BODY)
    assert files.read("draw", KEY) == BODY


def test_a_folder_in_place_of_a_file_is_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = filled(tmp_path)
    path.unlink()
    path.mkdir()
    files = KernelFiles(tmp_path)
    assert files.read("draw", KEY) is None
    files.write("draw", KEY, BODY)
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition(":")[2].partition(":")[0] for line in lines] == [
        " kernels are compiled anew",
        " kernels cannot be kept for the next run",
    ]
    assert [child.name for child in tmp_path.iterdir()] == [path.name]


def test_a_huge_file_is_not_read_into_memory(tmp_path: Path) -> None:
    path = filled(tmp_path)
    os.truncate(path, 1 << 40)
    files = KernelFiles(tmp_path)
    assert files.read("draw", KEY) is None
    assert "not a file of machine code" in files.problems[0]


@pytest.mark.parametrize("depth", [0, 1])
def test_a_file_in_place_of_the_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], depth: int
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("mine")
    files = KernelFiles(blocked / "deeper" if depth else blocked)
    with files.compile_alone(KEY):
        assert files.read("draw", KEY) is None
    files.write("draw", KEY, BODY)
    files.write("draw", OTHER_KEY, BODY)
    said = capsys.readouterr().err
    assert said == f"gsic: kernels cannot be kept for the next run: {files.problems[0]}\n"
    assert blocked.read_text() == "mine"


def test_without_a_folder_nothing_is_kept(capsys: pytest.CaptureFixture[str]) -> None:
    files = KernelFiles(None, "there is no home folder")
    with files.compile_alone(KEY):
        assert files.read("draw", KEY) is None
    files.write("draw", KEY, BODY)
    assert capsys.readouterr().err == (
        "gsic: kernels cannot be kept for the next run: there is no home folder\n"
    )


def test_a_complete_read_only_folder_is_used(capsys: pytest.CaptureFixture[str]) -> None:
    """As in the image of a container, where kernels were compiled when it was built."""
    with public_folder() as folder:
        filled(folder)
        with without_rights(folder):
            assert KernelFiles(folder).read("draw", KEY) == BODY
            assert capsys.readouterr().err == ""


def test_what_a_read_only_folder_lacks_is_compiled(capsys: pytest.CaptureFixture[str]) -> None:
    with public_folder() as folder:
        filled(folder)
        with without_rights(folder):
            files = KernelFiles(folder)
            assert files.read("draw", OTHER_KEY) is None
            with files.compile_alone(OTHER_KEY):
                pass
            files.write("draw", OTHER_KEY, BODY)
            files.write("fill", OTHER_KEY, BODY)
            assert files.read("draw", KEY) == BODY
        said = capsys.readouterr().err
        assert said.startswith("gsic: kernels cannot be kept for the next run: ")
        assert said.count("\n") == 1


def test_a_file_that_cannot_be_read_is_replaced(capsys: pytest.CaptureFixture[str]) -> None:
    with public_folder() as folder:
        path = filled(folder)
        path.chmod(0)
        with without_rights():
            files = KernelFiles(folder)
            assert files.read("draw", KEY) is None
        assert "Permission denied" in capsys.readouterr().err
        files.write("draw", KEY, BODY)
        assert KernelFiles(folder).read("draw", KEY) == BODY


def test_a_folder_that_cannot_be_entered_is_not_used(capsys: pytest.CaptureFixture[str]) -> None:
    with public_folder() as folder:
        inner = folder / "kernels"
        filled(inner)
        folder.chmod(0)
        try:
            with without_rights():
                files = KernelFiles(inner)
                with files.compile_alone(KEY):
                    assert files.read("draw", KEY) is None
                files.write("draw", KEY, BODY)
        finally:
            folder.chmod(0o755)
        assert capsys.readouterr().err.count("\n") <= 2


@needs_owners
def test_a_file_of_another_user_is_not_run_and_is_replaced(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = filled(tmp_path)
    if os.geteuid() != 0:
        pytest.skip("only root can give one file away")
    os.chown(path, NOBODY, -1)
    files = KernelFiles(tmp_path)
    assert files.read("draw", KEY) is None
    assert f"{path}: not trusted, it belongs to another user" in capsys.readouterr().err
    files.write("draw", KEY, BODY)
    assert files.read("draw", KEY) == BODY


@needs_owners
def test_a_folder_of_another_user_is_neither_read_nor_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = filled(tmp_path)
    before = path.read_bytes()
    give_away(tmp_path, monkeypatch)
    files = KernelFiles(tmp_path)
    assert files.read("draw", KEY) is None
    files.write("draw", KEY, b"other")
    assert path.read_bytes() == before
    said = capsys.readouterr().err
    assert f"{tmp_path}: not trusted, it belongs to another user" in said
    assert said.count("\n") == 1


@needs_owners
@pytest.mark.parametrize("mode", [0o777, 0o775, 0o757, 0o1777])
def test_a_folder_that_others_can_write_to_is_neither_read_nor_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], mode: int
) -> None:
    filled(tmp_path)
    tmp_path.chmod(mode)
    files = KernelFiles(tmp_path)
    assert files.read("draw", KEY) is None
    files.write("draw", OTHER_KEY, BODY)
    said = capsys.readouterr().err
    assert f"not trusted, other users can write to it (mode {mode:o}; chmod go-w)" in said
    assert said.count("\n") == 1
    assert len(list(tmp_path.iterdir())) == 1
    tmp_path.chmod(0o755)
    assert KernelFiles(tmp_path).read("draw", KEY) == BODY


@needs_owners
@pytest.mark.parametrize("mode", [0o666, 0o646, 0o664])
def test_a_file_that_others_can_write_to_is_not_run_and_is_replaced(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], mode: int
) -> None:
    path = filled(tmp_path)
    path.chmod(mode)
    files = KernelFiles(tmp_path)
    assert files.read("draw", KEY) is None
    assert "not trusted, other users can write" in capsys.readouterr().err
    files.write("draw", KEY, BODY)
    assert files.read("draw", KEY) == BODY


@needs_owners
@pytest.mark.parametrize("umask", [0, 0o002, 0o022, 0o077])
def test_under_any_umask_what_is_written_is_trusted(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        files = KernelFiles(tmp_path / "kernels")
        files.write("draw", KEY, BODY)
    finally:
        os.umask(before)
    assert files.read("draw", KEY) == BODY


def test_a_full_disk_leaves_nothing_behind(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    resource = pytest.importorskip("resource")
    filled(tmp_path)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    files = KernelFiles(tmp_path)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    try:
        files.write("draw", OTHER_KEY, BODY)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    said = capsys.readouterr().err
    assert said.startswith(f"gsic: kernels cannot be kept for the next run: {tmp_path}: ")
    assert len(list(tmp_path.iterdir())) == 1
    assert files.read("draw", KEY) == BODY
    files.write("draw", OTHER_KEY, BODY)
    assert files.read("draw", OTHER_KEY) == BODY


@pytest.mark.parametrize("name", ["with spaces", "ein Gruß", "路径", "a'b\"c$(d)"])
def test_any_name_of_a_folder(tmp_path: Path, name: str) -> None:
    filled(tmp_path / name)
    assert KernelFiles(tmp_path / name).read("draw", KEY) == BODY


def test_a_reader_never_sees_half_a_file(tmp_path: Path) -> None:
    path = filled(tmp_path)
    stop, seen = threading.Event(), set()

    def read() -> None:
        while not stop.is_set():
            seen.add(KernelFiles(tmp_path).read("draw", KEY))

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(100):
        KernelFiles(tmp_path).write("draw", KEY, BODY)
    stop.set()
    reader.join()
    assert seen == {BODY}
    assert [child.name for child in tmp_path.iterdir()] == [path.name]


HOLDER = """
import sys
from pathlib import Path
from gsic_kernels.cpu.runtime.kernel_files import KernelFiles
with KernelFiles(Path(sys.argv[1])).compile_alone(bytes(range(32))):
    print("locked", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path: Path) -> "Iterator[subprocess.Popen[str]]":
    """A process that compiles the kernel of KEY, and does not end by itself."""
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "locked\n"
        yield process
        process.kill()


@needs_locks
def test_a_process_that_does_not_end_is_waited_for_within_limits(
    tmp_path: Path,
    holder: "subprocess.Popen[str]",
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    files = KernelFiles(tmp_path, patience=0.2)
    with files.compile_alone(OTHER_KEY):  # another kernel
        assert capsys.readouterr().err == ""
    with files.compile_alone(KEY):
        pass
    said = capsys.readouterr().err
    assert said == "gsic: waiting for another process that compiles kernels\n"
    # The patience is used up: nothing is waited for any more.
    monkeypatch.setattr(kernel_files.time, "sleep", None)
    with files.compile_alone(KEY):
        pass
    assert capsys.readouterr().err == ""
    assert holder.poll() is None


@needs_locks
@pytest.mark.parametrize("end", ["kill", "exit"])
def test_a_process_that_ends_is_not_waited_for(
    tmp_path: Path,
    holder: "subprocess.Popen[str]",
    capsys: pytest.CaptureFixture[str],
    end: str,
) -> None:
    def finish() -> None:
        if end == "kill":
            holder.send_signal(signal.SIGKILL)
        else:
            assert holder.stdin is not None
            holder.stdin.close()

    files = KernelFiles(tmp_path, patience=60)
    timer = threading.Timer(0.2, finish)
    timer.start()
    with files.compile_alone(KEY):
        assert holder.wait(timeout=10) is not None
    timer.join()
    assert "waiting for another process" in capsys.readouterr().err
    assert files._left == 60  # for the next kernel


@needs_locks
def test_a_fork_does_not_keep_the_lock(tmp_path: Path) -> None:
    """A child that lives longer than what its parent compiles does not hold others up."""
    code = """
import os, sys, time
from pathlib import Path
from gsic_kernels.cpu.runtime.kernel_files import KernelFiles
with KernelFiles(Path(sys.argv[1])).compile_alone(bytes(range(32))):
    child = os.fork()
    if child == 0:
        os.close(1)
        time.sleep(60)
        os._exit(0)
print(child, flush=True)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True, check=True
    )
    files = KernelFiles(tmp_path, patience=20)
    try:
        with files.compile_alone(KEY):
            assert files._left == 20
    finally:
        os.kill(int(done.stdout), signal.SIGKILL)


@needs_locks
def test_a_filesystem_without_locks_does_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import fcntl

    def refuse(*_: object) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr(fcntl, "lockf", refuse)
    files = KernelFiles(tmp_path)
    with files.compile_alone(KEY):
        files.write("draw", KEY, BODY)
    assert files.read("draw", KEY) == BODY
    assert capsys.readouterr().err == ""


def test_an_error_inside_frees_the_lock(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), KernelFiles(tmp_path).compile_alone(KEY):
        raise KeyboardInterrupt
    code = HOLDER.replace("sys.stdin.read()", "")
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, timeout=30
    )
    assert (done.stdout, done.stderr) == ("locked\n", "")
    shutil.rmtree(tmp_path)
