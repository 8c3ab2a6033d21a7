"""The tests of the GPU backend without a GPU.

Triton reads TRITON_INTERPRET when a kernel is decorated, so they run in processes of their own.
"""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

FILES = ("test_backend.py", "test_decoding.py", "test_resident_fit.py", "test_tile_lists.py")


@pytest.mark.parametrize("file", FILES)
@pytest.mark.skipif(importlib.util.find_spec("triton") is None, reason="Triton is not installed")
def test_the_gpu_backend_passes_on_an_interpreter(file: str) -> None:
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--durations=8"]
    done = subprocess.run(
        [*command, str(Path(__file__).with_name(file))],
        env={**os.environ, "TRITON_INTERPRET": "1", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=1800,
    )
    print(done.stdout, done.stderr)
    assert done.returncode == 0, "see the output"
    assert " passed" in done.stdout
