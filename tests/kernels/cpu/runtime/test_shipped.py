"""Kernels that came with the package: they are taken only where they fit, and whole."""

import importlib
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gsic_kernels.cpu.runtime import compiling, dispatch, shipped

# What the file begins with is not looked at before the rest is known to be whole.
MODULE = bytes(range(256)) * 3


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[bytes | None], None]:
    """`place(data)`: the package as if it had come with a file of these bytes."""
    monkeypatch.setattr(shipped, "FILE", tmp_path / "kernels.so")
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(shipped.platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(sys, "abiflags", "", raising=False)
    for name in shipped._CHOICES:
        monkeypatch.delenv(name, raising=False)

    def place(data: bytes | None) -> None:
        shipped.load.cache_clear()
        if data is not None:
            shipped.FILE.write_bytes(data)

    yield place  # type: ignore[misc]
    shipped.load.cache_clear()


def test_a_whole_file_of_the_same_sources_passes() -> None:
    shipped.check(shipped.seal(MODULE, "kernels-1"), "kernels-1")


@pytest.mark.parametrize("at", [0, 300, -81, -80, -70, -50, -33, -32, -1])
def test_a_damaged_byte_is_found(at: int) -> None:
    data = bytearray(shipped.seal(MODULE, "kernels-1"))
    data[at] ^= 1
    with pytest.raises(shipped.Damaged):
        shipped.check(bytes(data), "kernels-1")


@pytest.mark.parametrize("length", [0, 1, 31, 80, len(MODULE), -1])
def test_a_cut_file_is_damaged(length: int) -> None:
    with pytest.raises(shipped.Damaged):
        shipped.check(shipped.seal(MODULE, "kernels-1")[:length], "kernels-1")


def test_a_file_of_other_sources_is_not_taken(
    place: Callable[[bytes | None], None], capsys: pytest.CaptureFixture[str]
) -> None:
    place(shipped.seal(MODULE, "kernels-1"))
    assert shipped.load() == (None, "that of the package was made from other sources")
    assert capsys.readouterr().err == ""


def test_a_package_without_the_file_compiles(
    place: Callable[[bytes | None], None], capsys: pytest.CaptureFixture[str]
) -> None:
    place(None)
    assert shipped.load() == (None, "the package came without machine code")
    assert shipped.find("barrier", 0) is None
    assert capsys.readouterr().err == ""


def test_a_damaged_file_is_said_once_and_kernels_are_compiled(
    place: Callable[[bytes | None], None], capsys: pytest.CaptureFixture[str]
) -> None:
    place(shipped.seal(MODULE, compiling.folder_name())[:-1])
    taken, before = shipped.count_kernels(), sum(compiling.count_kernels())
    for _ in range(2):
        assert dispatch.kernel.__wrapped__("barrier") is not None
    assert shipped.count_kernels() == taken
    assert sum(compiling.count_kernels()) == before + 2
    said = [line for line in capsys.readouterr().err.splitlines() if "package" in line]
    assert said == [f"gsic: kernels of the package are not used: {shipped.FILE}: damaged"]


def test_what_the_system_cannot_load_is_not_taken(place: Callable[[bytes | None], None]) -> None:
    """As machine code for another CPU or another C library."""
    place(shipped.seal(MODULE, compiling.folder_name()))
    module, reason = shipped.load()
    assert module is None
    assert str(shipped.FILE) in reason


def test_a_foreign_machine_code_is_not_taken(place: Callable[[bytes | None], None]) -> None:
    """An extension module of this Python, said to be for another kind of CPU."""
    data = bytearray(Path(importlib.import_module("numpy._core._simd").__file__ or "").read_bytes())
    if data[:4] != b"\x7fELF":
        pytest.skip("there are no ELF files")
    data[18:20] = (0xF3).to_bytes(2, "little")
    place(shipped.seal(bytes(data), compiling.folder_name()))
    assert shipped.load().module is None


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            lambda patch: patch.setattr(sys, "platform", "darwin"),
            "that of the package is for Linux on x86-64",
        ),
        (
            lambda patch: patch.setattr(shipped.platform, "machine", lambda: "aarch64"),
            "that of the package is for Linux on x86-64",
        ),
        (
            lambda patch: patch.setattr(sys, "abiflags", "t", raising=False),
            "that of the package is for CPython with its global lock",
        ),
        (
            lambda patch: patch.setenv("NUMBA_BOUNDSCHECK", "1"),
            "NUMBA_BOUNDSCHECK asks for another",
        ),
        (
            lambda patch: patch.setenv("NUMBA_CPU_NAME", "generic"),
            "NUMBA_CPU_NAME asks for another",
        ),
    ],
)
def test_another_machine_does_not_open_the_file(
    place: Callable[[bytes | None], None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    change: Callable[[pytest.MonkeyPatch], None],
    reason: str,
) -> None:
    place(b"damaged, which would be said")
    change(monkeypatch)
    assert shipped.load() == (None, reason)
    assert capsys.readouterr().err == ""
