"""Fits that stay on the GPU, against those of the CPU.

Without a GPU, `test_interpreted` runs these tests under Triton's interpreter.
"""

from dataclasses import replace

import numpy as np
import pytest

from gsic.fitting.adam_state import GaussianFit
from gsic.fitting.adam_state_gpu import ResidentGaussianFit, make_gaussian_fit
from gsic.fitting.losses import make_loss
from gsic.fitting.recipe import FitRecipe
from gsic.gaussians import COVARIANCES
from gsic_kernels import registry
from gsic_kernels.gpu import backend as gpu_backend
from gsic_kernels.gpu.raster import tile_lists
from gsic_kernels.types import F32

pytestmark = [pytest.mark.gpu, pytest.mark.usefixtures("poison")]

GPU = gpu_backend.backend("cuda")
CPU = registry.get("cpu")


def make_target(height: int, width: int, channels: int) -> F32:
    rng = np.random.default_rng(channels)
    return (np.cumsum(rng.random((height, width, channels)), axis=0) % 1.0).astype(np.float32)


def start_fit(
    backend: registry.Backend, image: F32, loss: str = "l2", recipe: FitRecipe | None = None
) -> GaussianFit:
    fit = make_gaussian_fit(
        backend,
        image,
        loss,
        make_loss(backend, image, loss, 1),
        image.mean(axis=(0, 1), dtype=np.float64),
        COVARIANCES["log"],
        recipe or FitRecipe(),
        on_lattices=False,
    )
    fit.place_first(image, 12, np.random.default_rng(1))
    return fit


@pytest.mark.parametrize(("loss", "channels"), [("l2", 3), ("l1", 1), ("l2", 4)])
def test_steps_equal_those_of_the_cpu(loss: str, channels: int) -> None:
    image = make_target(18, 21, channels)
    fits = [start_fit(backend, image, loss) for backend in (GPU, CPU)]
    assert isinstance(fits[0], ResidentGaussianFit)
    assert not isinstance(fits[1], ResidentGaussianFit)
    for scale in (1.0, 0.7, 0.4):
        ours, theirs = (float(fit.step(scale)) for fit in fits)
        assert ours == pytest.approx(theirs, rel=1e-5)
    np.testing.assert_allclose(*(fit.error()[:] for fit in fits), atol=2e-5)
    for fit in fits:
        fit.grow(5, 17)
        fit.step(0.3)
        assert len(fit) == 17
    # Signs of errors, and so gradients of l1, may differ where an error is nearly 0.
    tolerance = 1e-5 if loss == "l2" else 1e-3
    for ours, theirs in zip(*(fit.adam.state for fit in fits), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance)
    errors = [fit.measure_psnr(fit.make_splats()) for fit in fits]
    assert errors[0] == pytest.approx(errors[1], abs=0.01)


def test_bounds_equal_those_of_the_cpu() -> None:
    """Steps are so large that every bound is met; some shapes have equal axes."""
    image = make_target(17, 17, 2)
    recipe = replace(FitRecipe(), lr_log=8.0)
    fits = [start_fit(backend, image, recipe=recipe) for backend in (GPU, CPU)]
    for fit in fits:
        fit.adam.values[:3, 3:5] = [[0.0, 0.0], [1e-4, 0.0], [0.0, -1e-3]]
        fit.step(1.0)
        fit.step(1.0)
    np.testing.assert_allclose(fits[0].theta, fits[1].theta, rtol=1e-4, atol=1e-4)


def test_steps_with_too_short_lists_are_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    image = make_target(33, 20, 1)
    expected = start_fit(GPU, image)
    monkeypatch.setattr(tile_lists, "_LEAST", 1)
    monkeypatch.setattr(tile_lists, "_TILES_EACH", 0)
    cramped = start_fit(GPU, image)
    for fit in (expected, cramped):
        for _ in range(2):
            fit.step(0.5)
    np.testing.assert_array_equal(cramped.adam.values, expected.adam.values)
