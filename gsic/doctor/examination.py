"""All that is known of an installation, and whether it works."""

from __future__ import annotations

import os
import re
import shutil
import sys
from dataclasses import asdict, dataclass
from typing import Any

from gsic.doctor import machine, self_test, versions
from gsic.doctor.questions import ask


@dataclass(frozen=True)
class Examination:
    """What `gsic doctor` prints. A fact that cannot be had is the text `unknown: REASON`.

    Attributes:
        gsic, python, system: versions and places.
        packages: the version of each package that gsic can use, None if it is missing.
        image_formats: the libraries that Pillow was built with.
        variables: environment variables that change what gsic does.
        cpu, memory: what there is, and what this process may use.
        gpu: whether it is used, and why not.
        self_test: one image encoded and decoded.
        kernel_cache: where compiled kernels are kept, and whether that works.
    """

    gsic: dict[str, Any]
    python: dict[str, Any]
    system: dict[str, Any]
    packages: dict[str, Any]
    image_formats: dict[str, Any]
    variables: dict[str, str]
    cpu: dict[str, Any]
    memory: dict[str, Any]
    gpu: dict[str, Any]
    self_test: dict[str, Any]
    kernel_cache: dict[str, Any]

    @property
    def passed(self) -> bool:
        """Whether the image came back from the self-test as it should."""
        return self.self_test["passed"] is True

    @property
    def reason(self) -> str:
        """Why the self-test failed."""
        return str(self.self_test.get("error", "the image is not what it should be"))

    def to_json(self) -> dict[str, Any]:
        """Return the facts as a nested dictionary of plain values.

        Texts can be printed on any terminal, and name the home folder, whose name is often that of
        a person, as `~`.
        """
        report: dict[str, Any] = _clean(asdict(self))
        return report


def examine(device: str = "auto", threads: int = 1) -> Examination:
    """Ask for every fact, and run the self-test.

    Args:
        device, threads: with which the self-test runs, as for `encode`.

    Returns:
        The facts; nothing that is missing or broken raises an error.
    """
    # First, as what it leaves in the cache and what it finds out is asked for afterwards.
    test = self_test.run(device, threads)
    return Examination(
        gsic=versions.describe_gsic(),
        python=versions.describe_python(),
        system=versions.describe_system(),
        packages=versions.list_packages(),
        image_formats=versions.list_image_formats(),
        variables=versions.list_variables(),
        cpu=machine.describe_cpu(),
        memory=machine.describe_memory(),
        gpu=_or_unknown(ask(machine.describe_gpu)),
        self_test=test,
        kernel_cache=_or_unknown(ask(_describe_kernel_cache)),
    )


def _describe_kernel_cache() -> dict[str, Any]:
    from gsic_kernels.cpu.runtime import compiling, shipped

    files = compiling.kernel_files()
    found = files.inspect()
    return {
        "folder": None if files.folder is None else str(files.folder),
        "works": files.complete
        and (found.writable or found.kernels > 0 or shipped.load().module is not None),
        "complete": files.complete,
        "writable": found.writable,
        "kernels": found.kernels,
        "damaged": found.damaged,
        "bytes": found.size,
        "free_bytes": ask(lambda: shutil.disk_usage(str(files.folder)).free),
        "problem": found.problem or None,
        "last_problem": files.problems[-1] if files.problems else None,
    }


def _clean(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _clean(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_clean(item) for item in value]
    if not isinstance(value, str):
        return value
    home = os.path.expanduser("~")
    if home not in ("~", os.sep):
        value = re.sub(re.escape(home) + r"(?![\w.-])", "~", value)
    encoding = getattr(sys.stdout, "encoding", None) or "ascii"
    return value.encode(encoding, "backslashreplace").decode(encoding)


def _or_unknown(answer: Any) -> dict[str, Any]:
    return answer if isinstance(answer, dict) else {"error": answer}
