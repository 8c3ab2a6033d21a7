"""The number of pixels side by side that a vector kernel computes at once on this CPU."""

from __future__ import annotations

from gsic_kernels.cpu.runtime.compiling import find_target

# AVX-512 has 32 registers of 16 floats. Elsewhere 16 lanes take two registers or more each, and
# the backward kernel spills: with AVX2, 8 lanes were 12 % faster there and no slower forward.
LANES = 16 if "+avx512f" in find_target().features.split(",") else 8
