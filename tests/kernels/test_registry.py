"""Which device gets which backend, and what is said when there is none."""

import importlib
import importlib.util
from types import SimpleNamespace
from typing import Any

import pytest

from gsic_kernels import registry
from gsic_kernels.cpu.runtime import dispatch


def pretend(
    monkeypatch: pytest.MonkeyPatch,
    *,
    missing: str = "",
    driver: bool = True,
    cuda: str | None = "12.8",
    available: bool = True,
    capability: tuple[int, int] = (9, 0),
) -> list[str]:
    """Make the registry believe in such a machine; what it imports there is in the answer."""
    torch = SimpleNamespace(
        __version__="2.9.0",
        version=SimpleNamespace(cuda=cuda),
        cuda=SimpleNamespace(
            is_available=lambda: available, get_device_capability=lambda: capability
        ),
    )
    gpu = SimpleNamespace(backend=lambda name: SimpleNamespace(name=name))
    cpu = importlib.import_module("gsic_kernels.cpu.backend")
    modules = {"torch": torch, "gsic_kernels.gpu.backend": gpu, "gsic_kernels.cpu.backend": cpu}
    imported: list[str] = []

    def import_module(name: str) -> Any:
        imported.append(name)
        return modules[name]

    def load(name: str) -> None:
        if not driver:
            raise OSError(name)

    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == missing else object()
    )
    monkeypatch.setattr(registry.ctypes, "CDLL", load)
    monkeypatch.setattr(registry.importlib, "import_module", import_module)
    return imported


def test_auto_is_cuda_where_that_works(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch)
    assert registry.get().name == registry.get("cuda").name == "cuda"
    assert registry.get("cpu").name == "cpu"


def test_auto_is_the_cpu_without_a_driver_and_does_not_import_torch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    imported = pretend(monkeypatch, driver=False)
    assert registry.get().name == "cpu"
    assert imported == ["gsic_kernels.cpu.backend"]


def test_vectors_compile_here() -> None:
    """Otherwise every test of the vector kernels would test the plain ones."""
    dispatch.kernel("sum_forward", 3)
    dispatch.kernel("sum_backward", 3)
    assert dispatch._vectors_work


def test_unknown_device() -> None:
    with pytest.raises(ValueError, match="tpu"):
        registry.get("tpu")


@pytest.mark.parametrize(
    ("machine", "said"),
    [
        ({"missing": "torch"}, "torch, which is not installed"),
        ({"missing": "triton"}, "triton, which is not installed"),
        ({"driver": False}, "GPU and its driver"),
        ({"cuda": None}, "built without"),
        ({"available": False}, "GPU and its driver"),
        ({"capability": (6, 1)}, r"7\.0 or more, this has 6\.1"),
    ],
)
def test_cuda_names_what_is_missing(
    machine: dict[str, Any], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(monkeypatch, **machine)
    with pytest.raises(registry.BackendUnavailable, match=said):
        registry.get("cuda")
    assert registry.get().name == "cpu"


def test_plain_loops_step_in_for_vectors_that_do_not_compile(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    compiled = []

    def compile_plain_only(module: str, name: str, channels: int) -> Any:
        if not module.endswith("_scalar"):
            raise TypeError("no such vector\nand many lines more")
        compiled.append((module, name))
        return compiled[-1]

    monkeypatch.setattr(dispatch, "_compile", compile_plain_only)
    monkeypatch.setattr(dispatch, "_vectors_work", True)
    # Past the memory of kernels made before.
    kernel = dispatch.kernel.__wrapped__
    assert kernel("sum_forward", 3) == ("raster.sum_scalar", "sum_forward")
    assert kernel("sum_backward", 3) == ("raster.sum_scalar", "sum_backward")
    said = capsys.readouterr().err
    assert said == "gsic: slow kernels, vectors do not compile: no such vector\n"
