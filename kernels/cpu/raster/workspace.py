"""Scratch memory of a rendering, and the steps before rasterising: records and strip lists."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from gsic_kernels.cpu.raster.column_spans import allocate_spans, row_pitch
from gsic_kernels.cpu.raster.records import RECORD
from gsic_kernels.cpu.raster.work_division import count_gradient_items, count_record_items
from gsic_kernels.cpu.runtime import pool
from gsic_kernels.cpu.runtime.dispatch import kernel
from gsic_kernels.cpu.runtime.lanes import LANES
from gsic_kernels.lazy import lazy_property
from gsic_kernels.types import F32, I32, Gradients, Splats, Window

# Float32 values in a cache line.
_CACHE_LINE = 16
# A strip should stay in the second-level cache of a core, and have at most 2^6 rows. Each thread
# should get several strips, so that none waits long for the slowest.
_STRIP_BYTES = 640 << 10
_STRIP_SHIFT_MAX = 6
_STRIPS_PER_THREAD = 4


def allocate_aligned(shape: tuple[int, ...]) -> F32:
    """Allocate an uninitialised float32 array whose first element starts a cache line."""
    count = int(np.prod(shape))
    raw = np.empty(count + _CACHE_LINE, np.float32)
    skip = -raw.ctypes.data // 4 % _CACHE_LINE
    return raw[skip : skip + count].reshape(shape)


def allocate_gradients(splats: Splats) -> Gradients:
    """Allocate uninitialised gradients for `splats`."""
    return Gradients(*(np.empty(array.shape, np.float32) for array in splats[:3]))


def choose_strip_shift(width: int, rows: int, planes: int, threads: int) -> int:
    """Choose log2 of the rows of a strip so that it fits the cache and each thread gets some."""
    shift = 0
    while (
        shift < _STRIP_SHIFT_MAX
        and row_pitch(width) * planes * 8 << shift <= _STRIP_BYTES
        and (threads == 1 or rows >> shift + 1 >= _STRIPS_PER_THREAD * threads)
    ):
        shift += 1
    return shift


class Workspace:
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
            width, rows: size of the window, px.
            channels: planes of colour in a strip.
            threads: number of threads that share the strips.
            extra: number of further planes in a strip. If there are any, the height of a strip does
                not depend on `threads`, so that sums over strips do not depend on it either.
        """
        self.shape = width, rows, channels, threads, extra
        self.planes = channels + extra
        self.channels = (0,) * channels
        self.threads = threads
        self.pitch = row_pitch(width)
        self.shift = choose_strip_shift(width, rows, self.planes, 1 if extra else threads)
        self.height = 1 << self.shift
        self.strips = -(-rows // self.height)
        self.starts = np.zeros(self.strips + 1, np.int64)
        # The number of Gaussians that contribute, and of pairs of a strip and a Gaussian.
        self._sizes = np.zeros(2, np.int64)
        self._count = -1

    @lazy_property
    def scratch(self) -> F32:
        """One strip per thread, (threads, floats)."""
        return allocate_aligned((self.threads, self.height * self.planes * self.pitch + LANES))

    @lazy_property
    def spans(self) -> I32:
        """One table of the spans of a batch of Gaussians per thread; see `column_spans`."""
        return allocate_spans(self.shape[0], self.threads)

    @lazy_property
    def planar(self) -> F32:
        """Room for an image in planar rows."""
        return np.empty(self.shape[1] * len(self.channels) * self.pitch, np.float32)

    @property
    def nbytes(self) -> int:
        """Bytes of memory that this object keeps."""
        arrays = [value for value in vars(self).values() if isinstance(value, np.ndarray)]
        return sum(array.nbytes for array in arrays)

    @property
    def lists(self) -> tuple[tuple[int, ...], F32, NDArray[np.int64], I32]:
        """The first arguments of kernels that render: channels, records, starts and pairs."""
        return self.channels, self.records, self.starts, self.pairs

    @property
    def strip_memory(self) -> tuple[int, F32, I32]:
        """The height of a strip, and what a worker needs to render one: scratch and spans."""
        return self.height, self.scratch, self.spans

    def run(
        self,
        splats: Splats,
        window: Window,
        before: Sequence[pool.Step],
        after: Callable[[], Sequence[pool.Step]],
    ) -> None:
        """Prepare the records, order and lists of checked `splats`, and run the caller's steps.

        Args:
            splats: N Gaussians.
            window: of the size of this workspace.
            before: steps that do not need the lists.
            after: makes the steps that do; it is called whenever an array of this object is new.
        """
        count = len(splats.mean)
        if count != self._count:
            self._count = count
            self.records = allocate_aligned((count, RECORD))
            self.order = np.empty(count, np.int32)
            # Enough unless most Gaussians are several strips high.
            self.pairs = np.empty(4 * count + 64, np.int32)
            self._row_ranges = np.empty((count, 2), np.int32)
        prepare_records, bin_to_strips = kernel("prepare_records"), kernel("bin_to_strips")
        inputs = *splats, *window, self.records, self._row_ranges
        lists = self._row_ranges, self.shift, self.starts, self.order
        # The number of pairs is not known before they are counted. If the list is too short, the
        # kernel aborts the call, and a second one with a longer list succeeds.
        while True:
            steps = [
                *before,
                pool.Step(prepare_records, inputs, count_record_items(count)),
                pool.Step(bin_to_strips, (*lists, self.pairs, self._sizes), 1),
                *after(),
            ]
            pool.run(self.threads, steps)
            if self._sizes[1] <= len(self.pairs):
                return
            self.pairs = np.empty(self._sizes[1] + self._sizes[1] // 4, np.int32)

    def backward_step(
        self, gradients: Gradients, window: Window, image: F32, scale: float, plain: bool
    ) -> pool.Step:
        """Make the step that sets `gradients` from the planar image gradient, times `scale`."""
        x, y, width, rows = window
        arguments = (
            *(self.channels, self.records, self.order, self._sizes, (x, y), width, rows),
            *(self.spans, image, self.pitch, np.float32(scale), *gradients),
        )
        items = count_gradient_items(self._count)
        return pool.Step(kernel("sum_backward", len(self.channels), plain), arguments, items)

    def clear_idle(self, gradients: Iterable[F32]) -> None:
        """Set the gradients of Gaussians that contribute nothing to zero."""
        if self._sizes[0] < self._count:
            idle = self._row_ranges[:, 1] < 0
            for gradient in gradients:
                gradient[idle] = 0.0


# Fresh pages cost more than what is computed in them, so the workspace of a rendering is kept for
# the next one of the same shape, unless it is larger than this.
_SPARE_BYTES = 32 << 20
_spare: list[Workspace] = []


@contextmanager
def borrow_workspace(
    width: int, rows: int, channels: int, threads: int, extra: int = 0
) -> Iterator[Workspace]:
    """Lend a workspace of this shape that nobody else uses meanwhile."""
    # `pop` is atomic: of two threads that render at once, one gets the spare workspace.
    try:
        workspace = _spare.pop()
    except IndexError:
        workspace = None
    if workspace is None or workspace.shape != (width, rows, channels, threads, extra):
        workspace = Workspace(width, rows, channels, threads, extra)
    yield workspace
    if workspace.nbytes <= _SPARE_BYTES:
        _spare[:] = [workspace]
