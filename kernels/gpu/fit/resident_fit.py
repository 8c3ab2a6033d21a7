"""A fit that stays on the device: each step is one CUDA graph, launched again and again."""

from __future__ import annotations

from typing import SupportsFloat

import numpy as np
import torch

from gsic_kernels.backend import FitConstants, FitState
from gsic_kernels.gpu.fit.log_adam import STEP_COUNT, make_splats, step_adam
from gsic_kernels.gpu.launch import allocate, count_blocks, launch, report_out_of_memory
from gsic_kernels.gpu.raster.device_arrays import DeviceGradients
from gsic_kernels.gpu.raster.renderer import Renderer
from gsic_kernels.gpu.raster.uploads import allocate_splats
from gsic_kernels.types import F32

# Steps between two tests of whether all lists were long enough; the first test follows one step.
_TEST_INTERVAL = 64


class ResidentFit:
    """Gaussians with `log` covariances under Adam against one image, all on the device.

    Only what returns NumPy arrays waits for the device, and every 64 steps a test of whether lists
    were long enough; if one was too short, the steps since the test before are repeated.
    """

    def __init__(
        self,
        target: F32,
        background: F32,
        constants: FitConstants,
        device: torch.device,
        *,
        l1: bool = False,
    ) -> None:
        """Copy an image to the device.

        Args:
            target: float32 (H, W, C), 0..1, C = 1..4.
            background: float32 (C,), 1.0 = full scale.
            constants: of the fit.
            device: of all tensors.
            l1: minimise the sum of absolute errors instead of squared errors.
        """
        self._device, self._l1 = device, l1
        self._height, self._width, self._channels = target.shape
        self._target = torch.tensor(target, device=device)
        self._error = torch.zeros_like(self._target)
        self._background = torch.tensor(background, device=device)
        self._learning_rates = torch.tensor(constants.learning_rates, device=device)
        of_step = (
            1.0,
            *constants.betas,
            constants.min_log_scale,
            constants.max_log_scale,
            constants.max_log_anisotropy,
        )
        self._constants = torch.tensor(of_step, dtype=torch.float64, device=device)
        self._cutoff_divisor = torch.tensor(
            [constants.cutoff_divisor], dtype=torch.float64, device=device
        )
        none = np.zeros((0, 5 + self._channels))
        self.put((none, none, none, np.zeros(0)))

    def __len__(self) -> int:
        return len(self._age)

    def put(self, state: FitState) -> None:
        """Continue from a state of any number of Gaussians."""
        with report_out_of_memory():
            self._put(state)

    def _put(self, state: FitState) -> None:
        device, count, channels = self._device, len(state[3]), self._channels
        arrays = (np.ascontiguousarray(array, np.float64) for array in state)
        self._values, self._first, self._second, self._age = (
            torch.tensor(array, device=device) for array in arrays
        )
        self._renderer = Renderer(self._width, self._height, channels, count, device)
        shapes = (count, 2), (count, 3), (count, channels)
        self._gradients = DeviceGradients(*(allocate(s, torch.float32, device) for s in shapes))
        self._splats = allocate_splats(channels, count, device)
        # A fit draws all Gaussians on the pixels.
        self._splats.level.zero_()
        self._graph: torch.cuda.CUDAGraph | None = None
        self._steps_to_test = 1
        self._losses = torch.zeros(_TEST_INTERVAL, dtype=torch.float64, device=device)
        # The scales of the steps since the last test.
        self._untested: list[float] = []
        self._save()

    def get(self) -> FitState:
        """Return the state after all steps."""
        self._test_lists()
        values, first, second, age = (tensor.cpu().numpy() for tensor in self._state())
        return values, first, second, age

    def error(self) -> F32:
        """Return clamp(rendering, 0, 1) - target of the last step, float32 (H, W, C)."""
        self._test_lists()
        error: F32 = self._error.cpu().numpy()
        return error

    def step(self, scale: float) -> SupportsFloat:
        """Take one step at `scale` times the learning rates.

        Returns:
            The loss before the step. It waits for the device when it is converted to a float.
        """
        with report_out_of_memory():
            if len(self._untested) == self._steps_to_test:
                self._test_lists()
            self._take_step(scale)
        self._untested.append(scale)
        loss = self._losses[len(self._untested) - 1]
        loss.copy_(self._totals[0 if self._l1 else 1])
        return loss

    def _take_step(self, scale: float) -> None:
        """Launch one step, as a graph once kernels are compiled and lists are long enough."""
        self._constants[0].fill_(scale)
        if self._graph is not None:
            self._graph.replay()
        elif self._steps_to_test > 1 and self._device.type == "cuda":
            self._graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self._graph):
                self._launch()
            self._graph.replay()
        else:
            self._launch()

    def _launch(self) -> None:
        programs = count_blocks(len(self), STEP_COUNT.value)
        launch(
            make_splats,
            programs,
            *(self._values, self._cutoff_divisor, len(self), *self._splats[:5]),
            CHANNELS=self._channels,
            warps=2,
        )
        images = self._target, self._error
        self._totals = self._renderer.sum_loss(
            self._splats, 1, self._background, *images, self._gradients, self._l1
        )
        launch(
            step_adam,
            programs,
            *(*self._gradients, self._constants, self._learning_rates, len(self), *self._state()),
            CHANNELS=self._channels,
            warps=2,
        )

    def _test_lists(self) -> None:
        """Repeat the untested steps until each has drawn all Gaussians, and save the state."""
        while self._untested and self._renderer.grow():
            self._graph = None
            for tensor, saved in zip(self._state(), self._saved, strict=True):
                tensor.copy_(saved)
            for scale in self._untested:
                self._take_step(scale)
        if self._untested:
            self._steps_to_test = _TEST_INTERVAL
        self._untested = []
        self._save()

    def _state(self) -> tuple[torch.Tensor, ...]:
        """Return what steps update: parameters, both moments of Adam, and ages."""
        return self._values, self._first, self._second, self._age

    def _save(self) -> None:
        self._saved = [tensor.clone() for tensor in self._state()]
