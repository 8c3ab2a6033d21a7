"""The table of kernels: it names functions that exist, and their errors surface."""

import importlib
from typing import Any

import pytest

from gsic_kernels.cpu.runtime import compiling, dispatch


@pytest.mark.parametrize("name", dispatch._KERNELS)
def test_every_kernel_of_the_table_is_a_function_of_its_module(name: str) -> None:
    module = importlib.import_module(f"gsic_kernels.cpu.{dispatch._KERNELS[name].module}")
    assert callable(getattr(module, name))


def test_a_kernel_that_does_not_compile_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no second, slower way to draw that could hide it."""

    def refuse(signature: str, function: Any) -> Any:
        raise TypeError("no such vector")

    monkeypatch.setattr(compiling, "kernel", refuse)
    with pytest.raises(TypeError, match="no such vector"):
        # The function below the cache, which would return kernels compiled before.
        dispatch.kernel.__wrapped__("render_planes", 3)
