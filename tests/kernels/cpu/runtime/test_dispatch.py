"""The table of kernels: it names functions that exist, and their errors surface."""

import importlib
from typing import Any

import pytest

from gsic_kernels.cpu.runtime import compiling, dispatch, shipped


@pytest.mark.parametrize("name", dispatch._KERNELS)
def test_every_kernel_of_the_table_is_a_function_of_its_module(name: str) -> None:
    module = importlib.import_module(f"gsic_kernels.cpu.{dispatch._KERNELS[name].module}")
    assert callable(getattr(module, name))


def test_kernels_of_the_package_go_first(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def find(name: str, channels: int) -> Any:
        asked.append((name, channels))
        return asked[-1] if name != "halve" else None

    monkeypatch.setattr(shipped, "find", find)
    monkeypatch.setattr(compiling, "kernel", lambda signature, function: function.__name__)
    kernel = dispatch.kernel.__wrapped__
    assert kernel("render_planes", 3) == ("render_planes", 3)
    # Kernels of any number of channels have one name.
    assert kernel("barrier", 3) == ("barrier", 0)
    assert kernel("halve") == "halve"
    assert asked == [("render_planes", 3), ("barrier", 0), ("halve", 0)]


def test_every_kernel_is_listed_once_per_number_of_channels() -> None:
    listed = dispatch.list_kernels()
    assert len({*listed}) == len(listed)
    assert [channels for name, channels in listed if name == "sum_backward"] == [1, 2, 3, 4]
    assert ("barrier", 0) in listed
    assert {name for name, _ in listed} == {*dispatch._KERNELS}


def test_a_kernel_that_does_not_compile_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no second, slower way to draw that could hide it."""

    def refuse(signature: str, function: Any) -> Any:
        raise TypeError("no such vector")

    monkeypatch.setattr(compiling, "kernel", refuse)
    with pytest.raises(TypeError, match="no such vector"):
        # The function below the cache, which would return kernels compiled before.
        dispatch.kernel.__wrapped__("render_planes", 3)
