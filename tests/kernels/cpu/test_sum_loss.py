"""The loss of a sum of Gaussians and its gradient, in one pass: both match the reference."""

from typing import Any

import numpy as np
import pytest
from kernel_scenes import LOSS, SUM_SCENES, Scene, check_gradients, cotangent, make

from gsic_kernels import reference, registry

BACKEND = registry.get("cpu")
SCENES_AT_THE_ORIGIN = [name for name, make in SUM_SCENES.items() if make().window[:2] == (0, 0)]


def clamped_error(scene: Scene, target: np.ndarray) -> np.ndarray:
    """Compute clamp(rendering) - target with the reference."""
    return np.clip(reference.render_sum(*scene[:3]), 0, 1) - target


@pytest.mark.parametrize("loss", ["l2", "l1"])
@pytest.mark.parametrize("name", SCENES_AT_THE_ORIGIN)
def test_a_step_returns_loss_and_gradient_of_the_clamped_error(name: str, loss: str) -> None:
    scene = SUM_SCENES[name]()
    rng = np.random.default_rng(3)
    target = rng.uniform(0, 1, cotangent(scene).shape).astype(np.float32)
    error = clamped_error(scene, target)
    step = BACKEND.SumLoss(target, loss)
    value, gradients = step.step(scene.splats, scene.background)
    wanted = (error**2).sum() if loss == "l2" else np.abs(error).sum()
    slope = 2 * error if loss == "l2" else np.sign(error)
    # An absolute error within rounding of zero may have either sign.
    limit = 1e-5 if scene.needles else LOSS
    assert value == pytest.approx(wanted, rel=limit)
    expected = reference.render_sum_backward(scene.splats, scene.window, slope)
    # At the centre of a Gaussian u is 0 but for rounding, which thin ones multiply by 1 / sigma^2.
    loose = scene.needles or loss == "l1" or name == "all on one pixel"
    check_gradients(gradients, expected, loose)
    tolerance = 1e-3 if scene.needles else 1e-5
    np.testing.assert_allclose(step.error()[:], error, rtol=0, atol=tolerance)
    assert step.sse(scene.splats, scene.background) == pytest.approx((error**2).sum(), rel=limit)


def test_the_gradient_passes_through_the_clamp() -> None:
    """A pixel far above white has a gradient, unless the target is white too."""
    scene = make(1, 9, 9, 1, sigma=(3.0, 3.1), aspect=(1.0, 1.01), margin=0.0)
    splats = scene.splats._replace(
        mean=np.full((1, 2), 4.5, np.float32), color=np.full((1, 1), 5.0, np.float32)
    )
    over = BACKEND.render_sum(splats, scene.window, 0 * scene.background) > 1
    grey = np.full((9, 9, 1), 0.25, np.float32)
    _, gradients = BACKEND.SumLoss(grey).step(splats, 0 * scene.background)
    assert gradients.color[0, 0] > 0
    white = BACKEND.SumLoss(np.ones((9, 9, 1), np.float32))
    white.step(splats, 0 * scene.background)
    assert over.any()
    assert (white.error()[:][over] == 0).all()


@pytest.mark.parametrize("loss", ["l2", "l1"])
def test_results_of_a_loss_do_not_depend_on_calls_before(loss: str) -> None:
    """The numbers of Gaussians, levels and threads change between calls, and the method called."""
    rng = np.random.default_rng(2)
    target = rng.uniform(0, 1, (140, 70, 3)).astype(np.float32)
    kept = [BACKEND.SumLoss(target, loss, threads) for threads in (1, 2, 3)]
    for count, levels in ((50, 1), (5000, 3), (0, 1), (300, 5), (80, 2)):
        scene = make(count, 70, 140, levels=levels, seed=count)
        fresh = BACKEND.SumLoss(target, loss)
        value, gradients = fresh.step(scene.splats, scene.background)
        for step in kept:
            assert step.sse(scene.splats, scene.background) == fresh.sse(
                scene.splats, scene.background
            )
            again, same = step.step(scene.splats, scene.background)
            assert again == value
            assert all(np.array_equal(a, b) for a, b in zip(gradients, same, strict=True))


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ((np.zeros((4, 4, 3)),), TypeError),
        ((np.zeros((4, 4), np.float32),), ValueError),
        ((np.zeros((4, 4, 5), np.float32),), ValueError),
        ((np.zeros((0, 4, 3), np.float32),), ValueError),
        ((np.zeros((4, 4, 3), np.float32), "l3"), ValueError),
        ((np.zeros((4, 4, 3), np.float32), "l2", 0), ValueError),
    ],
)
def test_a_loss_refuses_arguments_that_do_not_fit(arguments: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        BACKEND.SumLoss(*arguments)


def test_a_step_refuses_another_number_of_channels() -> None:
    step = BACKEND.SumLoss(np.zeros((8, 8, 1), np.float32))
    scene = make(3, 8, 8, 3)
    with pytest.raises(ValueError, match="3 channels"):
        step.step(scene.splats, scene.background)
