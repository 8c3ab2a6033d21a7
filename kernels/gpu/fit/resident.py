"""A fit that stays on the device: each step is one CUDA graph, launched again and again."""

from __future__ import annotations

from typing import SupportsFloat

import numpy as np
import torch

from gsic_kernels.backend import FitState, Rules
from gsic_kernels.gpu.fit.adam_steps import ROWS, descend, unpack
from gsic_kernels.gpu.launch import empty, launch, memory, pieces
from gsic_kernels.gpu.raster.gradients import DeviceGradients
from gsic_kernels.gpu.raster.lists import DeviceSplats
from gsic_kernels.gpu.raster.renderer import Renderer
from gsic_kernels.types import F32

# Steps between two looks at whether all lists were long enough; the first look is after one.
_PATIENCE = 64


class ResidentFit:
    """Gaussians with `log` covariances under Adam against one image, all on the device.

    Nothing waits for the device but what returns NumPy arrays, and a look at the lengths of the
    lists every 64 steps; where one was too short the steps since the look before are repeated.
    """

    def __init__(
        self, target: F32, background: F32, rules: Rules, device: torch.device, *, l1: bool = False
    ) -> None:
        """Copy an image to the device.

        Args:
            target: float32 (H, W, C), 0..1, C = 1..4.
            background: float32 (C,), 1.0 = full scale.
            rules: of the fit.
            device: where everything is.
            l1: minimise the sum of absolute errors, not of squared ones.
        """
        self._device, self._l1 = device, l1
        self._height, self._width, self._channels = target.shape
        self._target = torch.tensor(target, device=device)
        self._residual = torch.zeros_like(self._target)
        self._background = torch.tensor(background, device=device)
        self._rates = torch.tensor(rules.rates, device=device)
        of_step = 1.0, *rules.betas, rules.least, rules.most, rules.stretch
        self._constants = torch.tensor(of_step, dtype=torch.float64, device=device)
        self._visible = torch.tensor([rules.visible], dtype=torch.float64, device=device)
        none = np.zeros((0, 5 + self._channels))
        self.put((none, none, none, np.zeros(0)))

    def __len__(self) -> int:
        return len(self._age)

    def put(self, state: FitState) -> None:
        """Go on from a state of any number of Gaussians."""
        with memory():
            self._put(state)

    def _put(self, state: FitState) -> None:
        device, count, channels = self._device, len(state[3]), self._channels
        arrays = (np.ascontiguousarray(array, np.float64) for array in state)
        self._values, self._first, self._second, self._age = (
            torch.tensor(array, device=device) for array in arrays
        )
        self._renderer = Renderer(self._width, self._height, channels, count, device)
        shapes = (count, 2), (count, 3), (count, channels)
        self._gradients = DeviceGradients(*(empty(s, torch.float32, device) for s in shapes))
        flat = (count,), (count,)
        self._splats = DeviceSplats(*(empty(s, torch.float32, device) for s in (*shapes, *flat)))
        self._graph: torch.cuda.CUDAGraph | None = None
        self._patience = 1
        self._losses = torch.zeros(_PATIENCE, dtype=torch.float64, device=device)
        self._since: list[float] = []
        self._keep()

    def get(self) -> FitState:
        """The state, after all steps."""
        self._settle()
        moving = self._values, self._first, self._second, self._age
        values, first, second, age = (tensor.cpu().numpy() for tensor in moving)
        return values, first, second, age

    def error(self) -> F32:
        """clamp(render, 0, 1) - target of the last step, float32 (H, W, C)."""
        self._settle()
        residual: F32 = self._residual.cpu().numpy()
        return residual

    def step(self, scale: float) -> SupportsFloat:
        """Take one step at `scale` times the learning rates.

        Returns:
            The loss before it, which waits for the device when it is looked at.
        """
        with memory():
            if len(self._since) == self._patience:
                self._settle()
            self._take(scale)
        self._since.append(scale)
        loss = self._losses[len(self._since) - 1]
        loss.copy_(self._totals[0 if self._l1 else 1])
        return loss

    def _take(self, scale: float) -> None:
        """Launch one step, as a graph once all kernels are there and lists are long enough."""
        self._constants[0].fill_(scale)
        if self._graph is not None:
            self._graph.replay()
        elif self._patience > 1 and self._device.type == "cuda":
            self._graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self._graph):
                self._launch()
            self._graph.replay()
        else:
            self._launch()

    def _launch(self) -> None:
        self._unpack()
        self._totals = self._renderer.sum_loss(
            self._splats, self._background, self._target, self._residual, self._gradients, self._l1
        )
        launch(
            descend,
            pieces(len(self), ROWS.value),
            *(*self._gradients, self._constants, self._rates, len(self)),
            *(self._values, self._first, self._second, self._age),
            CHANNELS=self._channels,
            warps=2,
        )

    def _unpack(self) -> None:
        launch(
            unpack,
            pieces(len(self), ROWS.value),
            *(self._values, self._visible, len(self), *self._splats),
            CHANNELS=self._channels,
            warps=2,
        )

    def _settle(self) -> None:
        """Make sure that every step so far drew all of its Gaussians, and keep the state."""
        while self._since and self._renderer.grow():
            self._graph = None
            moving = self._values, self._first, self._second, self._age
            for tensor, kept in zip(moving, self._kept, strict=True):
                tensor.copy_(kept)
            for scale in self._since:
                self._take(scale)
        if self._since:
            self._patience = _PATIENCE
        self._since = []
        self._keep()

    def _keep(self) -> None:
        moving = self._values, self._first, self._second, self._age
        self._kept = [tensor.clone() for tensor in moving]
