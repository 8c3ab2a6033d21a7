"""The versions of gsic, of Python, of the system, and of all packages that gsic can use."""

from __future__ import annotations

import importlib.metadata
import locale
import os
import platform
import re
import sys
from functools import partial
from pathlib import Path
from typing import Any

from gsic.bench import machine
from gsic.doctor.questions import ask

# What Pillow may have been built with, by the names that Pillow gives to it.
_IMAGE_FORMATS = ("avif", "jpg", "jpg_2000", "libtiff", "littlecms2", "webp", "zlib")
# Variables that change what gsic does.
_VARIABLES = re.compile(
    r"NUMBA_\w+|XDG_CACHE_HOME|LOCALAPPDATA|CUDA_VISIBLE_DEVICES|TRITON_\w+|PYTHON\w+|OMP_NUM_THREADS"
    r"|LANG|LC_\w+"
)


def describe_gsic() -> dict[str, Any]:
    """The version of gsic, a hash of its sources, and where it is installed."""
    return {
        "version": ask(machine.gsic_version),
        "sources": ask(machine.hash_code),
        "folder": ask(lambda: str(Path(__file__).resolve().parents[1])),
    }


def describe_python() -> dict[str, Any]:
    """The interpreter."""
    return {
        "version": platform.python_version(),
        "implementation": platform.python_implementation(),
        "executable": sys.executable,
        "virtual_environment": sys.prefix != sys.base_prefix,
    }


def describe_system() -> dict[str, Any]:
    """The operating system, and how it writes text and names of files."""
    return {
        "system": ask(platform.platform),
        "libc": ask(lambda: " ".join(platform.libc_ver()).strip() or "unknown: none is named"),
        "locale_of_text": ask(lambda: locale.setlocale(locale.LC_CTYPE)),
        "locale_of_numbers": ask(lambda: locale.setlocale(locale.LC_NUMERIC)),
        "text_encoding": ask(lambda: locale.getpreferredencoding(False)),
        "file_name_encoding": sys.getfilesystemencoding(),
        "stdout_encoding": getattr(sys.stdout, "encoding", "unknown: stdout is closed"),
    }


def list_packages() -> dict[str, Any]:
    """The version of every package that gsic needs or can use, None for one that is missing."""
    required = ask(lambda: importlib.metadata.requires("gsic") or [])
    if isinstance(required, str):
        return {"gsic": required}
    runtime = (line for line in required if not re.search(r"extra\s*==\s*['\"]dev['\"]", line))
    names = {match[0].lower() for line in runtime if (match := re.match(r"[\w.-]+", line))}
    return {name: ask(partial(_version, name)) for name in sorted(names | {"llvmlite"})}


def list_image_formats() -> dict[str, Any]:
    """The version of each library that Pillow was built with, None for one that it lacks."""

    def version(name: str) -> str | None:
        from PIL import features

        if not features.check(name):
            return None
        return features.version(name) or "unknown: Pillow does not say"

    return {name: ask(partial(version, name)) for name in _IMAGE_FORMATS}


def list_variables() -> dict[str, str]:
    """The environment variables that change what gsic does."""
    return {name: value for name, value in sorted(os.environ.items()) if _VARIABLES.fullmatch(name)}


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
