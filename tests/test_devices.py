"""Which kernels run, what is said of it, and what takes over when a device fails."""

import logging
from collections.abc import Iterator
from dataclasses import replace

import pytest

from gsic import devices
from gsic.errors import BackendError, OptionError
from gsic_kernels import registry
from gsic_kernels.backend import Backend, BackendUnavailable


@pytest.fixture(autouse=True)
def no_memory_of_a_choice() -> Iterator[None]:
    devices._choose_automatically.cache_clear()
    yield
    devices._choose_automatically.cache_clear()


def failing(backend: Backend) -> str:
    if backend.name == "cuda":
        raise BackendUnavailable("device cuda has too little memory")
    return backend.name


def with_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine with a GPU, whose kernels are those of the CPU."""
    gpu = replace(registry.get("cpu"), name="cuda")
    get = registry.get
    monkeypatch.setattr(registry, "why_no_cuda", lambda: "")
    monkeypatch.setattr(registry, "get", lambda name: gpu if name == "cuda" else get(name))


def test_auto_takes_the_cpu_and_says_once_why(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(registry, "why_no_cuda", lambda: "there is no GPU")
    caplog.set_level(logging.INFO, "gsic")
    assert devices.choose_backend("auto").name == devices.choose_backend("auto").name == "cpu"
    assert [record.getMessage() for record in caplog.records] == ["using the CPU: there is no GPU"]


def test_auto_takes_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    with_a_gpu(monkeypatch)
    assert devices.choose_backend("auto").name == "cuda"


def test_what_is_asked_for_and_missing_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "why_no_cuda", lambda: "there is no GPU")
    with pytest.raises(BackendError, match="there is no GPU"):
        devices.choose_backend("cuda")
    with pytest.raises(OptionError, match="tpu"):
        devices.choose_backend("tpu")


def test_the_cpu_takes_over_where_a_gpu_fails(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with_a_gpu(monkeypatch)
    caplog.set_level(logging.WARNING, "gsic")
    assert devices.run_on("auto", failing) == "cpu"
    assert [record.getMessage() for record in caplog.records] == [
        "device cuda has too little memory; using the CPU"
    ]
    with pytest.raises(BackendError, match="too little memory"):
        devices.run_on("cuda", failing)
