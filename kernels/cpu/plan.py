"""Scratch memory of a rendering, and the two steps before rasterising: records and strip lists."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
from gsic_kernels.checks import F32, Splats, Window
from gsic_kernels.cpu import pool
from gsic_kernels.cpu.dispatch import kernel
from gsic_kernels.cpu.lanes import LANES
from gsic_kernels.cpu.prepare import I32, RECORD
from numpy.typing import NDArray

# Floats.
CACHE_LINE = 16
# A strip should stay in a core's second-level cache.
_STRIP_BYTES = 640 << 10
_STRIP_SHIFT = 6
_STRIPS_PER_THREAD = 4
# Below this many Gaussians, preparing them is cheaper than waking a thread.
_PREPARE_ALONE = 4096


def row_pitch(width: int) -> int:
    """Floats per plane of a scratch row: whole columns, and LANES of slack."""
    return (width + 2 * LANES - 1) // LANES * LANES


def aligned(shape: tuple[int, ...]) -> F32:
    """Uninitialised float32 array whose first element starts a cache line."""
    count = int(np.prod(shape))
    raw = np.empty(count + CACHE_LINE, np.float32)
    skip = -raw.ctypes.data // 4 % CACHE_LINE
    return raw[skip : skip + count].reshape(shape)


def strip_shift(width: int, rows: int, channels: int, threads: int) -> int:
    """Log2 of the rows of a strip: what fits the cache, and leaves each thread a few strips."""
    shift = 0
    while (
        shift < _STRIP_SHIFT
        and row_pitch(width) * channels * 8 << shift <= _STRIP_BYTES
        and (threads == 1 or rows >> shift + 1 >= _STRIPS_PER_THREAD * threads)
    ):
        shift += 1
    return shift


class Plan:
    """Records of N Gaussians, their order and their strip lists, for windows of one size.

    Everything is kept between calls of `update`, so one object serves one caller at a time.
    """

    records: F32
    order: I32
    pairs: I32
    starts: NDArray[np.int64]

    def __init__(self, width: int, rows: int, channels: int, threads: int) -> None:
        self.channels = (0,) * channels
        self.threads = threads
        self.pitch = row_pitch(width)
        self.shift = strip_shift(width, rows, channels, threads)
        self.height = 1 << self.shift
        self.strips = -(-rows // self.height)
        self.starts = np.zeros(self.strips + 1, np.int64)
        self.pairs = np.empty(0, np.int32)
        self.counter = np.zeros(1, np.int64)
        self._count = -1

    def scratch(self) -> F32:
        """One strip per thread, (threads, floats)."""
        return aligned((self.threads, self.height * len(self.channels) * self.pitch + LANES))

    def update(
        self, splats: Splats, window: Window, beside: Callable[[], object] | None = None
    ) -> None:
        """Compute the records, order and lists of checked `splats` for a checked `window`.

        `beside` is work of the caller's that needs none of this. It is called once by each
        thread, and so saves waking them twice.
        """
        count = len(splats.mean)
        if count != self._count:
            self._count = count
            self.records = aligned((count, RECORD))
            self._rows = np.empty((count, 2), np.int32)
            self._order = np.empty(count, np.int32)
        prepare = kernel("prepare")
        parts = self.threads if count >= _PREPARE_ALONE else 1
        edges = [count * part // parts for part in range(parts + 1)]
        pieces = iter(list(pairwise(edges)))

        def work(_worker: int = 0) -> None:
            # Taking from a zip of lists cannot be interrupted by another thread.
            for first, last in pieces:
                prepare(*splats, first, last, *window, self.records, self._rows)
            if beside:
                beside()

        pool.run(self.threads if beside or parts > 1 else 1, work)
        arguments = self._rows, self.shift, self.starts, self._order
        used, total = kernel("fill_strips")(*arguments, self.pairs)
        if total > len(self.pairs):
            self.pairs = np.empty(total + total // 4, np.int32)
            kernel("fill_strips")(*arguments, self.pairs)
        self.order = self._order[:used]

    def rewind(self) -> NDArray[np.int64]:
        """The work counter, set to the first piece."""
        self.counter[0] = 0
        return self.counter
