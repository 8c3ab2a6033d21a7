"""The table of kernels: vectors where they compile, scalar loops elsewhere."""

from typing import Any

import pytest

from gsic_kernels.cpu.runtime import dispatch


def test_vector_kernels_compile() -> None:
    """If they did not, every test of the vector kernels would test the scalar loops."""
    dispatch.kernel("sum_forward", 3)
    dispatch.kernel("sum_backward", 3)
    assert dispatch._vectors_work


def test_scalar_loops_replace_vectors_that_do_not_compile(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    compiled = []

    def compile_scalar_only(module: str, name: str, channels: int) -> Any:
        if not module.endswith("_scalar"):
            raise TypeError("no such vector\nand many lines more")
        compiled.append((module, name))
        return compiled[-1]

    monkeypatch.setattr(dispatch, "_compile", compile_scalar_only)
    monkeypatch.setattr(dispatch, "_vectors_work", True)
    # The function below the cache, which would return kernels compiled before.
    kernel = dispatch.kernel.__wrapped__
    assert kernel("sum_forward", 3) == ("raster.sum_scalar", "sum_forward")
    assert kernel("sum_backward", 3) == ("raster.sum_scalar", "sum_backward")
    said = capsys.readouterr().err
    assert said == "gsic: slow kernels, vectors do not compile: no such vector\n"
