"""Optimiser steps of Gaussians with `log` covariances: each is one call of the pool of threads."""

from __future__ import annotations

import numpy as np

from gsic_kernels.backend import FitConstants, FitState
from gsic_kernels.constants import LEVELS_MAX
from gsic_kernels.cpu.fit.division import GAUSSIANS_PER_ITEM
from gsic_kernels.cpu.fit.shapes import WAY
from gsic_kernels.cpu.losses.banded_loss import BandedLoss
from gsic_kernels.cpu.losses.sum_loss import SumLoss
from gsic_kernels.cpu.runtime import pool
from gsic_kernels.cpu.runtime.dispatch import kernel
from gsic_kernels.cpu.runtime.work_items import count_items
from gsic_kernels.cpu.sums.workspace import Prepared
from gsic_kernels.types import F32, F64, I64, Gradients, LogGrid, Splats


class LogFit:
    """Adam for Gaussians whose state the caller holds, against one image.

    All scratch memory is kept between calls, so one object serves one caller at a time.
    """

    def __init__(
        self, loss: SumLoss | BandedLoss, background: F32, constants: FitConstants, levels: int
    ) -> None:
        """Keep what does not change.

        Args:
            loss: against the image.
            background: float32 (C,), 1.0 = full scale.
            constants: of the fit.
            levels: number of levels that Gaussians which are not rounded are drawn on, 1 or more.
        """
        self._loss, self._background, self._constants = loss, background, constants
        self._levels = levels
        self._corrections = np.zeros(0)
        self._reserve(0)

    def step(self, state: FitState, scale: float) -> float:
        """Take one step, in place.

        Args:
            state: of N Gaussians; its matrices lie column by column.
            scale: factor of the learning rates.

        Returns:
            The loss before the step.
        """
        divisor = 255.0 * self._constants.cutoff_divisor
        return self._step(state, scale, "draw_floats", (divisor, self._levels - 1))

    def step_rounded(
        self,
        state: FitState,
        scale: float,
        classes: tuple[I64, I64],
        grid: LogGrid,
        symbols: I64,
    ) -> float:
        """Take one step, in place, along the gradient of what is drawn of the rounded Gaussians.

        Args:
            state, scale: as for `step`.
            classes: position classes and amplitude classes, int64 (N,) each.
            grid: what Gaussians are rounded with.
            symbols: int64 (5 + C, N), which is filled with the symbols before the step: place of
                the mean, m, u and v in steps, and amplitudes.

        Returns:
            The loss of those symbols.
        """
        height, width, _ = self._loss.shape
        numbers = tuple(float(number) for number in grid[:-1])
        arguments = *classes, (width, height), numbers, grid.transform, LEVELS_MAX - 1, symbols
        return self._step(state, scale, "draw_symbols", arguments)

    def _step(
        self, state: FitState, scale: float, draw: str, arguments: tuple[object, ...]
    ) -> float:
        """Take one step with the kernel that draws, called with the values and `arguments`."""
        values, first, second, age = *(matrix.T for matrix in state[:3]), state[3]
        if len(age) != len(self._ways):
            self._reserve(len(age))
        self._extend_corrections(age)
        splats, ways = self._splats, self._ways
        items = count_items(len(age), GAUSSIANS_PER_ITEM)
        constants = self._constants
        bounds = (
            *(constants.min_log_scale, constants.max_log_scale),
            constants.max_log_anisotropy,
        )
        adam = scale * constants.learning_rates, self._corrections, constants.betas, bounds

        def before(prepared: Prepared) -> list[pool.Step]:
            return [
                pool.Step(kernel(draw), (values, *arguments, ways, *splats), items),
                pool.Step(kernel("check_levels"), (splats.level, prepared.lattices), 1),
            ]

        def after(prepared: Prepared, gradients: Gradients) -> list[pool.Step]:
            sources = *gradients, prepared.boxes, ways, self._by_values
            moved = *sources, *adam, values, first, second, age
            return [pool.Step(kernel("move_gaussians"), moved, items)]

        return self._loss.step_between(splats, self._background, before, after)

    def _reserve(self, count: int) -> None:
        """Make room for so many Gaussians."""
        channels = len(self._background)
        self._ways = np.empty((count, WAY))
        self._by_values = np.empty((9 + channels, count))
        self._splats = Splats(
            mean=np.zeros((count, 2), np.float32),
            factor=np.zeros((count, 3), np.float32),
            color=np.zeros((count, channels), np.float32),
            cutoff=np.zeros(count, np.float32),
            offset=np.zeros(count, np.float32),
            level=np.zeros(count, np.int32),
        )

    def _extend_corrections(self, age: F64) -> None:
        """Make the table of what the bias of the moments is corrected by after each step."""
        oldest = int(age.max(initial=0.0)) + 1
        if oldest >= len(self._corrections):
            # Entry 0 is never used: that of 1 stands there to avoid a division by 0.
            steps = np.maximum(np.arange(2.0 * oldest + 2.0), 1.0)
            beta1, beta2 = self._constants.betas
            self._corrections = np.sqrt(1.0 - beta2**steps) / (1.0 - beta1**steps)
