"""The loss of a large image, band by band: only its target is in memory as a whole.

A band of rows is drawn, compared and differentiated while the Gaussians that touch it are moved to
where they lie in the band; losses and gradients of all bands are added up. So the result is that
of `SumLoss` but for rounding, and there are no seams: every Gaussian sees all pixels it touches.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Literal, NamedTuple

import numpy as np

from gsic_kernels import validation
from gsic_kernels.backend import Rows
from gsic_kernels.constants import LEVELS_MAX
from gsic_kernels.cpu.losses.sum_loss import SumLoss
from gsic_kernels.cpu.runtime import pool
from gsic_kernels.cpu.runtime.allocation import allocate_gradients
from gsic_kernels.cpu.sums import layout
from gsic_kernels.cpu.sums.blocks import BLOCK_HEIGHT
from gsic_kernels.cpu.sums.lattices import ROWS, TOP
from gsic_kernels.cpu.sums.render import render_sum
from gsic_kernels.cpu.sums.workspace import Prepared
from gsic_kernels.types import F32, F64, I32, I64, Gradients, Splats, Window, count_levels

# An image of up to so many pixels is one band. Bands of a larger one have at most about as many.
BAND_PIXELS = 1 << 22

# A band begins at a cell of each level.
_MULTIPLE = 1 << (LEVELS_MAX - 1)

# Ellipses are taken to be so many cells higher, which is more than float32 can err.
_MARGIN = 1.0


class _Touching(NamedTuple):
    """Where N Gaussians lie, in cells of their own levels.

    Attributes:
        cells: float64 (N,), cells per px.
        top, bottom: float64 (N,), ends of what they touch; those that draw nothing touch nothing.
    """

    cells: F64
    top: F64
    bottom: F64


class _Prepared(NamedTuple):
    """What steps around all bands may know of them; see `workspace.Prepared`."""

    lattices: I64
    boxes: I32


class BandedLoss:
    """A `SumLoss` that works band by band; see there.

    Attributes:
        shape: (H, W, C) of the target.
    """

    def __init__(
        self,
        target: Rows,
        loss: Literal["l2", "l1"] = "l2",
        threads: int = 1,
        *,
        stopped: bool = False,
    ) -> None:
        """Keep a copy of the target, block by block.

        Args:
            target: float32 (H, W, C), 0..1, C = 1..4.
            loss, threads, stopped: as for `SumLoss`.
        """
        height, width, channels = target.shape
        self.shape: tuple[int, int, int] = height, width, channels
        self._threads = threads
        rows = max(BAND_PIXELS // width // _MULTIPLE, 1) * _MULTIPLE
        self._bands = [Window(0, y, width, min(rows, height - y)) for y in range(0, height, rows)]
        # One for each height that bands have.
        self._losses = {
            band.height: SumLoss(
                target[band.y : band.y + band.height], loss, threads, stopped=stopped
            )
            for band in self._bands[-2:]
        }
        self._target = layout.to_blocks(target)
        self._gradients: Gradients | None = None
        self._drawn: tuple[Splats, F32] | None = None

    def step(self, splats: Splats, background: F32) -> tuple[float, Gradients]:
        """Compute the loss and its gradient as `SumLoss.step` does."""
        splats = validation.check_splats(splats)
        loss = self.step_between(splats, background, lambda _: (), lambda *_: ())
        assert self._gradients is not None
        return loss, self._gradients

    def step_between(
        self,
        splats: Splats,
        background: F32,
        before: Callable[[Prepared], Sequence[pool.Step]],
        after: Callable[[Prepared, Gradients], Sequence[pool.Step]],
    ) -> float:
        """Compute the loss and its gradient between steps of the caller, as `SumLoss` does."""
        # Gaussians that touch no band have no box. Bands make room for any number of levels.
        boxes = np.zeros((len(splats.mean), 4), np.int32)
        boxes[:, 3] = -1
        prepared = _Prepared(np.zeros((LEVELS_MAX + 1, 1), np.int64), boxes)
        if steps := before(prepared):
            pool.run(self._threads, steps)
        if self._gradients is None or len(self._gradients.mean) != len(splats.mean):
            self._gradients = allocate_gradients(splats)
        gradients = self._gradients
        for gradient in gradients:
            gradient[:] = 0.0
        total = 0.0
        for band_loss, near, moved in self._visit_bands(splats, background):
            loss, by_band = band_loss.step(moved, background)
            total += loss
            boxes[near, 3] = 0
            for gradient, more in zip(gradients, by_band, strict=True):
                gradient[near] += more
        if steps := after(prepared, gradients):
            pool.run(self._threads, steps)
        return total

    def sse(self, splats: Splats, background: F32) -> float:
        """Compute the sum of squared errors of the clamped rendering, without a gradient."""
        splats = validation.check_splats(splats)
        bands = self._visit_bands(splats, background)
        return sum(band_loss.sse(moved, background) for band_loss, _, moved in bands)

    def error(self) -> Rows:
        """Return clamp(render) - target of the last call, which the next overwrites; at first 0."""
        height, width, _ = self.shape
        if self._drawn is None:
            return layout.BlockImage(np.zeros(self._target.shape, np.float32), width, height)
        target = layout.BlockImage(self._target, width, height)
        return BandedError(target, *self._drawn, self._threads)

    def _visit_bands(
        self, splats: Splats, background: F32
    ) -> Iterator[tuple[SumLoss, I64, Splats]]:
        """Yield for each band its loss, which Gaussians touch it, and these as they lie in it."""
        self._drawn = splats, background
        touching, level, levels = find_rows(splats), splats.level, count_levels(splats)
        size = len(self._target) // -(-self.shape[0] // BLOCK_HEIGHT)
        for band in self._bands:
            band_loss = self._losses[band.height]
            first, end = band.y // BLOCK_HEIGHT, -(-(band.y + band.height) // BLOCK_HEIGHT)
            band_loss.use_target(self._target[first * size : end * size])
            band_loss.use_levels(levels)
            # The rows of cells of each level that the band is made of.
            lattices = band_loss.lattices[:-1]
            top = BLOCK_HEIGHT * lattices[:, TOP]
            bottom = top + BLOCK_HEIGHT * lattices[:, ROWS]
            begin = band.y * touching.cells
            near = touching.bottom >= begin + top[level]
            near &= touching.top <= begin + bottom[level]
            which = np.flatnonzero(near)
            moved = splats.select(which)
            moved.mean[:, 1] -= begin[which]
            yield band_loss, which, moved


class BandedError:
    """The error of a rendering, of which rows are drawn when they are asked for.

    Args:
        target: float32 (H, W, C), 0..1.
        splats, background: what is drawn.
        threads: number of threads.

    Attributes:
        shape: (H, W, C).
    """

    def __init__(
        self, target: layout.BlockImage, splats: Splats, background: F32, threads: int
    ) -> None:
        self.shape, self.size = target.shape, target.size
        self._target, self._threads = target, threads
        self._splats, self._background = splats, background
        self._touching = find_rows(splats)

    def __getitem__(self, rows: slice) -> F32:
        """Draw some rows, float32 (rows, W, C)."""
        first, end, _ = rows.indices(self.shape[0])
        # The coarsest cells that are enlarged to these rows are not farther away.
        beyond = 16.0
        begin, last = first * self._touching.cells, end * self._touching.cells
        near = np.flatnonzero(
            (self._touching.bottom >= begin - beyond) & (self._touching.top <= last + beyond)
        )
        window = Window(0, first, self.shape[1], end - first)
        drawn = render_sum(self._splats.select(near), window, self._background, self._threads)
        error = np.clip(drawn, 0.0, 1.0)
        error -= self._target[first:end]
        return error


def find_rows(splats: Splats) -> _Touching:
    """Find the rows that N Gaussians touch."""
    slope = np.abs(splats.factor[:, 2].astype(np.float64))
    with np.errstate(divide="ignore", invalid="ignore"):
        reach = np.sqrt(2.0 * splats.cutoff.astype(np.float64)) / slope + _MARGIN
    # Not a number where the cutoff is negative: no comparison with that is true.
    mean = splats.mean[:, 1].astype(np.float64)
    cells = np.exp2(-splats.level.astype(np.float64))
    return _Touching(cells, mean - reach, mean + reach)
