"""Gaussians under optimisation on a device that arrays should not leave at every step."""

from __future__ import annotations

import math
from typing import SupportsFloat

import numpy as np
from numpy.typing import NDArray

from gsic.arrays import Float64
from gsic.fitting.adam_state import LEAST_SIGMA_PX, MOST_STRETCH, GaussianFit
from gsic.fitting.optimisers import Adam
from gsic.fitting.recipe import FitRecipe
from gsic.gaussians import Covariance
from gsic_kernels.backend import Backend, ResidentFit, Rules, SumLoss

Float32 = NDArray[np.float32]

_RESIDENT_LOSSES = ("l2", "l1")


class ResidentGaussianFit(GaussianFit):
    """A `GaussianFit` of `log` covariances that takes its steps on the device.

    Parameters come back when `adam` is looked at, and go to the device with the next step.
    """

    def __init__(
        self,
        planes: Float32,
        loss: str,
        objective: SumLoss,
        background: Float64,
        covariance: Covariance,
        recipe: FitRecipe,
        backend: Backend,
    ) -> None:
        super().__init__(planes, objective, background, covariance, recipe)
        assert backend.ResidentFit is not None
        self._resident: ResidentFit = backend.ResidentFit(
            planes,
            background.astype(np.float32),
            Rules(
                rates=self.rates(),
                betas=(recipe.beta1, recipe.beta2),
                least=2.0 * math.log(LEAST_SIGMA_PX),
                most=2.0 * math.log(self.most_sigma),
                stretch=math.log(MOST_STRETCH),
                visible=recipe.cutoff_divisor,
            ),
            l1=loss == "l1",
        )
        self._away = False

    @property
    def adam(self) -> Adam:
        if self._away:
            self._adam.state = self._resident.get()
            self._away = False
        return self._adam

    def __len__(self) -> int:
        return len(self._adam.values)

    def error(self) -> Float32:
        return self._resident.error()

    def step(self, scale: float) -> SupportsFloat:
        if not self._away:
            self._resident.put(self._adam.state)
            self._away = True
        return self._resident.step(scale)


def gaussian_fit_on(
    backend: Backend,
    planes: Float32,
    loss: str,
    objective: SumLoss,
    background: Float64,
    covariance: Covariance,
    recipe: FitRecipe,
) -> GaussianFit:
    """The fit of an image that suits a backend.

    Args:
        backend: kernels.
        planes, background, covariance, recipe: as for `GaussianFit`.
        loss: name of the loss.
        objective: that loss against the image.
    """
    if backend.ResidentFit and covariance.name == "log" and loss in _RESIDENT_LOSSES:
        return ResidentGaussianFit(planes, loss, objective, background, covariance, recipe, backend)
    return GaussianFit(planes, objective, background, covariance, recipe)
