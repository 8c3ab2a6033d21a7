"""Fixtures of the tests of the GPU backend, which are skipped where nothing can run its kernels."""

import importlib
import importlib.util
import os
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gsic_kernels import registry

HERE = Path(__file__).parent
INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
# The modules of `gsic_kernels.gpu` that allocate device memory.
ALLOCATING = (
    "backend",
    "fit.resident_fit",
    "raster.coarse_cells",
    "raster.gradient_buffers",
    "raster.graph_renderer",
    "raster.renderer",
    "raster.tile_lists",
    "raster.uploads",
)

# Without Triton these files cannot even be imported.
if importlib.util.find_spec("triton") is None:
    collect_ignore = [
        "test_backend.py",
        "test_decoding.py",
        "test_resident_fit.py",
        "test_tile_lists.py",
    ]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip the tests marked `gpu` where there is neither a GPU nor Triton's interpreter."""
    missing = "" if INTERPRETED else registry.why_no_cuda()
    for item in items:
        if missing and HERE in item.path.parents and item.get_closest_marker("gpu"):
            item.add_marker(pytest.mark.skip(reason=missing))


def patch_once(patch: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Wrap Triton's `_patch_lang` so that it patches each module once in a launch.

    The interpreter replaces the functions of `triton.language` when it launches a kernel and puts
    them back at its end, but it also replaces them in every call of a helper that a kernel makes,
    which took half of the time of these tests.
    """
    done: set[int] = set()  # identities of the modules that are patched for the launch that runs

    class Scope:
        """What a launch calls `restore` of at its end."""

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

    interpreter._patch_lang = patch_once(interpreter._patch_lang)


def allocate_poisoned(shape: tuple[int, ...], dtype: Any, device: Any) -> Any:
    """Allocate memory that holds NaN, or 111 in integers: values that show where they are used."""
    import torch

    return torch.full(shape, torch.nan if dtype.is_floating_point else 111, dtype=dtype).to(device)


class FencedMemory:
    """Allocates poisoned memory with 64 rows more behind its end, which nobody may write."""

    def __init__(self) -> None:
        self._fences: list[Any] = []

    def allocate(self, shape: tuple[int, ...], dtype: Any, device: Any) -> Any:
        whole = allocate_poisoned((shape[0] + 64, *shape[1:]), dtype, device)
        self._fences.append(whole[shape[0] :])
        return whole[: shape[0]]

    def is_intact(self) -> bool:
        return all(
            bool((fence.isnan() if fence.is_floating_point() else fence == 111).all())
            for fence in self._fences
        )


@pytest.fixture
def replace_allocate(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], None]:
    """Return a function that replaces `allocate` in all modules of the GPU backend."""
    modules = [importlib.import_module(f"gsic_kernels.gpu.{name}") for name in ALLOCATING]

    def replace(allocate: Any) -> None:
        for module in modules:
            monkeypatch.setattr(module, "allocate", allocate)

    return replace


@pytest.fixture
def no_spare_renderers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget the renderers that were kept, so that a test allocates its own."""
    monkeypatch.setattr("gsic_kernels.gpu.backend._spare", [])
    monkeypatch.setattr("gsic_kernels.gpu.raster.graph_renderer._spare", OrderedDict())


@pytest.fixture
def poison(replace_allocate: Callable[[Any], None], no_spare_renderers: None) -> None:
    """Poison device memory that is allocated and not initialised."""
    replace_allocate(allocate_poisoned)


@pytest.fixture
def fenced_memory(replace_allocate: Callable[[Any], None], poison: None) -> FencedMemory:
    """Fence all device memory that is allocated."""
    memory = FencedMemory()
    replace_allocate(memory.allocate)
    return memory
