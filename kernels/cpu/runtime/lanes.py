"""The number of pixels side by side that a vector kernel computes at once on this CPU."""

from __future__ import annotations

from gsic_kernels.cpu.runtime import compiling, shipped

# What the level x86-64-v4 has beyond x86-64-v3.
_WIDE = {"+avx512f", "+avx512bw", "+avx512cd", "+avx512dq", "+avx512vl"}


def _choose() -> int:
    """Return the lanes of the kernels that came with the package, or what is best to compile."""
    module = shipped.load().module
    if module is not None:
        lanes: int = module.LANES
        return lanes
    # AVX-512 has 32 registers of 16 floats. Elsewhere 16 lanes take two registers or more each, and
    # the backward kernel spills: with AVX2, 8 lanes were 12 % faster there and no slower forward.
    return 16 if {*compiling.find_target().features.split(",")} >= _WIDE else 8


LANES = _choose()
