"""The levels of x86-64 that kernels are compiled for ahead of time."""

from __future__ import annotations

from typing import NamedTuple


class Level(NamedTuple):
    """A set of CPUs.

    Attributes:
        cpu: its name, the same in LLVM, in C compilers and in the ABI of x86-64.
        features: what these CPUs have, as LLVM and Numba write it.
        lanes: the number of lanes of vector kernels (see `runtime.lanes`).
    """

    cpu: str
    features: str
    lanes: int


_V3 = "+avx,+avx2,+bmi,+bmi2,+f16c,+fma,+lzcnt,+movbe"

#: The best one first.
LEVELS = (
    Level("x86-64-v4", f"{_V3},+avx512f,+avx512bw,+avx512cd,+avx512dq,+avx512vl", 16),
    Level("x86-64-v3", _V3, 8),
)
