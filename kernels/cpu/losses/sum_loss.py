"""The inner loop of a fit: the loss against one target and its gradient, in one pass over strips.

A strip is rendered and compared with the target while it is in the cache, so the rendering itself
is never written to memory.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from gsic_kernels import validation
from gsic_kernels.constants import CHANNELS_MAX
from gsic_kernels.cpu.raster.column_spans import row_pitch
from gsic_kernels.cpu.raster.workspace import Workspace, allocate_gradients
from gsic_kernels.cpu.runtime import pool
from gsic_kernels.cpu.runtime.dispatch import kernel
from gsic_kernels.types import F32, Gradients, Splats, Window


class SumLoss:
    """Loss of clamp(render, 0, 1) against a target, with all scratch memory kept between calls.

    The gradient passes straight through the clamp: it is that of the clamped error. So every pixel
    with an error has a gradient, and overshoot that the clamp removes anyway has none. With
    `stopped` the gradient is 0 where the clamp acts, as the derivative of a clamp is. One object
    serves one thread of the caller at a time.
    """

    def __init__(
        self,
        target: F32,
        loss: Literal["l2", "l1"] = "l2",
        threads: int = 1,
        *,
        stopped: bool = False,
        plain: bool = False,
    ) -> None:
        """Keep a planar copy of the target.

        Args:
            target: float32 (H, W, C), 0..1, C = 1..4.
            loss: "l2", the sum of squared errors, or "l1", the sum of absolute errors.
            threads: number of threads; no result depends on it.
            stopped: the gradient is 0 where the clamp changes something.
            plain: use the kernels of `raster.sum_scalar`, which are slower and round differently.

        Raises:
            TypeError: the target is not float32.
            ValueError: its shape does not fit, or the loss is unknown.
        """
        if loss not in ("l2", "l1"):
            raise ValueError(f"loss must be l2 or l1, got {loss!r}")
        if getattr(target, "ndim", 0) != 3 or not 1 <= target.shape[2] <= CHANNELS_MAX:
            raise ValueError(f"target must be (H, W, 1..4), got {np.shape(target)}")
        rows, width, channels = self._shape = target.shape
        target = validation.check_image("target", target, self._shape)
        self._window = validation.check_window(Window(0, 0, width, rows))
        self._l1, self._stopped, self._plain = loss == "l1", stopped, plain
        pitch = row_pitch(width)
        planar = np.zeros((rows, channels, pitch), np.float32)
        planar[:, :, :width] = target.transpose(0, 2, 1)
        self._target = planar.reshape(-1)
        self._inside = (np.arange(pitch) < width).astype(np.float32)
        self._error = np.zeros(rows * channels * pitch, np.float32)
        own_slopes = self._l1 or stopped
        none = np.zeros(0, np.float32)
        self._slopes = np.zeros_like(self._error) if own_slopes else none
        # A quadratic loss has weights and offsets; see `raster.sum_loss.sum_loss`.
        self._weights = self._offsets = none
        self._workspace = Workspace(width, rows, channels, validation.check_threads(threads))
        self._sums = np.zeros((rows, 2))
        self._gradients: Gradients | None = None

    def step(self, splats: Splats, background: F32) -> tuple[float, Gradients]:
        """Compute the loss, summed over all values, and its gradient.

        Args:
            splats: N >= 0 Gaussians of C channels; not modified.
            background: float32 (C,), 1.0 = full scale.

        Returns:
            The loss, and gradients that the next call overwrites.
        """
        splats = self._check(splats)
        if self._gradients is None or len(self._gradients.mean) != len(splats.mean):
            self._gradients = allocate_gradients(splats)
        image = self._slopes if len(self._slopes) else self._error
        scale = 1.0 if self._l1 else 2.0
        workspace, gradients = self._workspace, self._gradients
        background = validation.check_background(background, self._shape[2])
        workspace.run(
            splats,
            self._window,
            (),
            lambda: [
                self._plan_rendering(background),
                workspace.backward_step(gradients, self._window, image, scale, self._plain),
            ],
        )
        workspace.clear_idle(gradients)
        first = self._l1 or len(self._weights) > 0
        return float(self._sums[:, 0 if first else 1].sum()), gradients

    def sse(self, splats: Splats, background: F32) -> float:
        """Compute the sum of squared errors of the clamped rendering, without a gradient."""
        splats, background = (
            self._check(splats),
            validation.check_background(background, self._shape[2]),
        )
        self._workspace.run(splats, self._window, (), lambda: [self._plan_rendering(background)])
        return float(self._sums[:, 1].sum())

    def error(self) -> F32:
        """Return clamp(render) - target of the last call: a strided view, float32 (H, W, C)."""
        rows, width, channels = self._shape
        planar = self._error.reshape(rows, channels, self._workspace.pitch)
        return planar[:, :, :width].transpose(0, 2, 1)

    def _check(self, splats: Splats) -> Splats:
        splats = validation.check_splats(splats)
        if splats.color.shape[1] != self._shape[2]:
            channels = splats.color.shape[1]
            raise ValueError(f"splats have {channels} channels, the target {self._shape[2]}")
        return splats

    def _plan_rendering(self, background: F32) -> pool.Step:
        """Make the step that renders and computes errors and sums."""
        workspace, (_, width, channels) = self._workspace, self._shape
        images = self._target, self._inside, self._error, self._slopes
        arguments = (
            *(*workspace.lists, background, width, *workspace.strip_memory, *images),
            *(self._weights, self._offsets, int(self._l1), int(self._stopped), self._sums),
        )
        return pool.Step(kernel("sum_loss", channels, self._plain), arguments, workspace.strips)
