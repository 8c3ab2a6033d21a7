"""The registry: the backend of each device, and the message when there is none."""

import importlib
import importlib.util
from types import SimpleNamespace
from typing import Any

import pytest

from gsic_kernels import registry


def pretend(
    monkeypatch: pytest.MonkeyPatch,
    *,
    missing: str = "",
    driver: bool = True,
    cuda: str | None = "12.8",
    available: bool = True,
    capability: tuple[int, int] = (9, 0),
) -> list[str]:
    """Make the registry see such a machine; the list returned collects what it imports."""
    torch = SimpleNamespace(
        __version__="2.9.0",
        version=SimpleNamespace(cuda=cuda),
        cuda=SimpleNamespace(
            is_available=lambda: available, get_device_capability=lambda: capability
        ),
    )
    gpu = SimpleNamespace(backend=lambda: SimpleNamespace(name="cuda"))
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


def test_auto_is_cuda_where_cuda_works(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch)
    assert registry.get().name == registry.get("cuda").name == "cuda"
    assert registry.get("cpu").name == "cpu"


def test_auto_is_cpu_without_a_driver_and_imports_no_torch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    imported = pretend(monkeypatch, driver=False)
    assert registry.get().name == "cpu"
    assert imported == ["gsic_kernels.cpu.backend"]


def test_an_unknown_device_is_refused_by_name() -> None:
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
def test_the_message_names_what_cuda_lacks(
    machine: dict[str, Any], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(monkeypatch, **machine)
    with pytest.raises(registry.BackendUnavailable, match=said):
        registry.get("cuda")
    assert registry.get().name == "cpu"
