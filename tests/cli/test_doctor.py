"""`gsic doctor` prints everything, whatever is broken, and its exit code is that of the test."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gsic.doctor import self_test

PARTS = [
    *("gsic", "python", "system", "packages", "image_formats", "variables", "cpu", "memory"),
    *("gpu", "self_test", "kernel_cache"),
]


def test_text_and_json_hold_the_same_parts(gsic: Callable[..., Any]) -> None:
    done = gsic("doctor", "--device", "cpu")
    assert done.code == 0
    heads = [line[:-1] for line in done.out.decode().splitlines() if not line.startswith(" ")]
    assert heads == PARTS
    done = gsic("doctor", "--json")
    assert done.code == 0
    assert [*done.report] == PARTS
    assert done.report["self_test"]["passed"] is True
    assert gsic("doctor", "-q").out == b""


def test_a_failed_test_is_exit_code_1_with_everything_printed(
    gsic: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("no kernels")

    monkeypatch.setattr(self_test, "_measure", fail)
    done = gsic("doctor", "--json")
    assert done.code == 1
    assert [*done.report] == PARTS
    assert done.report["self_test"]["error"] == "unknown: RuntimeError: no kernels"
    assert "gsic: error: the self-test failed: unknown: RuntimeError: no kernels" in done.err


def test_it_works_where_numpy_does_not(tmp_path: Path) -> None:
    (tmp_path / "numpy.py").write_text("raise ImportError('a broken installation')\n")
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-m", "gsic", "doctor", "--json"],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        timeout=120,
    )
    assert done.returncode == 1
    assert b"Traceback" not in done.stderr
    report = json.loads(done.stdout)
    assert [*report] == PARTS
    assert "a broken installation" in report["self_test"]["error"]
    assert report["packages"]["numpy"]


def test_a_path_that_cannot_be_printed(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    if sys.platform != "linux":
        pytest.skip("names are text")
    environment = {
        **os.environ,
        "NUMBA_CACHE_DIR": os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"),
        "PYTHONIOENCODING": "ascii",
    }
    # Without kernels, so that nothing needs to be compiled.
    code = (
        "import sys; from gsic.doctor import self_test; self_test._measure = None;"
        "from gsic import cli; sys.exit(cli.run(['doctor']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, timeout=120
    )
    assert done.returncode == 1
    assert b"Traceback" not in done.stderr
    assert b"caf\\udce9" in done.stdout
