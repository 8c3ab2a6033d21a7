"""Arrays that kernels fill, uninitialised."""

from __future__ import annotations

import numpy as np

from gsic_kernels.types import F32, Gradients, Splats

# Float32 values in a cache line.
_CACHE_LINE = 16


def allocate_aligned(shape: tuple[int, ...]) -> F32:
    """Allocate an uninitialised float32 array whose first element starts a cache line."""
    count = int(np.prod(shape))
    raw = np.empty(count + _CACHE_LINE, np.float32)
    skip = -raw.ctypes.data // 4 % _CACHE_LINE
    return raw[skip : skip + count].reshape(shape)


def allocate_gradients(splats: Splats) -> Gradients:
    """Allocate uninitialised gradients for `splats`."""
    return Gradients(*(np.empty(array.shape, np.float32) for array in splats[:3]))
