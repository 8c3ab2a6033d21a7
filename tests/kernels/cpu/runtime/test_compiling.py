"""Compiling and keeping kernels: every state of the cache ends in a kernel that works."""

import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
import pytest
from numba.core.compiler import CompileResult
from small_kernels import SIGNATURE, add, multiply

from gsic_kernels.cpu.runtime import compiling
from gsic_kernels.cpu.runtime.kernel_files import SUFFIX, KernelFiles

SUPPORT = Path(__file__).parents[3] / "support"


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., KernelFiles]:
    """`start()`: the cache as a new process would find it, in a folder of this test."""

    def start(folder: Path | None = tmp_path / "kernels-1") -> KernelFiles:
        files = KernelFiles(folder)
        monkeypatch.setattr(compiling, "kernel_files", lambda: files)
        return files

    start()
    return start


def ask(function: Callable[..., Any] = add, signature: str = SIGNATURE) -> str:
    """Get a kernel, use it, and tell whether it was loaded or compiled."""
    loaded, compiled = compiling.count_kernels()
    assert compiling.kernel(signature, function)(6, 7) == function(6, 7)
    loaded, compiled = (
        now - before
        for now, before in zip(compiling.count_kernels(), (loaded, compiled), strict=True)
    )
    return {(1, 0): "loaded", (0, 1): "compiled"}[loaded, compiled]


def only_file(folder: Path) -> Path:
    (path,) = folder.glob("*" + SUFFIX)
    return path


def test_a_kernel_is_compiled_once(
    start: Callable[..., KernelFiles], capsys: pytest.CaptureFixture[str]
) -> None:
    assert ask() == "compiled"
    spent = compiling.compile_seconds()
    start()
    assert ask() == "loaded"
    assert compiling.compile_seconds() == spent
    assert ask(signature="float64(float64, float64)") == "compiled"
    assert ask(multiply) == "compiled"
    start()
    assert [ask(), ask(multiply), ask(signature="float64(float64, float64)")] == ["loaded"] * 3
    assert "compiled anew" not in capsys.readouterr().err


def test_a_kept_kernel_is_loaded_without_what_compiling_needs(tmp_path: Path) -> None:
    """It takes 0.3 s to import; and what is compiled after all still finds it."""
    program = """if True:
        import sys
        from small_kernels import SIGNATURE, add, multiply
        from gsic_kernels.cpu.runtime import compiling
        assert compiling.kernel(SIGNATURE, add)(6, 7) == 13
        print("numba.np.linalg" in sys.modules)
        if "numba.np.linalg" not in sys.modules:
            assert compiling.kernel(SIGNATURE, multiply)(6, 7) == 42
            print(compiling.count_kernels())
    """
    paths = [str(SUPPORT), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    environment["NUMBA_CACHE_DIR"] = str(tmp_path)
    printed = [
        subprocess.run(
            [sys.executable, "-c", program],
            check=True,
            capture_output=True,
            text=True,
            env=environment,
        ).stdout.split("\n")[:-1]
        for _ in range(2)
    ]
    assert printed == [["True"], ["False", "(1, 1)"]]


@pytest.mark.parametrize("damage", ["empty", "cut", "bit"])
def test_a_damaged_file_is_compiled_anew_and_replaced(
    start: Callable[..., KernelFiles], capsys: pytest.CaptureFixture[str], damage: str
) -> None:
    ask()
    files = start()
    assert files.folder is not None
    path = only_file(files.folder)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes({"empty": b"", "cut": data[:-1000], "bit": data}[damage])
    assert ask() == "compiled"
    assert f"kernels are compiled anew: {path}: damaged" in capsys.readouterr().err
    start()
    assert ask() == "loaded"


def test_a_pickle_that_cannot_be_read_is_compiled_anew(
    start: Callable[..., KernelFiles], capsys: pytest.CaptureFixture[str]
) -> None:
    """As after a change of Numba that its version does not tell of."""
    for body in (b"", b"no pickle", pickle.dumps(()), pickle.dumps((1, 2, 3))):
        files = start()
        files.write("add", compiling._make_key(SIGNATURE, add), body)
        assert ask() == "compiled"
        assert "kernels are compiled anew: add: " in capsys.readouterr().err
        assert ask() == "loaded"


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError, RecursionError, SystemExit])
def test_an_interrupt_while_a_kernel_is_loaded_remains_one(
    start: Callable[..., KernelFiles], monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    def fail(*_: object) -> None:
        raise error

    ask()
    start()
    with monkeypatch.context() as patch:
        patch.setattr(CompileResult, "_rebuild", fail)
        with pytest.raises(error):
            ask()
    assert ask() == "loaded"


def test_a_kernel_that_cannot_be_kept_works(
    start: Callable[..., KernelFiles],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(*_: object) -> None:
        raise TypeError("no pickle")

    with monkeypatch.context() as patch:
        patch.setattr(CompileResult, "_reduce", fail)
        assert ask() == "compiled"
    said = capsys.readouterr().err
    assert "kernels cannot be kept for the next run: add: TypeError: no pickle" in said
    assert ask() == "compiled"
    assert ask() == "loaded"


def test_without_a_folder_every_process_compiles(
    start: Callable[..., KernelFiles], tmp_path: Path
) -> None:
    for folder in (None, tmp_path / "file" / "kernels"):
        (tmp_path / "file").write_text("")
        start(folder)
        assert [ask(), ask()] == ["compiled", "compiled"]


@pytest.mark.parametrize(
    "change",
    [
        lambda patch: patch.setattr(numba, "__version__", "0.0"),
        lambda patch: patch.setattr(numba.config, "BOUNDSCHECK", 1),
        lambda patch: patch.setattr(sys.implementation, "cache_tag", "cpython-1"),
        lambda patch: patch.setattr(compiling, "find_target", lambda: ("x86_64", "old", "+sse2")),
    ],
    ids=["numba", "setting", "python", "cpu"],
)
def test_what_machine_code_depends_on_is_in_the_key(
    start: Callable[..., KernelFiles],
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[pytest.MonkeyPatch], None],
) -> None:
    assert ask() == "compiled"
    with monkeypatch.context() as patch:
        change(patch)
        compiling.describe_target.cache_clear()
        assert ask() == "compiled"
        assert ask() == "loaded"
    compiling.describe_target.cache_clear()
    assert ask() == "loaded"


def test_a_folder_under_the_name_of_other_sources_is_not_used(
    start: Callable[..., KernelFiles],
) -> None:
    files = start()
    assert ask() == "compiled"
    assert files.folder is not None
    other = files.folder.with_name("kernels-2")
    files.folder.rename(other)
    start(other)
    assert ask() == "compiled"


def run(code: str, *arguments: object, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run Python code in a fresh interpreter that can import the small kernels."""
    path = os.pathsep.join([str(SUPPORT), os.environ.get("PYTHONPATH", "")])
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": path, **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )


ASK = """
from gsic_kernels.cpu.runtime import compiling
from small_kernels import SIGNATURE, add
assert compiling.kernel(SIGNATURE, add)(6, 7) == 13
print(*compiling.count_kernels())
"""


def test_another_process_loads_the_kernel_whatever_numba_is_set_to(tmp_path: Path) -> None:
    base = {"NUMBA_CACHE_DIR": str(tmp_path / "ein Gruß")}
    said = [
        (done.stdout, done.stderr)
        for done in (
            run(ASK, **base),
            run(ASK, **base),
            # Where Python itself would run the user's functions, kernels need to be compiled.
            run(ASK, **base, NUMBA_DISABLE_JIT="1"),
            run(ASK, **base, NUMBA_DEBUG_CACHE="1"),
            run(ASK, **base, NUMBA_OPT="1"),
        )
    ]
    compiled, loaded = ("0 1\n", "gsic: compiling kernels, once\n"), ("1 0\n", "")
    assert said == [compiled, loaded, loaded, loaded, compiled]


def test_a_relative_xdg_folder_is_not_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if sys.platform in ("win32", "darwin"):
        pytest.skip("caches are elsewhere")
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    for chosen, wanted in (
        ("caches", tmp_path / ".cache" / "gsic"),
        ("", tmp_path / ".cache" / "gsic"),
        (str(tmp_path / "caches"), tmp_path / "caches" / "gsic"),
    ):
        monkeypatch.setenv("XDG_CACHE_HOME", chosen)
        assert compiling._base() == wanted


def test_there_need_be_no_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(compiling, "_base", fail)
    files = compiling.kernel_files.__wrapped__()
    assert files.folder is None
    files.write("add", bytes(32), b"")
    assert files.problems == ["Could not determine home directory."]


def test_sources_that_are_not_there_have_no_name(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no sources of kernels"):
        compiling.folder_name(tmp_path)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_of_ten_first_runs_at_once_one_compiles(tmp_path: Path) -> None:
    code = """
import os, sys
from gsic_kernels.cpu.runtime import compiling
from small_kernels import SIGNATURE, add
from numba.core.registry import cpu_target
begin, results = os.pipe(), os.pipe()
for _ in range(10):
    if os.fork() == 0:
        os.close(begin[1])
        os.read(begin[0], 1)
        assert compiling.kernel(SIGNATURE, add)(6, 7) == 13
        loaded, compiled = compiling.count_kernels()
        os.write(results[1], b"compiled " if compiled else b"loaded ")
        os._exit(0)
os.close(begin[1])
os.close(results[1])
for _ in range(10):
    assert os.wait()[1] == 0
print(os.read(results[0], 1000).decode())
"""
    done = run(code, NUMBA_CACHE_DIR=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert sorted(done.stdout.split()) == ["compiled"] + ["loaded"] * 9
    assert {*done.stderr.splitlines()} <= {
        "gsic: compiling kernels, once",
        "gsic: waiting for another process that compiles kernels",
    }


def test_a_full_disk_costs_nothing_but_time(tmp_path: Path) -> None:
    pytest.importorskip("resource")
    code = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))\n" + ASK
    for _ in range(2):
        done = run(code, NUMBA_CACHE_DIR=str(tmp_path))
        assert (done.returncode, done.stdout) == (0, "0 1\n"), done.stderr
        assert "cannot be kept for the next run" in done.stderr
    (folder,) = tmp_path.iterdir()
    assert [path.name for path in folder.iterdir()] == ["lock"]


@pytest.mark.parametrize("closed", ["2>&-", "2>/dev/full"])
def test_stderr_need_not_be_there(tmp_path: Path, closed: str) -> None:
    if sys.platform != "linux":
        pytest.skip("needs a shell and /dev/full")
    path = os.pathsep.join([str(SUPPORT), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        ["sh", "-c", f'"$0" -c "$1" {closed}', sys.executable, ASK],
        env={**os.environ, "PYTHONPATH": path, "NUMBA_CACHE_DIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        timeout=120,
    )
    assert (done.returncode, done.stdout) == (0, b"0 1\n")
