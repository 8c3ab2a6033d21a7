"""Scratch memory of alpha blending, and the steps before drawing: records and strip lists."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from gsic_kernels.cpu.alpha.column_spans import allocate_spans
from gsic_kernels.cpu.alpha.records import RECORD
from gsic_kernels.cpu.alpha.work_division import count_record_items
from gsic_kernels.cpu.runtime import pool
from gsic_kernels.cpu.runtime.allocation import allocate_aligned
from gsic_kernels.cpu.runtime.dispatch import kernel
from gsic_kernels.cpu.runtime.lanes import LANES
from gsic_kernels.cpu.runtime.planar_rows import row_pitch
from gsic_kernels.lazy import lazy_property
from gsic_kernels.types import F32, I32, Splats, Window

# A strip should stay in the second-level cache of a core, and have at most 2^6 rows. Its height
# does not depend on the number of threads, so that sums over strips do not depend on it either.
_STRIP_BYTES = 640 << 10
_STRIP_SHIFT_MAX = 6
# Planes of a strip beside those of the colours. The forward kernel needs only one, but with the
# same number one workspace serves both kernels.
_EXTRA_PLANES = 3


def choose_strip_shift(width: int, planes: int) -> int:
    """Choose log2 of the rows of a strip so that it fits the cache."""
    shift = 0
    while shift < _STRIP_SHIFT_MAX and row_pitch(width) * planes * 8 << shift <= _STRIP_BYTES:
        shift += 1
    return shift


class Workspace:
    """Records of N Gaussians and their strip lists, for windows of one size.

    Everything is kept between calls, so one object serves one caller at a time.
    """

    records: F32
    pairs: I32
    starts: NDArray[np.int64]

    def __init__(self, width: int, rows: int, channels: int, threads: int) -> None:
        """Divide a window into strips.

        Args:
            width, rows: size of the window, px.
            channels: planes of colour in a strip.
            threads: number of threads that share the strips.
        """
        self.shape = width, rows, channels, threads
        self.planes = channels + _EXTRA_PLANES
        self.channels = (0,) * channels
        self.threads = threads
        self.shift = choose_strip_shift(width, self.planes)
        self.height = 1 << self.shift
        self.strips = -(-rows // self.height)
        self.starts = np.zeros(self.strips + 1, np.int64)
        self._count = -1

    @lazy_property
    def scratch(self) -> F32:
        """One strip per thread, (threads, floats)."""
        floats = self.height * self.planes * row_pitch(self.shape[0]) + LANES
        return allocate_aligned((self.threads, floats))

    @lazy_property
    def spans(self) -> I32:
        """One table of the spans of a batch of Gaussians per thread; see `column_spans`."""
        return allocate_spans(self.shape[0], self.threads)

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
        """Prepare the records and lists of checked `splats`, and run the caller's steps.

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
            # Enough unless most Gaussians are several strips high.
            self.pairs = np.empty(4 * count + 64, np.int32)
            self._row_ranges = np.empty((count, 2), np.int32)
        prepare_records, bin_to_strips = kernel("prepare_records"), kernel("bin_to_strips")
        inputs = *splats[:5], *window, self.records, self._row_ranges
        lists = self._row_ranges, self.shift, self.starts
        # The number of pairs is not known before they are counted. If the list is too short, the
        # kernel aborts the call, and a second one with a longer list succeeds.
        while True:
            steps = [
                *before,
                pool.Step(prepare_records, inputs, count_record_items(count)),
                pool.Step(bin_to_strips, (*lists, self.pairs), 1),
                *after(),
            ]
            pool.run(self.threads, steps)
            needed = int(self.starts[-1])
            if needed <= len(self.pairs):
                return
            self.pairs = np.empty(needed + needed // 4, np.int32)

    def clear_idle(self, gradients: Iterable[F32]) -> None:
        """Set the gradients of Gaussians that contribute nothing to zero."""
        idle = self._row_ranges[:, 1] < 0
        for gradient in gradients:
            gradient[idle] = 0.0


# Fresh pages cost more than what is computed in them, so the workspace of a rendering is kept for
# the next one of the same shape, unless it is larger than this.
_SPARE_BYTES = 32 << 20
_spare: list[Workspace] = []


@contextmanager
def borrow_workspace(width: int, rows: int, channels: int, threads: int) -> Iterator[Workspace]:
    """Lend a workspace of this shape that nobody else uses meanwhile."""
    # `pop` is atomic: of two threads that render at once, one gets the spare workspace.
    try:
        workspace = _spare.pop()
    except IndexError:
        workspace = None
    if workspace is None or workspace.shape != (width, rows, channels, threads):
        workspace = Workspace(width, rows, channels, threads)
    yield workspace
    if workspace.nbytes <= _SPARE_BYTES:
        _spare[:] = [workspace]
