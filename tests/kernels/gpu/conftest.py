"""Tests of the GPU backend: marked `gpu`, and skipped where nothing can run its kernels."""

import importlib.util
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

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


def patched_once(patch: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Triton's `_patch_lang`, without doing again what is still done.

    The interpreter replaces the functions of `triton.language` when it launches a kernel and puts
    them back at its end, but it also replaces them in every call of a helper that a kernel makes,
    which took half of the time of these tests.
    """
    done: set[int] = set()  # identities of the modules that are patched for the launch that runs

    class Scope:
        """What a launch calls at its end."""

        def __init__(self, scope: Any = None) -> None:
            self.scope = scope

        def restore(self) -> None:
            done.clear()
            self.scope.restore()

    def patch_what_is_missing(function: Any) -> Scope:
        from triton import language

        needed = {id(value) for value in function.__globals__.values() if value is language}
        needed |= {id(v) for v in function.__globals__.values() if v is language.core}
        if needed and needed <= done:
            return Scope()
        done.update(needed)
        return Scope(patch(function))

    return patch_what_is_missing


if INTERPRETED:
    from triton.runtime import interpreter

    interpreter._patch_lang = patched_once(interpreter._patch_lang)
