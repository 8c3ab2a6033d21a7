"""The instruction sets that kernels are compiled for, and how a process is made to use one."""

from __future__ import annotations

import os
import platform

from gsic_kernels.cpu.runtime.lanes import LANES

AVX2_FEATURES = (
    "+sse3,+ssse3,+sse4.1,+sse4.2,+avx,+avx2,+fma,+bmi,+bmi2,+f16c,+popcnt,+lzcnt,+movbe"
)
SSE4_FEATURES = "+cx16,+sahf,+popcnt,+sse3,+ssse3,+sse4.1,+sse4.2"

# What Numba is told, by the name of the path; "native" is the path of the CPU at hand.
ENVIRONMENTS = {
    "native": {},
    "avx2": {"NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": AVX2_FEATURES},
    "x86-64-v2": {"NUMBA_CPU_NAME": "x86-64-v2", "NUMBA_CPU_FEATURES": SSE4_FEATURES},
}


def list_paths() -> list[str]:
    """Return the names of the paths that this CPU can run."""
    return [*ENVIRONMENTS] if platform.machine() in ("x86_64", "AMD64") else ["native"]


def make_environment(path: str) -> dict[str, str]:
    """Return the environment of a process that takes a path."""
    return os.environ | ENVIRONMENTS[path]


def describe_native() -> str:
    """Name the instructions of the path that this process takes."""
    if platform.machine() not in ("x86_64", "AMD64"):
        return platform.machine()
    return "AVX-512" if LANES == 16 else "x86-64 without AVX-512"
