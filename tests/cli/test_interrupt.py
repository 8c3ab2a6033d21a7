"""Ctrl-C and kill in the middle of an encoding leave nothing behind."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, 130), (signal.SIGTERM, -15), (signal.SIGHUP, -1), (signal.SIGKILL, -9)],
)
@pytest.mark.parametrize("command", ["encode", "fit"])
def test_no_output_and_no_temporary_file(
    tmp_path: Path, command: str, number: signal.Signals, code: int
) -> None:
    source, target = tmp_path / "deep.png", tmp_path / "out.gsi"
    # 16 bits, so that the process says on stderr that it has begun.
    y, x = np.mgrid[0:400, 0:400]
    Image.fromarray(((x * 7919 ^ y * 104729) % 65536).astype(np.uint16)).save(source)
    arguments = {
        "encode": ["--effort", "9", "--gaussians", "20000"],
        "fit": ["--gaussians", "20000", "--iterations", "100000"],
    }[command]
    with subprocess.Popen(
        [sys.executable, "-m", "gsic", command, str(source), str(target), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # Whoever runs the tests in the background may have made them deaf to Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        assert process.stderr is not None
        assert b"16-bit" in process.stderr.readline()
        time.sleep(1.5)
        assert process.poll() is None
        process.send_signal(number)
        try:
            _, err = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == code
    assert b"Traceback" not in err
    if number == signal.SIGINT:
        assert err.splitlines()[-1] == b"gsic: error: interrupted"
    assert [path.name for path in tmp_path.iterdir()] == ["deep.png"]


def test_the_end_of_a_file_is_not_an_interrupt(
    photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Click takes an EOFError for one, and whoever met it was told that nothing was wrong."""
    from gsic import cli, decoding

    def fail(*_: object, **__: object) -> None:
        raise EOFError("Ran out of input")

    monkeypatch.setattr(decoding, "decode_with_report", fail)
    with pytest.raises(EOFError, match="Ran out of input"):
        cli.run(["decode", str(photo), str(photo.with_name("back.png"))])


def test_an_interruption_while_the_program_loads_is_no_traceback() -> None:
    code = (
        "import builtins, os, runpy, signal, sys\n"
        "sys.argv, load = ['gsic', '--help'], __import__\n"
        "def interrupted(name, *arguments, **keywords):\n"
        "    if name == 'click': os.kill(os.getpid(), signal.SIGINT)\n"
        "    return load(name, *arguments, **keywords)\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "builtins.__import__ = interrupted; runpy.run_module('gsic', run_name='__main__')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60)
    assert (done.returncode, done.stdout) == (130, b"")
    assert done.stderr == b"gsic: error: interrupted\n"
