"""Scratch memory of a rendering, and the steps before rasterising: records and strip lists."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from gsic_kernels.cpu.raster.prepare import I32, RECORD, gather_pieces, prepare_pieces
from gsic_kernels.cpu.raster.spans import row_pitch
from gsic_kernels.cpu.runtime import pool
from gsic_kernels.cpu.runtime.dispatch import kernel
from gsic_kernels.cpu.runtime.lanes import LANES
from gsic_kernels.types import F32, Gradients, Splats, Window

# Floats.
CACHE_LINE = 16
# A strip should stay in a core's second-level cache.
_STRIP_BYTES = 640 << 10
_STRIP_SHIFT = 6
_STRIPS_PER_THREAD = 4


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

    Everything is kept between calls, so one object serves one caller at a time.
    """

    records: F32
    order: I32
    pairs: I32
    starts: NDArray[np.int64]

    def __init__(self, width: int, rows: int, channels: int, threads: int, extra: int = 0) -> None:
        """Divide a window into strips.

        Args:
            width, rows: of the window, px.
            channels: planes of colour in a strip.
            threads: how many share the strips.
            extra: further planes in a strip. With any, its height does not depend on `threads`:
                then sums over strips do not either.
        """
        self.shape = width, rows, channels, threads, extra
        self.planes = channels + extra
        self.channels = (0,) * channels
        self.threads = threads
        self.pitch = row_pitch(width)
        self.shift = strip_shift(width, rows, self.planes, 1 if extra else threads)
        self.height = 1 << self.shift
        self.strips = -(-rows // self.height)
        self.starts = np.zeros(self.strips + 1, np.int64)
        # How many Gaussians count, and how many pairs of a strip and a Gaussian there are.
        self._sizes = np.zeros(2, np.int64)
        self._count = -1

    @cached_property
    def scratch(self) -> F32:
        """One strip per thread, (threads, floats)."""
        return aligned((self.threads, self.height * self.planes * self.pitch + LANES))

    @cached_property
    def planar(self) -> F32:
        """Room for an image in planar rows."""
        return np.empty(self.shape[1] * len(self.channels) * self.pitch, np.float32)

    @property
    def nbytes(self) -> int:
        """Bytes of memory that this object keeps."""
        arrays = [value for value in vars(self).values() if isinstance(value, np.ndarray)]
        return sum(array.nbytes for array in arrays)

    def run(
        self,
        splats: Splats,
        window: Window,
        before: Sequence[pool.Step],
        after: Callable[[], Sequence[pool.Step]],
    ) -> None:
        """Compute the records, order and lists of checked `splats`, amid the caller's steps.

        Args:
            splats: N Gaussians.
            window: of this plan's size.
            before: steps that do not need the lists.
            after: gives the steps that do, with the arrays of this object as they are then.
        """
        count = len(splats.mean)
        if count != self._count:
            self._count = count
            self.records = aligned((count, RECORD))
            self.order = np.empty(count, np.int32)
            # Enough unless most Gaussians are several strips high.
            self.pairs = np.empty(4 * count + 64, np.int32)
            self._rows = np.empty((count, 2), np.int32)
        prepare, fill_strips = kernel("prepare"), kernel("fill_strips")
        inputs = *splats, *window, self.records, self._rows
        lists = self._rows, self.shift, self.starts, self.order
        while True:
            steps = [
                *before,
                pool.Step(prepare, inputs, prepare_pieces(count)),
                pool.Step(fill_strips, (*lists, self.pairs, self._sizes), 1),
                *after(),
            ]
            pool.run(self.threads, steps)
            if self._sizes[1] <= len(self.pairs):
                return
            self.pairs = np.empty(self._sizes[1] + self._sizes[1] // 4, np.int32)

    def gather(
        self, gradients: Gradients, window: Window, image: F32, scale: float, plain: bool
    ) -> pool.Step:
        """The last step: `gradients` by the gradient `image`, planar, times `scale`."""
        x, y, width, rows = window
        arguments = (
            *(self.channels, self.records, self.order, self._sizes, (x, y), width, rows),
            *(image, self.pitch, np.float32(scale), *gradients),
        )
        pieces = gather_pieces(self._count)
        return pool.Step(kernel("gather", len(self.channels), plain), arguments, pieces)

    def clear_idle(self, gradients: Iterable[F32]) -> None:
        """Set to zero the gradients of Gaussians that contribute nothing."""
        if self._sizes[0] < self._count:
            idle = self._rows[:, 1] < 0
            for gradient in gradients:
                gradient[idle] = 0.0


# Fresh pages cost more than what is computed in them, so the plan of a rendering is kept for the
# next one of the same shape, unless it is larger than this.
_SPARE_BYTES = 32 << 20
_spare: list[Plan] = []


@contextmanager
def borrowed(width: int, rows: int, channels: int, threads: int, extra: int = 0) -> Iterator[Plan]:
    """A plan of this shape that nobody else uses meanwhile."""
    try:
        plan = _spare.pop()
    except IndexError:
        plan = None
    if plan is None or plan.shape != (width, rows, channels, threads, extra):
        plan = Plan(width, rows, channels, threads, extra)
    yield plan
    if plan.nbytes <= _SPARE_BYTES:
        _spare[:] = [plan]


def empty_gradients(splats: Splats) -> Gradients:
    """Uninitialised gradients for `splats`."""
    return Gradients(*(np.empty(array.shape, np.float32) for array in splats[:3]))
