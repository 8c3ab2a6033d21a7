"""What a measurement depends on beside the options: the machine, the libraries, our own code."""

import hashlib
import importlib.util
import os
import platform
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

LIBRARIES = ("numpy", "numba", "torch", "triton", "constriction", "pillow")
# Neither what parses options nor what measures changes a file.
_NO_PART = ("bench", "cli", "__main__.py")


def describe() -> dict[str, Any]:
    """The machine and the versions of the libraries, without host name, user or paths."""
    return {
        "cpu": _cpu_model(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "libraries": {name: _version(name) for name in LIBRARIES if _version(name)},
    }


def gsic_version() -> str:
    """The installed version of gsic."""
    return version("gsic")


def stamp(command: str) -> dict[str, Any]:
    """What stands beside committed figures: how, when, with what and where they were made.

    Args:
        command: the command line that makes them again, without paths of this machine.
    """
    return {
        "command": command,
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "version": gsic_version(),
        "machine": describe(),
    }


def hash_code() -> str:
    """Hash the sources that decide what a file holds and how it decodes.

    A version number does not change while gsic is being developed; rows of other code must not be
    kept all the same.
    """
    digest = hashlib.sha256()
    for package in ("gsic", "gsic_kernels"):
        spec = importlib.util.find_spec(package)
        for folder in spec.submodule_search_locations or () if spec else ():
            root = Path(folder)
            for path in sorted(root.rglob("*.py")):
                name = path.relative_to(root)
                if name.parts[0] not in _NO_PART:
                    digest.update(f"{package}/{name.as_posix()}\0".encode())
                    digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    for line in lines:
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.processor() or "unknown"


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
