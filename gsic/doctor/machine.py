"""The CPU and the memory, as far as this process may use them, and the GPU."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gsic.bench import machine
from gsic.doctor.questions import ask

# Features of CPUs that make a difference to kernels, by their names in LLVM.
_FEATURES = ("sse4.2", "avx", "avx2", "fma", "avx512f", "neon", "sve")
_CGROUPS = Path("/sys/fs/cgroup")
_OWN_GROUPS = Path("/proc/self/cgroup")


def describe_cpu() -> dict[str, Any]:
    """The CPU, the kernels that it gets, and how many cores may be used."""
    return {
        "name": ask(lambda: machine.describe()["cpu"]),
        "architecture": ask(lambda: _target().triple),
        "model": ask(lambda: _target().cpu),
        "features": ask(
            lambda: [name for name in _FEATURES if f"+{name}" in _target().features.split(",")]
        ),
        "kernels": ask(_name_code_path),
        "machine_code": ask(_name_origin),
        "cores": os.cpu_count(),
        "cores_of_process": ask(lambda: len(os.sched_getaffinity(0))),
        "cores_of_group": ask(lambda: _least(_limits_of_cores())),
    }


def describe_memory() -> dict[str, Any]:
    """Bytes of memory: of the machine, free, and allowed to this process."""
    return {
        "total": ask(lambda: os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")),
        "available": ask(_available_memory),
        "limit_of_group": ask(lambda: _least(_limits_of_memory())),
        "limit_of_process": ask(_limit_of_addresses),
    }


def describe_gpu() -> dict[str, Any]:
    """Whether `--device auto` takes a GPU; which one, or why not."""
    from gsic_kernels import registry

    reason = ask(registry.why_no_cuda)
    if reason:
        return {"used": False, "reason": reason}
    return {"used": True, "name": ask(registry.name_of_gpu)}


def _target() -> Any:
    from gsic_kernels.cpu.runtime import compiling

    return compiling.find_target()


def _name_code_path() -> str:
    from gsic_kernels.cpu.runtime.lanes import LANES

    return f"vectors of {LANES} float32"


def _name_origin() -> str:
    from gsic_kernels.cpu.runtime import shipped

    module, reason = shipped.load()
    if module is None:
        return f"compiled on this machine, as {reason}"
    return f"came with the package, for {module.LEVEL}"


def _available_memory() -> int:
    for line in Path("/proc/meminfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == "MemAvailable":
            return int(value.split()[0]) * 1024
    raise LookupError("MemAvailable is not in /proc/meminfo")


def _limit_of_addresses() -> int | None:
    import resource

    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    return None if limit == resource.RLIM_INFINITY else limit


def _groups(version_1: str) -> Iterator[Path]:
    """Walk the control groups of this process upwards: of version 2, then of one of version 1."""
    for line in _OWN_GROUPS.read_text().splitlines():
        _, controllers, name = line.split(":", 2)
        if controllers and version_1 not in controllers.split(","):
            continue
        root = _CGROUPS / version_1 if controllers else _CGROUPS
        # Inside a container, the name may be that outside; then only the root is there.
        folder = root / name.lstrip("/")
        yield from (group for group in (folder, *folder.parents) if group.is_relative_to(root))


def _limits_of_cores() -> Iterator[float]:
    for folder in _groups("cpu"):
        version_1 = *_numbers(folder / "cpu.cfs_quota_us"), *_numbers(folder / "cpu.cfs_period_us")
        numbers = _numbers(folder / "cpu.max", 2) or version_1
        if len(numbers) == 2 and numbers[0] > 0:  # version 1 writes -1 for no limit
            yield numbers[0] / numbers[1]


def _limits_of_memory() -> Iterator[float]:
    for folder in _groups("memory"):
        for name in ("memory.max", "memory.high", "memory.limit_in_bytes"):
            # Version 1 writes a number near 2^63 for no limit.
            yield from (limit for limit in _numbers(folder / name) if limit < 1 << 60)


def _numbers(path: Path, count: int = 1) -> tuple[int, ...]:
    """Read `count` numbers from a file; none if they are not there, or one of them is `max`."""
    try:
        return tuple(int(word) for word in path.read_text().split()[:count])
    except (OSError, ValueError):
        return ()


def _least(limits: Iterator[float]) -> float | None:
    return min(limits, default=None)
