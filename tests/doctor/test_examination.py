"""The examination: every fact is asked for, and none that is missing ends it."""

import os
from collections.abc import Callable
from typing import Any

import pytest

from gsic.doctor import examination, self_test, versions
from gsic.doctor.questions import ask
from gsic_kernels import registry
from gsic_kernels.cpu.runtime import compiling, shipped
from gsic_kernels.cpu.runtime.kernel_files import KernelFiles


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    return examination.examine("cpu", 2).to_json()


def test_it_says_what_a_bug_report_needs(report: dict[str, Any]) -> None:
    assert report["gsic"]["version"]
    assert len(report["gsic"]["sources"]) == 12
    assert {"numpy", "numba", "llvmlite", "pillow", "constriction"} <= {*report["packages"]}
    assert {"click", "tqdm", "torch", "matplotlib"} <= {*report["packages"]}
    assert "pytest" not in report["packages"]
    assert {"avif", "webp", "jpg_2000", "littlecms2"} <= {*report["image_formats"]}
    assert report["cpu"]["kernels"] in ("vectors of 8 float32", "vectors of 16 float32")
    assert report["cpu"]["machine_code"].startswith("compiled on this machine, as ")
    assert report["cpu"]["cores"] >= 1
    assert report["memory"]["total"] > 1 << 20
    assert report["system"]["file_name_encoding"]


def test_the_self_test_passes(report: dict[str, Any]) -> None:
    test = report["self_test"]
    assert test["passed"] is True
    assert test["device"] == "cpu"
    assert test["psnr"] > 40
    assert 100 < test["bytes"] < 500
    assert report["kernel_cache"]["complete"] is True
    assert report["kernel_cache"]["works"] is True
    assert report["kernel_cache"]["kernels"] >= 10
    assert report["kernel_cache"]["bytes"] > 100_000


def test_it_says_that_machine_code_came_with_the_package(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    from types import SimpleNamespace

    from gsic.doctor import machine

    found = shipped.Shipped(SimpleNamespace(LEVEL="x86-64-v3"), "")  # type: ignore[arg-type]
    monkeypatch.setattr(shipped, "load", lambda: found)
    assert machine.describe_cpu()["machine_code"] == "came with the package, for x86-64-v3"
    # Nothing had to be kept, so that there is no folder is no fault.
    monkeypatch.setattr(compiling, "kernel_files", lambda: KernelFiles(tmp_path / "none"))
    assert examination._describe_kernel_cache()["works"] is True


def test_the_self_test_finds_wrong_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    from gsic import decoding

    right = decoding.decode_with_report

    def wrong(*arguments: Any, **options: Any) -> Any:
        decoded = right(*arguments, **options)
        return decoded._replace(image=decoded.image ^ 64)

    monkeypatch.setattr(decoding, "decode_with_report", wrong)
    test = self_test.run("cpu", 1)
    assert test["passed"] is False
    assert test["psnr"] < 20 < test["psnr_of_encoder"]


def test_what_fails_is_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> Any:
        raise OSError("no such thing\nhere")

    for module, name in (
        (compiling, "kernel_files"),
        (compiling, "find_target"),
        (registry, "why_no_cuda"),
        (self_test, "_measure"),
        (versions.platform, "platform"),
        (versions.importlib.metadata, "requires"),
        (versions.importlib.metadata, "version"),
        (os, "sysconf"),
    ):
        monkeypatch.setattr(module, name, fail)
    found = examination.examine("cpu", 1)
    unknown = "unknown: OSError: no such thing here"
    assert not found.passed
    assert found.reason == unknown
    assert found.kernel_cache == {"error": unknown}
    assert found.cpu["model"] == found.memory["total"] == found.system["system"] == unknown
    assert found.packages == {"gsic": unknown}
    assert found.to_json()["self_test"] == {"passed": False, "error": unknown}


def test_it_says_why_the_gpu_is_or_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    from gsic.doctor import machine

    monkeypatch.setattr(registry, "why_no_cuda", lambda: "device cuda needs a miracle")
    assert machine.describe_gpu() == {"used": False, "reason": "device cuda needs a miracle"}
    monkeypatch.setattr(registry, "why_no_cuda", lambda: "")
    monkeypatch.setattr(registry, "name_of_gpu", lambda: "a GPU")
    assert machine.describe_gpu() == {"used": True, "name": "a GPU"}


def test_a_cache_that_does_not_work_is_described(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    (tmp_path / "file").write_text("")
    files = KernelFiles(tmp_path / "file" / "kernels")
    files.write("draw", bytes(32), b"")
    monkeypatch.setattr(compiling, "kernel_files", lambda: files)
    cache = examination._describe_kernel_cache()
    assert (cache["works"], cache["complete"], cache["writable"]) == (False, False, False)
    assert "Not a directory" in cache["problem"]
    assert cache["last_problem"] == files.problems[0]


def test_texts_hide_the_name_of_the_home_folder_and_can_be_printed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HOME", "/home/ann")
    clean: Callable[[Any], Any] = examination._clean
    assert clean({"a": ["/home/ann/x:/home/ann", "/home/anna/x", 3, None]}) == {
        "a": ["~/x:~", "/home/anna/x", 3, None]
    }
    assert clean("caf\udce9") == "caf\\udce9"
    monkeypatch.setenv("HOME", "/")
    assert clean("/a/b") == "/a/b"


def test_an_unknown_fact_is_one_line() -> None:
    assert ask(lambda: 3) == 3
    assert ask(lambda: [][0]) == "unknown: IndexError: list index out of range"
    with pytest.raises(KeyboardInterrupt):
        ask(lambda: (_ for _ in ()).throw(KeyboardInterrupt))
