"""A fork in the middle of compiling: the child finds nothing half-made and no lock that is held."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")

SUPPORT = Path(__file__).parents[3] / "support"

# `fork_and_ask` forks; the child must get a kernel that its parent may be busy with.
HEAD = """
import os, sys, threading, time, warnings
from gsic_kernels.cpu.runtime import compiling, forks
from small_kernels import SIGNATURE, add, multiply
# Python warns of any fork in a process with threads; this test is about such a fork.
warnings.simplefilter("ignore", DeprecationWarning)

def fork_and_ask(*functions):
    child = os.fork()
    if child == 0:
        for function in functions:
            if compiling.kernel(SIGNATURE, function)(6, 7) != function(6, 7):
                os._exit(1)
        os._exit(0)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            assert status == 0, status
            return
        time.sleep(0.01)
    os.kill(child, 9)
    raise AssertionError("the child hangs")
"""


def run(code: str, cache: Path) -> None:
    path = os.pathsep.join([str(SUPPORT), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", HEAD + code],
        env={**os.environ, "PYTHONPATH": path, "NUMBA_CACHE_DIR": str(cache)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr


def test_while_a_thread_compiles(tmp_path: Path) -> None:
    run(
        """
thread = threading.Thread(target=compiling.kernel, args=(SIGNATURE, add))
thread.start()
while not compiling._announced:
    time.sleep(0.001)
fork_and_ask(add, multiply)
thread.join()
assert compiling.kernel(SIGNATURE, multiply)(6, 7) == 42
""",
        tmp_path,
    )


def test_while_a_thread_imports_numba(tmp_path: Path) -> None:
    run(
        """
assert "numba" not in sys.modules
thread = threading.Thread(target=compiling.kernel, args=(SIGNATURE, add))
thread.start()
while "numba" not in sys.modules:
    time.sleep(0.001)
fork_and_ask(add)
thread.join()
""",
        tmp_path,
    )


def test_while_a_thread_waits_for_another_process(tmp_path: Path) -> None:
    """The fork does not wait as well."""
    run(
        """
entered, leave = threading.Event(), threading.Event()
class Waiting:
    def __enter__(self):
        entered.set()
        leave.wait()
    def __exit__(self, *_):
        pass
files = compiling.kernel_files()
files.compile_alone = lambda key: Waiting()
thread = threading.Thread(target=compiling.kernel, args=(SIGNATURE, add))
thread.start()
entered.wait()
del files.compile_alone
fork_and_ask(add)
leave.set()
thread.join()
""",
        tmp_path,
    )


def test_while_the_application_compiles_with_numba(tmp_path: Path) -> None:
    run(
        """
from numba.core.compiler_lock import global_compiler_lock
entered = threading.Event()
def work():
    with global_compiler_lock:
        entered.set()
        time.sleep(0.3)
thread = threading.Thread(target=work)
thread.start()
entered.wait()
fork_and_ask(add)
thread.join()
""",
        tmp_path,
    )


def test_while_a_thread_does_not_end(tmp_path: Path) -> None:
    run(
        """
from numba.core.compiler_lock import global_compiler_lock
forks.PATIENCE = 0.1
entered, leave = threading.Event(), threading.Event()
def work():
    with forks.no_forks(), global_compiler_lock:
        entered.set()
        leave.wait()
thread = threading.Thread(target=work)
thread.start()
entered.wait()
fork_and_ask(add)
leave.set()
thread.join()
assert compiling.kernel(SIGNATURE, multiply)(6, 7) == 42
fork_and_ask(add)
""",
        tmp_path,
    )


def test_by_the_thread_that_compiles(tmp_path: Path) -> None:
    run(
        """
with forks.no_forks():
    fork_and_ask(add)
    with forks.no_forks():
        fork_and_ask(multiply)
fork_and_ask(multiply)
""",
        tmp_path,
    )
