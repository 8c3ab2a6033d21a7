"""Which device gets which backend, and what is said when there is none."""

import importlib.util
from types import SimpleNamespace
from typing import Any

import pytest

from gsic_kernels import registry
from gsic_kernels.cpu import dispatch


def test_auto_is_the_cpu() -> None:
    assert registry.get().name == registry.get("cpu").name == "cpu"


def test_vectors_compile_here() -> None:
    """Otherwise every test of the vector kernels would test the plain ones."""
    dispatch.kernel("render_float", 3)
    dispatch.kernel("gather", 3)
    assert dispatch._vectors_work


def test_unknown_device() -> None:
    with pytest.raises(ValueError, match="tpu"):
        registry.get("tpu")


@pytest.mark.parametrize("missing", ["torch", "triton"])
def test_cuda_names_a_missing_package(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == missing else object()
    )
    with pytest.raises(registry.BackendUnavailable, match=f"{missing}, which is not installed"):
        registry.get("cuda")


@pytest.mark.parametrize(
    ("cuda", "available", "said"),
    [
        (None, False, "built without"),
        ("12.8", False, "GPU and its driver"),
        ("12.8", True, "no GPU kernels"),
    ],
)
def test_cuda_names_what_torch_lacks(
    cuda: str | None, available: bool, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch = SimpleNamespace(
        __version__="2.9.0",
        version=SimpleNamespace(cuda=cuda),
        cuda=SimpleNamespace(is_available=lambda: available),
    )
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    monkeypatch.setattr(registry.importlib, "import_module", lambda name: torch)
    with pytest.raises(registry.BackendUnavailable, match=said):
        registry.get("cuda")


def test_plain_loops_step_in_for_vectors_that_do_not_compile(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    compiled = []

    def compile_plain_only(module: str, name: str, signature: str) -> Any:
        if module in ("forward", "backward"):
            raise TypeError("no such vector\nand many lines more")
        compiled.append((module, name))
        return compiled[-1]

    monkeypatch.setattr(dispatch, "_compile", compile_plain_only)
    monkeypatch.setattr(dispatch, "_vectors_work", True)
    # Past the memory of kernels made before.
    kernel = dispatch.kernel.__wrapped__
    assert kernel("render_float", 3) == ("scalar", "render_float")
    assert kernel("gather", 3) == ("scalar", "gather")
    said = capsys.readouterr().err
    assert said == "gsic: slow kernels, vectors do not compile: no such vector\n"
