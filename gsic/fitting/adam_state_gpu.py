"""A fit in progress whose arrays stay on the device from step to step."""

from __future__ import annotations

from typing import SupportsFloat

import numpy as np

from gsic.arrays import Float32, Float64, Rows
from gsic.fitting.adam_state import GaussianFit
from gsic.fitting.optimisers import Adam
from gsic.fitting.recipe import FitRecipe
from gsic.gaussians import Covariance
from gsic_kernels.backend import Backend, ResidentFit, SumLoss

_RESIDENT_LOSSES = ("l2", "l1")
# Those that `Backend.LogFit` takes steps with; the last one is `Backend.SurrogateLoss`.
_COMPILED_LOSSES = (*_RESIDENT_LOSSES, "ms-ssim")


class ResidentGaussianFit(GaussianFit):
    """A `GaussianFit` of `log` covariances that takes its steps on the device.

    The parameters are copied back when `adam` is read, and to the device with the next step.

    Args:
        planes, loss, background, covariance, recipe, on_lattices: as for `GaussianFit`.
        loss_name: "l2" or "l1", the loss of the steps.
        backend: kernels, with a `ResidentFit`.
    """

    def __init__(
        self,
        planes: Float32,
        loss_name: str,
        loss: SumLoss,
        background: Float64,
        covariance: Covariance,
        recipe: FitRecipe,
        on_lattices: bool,
        backend: Backend,
    ) -> None:
        # The steps on the device draw every Gaussian on the pixels, which hardly differs.
        super().__init__(planes, loss, background, covariance, recipe, on_lattices)
        assert backend.ResidentFit is not None
        self._resident: ResidentFit = backend.ResidentFit(
            planes,
            background.astype(np.float32),
            self.collect_constants(),
            l1=loss_name == "l1",
        )
        self._on_device = False

    @property
    def adam(self) -> Adam:
        if self._on_device:
            self._adam.state = self._resident.get()
            self._on_device = False
        return self._adam

    def __len__(self) -> int:
        # The number is the same on both sides: no copy is needed to know it.
        return len(self._adam.values)

    def error(self) -> Float32:
        return self._resident.error()

    def step(self, scale: float) -> SupportsFloat:
        if not self._on_device:
            self._resident.put(self._adam.state)
            self._on_device = True
        return self._resident.step(scale)


def make_gaussian_fit(
    backend: Backend,
    planes: Rows,
    loss_name: str,
    loss: SumLoss,
    background: Float64,
    covariance: Covariance,
    recipe: FitRecipe,
    on_lattices: bool,
) -> GaussianFit:
    """Return a fit without Gaussians, on the device or in compiled code if the backend has that.

    Args:
        backend: kernels.
        planes, background, covariance, recipe, on_lattices: as for `GaussianFit`.
        loss_name: name of the loss.
        loss: that loss against the image.
    """
    if backend.ResidentFit and covariance.name == "log" and loss_name in _RESIDENT_LOSSES:
        return ResidentGaussianFit(
            planes[:], loss_name, loss, background, covariance, recipe, on_lattices, backend
        )
    fit = GaussianFit(planes, loss, background, covariance, recipe, on_lattices)
    if backend.LogFit and covariance.name == "log" and loss_name in _COMPILED_LOSSES:
        fit.compile_steps(backend)
    return fit
