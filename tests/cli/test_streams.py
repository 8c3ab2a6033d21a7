"""Stdin, stdout, pipes, devices, terminals: in processes of their own."""

import contextlib
import io
import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from gsic import cli

Process = Callable[..., "subprocess.CompletedProcess[bytes]"]

QUICK = ("--gaussians", "40", "--effort", "1")


def test_dashes_are_stdin_and_stdout(gsic_process: Process, photo: Path) -> None:
    encoded = gsic_process("encode", "-", "-", *QUICK, "--json", input=photo.read_bytes())
    assert encoded.returncode == 0
    report = json.loads(encoded.stderr)
    assert report["bytes"] == len(encoded.stdout)

    decoded = gsic_process("decode", "-", "-", "--json", input=encoded.stdout)
    assert decoded.returncode == 0
    assert json.loads(decoded.stderr)["width"] == 48
    with Image.open(io.BytesIO(decoded.stdout)) as image:
        assert (image.format, image.size) == ("PNG", (48, 32))

    described = gsic_process("info", "-", "--json", input=encoded.stdout)
    assert json.loads(described.stdout)["bytes"] == len(encoded.stdout)

    photo.with_name("back.png").write_bytes(b"")
    again = gsic_process("decode", "-", photo.with_name("back.png"), input=encoded.stdout)
    assert again.returncode == 0
    with (
        Image.open(photo.with_name("back.png")) as back,
        Image.open(io.BytesIO(decoded.stdout)) as out,
    ):
        assert np.array_equal(np.array(back), np.array(out))


def test_a_fit_goes_through_stdout(gsic_process: Process, photo: Path) -> None:
    arguments = ("--gaussians", "20", "--iterations", "5")
    done = gsic_process("fit", "-", "-", *arguments, input=photo.read_bytes())
    assert done.returncode == 0
    with np.load(io.BytesIO(done.stdout), allow_pickle=False) as arrays:
        assert "version" in arrays


def test_bad_stdin(gsic_process: Process) -> None:
    for command in (("encode", "-", "-"), ("decode", "-", "-"), ("info", "-")):
        done = gsic_process(*command, input=b"neither this nor that")
        assert done.returncode == 1
        assert done.stdout == b""
        assert done.stderr.startswith(b"gsic: error: stdin: ")
        assert len(done.stderr.splitlines()) == 1


def test_devices_and_pipes_are_written_directly(
    gsic_process: Process, coded: Path, tmp_path: Path
) -> None:
    done = gsic_process("decode", coded, "/dev/stdout", "-q")
    assert done.returncode == 0
    assert done.stdout.startswith(b"\x89PNG")
    pipe = tmp_path / "pipe.png"
    os.mkfifo(pipe)
    with subprocess.Popen(["cat", str(pipe)], stdout=subprocess.PIPE) as reader:
        assert gsic_process("decode", coded, pipe).returncode == 0
        assert reader.stdout is not None
        assert reader.stdout.read() == done.stdout
    assert not pipe.is_file()


def test_a_full_disk_is_one_line(gsic_process: Process, coded: Path) -> None:
    done = gsic_process("decode", coded, "/dev/full", "--device", "cpu")
    assert done.returncode == 1
    assert done.stderr == b"gsic: error: /dev/full: No space left on device\n"
    for arguments in (("decode", coded, "-", "-q"), ("info", coded), ("info", coded, "--json")):
        with open("/dev/full", "wb") as full:
            done = gsic_process(*arguments, stdout=full)
        assert done.returncode == 1
        assert done.stderr.endswith(b"No space left on device\n")
        assert len(done.stderr.splitlines()) == 1


def test_a_reader_that_leaves_is_no_error_message(gsic_process: Process, coded: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    try:
        done = gsic_process("decode", coded, "-", "-q", stdout=write)
    finally:
        os.close(write)
    assert done.returncode == 1
    assert done.stderr == b""


def test_a_terminal_gets_a_progress_bar_with_the_time_left(photo: Path) -> None:
    """Only a terminal does: a log file would fill with half-drawn lines."""
    main, terminal = pty.openpty()
    command: list[Any] = [sys.executable, "-m", "gsic", "encode", photo, photo.with_suffix(".gsi")]
    with subprocess.Popen(
        [*command, *QUICK], stdout=subprocess.PIPE, stderr=terminal, stdin=subprocess.DEVNULL
    ) as process:
        os.close(terminal)
        shown = b""
        with contextlib.suppress(OSError):  # the terminal closes when the process ends
            while part := os.read(main, 4096):
                shown += part
        assert process.stdout is not None
        out = process.stdout.read()
    os.close(main)
    assert process.returncode == 0
    assert b"%|" in shown
    assert b"<" in shown
    assert len(out.splitlines()) == 1


def shell(command: str, folder: Path, *arguments: object) -> "subprocess.CompletedProcess[bytes]":
    """Run a line of the shell in a folder, where `gsic` is the command and $1... the arguments."""
    line = f'gsic() {{ "{sys.executable}" -m gsic "$@"; }}; {command}'
    return subprocess.run(
        ["sh", "-c", line, "sh", *map(str, arguments)], cwd=folder, capture_output=True, timeout=120
    )


@pytest.fixture
def decoded(coded: Path) -> bytes:
    """The PNG that `coded` is decoded to."""
    target = coded.with_name("decoded.png")
    assert cli.run(["decode", str(coded), str(target), "-q"]) == 0
    data = target.read_bytes()
    target.unlink()
    return data


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="needs /proc")
@pytest.mark.parametrize(
    "command",
    [
        "gsic decode photo.gsi /dev/stdout --json > out.png",
        "gsic decode photo.gsi /dev/fd/1 --json > out.png",
        "gsic decode photo.gsi /proc/self/fd/1 --json > out.png",
        "gsic decode photo.gsi /dev/stdout --json | cat > out.png",
        "ln -s /dev/stdout link; gsic decode photo.gsi link --json > out.png",
        "gsic decode photo.gsi out.png --json > out.png",
        "mkfifo p.png; cat p.png > out.png & gsic decode photo.gsi p.png --json > p.png; wait",
    ],
)
def test_the_report_never_goes_into_the_output(coded: Path, decoded: bytes, command: str) -> None:
    done = shell(command, coded.parent)
    assert done.returncode == 0
    assert (coded.parent / "out.png").read_bytes() == decoded
    assert done.stdout == b""
    assert b'"width": 48' in done.stderr


@pytest.mark.parametrize(
    "command",
    [
        "gsic decode photo.gsi - > out.png 2>&1",
        "gsic decode photo.gsi - 2>&1 | cat > out.png",
        "gsic decode photo.gsi /dev/stderr 2> out.png > report",
        "{ echo before; gsic decode photo.gsi /dev/stdout -q; echo after; } > out.png",
    ],
)
def test_nothing_is_said_into_the_output(coded: Path, decoded: bytes, command: str) -> None:
    assert shell(command, coded.parent).returncode == 0
    whole = (coded.parent / "out.png").read_bytes()
    assert whole == (b"before\n" + decoded + b"after\n" if "before" in command else decoded)


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_are_no_obstacle(coded: Path, decoded: bytes, closed: str) -> None:
    done = shell(f"gsic decode photo.gsi out.png {closed}", coded.parent)
    assert done.returncode == 0
    assert (coded.parent / "out.png").read_bytes() == decoded


@pytest.mark.parametrize(
    ("command", "said"),
    [
        *(("decode photo.gsi - >&-", "stdout: is closed"), ("info photo.gsi >&-", "stdout: is")),
        *(("encode - out.gsi <&-", "stdin: is closed"), ("info - <&-", "stdin: is closed")),
        *(("info missing 2>&-", ""), ("info missing <&- >&- 2>&-", "")),
        ("decode photo.gsi - < photo.gsi 1< photo.gsi", "stdout: is closed"),
    ],
)
def test_a_closed_stream_that_is_needed_is_an_error(coded: Path, command: str, said: str) -> None:
    done = shell(f"gsic {command}", coded.parent)
    assert done.returncode == 1
    assert done.stdout == b""
    assert done.stderr.startswith(f"gsic: error: {said}".encode() if said else b"")
    assert len(done.stderr.splitlines()) == (1 if said else 0)
    assert {path.name for path in coded.parent.iterdir()} == {"photo.png", "photo.gsi"}


@pytest.mark.parametrize("lost", ["2>/dev/full", "2>&1 | true"])
def test_messages_that_nobody_reads_do_not_end_the_work(coded: Path, lost: str) -> None:
    done = shell(f"gsic decode photo.gsi out.jpg {lost}", coded.parent)
    assert done.returncode == 0
    assert (coded.parent / "out.jpg").stat().st_size > 0
    assert shell("gsic decode 2>/dev/full", coded.parent).returncode == 2


@pytest.mark.parametrize(
    "arguments",
    [
        *(("encode", "photo.png", "-"), ("fit", "photo.png", "/dev/stdout")),
        *(("decode", "photo.gsi", "-"), ("decode", "missing", "/dev/tty")),
    ],
)
def test_binary_data_is_not_written_to_a_terminal(coded: Path, arguments: tuple[str, ...]) -> None:
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(coded.parent)
        os.execv(sys.executable, [sys.executable, "-m", "gsic", *arguments])
    shown = b""
    with contextlib.suppress(OSError):  # the terminal closes when the process ends
        while part := os.read(terminal, 4096):
            shown += part
    os.close(terminal)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 2
    assert b"is a terminal, where binary data is not written" in shown
    assert len(shown.splitlines()) == 1
