"""Build the extension module with all kernels: `python -m gsic_kernels.cpu.ahead.build`.

It needs Linux on x86-64, a C compiler and the headers of Python. The CPU need not be of the levels
that are compiled for. It takes two minutes on two cores.
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
from pathlib import Path

from gsic_kernels.cpu.ahead.bindings import write_header
from gsic_kernels.cpu.ahead.levels import LEVELS
from gsic_kernels.cpu.runtime import compiling, shipped

_SOURCE = Path(__file__).with_name("extension.c")


def build(target: Path) -> None:
    """Compile and link the extension module, load it once, and write it.

    Args:
        target: the file to write.

    Raises:
        subprocess.CalledProcessError: a step failed; it has said why on stderr.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        running = [_start(level, folder / str(level)) for level in range(len(LEVELS))]
        for process in running:
            process.wait()
        for process in running:
            if process.returncode:
                raise subprocess.CalledProcessError(process.returncode, process.args)
        described = json.loads((folder / "0" / "kernels.json").read_text())
        (folder / "kernels.h").write_text(write_header(described))
        module = folder / "module.so"
        objects = [str(path) for path in sorted(folder.glob("*/*.o"))]
        command = shlex.split(os.environ.get("CC", "cc"))
        command += [
            "-shared",
            "-fPIC",
            "-O2",
            "-Wall",
            "-Werror",
            "-fvisibility=hidden",
            "-s",
            f"-DLEVELS={len(LEVELS)}",
        ]
        # All that is missing must be found when the module is loaded, not in the middle of a call.
        command += ["-Wl,-z,now,-z,noexecstack,--build-id=none", f"-I{folder}"]
        command += [f"-I{sysconfig.get_path('include')}", str(_SOURCE), *objects]
        subprocess.run([*command, "-lm", "-o", str(module)], check=True)
        # The system's loader tells here what would be missing, as Numba is not there.
        code = (
            "import importlib.util as u, importlib.machinery as m; f, n = "
            f"{str(module)!r}, {shipped.MODULE!r}; "
            "u.module_from_spec(u.spec_from_file_location("
            "n, f, loader=m.ExtensionFileLoader(n, f)))"
        )
        subprocess.run([sys.executable, "-I", "-c", code], check=True)
        target.write_bytes(shipped.seal(module.read_bytes(), compiling.folder_name()))


def _start(level: int, folder: Path) -> subprocess.Popen[bytes]:
    """Start to compile all kernels for one level."""
    folder.mkdir(parents=True)
    cpu, features, _ = LEVELS[level]
    chosen = {
        "NUMBA_CPU_NAME": cpu,
        "NUMBA_CPU_FEATURES": features,
        # Functions of Intel's library are not on every machine.
        "NUMBA_DISABLE_INTEL_SVML": "1",
    }
    command = [sys.executable, "-m", "gsic_kernels.cpu.ahead.objects", str(level), str(folder)]
    return subprocess.Popen(command, env=os.environ | chosen)


def main() -> None:
    """Build into the package, where `shipped` looks."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        sys.exit("kernels are compiled ahead of time for Linux on x86-64 only")
    build(shipped.FILE)
    print(f"{shipped.FILE}: {shipped.FILE.stat().st_size} bytes")


if __name__ == "__main__":
    main()
