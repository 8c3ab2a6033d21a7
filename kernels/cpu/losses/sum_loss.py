"""The inner loop of a fit: the loss against one target and its gradient, in one pass over tiles.

A tile is rendered and compared with the target while it is in the cache, so the rendering itself
is never written to memory.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np

from gsic_kernels import validation
from gsic_kernels.constants import CHANNELS_MAX
from gsic_kernels.cpu.runtime import pool
from gsic_kernels.cpu.runtime.allocation import allocate_gradients
from gsic_kernels.cpu.sums import layout
from gsic_kernels.cpu.sums.workspace import Prepared, Workspace
from gsic_kernels.types import F32, I64, Gradients, Splats, Window, count_levels

_NONE = np.zeros(0, np.float32)


class SumLoss:
    """Loss of clamp(render, 0, 1) against a target, with all scratch memory kept between calls.

    The gradient passes straight through the clamp: it is that of the clamped error. So every pixel
    with an error has a gradient, and overshoot that the clamp removes anyway has none. With
    `stopped` the gradient is 0 where the clamp acts, as the derivative of a clamp is. One object
    serves one thread of the caller at a time.

    Attributes:
        shape: (H, W, C) of the target.
    """

    def __init__(
        self,
        target: F32,
        loss: Literal["l2", "l1"] = "l2",
        threads: int = 1,
        *,
        stopped: bool = False,
    ) -> None:
        """Keep a copy of the target, block by block.

        Args:
            target: float32 (H, W, C), 0..1, C = 1..4.
            loss: "l2", the sum of squared errors, or "l1", the sum of absolute errors.
            threads: number of threads; no result depends on it.
            stopped: the gradient is 0 where the clamp changes something.

        Raises:
            TypeError: the target is not float32.
            ValueError: its shape does not fit, or the loss is unknown.
        """
        if loss not in ("l2", "l1"):
            raise ValueError(f"loss must be l2 or l1, got {loss!r}")
        if getattr(target, "ndim", 0) != 3 or not 1 <= target.shape[2] <= CHANNELS_MAX:
            raise ValueError(f"target must be (H, W, 1..4), got {np.shape(target)}")
        rows, width, channels = target.shape
        self.shape: tuple[int, int, int] = rows, width, channels
        target = validation.check_image("target", target, self.shape)
        self._window = validation.check_window(Window(0, 0, width, rows))
        self._threads = validation.check_threads(threads)
        self._l1, self._stopped = loss == "l1", stopped
        self._target = layout.to_blocks(target)
        self._inside = layout.mark_inside(width, rows)
        # A quadratic loss has weights and shifts; see `sums.comparison.compare_tile`.
        self._weights = self._shifts = _NONE
        # Where the slope of the loss is the error, one array serves for both.
        self._own_slopes = self._l1 or stopped
        self._use_levels(1)
        self._gradients: Gradients | None = None

    @property
    def lattices(self) -> I64:
        """The lattices that Gaussians are drawn on; see `lattices.divide_window`."""
        return self._workspace.lattices

    def use_target(self, blocks: F32) -> None:
        """Compare with another target of the same shape from now on.

        Args:
            blocks: float32 (M,), block by block, kept and not changed.
        """
        self._target = blocks

    def use_levels(self, levels: int) -> None:
        """Make room for Gaussians of so many levels, unless there is."""
        if levels > self._workspace.levels:
            self._use_levels(levels)

    def _use_levels(self, levels: int) -> None:
        """Make a workspace for Gaussians of so many levels."""
        workspace = Workspace(self._window, levels, self.shape[2], self._threads)
        slopes = workspace.slopes[: len(self._target)]
        slopes[:] = 0.0
        self._workspace, self._slopes = workspace, slopes
        self._errors = np.zeros_like(self._target) if self._own_slopes else slopes
        self._sums = np.zeros((workspace.count_rows_of_tiles(), 2))

    def step(self, splats: Splats, background: F32) -> tuple[float, Gradients]:
        """Compute the loss, summed over all values, and its gradient.

        Args:
            splats: N >= 0 Gaussians of C channels; not modified.
            background: float32 (C,), 1.0 = full scale.

        Returns:
            The loss, and gradients that the next call overwrites.
        """
        splats = self._check(splats)
        loss = self.step_between(splats, background, lambda _: (), lambda *_: ())
        assert self._gradients is not None
        self._workspace.clear_idle(self._gradients)
        return loss, self._gradients

    def step_between(
        self,
        splats: Splats,
        background: F32,
        before: Callable[[Prepared], Sequence[pool.Step]],
        after: Callable[[Prepared, Gradients], Sequence[pool.Step]],
    ) -> float:
        """Compute the loss and its gradient between steps of the caller, in one call of the pool.

        Args:
            splats: N >= 0 Gaussians of C channels, which `before` fills; it aborts the call if they
                have more levels than the workspace.
            background: as for `step`.
            before: makes steps that need no result.
            after: makes steps that read the gradients; those of splats without a box are not set.

        Returns:
            The loss.
        """
        if self._gradients is None or len(self._gradients.mean) != len(splats.mean):
            self._gradients = allocate_gradients(splats)
        gradients = self._gradients
        scale = 1.0 if self._l1 else 2.0
        while True:
            workspace = self._workspace

            def rest(workspace: Workspace = workspace) -> list[pool.Step]:
                return [
                    *self._plan_rendering(background),
                    *workspace.backward_steps(splats, gradients, scale),
                    *after(workspace, gradients),
                ]

            workspace.run(splats, before(workspace), rest)
            levels = count_levels(splats)
            if levels <= workspace.levels:
                return self._finish_step()
            self._use_levels(levels)

    def _finish_step(self) -> float:
        """Return the loss of the step that was run."""
        first = self._l1 or len(self._weights) > 0
        return float(self._sums[:, 0 if first else 1].sum())

    def sse(self, splats: Splats, background: F32) -> float:
        """Compute the sum of squared errors of the clamped rendering, without a gradient."""
        splats = self._check(splats)
        self._workspace.run(splats, (), lambda: self._plan_rendering(background))
        return float(self._sums[:, 1].sum())

    def error(self) -> layout.BlockImage:
        """Return clamp(render) - target of the last call; the next call overwrites it."""
        rows, width, _ = self.shape
        return layout.BlockImage(self._errors, width, rows)

    def _check(self, splats: Splats) -> Splats:
        splats = validation.check_splats(splats)
        if splats.color.shape[1] != self.shape[2]:
            channels = splats.color.shape[1]
            raise ValueError(f"splats have {channels} channels, the target {self.shape[2]}")
        self.use_levels(count_levels(splats))
        return splats

    def _plan_rendering(self, background: F32) -> list[pool.Step]:
        """Make the steps that render and compute errors and sums."""
        workspace = self._workspace
        background = validation.check_background(background, self.shape[2])
        slopes = self._slopes if self._own_slopes else _NONE
        outputs = (
            *(self._target, *self._inside, self._errors, slopes, self._weights, self._shifts),
            *(int(self._l1), int(self._stopped), self._sums),
        )
        last = workspace.tiles_step("compare_tile", background, *outputs)
        return [*workspace.coarse_steps(), last]
