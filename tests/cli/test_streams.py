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
from PIL import Image

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
