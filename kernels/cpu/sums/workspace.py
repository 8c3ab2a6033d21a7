"""Scratch memory of sums of Gaussians, and the steps before drawing: records and lists of tiles."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

import numpy as np

from gsic_kernels.cpu.runtime import pool
from gsic_kernels.cpu.runtime.allocation import allocate_aligned
from gsic_kernels.cpu.runtime.dispatch import kernel
from gsic_kernels.cpu.runtime.lanes import LANES
from gsic_kernels.cpu.sums.blocks import BLOCK_HEIGHT
from gsic_kernels.cpu.sums.division import (
    BATCH,
    SEGMENT_COLUMNS,
    count_buffer_floats,
    count_gradient_items,
    count_record_items,
    count_shrinking_floats,
    count_shrinking_items,
)
from gsic_kernels.cpu.sums.lattices import (
    COLUMNS,
    FIRST_TILE,
    ROWS,
    TILE_COLUMNS,
    TILE_ROWS,
    TILES_ACROSS,
    divide_window,
    plane_pitch,
)
from gsic_kernels.cpu.sums.records import RECORD
from gsic_kernels.lazy import lazy_property
from gsic_kernels.types import F32, I32, I64, Gradients, Splats, Window

_NONE = np.zeros(0, np.float32)


class Prepared(Protocol):
    """What steps before and after a rendering may know of it."""

    @property
    def lattices(self) -> I64:
        """See `lattices.divide_window`."""

    @property
    def boxes(self) -> I32:
        """The box of each Gaussian; its last row is above the first if nothing is drawn."""


class Workspace:
    """Records of N Gaussians, their order and the lists of tiles, for one window.

    Everything is kept between calls, so one object serves one caller at a time.
    """

    records: F32
    boxes: I32
    order: I32
    pairs: I32

    def __init__(self, window: Window, levels: int, channels: int, threads: int) -> None:
        """Divide a window into tiles.

        Args:
            window: pixels of level 0.
            levels: number of levels, 1 or more.
            channels: number of colour channels.
            threads: number of threads that share the tiles.
        """
        self.shape = window, levels, channels, threads
        self.channels = (0,) * channels
        self.lattices = divide_window(window, levels, threads)
        self.starts = np.zeros(int(self.lattices[-1, FIRST_TILE]) + 1, np.int64)
        # The number of Gaussians that contribute, and of pairs of a tile and a Gaussian.
        self._sizes = np.zeros(2, np.int64)
        self._count = -1

    @property
    def levels(self) -> int:
        """The number of levels."""
        return self.shape[1]

    def count_rows_of_tiles(self) -> int:
        """Count the rows of blocks of the tiles of level 0, all tiles together."""
        return int(self.lattices[0, ROWS] * self.lattices[0, TILES_ACROSS])

    @lazy_property
    def cells(self) -> list[F32]:
        """Room for the rows of cells of each level; that of level 0 is empty."""
        return [_NONE, *(self.allocate_cells(level) for level in range(1, self.levels))]

    @lazy_property
    def memory(self) -> tuple[F32, F32, I32, F32]:
        """What each thread needs to render a tile; see `forward.render_tile`."""
        _, _, channels, threads = self.shape
        lattices = self.lattices[:-1]
        columns = int(np.minimum(lattices[:, COLUMNS], 1 << lattices[:, TILE_COLUMNS]).max())
        rows = int(np.minimum(lattices[:, ROWS], 1 << lattices[:, TILE_ROWS]).max())
        listed = max(BATCH * rows * (columns + LANES), LANES * (SEGMENT_COLUMNS + LANES)) + LANES
        return (
            allocate_aligned((threads, rows * columns * channels * LANES)),
            allocate_aligned((threads, 2, listed)),
            np.empty((threads, listed), np.int32),
            allocate_aligned((threads, count_buffer_floats(columns))),
        )

    @property
    def nbytes(self) -> int:
        """Bytes of memory that this object keeps."""
        kept: list[object] = []
        for value in vars(self).values():
            kept.extend(value if isinstance(value, list | tuple) else [value])
        return sum(value.nbytes for value in kept if isinstance(value, np.ndarray))

    def allocate_cells(self, level: int) -> F32:
        """Allocate rows of cells of a level, uninitialised."""
        _, _, columns, rows = (int(value) for value in self.lattices[level, : ROWS + 1])
        floats = rows * BLOCK_HEIGHT * len(self.channels) * int(plane_pitch(columns))
        # Vectors are loaded and stored beyond the last row.
        return allocate_aligned((floats + LANES,))

    def run(
        self,
        splats: Splats,
        before: Sequence[pool.Step],
        after: Callable[[], Sequence[pool.Step]],
    ) -> None:
        """Prepare the records, order and lists of checked `splats`, and run the caller's steps.

        Args:
            splats: N Gaussians, of levels that this object has.
            before: steps that do not need the lists.
            after: makes the steps that do; it is called whenever an array of this object is new.
        """
        count = len(splats.mean)
        if count != self._count:
            self._count = count
            self.records = allocate_aligned((count, RECORD))
            self.boxes = np.empty((count, 4), np.int32)
            self.order = np.empty(count, np.int32)
            # Enough unless most Gaussians are several tiles large.
            self.pairs = np.empty(4 * count + 64, np.int32)
        inputs = *splats, self.lattices, self.records, self.boxes
        # The number of pairs is not known before they are counted. If the list is too short, the
        # kernel aborts the call, and a second one with a longer list succeeds.
        while True:
            lists = self.boxes, splats.level, self.lattices, self.starts, self.order, self._sizes
            steps = [
                *before,
                pool.Step(kernel("prepare_splats"), inputs, count_record_items(count)),
                pool.Step(kernel("bin_to_tiles"), (*lists, self.pairs), 1),
                *after(),
            ]
            pool.run(self.shape[3], steps)
            if self._sizes[1] <= len(self.pairs):
                return
            self.pairs = np.empty(self._sizes[1] + self._sizes[1] // 4, np.int32)

    @property
    def _lists(self) -> tuple[object, ...]:
        """The first arguments of kernels that render."""
        return self.channels, self.records, self.boxes, self.starts, self.pairs, self.lattices

    def coarse_steps(self) -> list[pool.Step]:
        """Make the steps that render the levels from the coarsest one to level 1."""
        black = np.zeros(len(self.channels), np.float32)
        levels = range(self.levels - 1, 0, -1)
        return [self.planes_step(level, black, self.cells[level]) for level in levels]

    def planes_step(self, level: int, background: F32, out: F32) -> pool.Step:
        """Make the step that renders a level, whose coarser ones are ready, to rows of cells."""
        arguments = *self._lists, level, background, self._coarser(level), *self.memory, out
        tiles = self.count_tiles(level)
        return pool.Step(kernel("render_planes", len(self.channels)), arguments, tiles)

    def tiles_step(self, name: str, background: F32, *outputs: object) -> pool.Step:
        """Make a step of a kernel that renders level 0 by tiles; coarser levels are ready."""
        arguments = *self._lists, background, self._coarser(0), *self.memory, *outputs
        return pool.Step(kernel(name, len(self.channels)), arguments, self.count_tiles(0))

    def _coarser(self, level: int) -> F32:
        return self.cells[level + 1] if level + 1 < self.levels else _NONE

    def count_tiles(self, level: int) -> int:
        """Count the tiles of a level."""
        first = self.lattices[:, FIRST_TILE]
        return int(first[level + 1] - first[level])

    @lazy_property
    def begins(self) -> I64:
        """Where the blocks of each level begin in `slopes`."""
        size = len(self.channels) * LANES
        blocks = self.lattices[:-1, COLUMNS] * self.lattices[:-1, ROWS]
        return np.concatenate([[0], np.cumsum(blocks * size)])

    @lazy_property
    def slopes(self) -> F32:
        """Derivatives by the cells of all levels, block by block; the caller fills level 0."""
        return allocate_aligned((int(self.begins[-1]),))

    @lazy_property
    def _shrinking(self) -> F32:
        """What each thread needs to shrink a gradient."""
        columns = int(self.lattices[:-1, COLUMNS].max())
        return allocate_aligned((self.shape[3], count_shrinking_floats(columns)))

    def backward_steps(self, splats: Splats, gradients: Gradients, scale: float) -> list[pool.Step]:
        """Make the steps that set `gradients` from level 0 of `slopes`, times `scale`."""
        steps = []
        for level in range(1, self.levels):
            arguments = (
                *(self.channels, self.lattices, level, self._shrinking),
                *(self.begins, self.slopes),
            )
            items = count_shrinking_items(int(self.lattices[level, ROWS]))
            steps.append(pool.Step(kernel("shrink_gradient", len(self.channels)), arguments, items))
        _, offsets, places, _ = self.memory
        last = (
            *(self.channels, self.records, self.boxes, splats.level, self.order, self._sizes),
            *(self.lattices, self.slopes, self.begins, offsets, places, np.float32(scale)),
            *gradients,
        )
        items = count_gradient_items(self._count)
        return [*steps, pool.Step(kernel("sum_backward", len(self.channels)), last, items)]

    def clear_idle(self, gradients: Iterable[F32]) -> None:
        """Set the gradients of Gaussians that contribute nothing to zero."""
        if self._sizes[0] < self._count:
            idle = self.boxes[:, 3] < self.boxes[:, 2]
            for gradient in gradients:
                gradient[idle] = 0.0


# Fresh pages cost more than what is computed in them, so the workspace of a rendering is kept for
# the next one of the same shape, unless it is larger than this; so many, for threads that render
# at once.
_SPARE_BYTES = 32 << 20
_SPARES = 4
_spare: list[Workspace] = []


@contextmanager
def borrow_workspace(
    window: Window, levels: int, channels: int, threads: int
) -> Iterator[Workspace]:
    """Lend a workspace of this shape that nobody else uses meanwhile."""
    # `pop` is atomic: of two threads that render at once, one gets the spare workspace.
    try:
        workspace = _spare.pop()
    except IndexError:
        workspace = None
    if workspace is None or workspace.shape != (window, levels, channels, threads):
        workspace = Workspace(window, levels, channels, threads)
    yield workspace
    if workspace.nbytes <= _SPARE_BYTES and len(_spare) < _SPARES:
        _spare.append(workspace)
