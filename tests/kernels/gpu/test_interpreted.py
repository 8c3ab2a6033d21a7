"""The GPU backend without a GPU.

Triton reads TRITON_INTERPRET when a kernel is decorated, so this takes a process of its own.
"""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

CHECKS = ("test_backend.py", "test_resident.py", "test_symbols.py")


@pytest.mark.parametrize("checks", CHECKS)
@pytest.mark.skipif(importlib.util.find_spec("triton") is None, reason="Triton is not installed")
def test_the_gpu_backend_interpreted_on_the_cpu(checks: str) -> None:
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--durations=8"]
    done = subprocess.run(
        [*command, str(Path(__file__).with_name(checks))],
        env={**os.environ, "TRITON_INTERPRET": "1", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=600,
    )
    print(done.stdout, done.stderr)
    assert done.returncode == 0, "see the output"
    assert " passed" in done.stdout
