"""Tests of the GPU backend: marked `gpu`, and skipped where nothing can run its kernels."""

import importlib.util
import os
from pathlib import Path

import pytest

from gsic_kernels import registry

HERE = Path(__file__).parent
INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"

# Without Triton these files cannot even be imported.
if importlib.util.find_spec("triton") is None:
    collect_ignore = ["test_backend.py", "test_resident.py", "test_symbols.py"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip the tests of this folder that need a GPU or Triton's interpreter, where both miss."""
    missing = "" if INTERPRETED else registry.why_no_cuda()
    for item in items:
        if missing and HERE in item.path.parents and item.get_closest_marker("gpu"):
            item.add_marker(pytest.mark.skip(reason=missing))
