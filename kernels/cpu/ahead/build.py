"""Build the extension module with all kernels: `python -m gsic_kernels.cpu.ahead.build`.

It needs Linux on x86-64, a C compiler and the headers of Python. The CPU need not be of the levels
that are compiled for.
"""

from __future__ import annotations

import json
import os
import platform
import shlex
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Sequence
from pathlib import Path

from gsic_kernels.cpu.ahead.bindings import write_header
from gsic_kernels.cpu.ahead.levels import LEVELS, Level
from gsic_kernels.cpu.runtime import compiling, shipped

_SOURCE = Path(__file__).with_name("extension.c")
# Loads a file as `shipped` does, where Numba is not: the system's loader says what is missing.
_LOAD = """
import importlib.util, sys
from importlib.machinery import ExtensionFileLoader
name, path = sys.argv[1:]
loader = ExtensionFileLoader(name, path)
importlib.util.module_from_spec(importlib.util.spec_from_file_location(name, path, loader=loader))
"""


def compile_objects(folder: Path, levels: Sequence[Level] = LEVELS, names: str = "") -> None:
    """Compile kernels to object files, each level in a process of its own.

    Args:
        folder: where to write, to a folder for each level.
        levels: what to compile for.
        names: the kernels to compile, with spaces between; all if there is none.

    Raises:
        subprocess.CalledProcessError: a kernel did not compile; stderr says why.
    """
    running = []
    for level in levels:
        chosen = {
            "NUMBA_CPU_NAME": level.cpu,
            "NUMBA_CPU_FEATURES": level.features,
            # Functions of Intel's library are not on every machine.
            "NUMBA_DISABLE_INTEL_SVML": "1",
        }
        (folder / level.cpu).mkdir(parents=True)
        command = [sys.executable, "-m", "gsic_kernels.cpu.ahead.objects", level.cpu]
        command += [str(folder / level.cpu), *names.split()]
        running.append(subprocess.Popen(command, env=os.environ | chosen))
    # All are waited for before one of them is an error.
    for process, status in [(process, process.wait()) for process in running]:
        if status:
            raise subprocess.CalledProcessError(status, process.args)


def link(folder: Path, target: Path, levels: Sequence[Level] = LEVELS) -> None:
    """Link object files to an extension module, load it once, and write it with its trailer.

    Args:
        folder: where `compile_objects` has written.
        target: the file to write.
        levels: some of those that were compiled for, the best one first.

    Raises:
        subprocess.CalledProcessError: it cannot be linked or loaded; stderr says why.
    """
    described = json.loads((folder / levels[0].cpu / "kernels.json").read_text())
    (folder / "kernels.h").write_text(write_header(described, levels))
    module = folder / "module.so"
    command = shlex.split(os.environ.get("CC", "cc"))
    command += ["-shared", "-fPIC", "-O2", "-Wall", "-Werror", "-fvisibility=hidden", "-s"]
    # What is missing must be found when the module is loaded, not in the middle of a call.
    command += ["-Wl,-z,now,-z,noexecstack,--build-id=none", f"-DLEVELS={len(levels)}"]
    command += [f"-I{folder}", f"-I{sysconfig.get_path('include')}", str(_SOURCE)]
    command += [str(path) for level in levels for path in sorted((folder / level.cpu).glob("*.o"))]
    subprocess.run([*command, "-lm", "-o", str(module)], check=True)
    subprocess.run([sys.executable, "-I", "-c", _LOAD, shipped.MODULE, str(module)], check=True)
    target.write_bytes(shipped.seal(module.read_bytes(), compiling.folder_name()))


def main() -> None:
    """Build into the package, where `shipped` looks."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        sys.exit("kernels are compiled ahead of time for Linux on x86-64 only")
    with tempfile.TemporaryDirectory() as folder:
        compile_objects(Path(folder))
        link(Path(folder), shipped.FILE)
    print(f"{shipped.FILE}: {shipped.FILE.stat().st_size} bytes")


if __name__ == "__main__":
    main()
